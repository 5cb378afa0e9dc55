package middleware_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

// tries is a Retry step that sends a request n times and returns the last answer.
func tries(n int) middleware.Middleware {
	return middleware.Func("tries", middleware.Retry, func(req *http.Request, next middleware.Next) (resp *http.Response, err error) {
		for range n {
			resp, err = next(req)
		}
		return resp, err
	})
}

func TestEveryAttemptStartsFromTheRequestThatWasAskedFor(t *testing.T) {
	wire := wireOf(503, 503, 200)
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, tries(3),
		trail("call", middleware.Call), trail("breaker", middleware.Breaker), trail("auth", middleware.Auth)))
	_, err := c.R().SetHeader("X-Mine", "1").Get("http://api.test/")
	require.NoError(t, err)
	require.Len(t, wire.requests(), 3)
	for _, r := range wire.requests() {
		require.Equal(t, "call breaker auth", trailOf(r), "what an attempt adds does not pile up")
		require.Equal(t, "1", r.Header.Get("X-Mine"))
	}
}

func TestMutableCopiesTheHeaderOncePerAttempt(t *testing.T) {
	var seen []*http.Request
	see := func(name string, layer middleware.Layer) middleware.Middleware {
		return middleware.Func(name, layer, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			own := middleware.Mutable(req)
			seen = append(seen, own)
			return next(own)
		})
	}
	c := resty.New().SetTransport(wireOf(200))
	require.NoError(t, middleware.Use(c, tries(2),
		see("call-1", middleware.Call), see("call-2", middleware.Call),
		see("breaker", middleware.Breaker), see("auth-1", middleware.Auth), see("auth-2", middleware.Auth)))
	_, err := c.R().Get("http://api.test/")
	require.NoError(t, err)

	require.Len(t, seen, 2+2*3)
	require.Same(t, seen[0], seen[1], "one copy above the attempts")
	require.Same(t, seen[2], seen[3])
	require.Same(t, seen[2], seen[4], "one copy in an attempt")
	require.Same(t, seen[5], seen[7])
	require.NotSame(t, seen[2], seen[5], "each attempt has its own")
	require.NotSame(t, seen[0], seen[2])
}

func TestMutableLeavesTheRequestOfTheCallerAlone(t *testing.T) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://api.test/", nil)
	require.NoError(t, err)
	req.Header["X-Trail"] = append(make([]string, 0, 8), "caller") // room that Add would write into
	before := req.Header.Clone()
	wire := wireOf(503, 200)
	rt := middleware.Stack{tries(2), trail("call", middleware.Call), trail("auth", middleware.Auth)}.RoundTripper(wire)
	resp, err := rt.RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, before, req.Header)
	require.Equal(t, []string{"caller", "", "", ""}, req.Header["X-Trail"][:4], "not even behind the end of a value")
	require.Equal(t, "caller call auth", trailOf(wire.requests()[1]))
}

func TestMutableWorksOutsideOfACall(t *testing.T) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://api.test/", nil)
	require.NoError(t, err)
	own := middleware.Mutable(req)
	own.Header.Set("X-A", "1")
	require.Empty(t, req.Header)
}

func TestMutableWorksOnARequestWithoutAHeader(t *testing.T) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://api.test/", nil)
	require.NoError(t, err)
	req.Header = nil
	wire := wireOf(200)
	resp, err := middleware.Stack{trail("a", middleware.Auth)}.RoundTripper(wire).RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "a", trailOf(wire.requests()[0]))
}

