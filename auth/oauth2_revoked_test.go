package auth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/retry"
)

// resource is an API that knows which tokens are revoked, and answers after a while.
type resource struct {
	api
	takes time.Duration

	mu      sync.Mutex
	revoked map[string]bool
	all     bool // it refuses every token
}

func newResource(revoked ...string) *resource {
	r := &resource{revoked: map[string]bool{}}
	r.revoke(revoked...)
	r.answer = func(req *http.Request) (*http.Response, error) {
		if r.takes > 0 {
			time.Sleep(r.takes)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.all || r.revoked[req.Header.Get("Authorization")] {
			return reply(req, http.StatusUnauthorized, "application/json", `{"who":"are you"}`), nil
		}
		return reply(req, http.StatusOK, "application/json", `{}`), nil
	}
	return r
}

func (r *resource) revoke(tokens ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, token := range tokens {
		r.revoked["Bearer "+token] = true
	}
}

func (r *resource) refuse(all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = all
}

func TestARevokedTokenIsDroppedMintedAndReplayedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, rt := &issuer{takes: time.Second}, newResource()
		c := client(t, rt, id.step())
		takes(t, c)
		rt.revoke("AT1")
		resp, err := c.R().SetBody("the body").Put("/")
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, resp.StatusCode())
		require.Equal(t, []string{"Bearer AT1", "Bearer AT1", "Bearer AT2"}, rt.authorizations())
		require.Equal(t, []string{"", "the body", "the body"}, rt.body)
		require.Equal(t, 2, id.count())
		takes(t, c)
		require.Equal(t, 2, id.count())
	})
}

func TestAThousandCallersWithARevokedTokenMintOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, rt := &issuer{takes: 50 * time.Millisecond}, newResource()
		rt.takes = 20 * time.Millisecond
		c := client(t, rt, id.step())
		takes(t, c)
		rt.revoke("AT1")
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() {
				time.Sleep(time.Duration(i%100) * time.Millisecond) // before, during and after the mint
				resp, err := c.R().SetBody(fmt.Sprintf("body of %d", i)).Post("/")
				if err != nil || resp.StatusCode() != http.StatusOK {
					t.Errorf("%v, %v", resp, err)
				}
			})
		}
		wg.Wait()
		require.Equal(t, 2, id.count(), "the first and one more")
		sent := map[string]int{}
		for _, body := range rt.body[1:] {
			sent[body]++
		}
		require.Len(t, sent, 1000)
		for i := range 1000 {
			require.LessOrEqual(t, sent[fmt.Sprintf("body of %d", i)], 2)
		}
	})
}

func TestTheAnswerBeforeAReplayIsReadAndClosed(t *testing.T) {
	id, rt := &issuer{}, newResource("AT1")
	answer, body := rt.answer, &tracked{}
	rt.answer = func(req *http.Request) (*http.Response, error) {
		resp, err := answer(req)
		if resp.StatusCode == http.StatusUnauthorized {
			body.ReadCloser, resp.Body = resp.Body, body
		}
		return resp, err
	}
	takes(t, client(t, rt, id.step()))
	require.True(t, body.ended, "so that its connection can be used again")
	require.True(t, body.closed)
}

// tracked is a body that knows what became of it.
type tracked struct {
	io.ReadCloser
	ended, closed bool
}

func (b *tracked) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.ended = b.ended || errors.Is(err, io.EOF)
	return n, err
}

func (b *tracked) Close() error { b.closed = true; return b.ReadCloser.Close() }

func TestA401DropsExactlyTheTokenThatWasRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, rt := &issuer{}, newResource("AT1")
		rt.takes = time.Second
		c := client(t, rt, id.step())
		late := make(chan struct{})
		go func() {
			defer close(late)
			takes(t, c) // AT1 is on its way
		}()
		synctest.Wait()
		go takes(t, c) // and again; both come back with 401 at the same time
		<-late
		time.Sleep(time.Minute)
		require.Equal(t, 2, id.count(), "AT2 is not dropped for what happened to AT1")
		takes(t, c)
		require.Equal(t, "Bearer AT2", rt.last(t).Header.Get("Authorization"))
	})
}

func TestTwoSendsOfOneCallEachReplayTheirOwnRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, rt := &issuer{}, newResource()
		c := client(t, rt, id.step())
		takes(t, c)
		rt.revoke("AT1")
		rt.takes = time.Second
		hedge := middleware.Func("hedge", middleware.Retry, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			var wg sync.WaitGroup
			var answers [2]*http.Response
			for i := range answers {
				wg.Go(func() {
					time.Sleep(time.Duration(i) * 1500 * time.Millisecond) // the second begins with AT2, before the first is back
					answers[i], _ = next(req)
				})
			}
			wg.Wait()
			require.Equal(t, []int{200, 200}, []int{answers[0].StatusCode, answers[1].StatusCode})
			return answers[0], nil
		})
		_, err := c.R().SetContext(middleware.With(t.Context(), hedge)).Get("/")
		require.NoError(t, err)
		require.Equal(t, 2, id.count())
	})
}

