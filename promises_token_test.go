package restykit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

// identity is a token endpoint without sockets, for bubbles: each answer takes a while.
type identity struct {
	takes  time.Duration
	asked  atomic.Int32
	status int
}

func (i *identity) RoundTrip(r *http.Request) (*http.Response, error) {
	n := i.asked.Add(1)
	if err := pause(r.Context(), i.takes); err != nil {
		return nil, err
	}
	body := fmt.Sprintf(`{"access_token": "token-%d", "token_type": "Bearer", "expires_in": 3600}`, n)
	return &http.Response{
		StatusCode: max(i.status, 200), Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(body)),
	}, nil
}

func (i *identity) config() clientcredentials.Config {
	return clientcredentials.Config{ClientID: "shop", ClientSecret: "secret", TokenURL: "https://id.example.com/token", AuthStyle: oauth2.AuthStyleInHeader}
}

// onToken is a client in a bubble that x/oauth2 gives its token, as people do it.
func (i *identity) onToken(t *testing.T, startup context.Context) *resty.Client { //nolint:revive // the test is the subject
	t.Helper()
	config := i.config()
	source := config.TokenSource(context.WithValue(startup, oauth2.HTTPClient, &http.Client{Transport: i}))
	return bare("https://api.example.com").SetTransport(&oauth2.Transport{Source: source, Base: slow{}})
}

// onStep is the same with the kit's step.
func (i *identity) onStep(t *testing.T) *resty.Client {
	t.Helper()
	c := bare("https://api.example.com").SetTransport(slow{})
	require.NoError(t, middleware.Use(c, &auth.OAuth2{Grant: auth.ClientCredentials{Config: i.config()}, Client: &http.Client{Transport: i}}))
	return c
}

// together makes n calls at once, each with a deadline of its own, and returns their errors.
func together(t *testing.T, c *resty.Client, n int, deadline time.Duration) []error {
	t.Helper()
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			defer cancel()
			_, errs[i] = c.R().SetContext(ctx).Get("/")
		})
	}
	all.Wait()
	return errs
}

// x/oauth2 fetches with a lock held and on the context of the start, so that nobody leaves
// before the token endpoint answers, and all who wait ask it again one by one.
func TestTokenIsFetchedOnceApartFromItsCallersWithItsOwnTimeoutAndAFailureIsShared(t *testing.T) {
	t.Parallel()
	t.Run("bare resty", tokensOfBareResty)
	t.Run("with a stack, each caller leaves in time and the fetch goes on", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			id := &identity{takes: 5 * time.Second}
			c, begun := id.onStep(t), time.Now()
			for _, err := range together(t, c, 10, time.Second) {
				require.ErrorIs(t, err, context.DeadlineExceeded)
			}
			require.Equal(t, time.Second, time.Since(begun))
			for _, err := range together(t, c, 10, time.Minute) {
				require.NoError(t, err)
			}
			require.Equal(t, 5*time.Second, time.Since(begun))
			require.EqualValues(t, 1, id.asked.Load())
		})
	})
	t.Run("with a stack, a fetch has its own timeout", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			id, begun := &identity{takes: forever}, time.Now()
			_, err := id.onStep(t).R().Get("/")
			refused, ok := errors.AsType[*auth.TokenError](err)
			require.True(t, ok, err)
			require.False(t, refused.Final())
			require.Equal(t, 10*time.Second, time.Since(begun))
		})
	})
	t.Run("with a stack, a failure is shared and rests before it is tried again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			id := &identity{takes: time.Second, status: 500}
			c := id.onStep(t)
			for range 3 {
				for _, err := range together(t, c, 10, time.Minute) {
					refused, ok := errors.AsType[*auth.TokenError](err)
					require.True(t, ok, err)
					require.Equal(t, 500, refused.StatusCode)
				}
			}
			require.EqualValues(t, 1, id.asked.Load())
			time.Sleep(2 * time.Second)
			id.status = 200
			for _, err := range together(t, c, 10, time.Minute) {
				require.NoError(t, err)
			}
			require.EqualValues(t, 2, id.asked.Load())
		})
	})
	t.Run("with a stack, the token goes to its origin only", func(t *testing.T) {
		there := newElsewhere(t)
		_, err := clientOn(t, redirecting(t, there.URL, 302), &auth.OAuth2{Grant: grant(func() string { return "secret" })}).R().Get("/")
		require.NoError(t, err)
		requireStranger(t, there.only(t))
	})
}