// TestTwoAttemptsAtOnceShareNothing: the second is made from the request that the first
// is sending right then.
func TestTwoAttemptsAtOnceShareNothing(t *testing.T) {
	sending, release := make(chan struct{}), make(chan struct{})
	wire := newWire(func(_ int, req *http.Request) (*http.Response, error) {
		if req.Header.Get("X-Hedge") == "" {
			close(sending)
			<-release
			_ = req.Header.Write(io.Discard) // as a transport does it, late
			return reply(200, "slow"), nil
		}
		return reply(200, "fast"), nil
	})
	landed := make(chan struct{})
	hedge := middleware.Func("hedging", middleware.Retry, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		req = middleware.Mutable(req)
		go func() {
			defer close(landed)
			_, _ = next(req)
		}()
		<-sending
		second := middleware.Mutable(req)
		second.Header.Set("X-Hedge", "2")
		return next(second)
	})
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, hedge, trail("auth", middleware.Auth), middleware.Timeout{}))
	resp, err := c.R().SetBody("payload").Post("http://api.test/")
	require.NoError(t, err)
	require.Equal(t, "fast", resp.String())
	close(release)
	<-landed
	require.Zero(t, wire.open(), "the answer that came too late is closed")
	for _, r := range wire.requests() {
		require.Equal(t, "auth", trailOf(r))
		require.Equal(t, "payload", r.Body)
	}
}

func TestEveryAttemptHasTheWholeBody(t *testing.T) {
	for name, set := range map[string]func(*resty.Request) *resty.Request{
		"bytes":  func(r *resty.Request) *resty.Request { return r.SetBody([]byte("payload")) },
		"string": func(r *resty.Request) *resty.Request { return r.SetBody("payload") },
		"reader": func(r *resty.Request) *resty.Request { return r.SetBody(strings.NewReader("payload")) },
		"buffer": func(r *resty.Request) *resty.Request { return r.SetBody(bytes.NewBufferString("payload")) },
		"form":   func(r *resty.Request) *resty.Request { return r.SetFormData(map[string]string{"payload": ""}) },
		"large":  func(r *resty.Request) *resty.Request { return r.SetBody(strings.Repeat("payload", 1<<16)) },
		"opaque reader": func(r *resty.Request) *resty.Request { // nothing but a Read, as a pipe
			return r.SetBody(struct{ io.Reader }{strings.NewReader("payload")})
		},
	} {
		t.Run(name, func(t *testing.T) {
			wire := wireOf(503, 503, 200)
			c := resty.New().SetTransport(wire)
			require.NoError(t, middleware.Use(c, tries(3), middleware.Timeout{}, middleware.Deadline(0)))
			_, err := set(c.R()).Post("http://api.test/")
			require.NoError(t, err)
			sent := wire.requests()
			require.Len(t, sent, 3)
			for _, r := range sent {
				require.NotEmpty(t, r.Body)
				require.Equal(t, sent[0].Body, r.Body)
			}
		})
	}
}

func TestABodyThatCannotBeReadAgainIsNotSentEmpty(t *testing.T) {
	wire := wireOf(503, 200)
	hc := &http.Client{Transport: middleware.Stack{tries(2)}.RoundTripper(wire)}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://api.test/", struct{ io.Reader }{strings.NewReader("payload")})
	require.NoError(t, err)
	_, err = hc.Do(req)
	require.ErrorIs(t, err, middleware.ErrBodyConsumed)
	require.ErrorContains(t, err, "set GetBody")
	require.Len(t, wire.requests(), 1)
	require.Zero(t, wire.open())
}

func TestAGetBodyThatFailsEndsTheCallWithItsError(t *testing.T) {
	gone := errors.New("the file is gone")
	wire := wireOf(503, 200)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://api.test/", strings.NewReader("payload"))
	require.NoError(t, err)
	req.GetBody = func() (io.ReadCloser, error) { return nil, gone }
	_, err = middleware.Stack{tries(2)}.RoundTripper(wire).RoundTrip(req)
	require.ErrorIs(t, err, gone)
	require.Zero(t, wire.open())
}

func TestDiscardedResponsesAreDrainedAndClosed(t *testing.T) {
	wire := wireOf(503, 502, 200)
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, tries(3)))
	_, err := c.R().Get("http://api.test/")
	require.NoError(t, err)
	for i, body := range wire.bodies[:2] {
		ended, closed := body.state()
		require.True(t, ended, "response %d is read to its end, so that its connection is used again", i+1)
		require.True(t, closed)
	}
	require.Zero(t, wire.open())
}

