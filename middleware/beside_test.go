package middleware_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

func retryStep(f func(*http.Request, middleware.Next) (*http.Response, error)) middleware.Middleware {
	return middleware.Func("hedge", middleware.Retry, f)
}

func TestARaceDiscardsNoAnswerOfItsOwn(t *testing.T) {
	wire := newWire(func(n int, _ *http.Request) (*http.Response, error) {
		return reply(200, strings.Repeat("x", n)), nil
	})
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, retryStep(func(req *http.Request, next middleware.Next) (*http.Response, error) {
		_, err := next(req)
		require.NoError(t, err)
		one, _ := middleware.Beside(req)
		resp, err := next(one)
		require.NoError(t, err)
		require.Equal(t, 1, wire.open(), "the answer before the race is discarded")
		two, drop := middleware.Beside(req)
		_, err = next(two)
		require.NoError(t, err)
		require.Equal(t, 2, wire.open())
		drop()
		drop()
		require.Equal(t, 1, wire.open(), "and the one that is dropped, at once")
		return resp, nil
	})))
	resp, err := c.R().Get("http://api.test/")
	require.NoError(t, err)
	require.Equal(t, "xx", resp.String())
	require.Zero(t, wire.open())
}

func TestADroppedAttemptEndsAndItsAnswerIsClosed(t *testing.T) {
	landed := make(chan error)
	wire := newWire(func(n int, req *http.Request) (*http.Response, error) {
		if n == 1 {
			<-req.Context().Done() // and answers nevertheless
		}
		return reply(200, "x"), nil
	})
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, retryStep(func(req *http.Request, next middleware.Next) (*http.Response, error) {
		late, drop := middleware.Beside(req)
		go func() {
			_, err := next(late)
			landed <- err
		}()
		for len(wire.requests()) == 0 {
			runtime.Gosched()
		}
		drop()
		require.NoError(t, <-landed)
		require.Zero(t, wire.open())

		never, drop := middleware.Beside(req)
		drop()
		_, err := next(never)
		require.ErrorIs(t, err, context.Canceled)
		require.Len(t, wire.requests(), 1)

		one, _ := middleware.Beside(req)
		return next(one)
	})))
	resp, err := c.R().Get("http://api.test/")
	require.NoError(t, err)
	require.Equal(t, "x", resp.String())
	require.Len(t, wire.requests(), 2)
}

// TestTheWinnersAnswerIsKnownByACopy: the step above hands up a copy, so the core has to
// guess whose it is, and the loser's came later.
func TestTheWinnersAnswerIsKnownByACopy(t *testing.T) {
	wire := newWire(func(n int, _ *http.Request) (*http.Response, error) {
		return reply(200, strings.Repeat("x", n)), nil
	})
	copies := middleware.Func("copies", middleware.Call, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		resp, err := next(req)
		if err != nil {
			return nil, err
		}
		other := *resp
		other.Body = io.NopCloser(resp.Body)
		return &other, nil
	})
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, copies, retryStep(func(req *http.Request, next middleware.Next) (*http.Response, error) {
		one, _ := middleware.Beside(req)
		resp, err := next(one)
		require.NoError(t, err)
		two, drop := middleware.Beside(req)
		_, err = next(two)
		require.NoError(t, err)
		drop()
		return resp, nil
	})))
	resp, err := c.R().Get("http://api.test/")
	require.NoError(t, err)
	require.Equal(t, "x", resp.String())
	require.Zero(t, wire.open())
}

// hanger is a context that counts who hangs on it.
type hanger struct {
	context.Context
	done chan struct{}
	n    atomic.Int32
}

func (h *hanger) Done() <-chan struct{} { return h.done }

func (h *hanger) AfterFunc(func()) func() bool {
	h.n.Add(1)
	return func() bool { h.n.Add(-1); return true }
}

func TestAPanicBelowLetsGoOfTheAttempt(t *testing.T) {
	wire := newWire(func(_ int, req *http.Request) (*http.Response, error) {
		req.Context().Done()
		panic("boom")
	})
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, middleware.Timeout{}))
	parent := &hanger{Context: context.Background(), done: make(chan struct{})}
	require.PanicsWithValue(t, "boom", func() { _, _ = c.R().SetContext(parent).Get("http://api.test/") })
	require.Zero(t, parent.n.Load(), "nothing hangs on the caller's context")

	body := &trackedBody{Reader: strings.NewReader("payload")}
	refuses := middleware.Func("panics", middleware.Limit, func(*http.Request, middleware.Next) (*http.Response, error) { panic("boom") })
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://api.test/", body)
	require.NoError(t, err)
	require.PanicsWithValue(t, "boom", func() { _, _ = middleware.Stack{refuses}.RoundTripper(wire).RoundTrip(req) })
	_, closed := body.state()
	require.True(t, closed)
}

func TestAHedgeIsInsideOfAnyRetry(t *testing.T) {
	pass := func(req *http.Request, next middleware.Next) (*http.Response, error) { return next(req) }
	c := resty.New()
	require.NoError(t, middleware.Use(c, retryStep(pass), middleware.Func("mine", middleware.Retry, pass)))
	require.Equal(t, "retry  mine\nretry  hedge", middleware.Of(c).String())
}

func TestRequestOfIsTheCallersRequest(t *testing.T) {
	var got []*resty.Request
	look := middleware.Func("looks", middleware.Wire, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		got = append(got, middleware.RequestOf(req.Context()))
		return next(req)
	})
	c := resty.New().SetTransport(wireOf(200))
	require.NoError(t, middleware.Use(c, look))
	r := c.R()
	_, err := r.Get("http://api.test/")
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://api.test/", http.NoBody)
	require.NoError(t, err)
	resp, err := middleware.Stack{look}.RoundTripper(wireOf(200)).RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Len(t, got, 2)
	require.Same(t, r, got[0])
	require.Nil(t, got[1])
	require.Nil(t, middleware.RequestOf(t.Context()))
}

// TestANestedCallIsNotInTheRace: what an attempt asks on the way is not dropped with it.
func TestANestedCallIsNotInTheRace(t *testing.T) {
	type key struct{}
	inner := resty.New().SetTransport(wireOf(200))
	require.NoError(t, middleware.Use(inner, middleware.Func("derives", middleware.Call, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		return next(req.WithContext(context.WithValue(req.Context(), key{}, 1)))
	})))
	c := resty.New().SetTransport(wireOf(200))
	var drop func()
	var asked error
	require.NoError(t, middleware.Use(c, retryStep(func(req *http.Request, next middleware.Next) (*http.Response, error) {
		var one *http.Request
		one, drop = middleware.Beside(req)
		_, _ = next(one)
		return next(req)
	}), middleware.Func("asks", middleware.Auth, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		drop()
		_, err := inner.R().SetContext(context.WithoutCancel(req.Context())).Get("http://token.test/")
		asked = errors.Join(asked, err)
		return next(req)
	})))
	_, err := c.R().Get("http://api.test/")
	require.NoError(t, err)
	require.NoError(t, asked)
}