func TestABodyThatCannotBeSentTwiceBringsThe401Back(t *testing.T) {
	id, rt := &issuer{}, newResource("AT1")
	hc := http.Client{Transport: middleware.Stack{id.step()}.RoundTripper(rt)}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, home, io.NopCloser(strings.NewReader("once")))
	require.NoError(t, err)
	require.Nil(t, req.GetBody)
	resp, err := hc.Do(req)
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, resp.StatusCode)
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.JSONEq(t, `{"who":"are you"}`, string(text), "whole")
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 1, rt.count())

	resp, err = hc.Get(home)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, []string{"Bearer AT1", "Bearer AT2"}, rt.authorizations(), "but the token is dropped")
}

func TestABodyThatFailsToComeAgainLeavesTheAnswer(t *testing.T) {
	gone := errors.New("the file is gone")
	id, rt := &issuer{}, newResource("AT1")
	hc := http.Client{Transport: middleware.Stack{id.step()}.RoundTripper(rt)}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, home, strings.NewReader("once"))
	require.NoError(t, err)
	req.GetBody = func() (io.ReadCloser, error) { return nil, gone }
	resp, err := hc.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusUnauthorized, resp.StatusCode)
	require.Equal(t, 1, rt.count())
}

func TestAServerThatRefusesEveryTokenDoesNotMakeEachCallMint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, rt := &issuer{}, newResource()
		c := client(t, rt, id.step(), middleware.RequireStatus{})
		rt.refuse(true)
		for begun := time.Now(); time.Since(begun) < 10*time.Minute; time.Sleep(250 * time.Millisecond) {
			before := rt.count()
			_, err := c.R().Get("/")
			require.ErrorIs(t, err, middleware.ErrUnauthorized)
			require.LessOrEqual(t, rt.count()-before, 2)
		}
		var gaps []time.Duration
		for i := range id.asks[2:] {
			gaps = append(gaps, id.asks[i+2].at.Sub(id.asks[i+1].at))
		}
		const s = time.Second
		require.Equal(t, []time.Duration{1 * s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 60 * s, 60 * s, 60 * s, 60 * s, 60 * s, 60 * s, 60 * s, 60 * s}, gaps)

		rt.refuse(false)
		takes(t, c)
		time.Sleep(time.Minute)
		before := id.count()
		rt.revoke(fmt.Sprintf("AT%d", before))
		takes(t, c)
		rt.revoke(fmt.Sprintf("AT%d", before+1))
		takes(t, c)
		require.Equal(t, before+2, id.count())
		rt.refuse(true)
		for range 5 {
			_, err := c.R().Get("/")
			require.ErrorIs(t, err, middleware.ErrUnauthorized)
			time.Sleep(500 * time.Millisecond)
		}
		require.Equal(t, before+4, id.count(), "a token that was accepted ended the doubt: it begins with a second again")
	})
}

func TestManyCallersOfAServerThatRefusesEveryTokenDoubtItOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, rt := &issuer{takes: time.Millisecond}, newResource()
		rt.takes = time.Millisecond
		c := client(t, rt, id.step())
		rt.refuse(true)
		wave := func() {
			var wg sync.WaitGroup
			for range 1000 {
				wg.Go(func() {
					resp, err := c.R().Get("/")
					if err != nil || resp.StatusCode() != http.StatusUnauthorized {
						t.Errorf("%v, %v", resp, err)
					}
				})
			}
			wg.Wait()
		}
		wave()
		require.Equal(t, 2, id.count())
		time.Sleep(900 * time.Millisecond)
		wave()
		require.Equal(t, 2, id.count())
		time.Sleep(100 * time.Millisecond)
		wave()
		require.Equal(t, 3, id.count(), "a second later, not a minute")
		require.Equal(t, 2000+1000+2000, rt.count(), "no call is sent more than twice")
	})
}

func TestARefusedTokenThatCannotBeReplacedIsTheMintsError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, rt := &issuer{}, newResource()
		c := client(t, rt, id.step())
		takes(t, c)
		rt.revoke("AT1")
		id.answer = refusing(http.StatusBadRequest, "invalid_grant")
		for range 3 {
			_, err := c.R().Get("/")
			var failed *auth.TokenError
			require.ErrorAs(t, err, &failed)
			require.Equal(t, "invalid_grant", failed.Code)
		}
		require.Equal(t, 2, rt.count(), "nothing is sent with a token that was refused")
		require.Equal(t, 2, id.count())
	})
}