func TestALargeDiscardedResponseIsClosedUnread(t *testing.T) {
	for name, length := range map[string]int64{"length known": 1 << 30, "length unknown": -1} {
		t.Run(name, func(t *testing.T) {
			endless := &endlessReader{}
			wire := newWire(func(n int, _ *http.Request) (*http.Response, error) {
				resp := reply(503, "")
				if n == 1 {
					resp.Body, resp.ContentLength = io.NopCloser(endless), length
				}
				return resp, nil
			})
			c := resty.New().SetTransport(wire)
			require.NoError(t, middleware.Use(c, tries(2)))
			_, err := c.R().Get("http://api.test/")
			require.NoError(t, err)
			require.Zero(t, wire.open())
			require.LessOrEqual(t, endless.read, 1<<20, "the draining is bounded")
			if length > 0 {
				require.Zero(t, endless.read)
			}
		})
	}
}

type endlessReader struct{ read int }

func (e *endlessReader) Read(p []byte) (int, error) { e.read += len(p); return len(p), nil }

func TestDiscardedConnectionsAreUsedAgain(t *testing.T) {
	url := httpbinURL(t)
	c := ownClient()
	require.NoError(t, middleware.Use(c, tries(5)))
	resp, err := c.R().EnableTrace().Get(url + "/html")
	require.NoError(t, err)
	require.NotEmpty(t, resp.Body())
	require.True(t, resp.Request.TraceInfo().IsConnReused)
}

func TestResponsesOfASuccessAndAnErrorAreBothClosed(t *testing.T) {
	boom := errors.New("boom")
	wire := newWire(func(n int, _ *http.Request) (*http.Response, error) {
		if n == 2 {
			return nil, boom
		}
		return reply(503, "x"), nil
	})
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, tries(2)))
	_, err := c.R().Get("http://api.test/")
	require.ErrorIs(t, err, boom)
	require.Zero(t, wire.open())
}

func TestAStepMayReturnAnEarlierAnswerThatItKept(t *testing.T) {
	var together sync.WaitGroup // both are in flight before either is answered
	together.Add(2)
	wire := newWire(func(n int, _ *http.Request) (*http.Response, error) {
		together.Done()
		together.Wait()
		return reply(200, fmt.Sprint("answer ", n)), nil
	})
	both := middleware.Func("both", middleware.Retry, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		answers := make([]*http.Response, 2)
		var wg sync.WaitGroup
		for i := range answers {
			wg.Go(func() { answers[i], _ = next(req) })
		}
		wg.Wait()
		return answers[0], nil
	})
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, both))
	resp, err := c.R().Get("http://api.test/")
	require.NoError(t, err)
	require.Contains(t, resp.String(), "answer")
	require.Zero(t, wire.open())
}

func TestTheCallersResponseShowsTheRequestWithoutWhatStepsAdded(t *testing.T) {
	key := middleware.Func("key-in-query", middleware.Auth, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		req = middleware.Mutable(req)
		u := *req.URL
		u.RawQuery = "api_key=sesame"
		req.URL = &u
		return next(req)
	})
	for name, mode := range bodyModes {
		t.Run(name, func(t *testing.T) {
			wire := wireOf(200)
			c := resty.New().SetTransport(wire)
			require.NoError(t, middleware.Use(c, key, bearer, tries(2), middleware.Header{Key: "X-Team", Value: "a"}))
			resp, err := mode(c.R()).Get("http://api.test/x")
			require.NoError(t, err)
			require.NoError(t, resp.RawResponse.Body.Close())
			require.Equal(t, "http://api.test/x?api_key=sesame", wire.requests()[0].URL)
			require.Equal(t, "http://api.test/x", resp.RawResponse.Request.URL.String())
			require.Empty(t, resp.RawResponse.Request.Header.Get("Authorization"))
			require.Empty(t, resp.RawResponse.Request.Header.Get("X-Team"))
			require.Empty(t, resp.Request.RawRequest.Header.Get("Authorization"))
		})
	}
}

func TestAnErrorShowsNothingThatStepsAdded(t *testing.T) {
	c := resty.New().SetTransport(newWire(func(int, *http.Request) (*http.Response, error) { return nil, errors.New("boom") }))
	require.NoError(t, middleware.Use(c, middleware.Func("key-in-query", middleware.Auth, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		req = middleware.Mutable(req)
		u := *req.URL
		u.RawQuery = "api_key=sesame"
		req.URL = &u
		return next(req)
	})))
	_, err := c.R().SetQueryParam("q", "private").Get("http://api.test/x")
	require.EqualError(t, err, `Get "http://api.test/x?q=REDACTED": boom`)
}