func tokensOfBareResty(t *testing.T) {
	t.Run("a slow endpoint holds callers beyond their deadline", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			id := &identity{takes: 5 * time.Second}
			begun := time.Now()
			_ = together(t, id.onToken(t, t.Context()), 1, time.Second)
			require.Equal(t, 5*time.Second, time.Since(begun))
		})
	})
	t.Run("each caller asks a dead endpoint", func(t *testing.T) {
		id := &identity{status: 500}
		_ = together(t, id.onToken(t, t.Context()), 10, time.Minute)
		require.EqualValues(t, 10, id.asked.Load())
	})
	t.Run("the context of the start ends all later fetches", func(t *testing.T) {
		startup, cancel := context.WithCancel(t.Context())
		c := (&identity{}).onToken(t, startup)
		cancel()
		_, err := c.R().Get("/")
		require.ErrorIs(t, err, context.Canceled)
	})
}

// resource accepts the tokens that are not revoked, and remembers what it was sent.
type resource struct {
	mu      sync.Mutex
	revoked map[string]bool
	sent    map[string]int // by token
	bodies  []string       // of what was accepted
	late    chan struct{}  // holds the refusal of a request with the header Late,
	release func()         // until then
}

func (s *resource) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.sent[token]++
	revoked := s.revoked[token] || s.revoked["*"]
	if !revoked {
		s.bodies = append(s.bodies, string(body))
	}
	s.mu.Unlock()
	if !revoked {
		return
	}
	if r.Header.Get("Late") != "" {
		<-s.late
	}
	w.WriteHeader(http.StatusUnauthorized)
}

func (s *resource) revoke(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoked[token] = true
}

// A token that the server revokes is sent until it expires.
func TestOnlyTheRejectedTokenIsDroppedWithOneRefreshAndOneReplayOfTheBody(t *testing.T) {
	t.Parallel()
	start := func(t *testing.T) (*resource, string, grant, *atomic.Int32) {
		t.Helper()
		s := &resource{revoked: map[string]bool{}, sent: map[string]int{}, late: make(chan struct{})}
		s.release = sync.OnceFunc(func() { close(s.late) })
		url := handling(t, s.ServeHTTP)
		t.Cleanup(s.release) // before the server waits for its handlers
		var minted atomic.Int32
		return s, url, func() string { return fmt.Sprintf("token-%d", minted.Add(1)) }, &minted
	}
	t.Run("bare resty", func(t *testing.T) {
		s, url, mint, minted := start(t)
		source := oauth2.ReuseTokenSource(nil, tokenSource(mint))
		c := bare(url).SetTransport(&oauth2.Transport{Source: source})
		s.revoke("token-1")
		for range 3 {
			resp, err := c.R().Get("/")
			require.NoError(t, err)
			require.Equal(t, 401, resp.StatusCode())
		}
		require.EqualValues(t, 1, minted.Load())
		require.Equal(t, map[string]int{"token-1": 3}, s.sent)
	})
	t.Run("with a stack", func(t *testing.T) {
		s, url, mint, minted := start(t)
		c := clientOn(t, url, &auth.OAuth2{Grant: mint}, middleware.RequireStatus{})
		_, err := c.R().Get("/")
		require.NoError(t, err)
		s.revoke("token-1")
		var all sync.WaitGroup
		post := func(late string) {
			all.Go(func() {
				if _, err := c.R().SetHeader("Late", late).SetBody("a body").Post("/"); err != nil {
					t.Error(err)
				}
			})
		}
		post("1")
		s.await(t, "token-1", 2) // the late one is at the server, with the token that is revoked
		for range 9 {
			post("")
		}
		s.await(t, "token-2", 9)
		s.release() // a 401 for a token that nobody has any more
		all.Wait()
		require.EqualValues(t, 2, minted.Load())
		require.Equal(t, 10, s.sent["token-2"], "one replay each")
		require.Equal(t, append([]string{""}, strings.Split(strings.Repeat("a body,", 10), ",")[:10]...), s.bodies)
	})
	t.Run("with a stack, a server that refuses all tokens", func(t *testing.T) {
		s, url, mint, minted := start(t)
		s.revoke("*")
		c := clientOn(t, url, &auth.OAuth2{Grant: mint}, middleware.RequireStatus{})
		for range 3 {
			_, err := c.R().Get("/")
			require.ErrorIs(t, err, middleware.ErrUnauthorized)
		}
		require.LessOrEqual(t, minted.Load(), int32(3))
		require.Equal(t, map[string]int{"token-1": 1, "token-2": 3}, s.sent)
	})
}

// await waits until a token has come in n requests.
func (s *resource) await(t *testing.T, token string, n int) {
	t.Helper()
	assert.Eventually(t, func() bool { // and go on: callers are under way
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.sent[token] >= n
	}, 10*time.Second, time.Millisecond)
}

// tokenSource is a source of x/oauth2's.
type tokenSource func() string

func (f tokenSource) Token() (*oauth2.Token, error) {
	return &oauth2.Token{AccessToken: f(), TokenType: "Bearer"}, nil
}
