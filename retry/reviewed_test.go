package retry_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/retry"
)

type rt func(*http.Request) (*http.Response, error)

func (f rt) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func okay(body io.ReadCloser, kv ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(kv); i += 2 {
		h.Set(kv[i], kv[i+1])
	}
	return &http.Response{StatusCode: 200, Header: h, Body: body, ContentLength: -1}
}

func plainBody() io.ReadCloser { return io.NopCloser(strings.NewReader("x")) }

func on(t *testing.T, f rt, steps ...middleware.Middleware) *resty.Client {
	t.Helper()
	c := resty.New().SetBaseURL("https://api.example.com").SetTransport(f).SetLogger(hush{})
	require.NoError(t, middleware.Use(c, steps...))
	return c
}

func hang(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

func isOpen(err error) bool { _, ok := errors.AsType[*retry.OpenError](err); return ok }

// A: every default: a server that hangs, Timeout{} (Read 10s), Breaker{} (Window 10s).
func TestAHungServerOpensWithDefaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := on(t, hang, &retry.Breaker{}, middleware.Timeout{})
		for range 4 {
			done := make(chan struct{})
			for range 50 {
				go func() { _, _ = c.R().Get("/"); done <- struct{}{} }()
			}
			for range 50 {
				<-done
			}
		}
		_, err := c.R().Get("/")
		require.True(t, isOpen(err), "after 200 time-outs: %v", err)
	})
}

// A2: same with a Read of 1s: shows that A is about the window.
func TestAHungServerOpensWithAShortRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := on(t, hang, &retry.Breaker{}, middleware.Timeout{Read: time.Second})
		for range 30 {
			_, _ = c.R().Get("/")
		}
		done := make(chan struct{})
		for range 50 {
			go func() { _, _ = c.R().Get("/"); done <- struct{}{} }()
		}
		for range 50 {
			<-done
		}
		_, err := c.R().Get("/")
		require.True(t, isOpen(err), "%v", err)
	})
}

func opened(t *testing.T, b *retry.Breaker, f rt) *resty.Client {
	t.Helper()
	broken := true
	c := on(t, func(req *http.Request) (*http.Response, error) {
		if broken {
			return nil, errors.New("reset")
		}
		return f(req)
	}, b)
	for range 20 {
		_, _ = c.R().Get("/")
	}
	_, err := c.R().Get("/")
	require.True(t, isOpen(err))
	broken = false
	return c
}

// B: a probe whose answer never comes, without a Timeout.
func TestAProbeThatHangsForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int32
		stop := make(chan struct{})
		c := opened(t, &retry.Breaker{Probes: 1}, func(*http.Request) (*http.Response, error) {
			if n.Add(1) == 1 {
				<-stop // deaf
				return nil, errors.New("late")
			}
			return okay(plainBody()), nil
		})
		time.Sleep(6 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go func() { _, _ = c.R().SetContext(ctx).Get("/") }()
		time.Sleep(24 * time.Hour)
		_, err := c.R().Get("/")
		close(stop)
		require.NoError(t, err, "a day later")
	})
}

// C: OnChange panics once as it half-opens.
func TestAPanicOfOnChangeKeepsTheProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := true
		b := &retry.Breaker{Probes: 1, OnChange: func(ch retry.BreakerChange) {
			if ch.To == retry.BreakerHalfOpen && first {
				first = false
				panic("user's")
			}
		}}
		c := opened(t, b, func(*http.Request) (*http.Response, error) { return okay(plainBody()), nil })
		time.Sleep(6 * time.Second)
		func() { defer func() { _ = recover() }(); _, _ = c.R().Get("/") }()
		time.Sleep(24 * time.Hour)
		_, err := c.R().Get("/")
		require.NoError(t, err, "a day later")
	})
}

type noTokenError struct{ error }

func (noTokenError) Unsent() bool    { return true }
func (e noTokenError) Unwrap() error { return e.error }

func counts(t *testing.T, step middleware.Middleware, set func(*resty.Request)) bool {
	c := on(t, func(*http.Request) (*http.Response, error) { return okay(plainBody()), nil }, &retry.Breaker{}, step)
	for range 40 {
		r := c.R()
		set(r)
		_, _ = r.Get("/")
	}
	r := c.R()
	set(r)
	_, err := r.Get("/")
	return isOpen(err)
}

func refuses(err error) middleware.Middleware {
	return middleware.Func("refuses", middleware.Auth, func(*http.Request, middleware.Next) (*http.Response, error) { return nil, err })
}

// D: what was refused before it was sent.
func TestRefusals(t *testing.T) {
	for name, err := range map[string]error{
		"token endpoint not reached": noTokenError{&middleware.ConnectError{Phase: "dial", Err: errors.New("refused")}},
		"token endpoint too slow":    noTokenError{&middleware.TimeoutError{Limit: "read", Value: time.Second}},
		"a step's plain refusal":     errors.New("no tenant"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				require.False(t, counts(t, refuses(err), func(*resty.Request) {}), "the breaker of the API opens though nothing was sent to it")
			})
		})
	}
}