func TestAStepThatBreaksTheContractIsNamed(t *testing.T) {
	own := errors.New("its own")
	for name, tt := range map[string]struct {
		step func(*http.Request, middleware.Next) (*http.Response, error)
		want string
		is   error
	}{
		"neither": {func(req *http.Request, next middleware.Next) (*http.Response, error) {
			resp, err := next(req)
			if err == nil {
				_ = resp.Body.Close()
			}
			return nil, err
		}, "sinner: broke the contract of an http.RoundTripper: it returned neither a response nor an error", nil},
		"both": {func(req *http.Request, next middleware.Next) (*http.Response, error) {
			resp, _ := next(req)
			return resp, own
		}, "sinner: its own", own},
	} {
		for _, layer := range []middleware.Layer{middleware.Call, middleware.Retry, middleware.Breaker, middleware.Auth, middleware.Wire} {
			t.Run(name+" at "+layer.String(), func(t *testing.T) {
				wire := wireOf(200)
				c := resty.New().SetTransport(wire)
				require.NoError(t, middleware.Use(c, middleware.Func("sinner", layer, tt.step)))
				_, err := c.R().Get("http://api.test/")
				require.ErrorContains(t, err, tt.want)
				if tt.is != nil {
					require.ErrorIs(t, err, tt.is)
				}
				require.Zero(t, wire.open(), "the response that came with an error is closed")
			})
		}
	}
}

func TestTheBodyIsClosedWhereAStepDoesNotSendTheRequest(t *testing.T) {
	refuse := func(*http.Request, middleware.Next) (*http.Response, error) { return nil, errors.New("refused") }
	answer := func(*http.Request, middleware.Next) (*http.Response, error) { return reply(200, "cached"), nil }
	for _, layer := range []middleware.Layer{middleware.Call, middleware.Retry, middleware.Breaker, middleware.Limit, middleware.Auth, middleware.Wire} {
		for name, f := range map[string]func(*http.Request, middleware.Next) (*http.Response, error){"refuses": refuse, "answers": answer} {
			for kind, step := range map[string]middleware.Middleware{
				"RoundTrip": middleware.Func("short", layer, f),
				"Attempt":   &behaves{name: "short", layer: layer, attempt: f},
			} {
				t.Run(kind+" "+name+" at "+layer.String(), func(t *testing.T) {
					wire := wireOf(200)
					body := &trackedBody{Reader: strings.NewReader("payload")}
					req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://api.test/", body)
					require.NoError(t, err)
					resp, err := middleware.Stack{step, middleware.Timeout{}}.RoundTripper(wire).RoundTrip(req)
					if err == nil {
						require.NoError(t, resp.Body.Close())
					}
					_, closed := body.state()
					require.True(t, closed)
					require.Empty(t, wire.requests())
				})
			}
		}
	}
}

func TestAttemptsAreCountedAndRedirectsAreNot(t *testing.T) {
	count := 0
	counter := middleware.Check("counter", func(r *resty.Response) error {
		count = middleware.InfoOf(r.Request.Context()).Attempts()
		return nil
	})
	wire := newWire(func(n int, req *http.Request) (*http.Response, error) {
		if req.URL.Path == "/moved" {
			return reply(302, "", "Location", "/here"), nil
		}
		return reply(200, "{}"), nil
	})
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, counter))
	_, err := c.R().Get("http://api.test/moved")
	require.NoError(t, err)
	require.Equal(t, 1, count)
	require.NoError(t, middleware.Use(c, tries(3)))
	_, err = c.R().Get("http://api.test/here")
	require.NoError(t, err)
	require.Equal(t, 3, count)
	_, err = c.R().Get("http://api.test/moved")
	require.NoError(t, err)
	require.Equal(t, 5, count, "three, and behind the redirect two more than the hop itself")
}

