package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

// A step may ask other services in parallel, with the context that it has.
func TestNestedCallsInParallelDoNotMixUpTheirRequests(t *testing.T) {
	inner := answers(t, func(req *http.Request) *http.Response { return reply(200, req.URL.Path) }, middleware.Header{Key: "X-Team", Value: "t"})
	outer := answers(t, func(*http.Request) *http.Response { return reply(200, "{}") },
		middleware.Func("asks", middleware.Auth, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			var all sync.WaitGroup
			for i := range 4 {
				all.Go(func() {
					path := fmt.Sprint("/", i)
					resp, err := inner.R().SetContext(req.Context()).Get(path)
					if err != nil || resp.String() != path {
						t.Errorf("asked for %s, got %s, %v", path, resp, err)
					}
				})
			}
			all.Wait()
			return next(req)
		}))
	for range 50 {
		_, err := outer.R().Get("/")
		require.NoError(t, err)
	}
}

func TestAResponseWithoutABodyIsAnEmptyOne(t *testing.T) {
	for _, layer := range []middleware.Layer{middleware.Call, middleware.Retry, middleware.Auth, middleware.Wire} {
		c := answers(t, missing, middleware.RequireStatus{}, middleware.Func("fake", layer, func(*http.Request, middleware.Next) (*http.Response, error) {
			return &http.Response{StatusCode: 500, Header: http.Header{}}, nil
		}))
		for _, stream := range []bool{true, false} {
			_, err := c.R().SetDoNotParseResponse(stream).Get("/")
			require.ErrorIs(t, err, middleware.ErrServer)
		}
	}
}

func TestContextsOfFinishedCallsDoNotPileUp(t *testing.T) {
	c := answers(t, func(*http.Request) *http.Response { return reply(200, "{}") }, middleware.Deadline(time.Minute))
	type mark struct{}
	ctx := context.WithValue(t.Context(), mark{}, 1)
	for range 3 {
		resp, err := c.R().SetContext(ctx).Get("/page")
		require.NoError(t, err)
		ctx = resp.Request.Context()
	}
	require.Equal(t, 1, strings.Count(fmt.Sprint(ctx), ".WithCall"))
	require.Equal(t, 1, ctx.Value(mark{}))
}

type finisher struct{ f func() }

func (finisher) Name() string                                    { return "finisher" }
func (finisher) Layer() middleware.Layer                         { return middleware.Call }
func (s finisher) Done(*middleware.Info, *resty.Response, error) { s.f() }

func TestAPanicInDoneDoesNotRunItTwice(t *testing.T) {
	runs := 0
	c := answers(t, missing, finisher{func() { runs++; panic("boom") }})
	require.Panics(t, func() { _, _ = c.R().Get("/") })
	require.Equal(t, 1, runs)
}

func TestMemoMayAskTheCall(t *testing.T) {
	type key struct{}
	c := answers(t, missing, middleware.Func("memo", middleware.Call, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		info := middleware.InfoOf(req.Context())
		if got := info.Memo(key{}, func() any { return info.Origin() }); got != info.Origin() {
			t.Errorf("memo: %v", got)
		}
		return next(req)
	}))
	_, err := c.R().Get("/")
	require.NoError(t, err)
}

func TestAStepThatSendsWhenTheCallIsOverIsRefused(t *testing.T) {
	sent := 0
	var later func() error
	c := answers(t, func(*http.Request) *http.Response { sent++; return reply(200, "{}") },
		middleware.Func("keeps", middleware.Retry, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			later = func() error { _, err := next(req); return err }
			return next(req)
		}))
	_, err := c.R().Post("/")
	require.NoError(t, err)
	require.ErrorContains(t, later(), "a step sends when the call is over")
	require.Equal(t, 1, sent)
}

func TestAContextThatAHookDerivesHearsTheCallerAfterTheCall(t *testing.T) {
	c := answers(t, func(*http.Request) *http.Response { return reply(200, "{}") }, middleware.Deadline(time.Minute))
	var derived context.Context
	c.OnBeforeRequest(func(_ *resty.Client, r *resty.Request) error {
		var cancel context.CancelFunc
		derived, cancel = context.WithCancel(r.Context())
		t.Cleanup(cancel)
		return nil
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := c.R().SetContext(ctx).Get("/")
	require.NoError(t, err)
	require.NoError(t, derived.Err())
	cancel(errors.New("shutdown"))
	<-derived.Done()
	require.ErrorIs(t, derived.Err(), context.Canceled)
}

func TestAPanicLeavesNoBodyOpen(t *testing.T) {
	for name, step := range map[string]middleware.Middleware{
		"in a check": middleware.Check("panics", func(*resty.Response) error { panic("boom") }),
		"in a step": middleware.Func("panics", middleware.Call, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			_, _ = next(req)
			panic("boom")
		}),
	} {
		wire := newWire(func(int, *http.Request) (*http.Response, error) { return reply(200, "{}"), nil })
		c := resty.New().SetTransport(wire)
		require.NoError(t, middleware.Use(c, step))
		require.Panics(t, func() { _, _ = c.R().SetDoNotParseResponse(true).Get("http://api.test/") })
		require.Zero(t, wire.open(), name)
	}
}