func TestARefusedTokenOfOneCallIsReplacedForThatCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, rt := &issuer{}, newResource("AT1", "AT3", "AT4")
		id.answer = func(n int, _ url.Values) *http.Response { return issued(n, 0) }
		c := client(t, rt, id.step())
		takes(t, c)
		require.Equal(t, []string{"Bearer AT1", "Bearer AT2"}, rt.authorizations())
		resp, err := c.R().Get("/")
		require.NoError(t, err)
		require.Equal(t, http.StatusUnauthorized, resp.StatusCode(), "one replay")
		require.Equal(t, []string{"Bearer AT1", "Bearer AT2", "Bearer AT3", "Bearer AT4"}, rt.authorizations())
		require.Equal(t, 4, id.count())
	})
}

func TestASavedTokenThatIsRevokedIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, rt := &issuer{}, newResource("saved")
		step := id.step()
		step.Grant = auth.RefreshToken{
			Config: oauth2.Config{ClientID: "app", Endpoint: oauth2.Endpoint{TokenURL: "https://id.test/token"}},
			Token:  &oauth2.Token{AccessToken: "saved", RefreshToken: "R0", Expiry: time.Now().Add(time.Hour)},
		}
		takes(t, client(t, rt, step))
		require.Equal(t, []string{"Bearer saved", "Bearer AT1"}, rt.authorizations())
	})
}

func TestOtherAnswersThan401AreNotReplayed(t *testing.T) {
	for _, status := range []int{200, 400, 403, 407, 500, 503} {
		id, rt := &issuer{}, &api{answer: func(req *http.Request) (*http.Response, error) { return reply(req, status, "text/plain", ""), nil }}
		_, err := client(t, rt, id.step()).R().Get("/")
		require.NoError(t, err)
		require.Equal(t, 1, rt.count())
		require.Equal(t, 1, id.count())
	}
	for name, step := range map[string]middleware.Middleware{"basic": basic, "bearer": bearer, "key": auth.APIKey{Header: "X-Api-Key", Key: auth.Static("k")}} {
		rt := newResource()
		rt.refuse(true)
		_, err := client(t, rt, step).R().Get("/")
		require.NoError(t, err)
		require.Equal(t, 1, rt.count(), "%s has nothing new to say", name)
	}
}

func TestTheCallersOwnTokenIsNotReplayed(t *testing.T) {
	id, rt := &issuer{}, newResource("mine")
	c := client(t, rt, id.step())
	takes(t, c)
	resp, err := c.R().SetAuthToken("mine").Get("/")
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, resp.StatusCode())
	require.Equal(t, 1, id.count())
	require.Equal(t, 2, rt.count())
}

func TestALeaverDuringTheReplaysMintLeavesTheMint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, rt := &issuer{}, newResource()
		c := client(t, rt, id.step())
		takes(t, c)
		rt.revoke("AT1")
		id.takes = 3 * time.Second
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.R().SetContext(ctx).Get("/")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 2*time.Second, takes(t, c))
		require.Equal(t, 2, id.count())
	})
}

// TestACallIsReplayedOnce: however many attempts and redirect hops it has.
func TestACallIsReplayedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := &api{}
		rt.answer = func(req *http.Request) (*http.Response, error) {
			return reply(req, map[int]int{1: 401, 2: 503, 3: 401}[rt.count()], "text/plain", ""), nil
		}
		id := &issuer{}
		resp, err := client(t, rt, id.step(), retry.Policy{}).R().Get("/")
		require.NoError(t, err)
		require.Equal(t, http.StatusUnauthorized, resp.StatusCode())
		require.Equal(t, []string{"Bearer AT1", "Bearer AT2", "Bearer AT2"}, rt.authorizations())
		rt.answer = nil
		takes(t, client(t, rt, id.step()))
	})
}

// Of attempts that race none waits for another with its answer unread: where connections are
// few, the replay would wait for that.
func TestARevokedTokenIsCuredUnderAHedgeWithOneConnection(t *testing.T) {
	var revoked atomic.Bool
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-time.After(50 * time.Millisecond)
		if revoked.Load() && r.Header.Get("Authorization") == "Bearer AT1" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, strings.Repeat("x", 100<<10))
		}
	}))
	defer srv.Close()
	id := &issuer{takes: 100 * time.Millisecond}
	c := resty.New().SetTransport(&http.Transport{MaxConnsPerHost: 2}).SetBaseURL(srv.URL)
	require.NoError(t, middleware.Use(c, id.step(), &retry.Hedge{After: 20 * time.Millisecond}, middleware.Deadline(10*time.Second)))
	for _, revoke := range []bool{false, true} {
		revoked.Store(revoke)
		resp, err := c.R().Get("/")
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, resp.StatusCode())
	}
}

func TestARevokedTokenIsCuredUnderAHedge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, rt := &issuer{takes: 200 * time.Millisecond}, newResource()
		rt.takes = 50 * time.Millisecond
		c := client(t, rt, id.step(), &retry.Hedge{After: 20 * time.Millisecond})
		takes(t, c)
		rt.revoke("AT1")
		resp, err := c.R().Get("/")
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, resp.StatusCode(), "the refusal of the other attempt does not win")
		require.Equal(t, 2, id.count())
	})
}