func TestStepsBelowRetryKnowTheirCall(t *testing.T) {
	for _, layer := range []middleware.Layer{middleware.Call, middleware.Retry, middleware.Breaker, middleware.Limit, middleware.Auth, middleware.Wire} {
		t.Run(layer.String(), func(t *testing.T) {
			var info *middleware.Info
			c := resty.New().SetBaseURL("http://api.test/v1").SetTransport(wireOf(200))
			require.NoError(t, middleware.Use(c, middleware.Func("asks", layer, func(req *http.Request, next middleware.Next) (*http.Response, error) {
				info = middleware.InfoOf(req.Context())
				return next(req)
			})))
			_, err := c.R().SetPathParam("id", "7").Get("/users/{id}")
			require.NoError(t, err)
			require.Equal(t, "/users/{id}", info.Template())
			require.Equal(t, "http://api.test", info.Origin())
			require.False(t, info.Start().IsZero())
		})
	}
}

func TestInfoOutsideOfACallIsNilAndHarmless(t *testing.T) {
	info := middleware.InfoOf(t.Context())
	require.Nil(t, info)
	require.Zero(t, info.Start())
	require.Empty(t, info.Template())
	require.Empty(t, info.Origin())
	require.Zero(t, info.Attempts())
	require.False(t, info.Streams())
	require.Equal(t, 1, info.Memo("k", func() any { return 1 }))
	info.GiveUp(errors.New("x"))
	require.NoError(t, info.GaveUp())
	info.Hide("secret")
	middleware.Emit(t.Context(), middleware.Event{})
}

// hears is a step that keeps what others emit.
type hears struct{ got []middleware.Event }

func (*hears) Name() string                                     { return "hears" }
func (*hears) Layer() middleware.Layer                          { return middleware.Call }
func (h *hears) Observe(_ *middleware.Info, e middleware.Event) { h.got = append(h.got, e) }

func TestWhatAStepEmitsIsHeard(t *testing.T) {
	h := &hears{}
	want := middleware.Event{Step: "speaks", Kind: "wait", Text: "because"}
	c := resty.New().SetTransport(wireOf(200))
	require.NoError(t, middleware.Use(c, h, middleware.Func("speaks", middleware.Limit, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		middleware.Emit(req.Context(), want)
		return next(req)
	})))
	_, err := c.R().Get("http://api.test/")
	require.NoError(t, err)
	require.Equal(t, []middleware.Event{want}, h.got)
}

func TestWhyARetryWasGivenUpIsInTheStatusError(t *testing.T) {
	why := errors.New("the budget is spent")
	c := resty.New().SetTransport(wireOf(503))
	require.NoError(t, middleware.Use(c, middleware.RequireStatus{}, middleware.Func("gives-up", middleware.Retry, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		middleware.InfoOf(req.Context()).GiveUp(why)
		return next(req)
	})))
	_, err := c.R().Get("http://api.test/")
	require.ErrorIs(t, err, why)
	require.ErrorIs(t, err, middleware.ErrServer)
}

func TestASecretThatTheCallUsesIsNotRepeatedInAnError(t *testing.T) {
	c := resty.New().SetTransport(newWire(func(int, *http.Request) (*http.Response, error) {
		return reply(401, `bad token sesame`, "Content-Type", "text/plain"), nil
	}))
	require.NoError(t, middleware.Use(c, middleware.RequireStatus{}, middleware.Func("hides", middleware.Auth, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		middleware.InfoOf(req.Context()).Hide("sesame")
		return next(req)
	})))
	_, err := c.R().Get("http://api.test/")
	var status *middleware.StatusError
	require.ErrorAs(t, err, &status)
	require.Equal(t, "bad token REDACTED", string(status.Body))
	require.NotContains(t, err.Error(), "sesame")
}

func TestAnAnswerIsDiscardedBeforeTheNextAttempt(t *testing.T) {
	var wire *fakeWire
	wire = newWire(func(n int, _ *http.Request) (*http.Response, error) {
		require.Zero(t, wire.open(), "at attempt %d", n)
		switch n {
		case 1, 3:
			return nil, errors.New("boom")
		case 4:
			resp := reply(503, "")
			resp.Body = nil // as some fakes do
			return resp, nil
		}
		return reply(503, "later"), nil
	})
	wire.bare = true
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, tries(6)))
	_, err := c.R().Get("http://api.test/")
	require.NoError(t, err)
	require.Len(t, wire.requests(), 6)
}