// E: a request that no transport sends opens the breaker of a healthy origin.
func TestMalformedRequests(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer srv.Close()
	c := resty.New().SetBaseURL(srv.URL).SetLogger(hush{})
	require.NoError(t, middleware.Use(c, &retry.Breaker{}))
	_, err := c.R().Get("/")
	require.NoError(t, err, "healthy")
	for range 40 {
		_, err = c.R().SetHeader("X-Bad", "a\nb").Get("/")
	}
	require.False(t, isOpen(err), "%v", err)
}

// F: the slot is held while the policy waits.
func TestABackoffHoldsNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		c := on(t, func(*http.Request) (*http.Response, error) {
			n++
			if n == 1 {
				r := okay(plainBody(), "Retry-After", "30")
				r.StatusCode = 503
				return r, nil
			}
			return okay(plainBody()), nil
		}, retry.Policy{}, &retry.Limit{Concurrent: 1})
		go func() { _, _ = c.R().Get("/") }()
		time.Sleep(time.Second)
		begun := time.Now()
		_, err := c.R().Get("/")
		time.Sleep(time.Minute)
		require.NoError(t, err)
		require.Zero(t, time.Since(begun)-time.Minute)
	})
}

// G: a stream whose caller cancels and forgets to close.
func TestACancelledStreamGivesItsPlaceBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := on(t, func(*http.Request) (*http.Response, error) { return okay(plainBody()), nil }, &retry.Limit{Concurrent: 1})
		ctx, cancel := context.WithCancel(t.Context())
		_, err := c.R().SetContext(ctx).SetDoNotParseResponse(true).Get("/")
		require.NoError(t, err)
		cancel()
		time.Sleep(time.Minute)
		_, err = c.R().Get("/")
		require.NoError(t, err)
	})
}

// H: Learn with small quotas, and where the client comes late to a large one.
func TestLearnSpreadsWhatIsLeft(t *testing.T) {
	for name, fields := range map[string][]string{
		"5 a minute, one left":               {"X-RateLimit-Limit", "5", "X-RateLimit-Remaining", "1", "X-RateLimit-Reset", "8"},
		"3 of 5000 left at the first answer": {"X-RateLimit-Limit", "5000", "X-RateLimit-Remaining", "3", "X-RateLimit-Reset", "9"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := on(t, func(*http.Request) (*http.Response, error) { return okay(plainBody(), fields...), nil }, &retry.Limit{Learn: true})
				begun := time.Now()
				for range 4 {
					_, _ = c.R().Get("/")
				}
				require.NotZero(t, time.Since(begun), "four requests at once on a quota that is nearly spent")
			})
		})
	}
}

// I: a reset of 0 seconds, and the pace afterwards.
func TestAResetOfZeroDoesNotEndTheLearning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left, reset := "100", "60"
		c := on(t, func(*http.Request) (*http.Response, error) {
			return okay(plainBody(), "X-RateLimit-Remaining", left, "X-RateLimit-Reset", reset), nil
		}, &retry.Limit{Learn: true})
		get := func() { _, err := c.R().Get("/"); require.NoError(t, err) }
		get()
		left, reset = "1", "0"
		get()
		get()
		time.Sleep(time.Second)
		left, reset = "5", "10"
		get()
		begun := time.Now()
		get()
		get()
		get()
		require.NotZero(t, time.Since(begun), "5 left for 10 s, and three at once")
	})
}

// B2, a control: a probe that the caller cancels, on a transport that heeds it.
func TestControlACancelledProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		c := opened(t, &retry.Breaker{Probes: 1}, func(req *http.Request) (*http.Response, error) {
			n++
			if n == 1 {
				return hang(req)
			}
			return okay(plainBody()), nil
		})
		time.Sleep(6 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _ = c.R().SetContext(ctx).Get("/")
		_, err := c.R().Get("/")
		require.NoError(t, err)
	})
}

// B3: a late probe still counts, once, and a slow origin closes.
func TestASlowProbeStillCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := opened(t, &retry.Breaker{Probes: 1}, func(*http.Request) (*http.Response, error) {
			time.Sleep(time.Minute)
			return okay(plainBody()), nil
		})
		time.Sleep(6 * time.Second)
		_, err := c.R().Get("/")
		require.NoError(t, err)
		var failed int
		done := make(chan error)
		for range 5 {
			go func() { _, err := c.R().Get("/"); done <- err }()
		}
		for range 5 {
			if <-done != nil {
				failed++
			}
		}
		require.Zero(t, failed, "closed")
	})
}