func TestAnAnswerIsKeptWhileAnotherAttemptIsUnderWay(t *testing.T) {
	slow, third := make(chan struct{}), make(chan struct{})
	wire := newWire(func(n int, _ *http.Request) (*http.Response, error) {
		switch n {
		case 1:
			<-slow
		case 3:
			close(third)
		}
		return reply(200, fmt.Sprint("answer ", n)), nil
	})
	step := middleware.Func("three", middleware.Retry, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = next(req)
		}()
		for len(wire.requests()) == 0 {
			runtime.Gosched()
		}
		second, err := next(req)
		if err != nil {
			return nil, err
		}
		_, _ = next(req)
		<-third
		close(slow)
		<-done
		return second, nil
	})
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, step))
	resp, err := c.R().Get("http://api.test/")
	require.NoError(t, err)
	require.Equal(t, "answer 2", resp.String())
	require.Zero(t, wire.open())
}

func TestAnAnswerThatLandsInTheNextHopIsClosed(t *testing.T) {
	slow, landed := make(chan struct{}), make(chan struct{})
	wire := newWire(func(_ int, req *http.Request) (*http.Response, error) {
		switch {
		case req.Header.Get("X-Hedge") != "":
			return reply(302, "", "Location", "/next"), nil
		case req.URL.Path == "/next":
			return reply(200, "next"), nil
		}
		<-slow
		return reply(200, "late"), nil
	})
	step := middleware.Func("hedging", middleware.Retry, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		if req.URL.Path == "/next" {
			resp, err := next(req)
			if err != nil {
				return nil, err
			}
			close(slow) // now the answer of the hop before comes in
			<-landed
			answer := *resp // a copy: the core has to guess whose it is
			return &answer, nil
		}
		go func() {
			defer close(landed)
			_, _ = next(req)
		}()
		for len(wire.requests()) == 0 {
			runtime.Gosched()
		}
		second := middleware.Mutable(req)
		second.Header.Set("X-Hedge", "1")
		return next(second)
	})
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, step))
	resp, err := c.R().Get("http://api.test/")
	require.NoError(t, err)
	require.Equal(t, "next", resp.String())
	require.Zero(t, wire.open())
}

func TestAResponseThatARetryStepRefusesIsClosed(t *testing.T) {
	wire := wireOf(503)
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, middleware.Func("refuses", middleware.Retry, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		if _, err := next(req); err != nil {
			return nil, err
		}
		return nil, errors.New("refused")
	})))
	_, err := c.R().Get("http://api.test/")
	require.ErrorContains(t, err, "refused")
	require.Zero(t, wire.open())
}

func TestAnErrorThatCameWithTheCancellationIsKept(t *testing.T) {
	boom := errors.New("boom")
	ctx, cancel := context.WithCancel(t.Context())
	wire := newWire(func(int, *http.Request) (*http.Response, error) { cancel(); return nil, boom })
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, middleware.RequestID{}))
	_, err := c.R().SetContext(ctx).Get("http://api.test/")
	require.ErrorIs(t, err, boom)
}

func TestACancellationIsSaidOnce(t *testing.T) {
	shutdown := errors.New("shutdown")
	for want, cause := range map[string]error{"context canceled": nil, "context canceled: shutdown": shutdown} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		c := resty.New().SetTransport(wireOf(200))
		require.NoError(t, middleware.Use(c, middleware.RequestID{}))
		_, err := c.R().SetContext(ctx).Get("http://api.test/")
		require.EqualError(t, err, `Get "http://api.test/": `+want)
		require.ErrorIs(t, err, context.Canceled)
		if cause != nil {
			require.ErrorIs(t, err, cause)
		}
	}
}

func TestAStepThatWaitsOnADerivedContextEndsWithTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := resty.New().SetTransport(wireOf(200))
		require.NoError(t, middleware.Use(c, middleware.Deadline(2*time.Second), middleware.Func("waits", middleware.Retry, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			ctx, cancel := context.WithCancel(req.Context())
			defer cancel()
			select {
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			case <-time.After(time.Hour):
				return next(req)
			}
		})))
		_, err := c.R().Get("http://api.test/")
		requireLimit(t, err, "deadline", 2*time.Second)
	})
}

// TestReplays: a step below the attempts sends once more by Rewind and Discard.
func TestReplays(t *testing.T) {
	replay := middleware.Func("replay", middleware.Auth, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		resp, err := next(req)
		if err != nil || resp.StatusCode != http.StatusUnauthorized {
			return resp, err
		}
		again, err := middleware.Rewind(req)
		if err != nil {
			middleware.Discard(resp)
			return nil, err
		}
		middleware.Discard(resp)
		again.Header.Set("X-Again", "1")
		return next(withTrail(again, "replay"))
	})
	for name, set := range map[string]func(*resty.Request) *resty.Request{
		"no body":      func(r *resty.Request) *resty.Request { return r },
		"http.NoBody":  func(r *resty.Request) *resty.Request { return r.SetBody(http.NoBody) },
		"small body":   func(r *resty.Request) *resty.Request { return r.SetBody("payload") },
		"watched body": func(r *resty.Request) *resty.Request { return r.SetBody(strings.Repeat("payload", 1<<14)) },
	} {
		t.Run(name, func(t *testing.T) {
			wire := wireOf(401, 200)
			c := resty.New().SetTransport(wire)
			require.NoError(t, middleware.Use(c, replay, middleware.Timeout{}))
			resp, err := set(c.R()).Post("http://api.test/")
			require.NoError(t, err)
			require.Equal(t, 200, resp.StatusCode())
			sent := wire.requests()
			require.Len(t, sent, 2)
			require.Equal(t, sent[0].Body, sent[1].Body)
			require.Empty(t, sent[0].Header.Get("X-Again"))
			require.Equal(t, "1", sent[1].Header.Get("X-Again"))
			ended, _ := wire.bodies[0].state()
			require.True(t, ended)
			require.Zero(t, wire.open())
		})
	}
	t.Run("a body that cannot be read again", func(t *testing.T) {
		wire := wireOf(401, 200)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://api.test/", struct{ io.Reader }{strings.NewReader("payload")})
		require.NoError(t, err)
		_, err = middleware.Stack{replay}.RoundTripper(wire).RoundTrip(req)
		require.ErrorIs(t, err, middleware.ErrBodyConsumed)
		require.Zero(t, wire.open())
	})
	t.Run("outside of a call", func(t *testing.T) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://api.test/", strings.NewReader("payload"))
		require.NoError(t, err)
		again, err := middleware.Rewind(req)
		require.NoError(t, err)
		again.Header.Set("X-A", "1")
		require.Empty(t, req.Header)
		data, err := io.ReadAll(again.Body)
		require.NoError(t, err)
		require.Equal(t, "payload", string(data))
		middleware.Discard(&http.Response{})
	})
}

func TestAPostWithoutABodySaysThatItHasNone(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, r.ContentLength, r.TransferEncoding)
	}))
	t.Cleanup(srv.Close)
	c := ownClient()
	require.NoError(t, middleware.Use(c, middleware.RequestID{}, middleware.Timeout{}))
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch} {
		resp, err := c.R().Execute(method, srv.URL)
		require.NoError(t, err)
		require.Equal(t, "0 []", resp.String(), method)
	}
}

func TestAGetBodyThatFailsOnceDoesNotKeepAnswersOpen(t *testing.T) {
	var wire *fakeWire
	wire = newWire(func(n int, _ *http.Request) (*http.Response, error) {
		require.Zero(t, wire.open(), "at attempt %d", n)
		return reply(503, "later"), nil
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://api.test/", strings.NewReader("payload"))
	require.NoError(t, err)
	tried := 0
	req.GetBody = func() (io.ReadCloser, error) {
		tried++
		if tried == 1 {
			return nil, errors.New("busy")
		}
		return io.NopCloser(strings.NewReader("payload")), nil
	}
	resp, err := middleware.Stack{tries(5)}.RoundTripper(wire).RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Len(t, wire.requests(), 4)
}
