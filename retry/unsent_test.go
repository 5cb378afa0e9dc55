package retry_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/retry"
)

// TestAPostIsNotRepeatedWhereTheConnectionCameAsItsLimitFired: net/http takes one or the other,
// and may send the request.
func TestAPostIsNotRepeatedWhereTheConnectionCameAsItsLimitFired(t *testing.T) {
	for name, came := range map[string]bool{"with a connection": true, "without one": false} {
		synctest.Test(t, func(t *testing.T) {
			sends := 0
			c := resty.New().SetTransport(middleware.Next(func(req *http.Request) (*http.Response, error) {
				sends++
				trace := httptrace.ContextClientTrace(req.Context())
				trace.GetConn("api.example.com:443")
				<-req.Context().Done()
				if came {
					trace.GotConn(httptrace.GotConnInfo{})
				}
				_, _ = io.Copy(io.Discard, req.Body)
				return nil, req.Context().Err()
			}))
			require.NoError(t, middleware.Use(c, retry.Policy{}, middleware.Timeout{}))
			_, err := c.R().SetBody("pay 100").Post("https://api.example.com")
			limit, ok := errors.AsType[*middleware.TimeoutError](err)
			require.True(t, ok)
			require.Equal(t, "connect", limit.Limit)
			require.Equal(t, !came, limit.Unsent(), name)
			require.Equal(t, came, strings.Contains(err.Error(), "may have been sent"), name)
			require.Equal(t, map[bool]int{true: 1, false: 4}[came], sends, name)
		})
	}
}

// hangsUp reads requests whole, and answers none of them.
func hangsUp(t *testing.T) (url string, read *atomic.Int32) {
	t.Helper()
	read = new(atomic.Int32)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		read.Add(1)
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(server.Close)
	return server.URL, read
}

// TestAPostIsNotRepeatedWhereASecondSendingHasNoConnection: a step, or a decorator, sends the
// request twice within an attempt.
func TestAPostIsNotRepeatedWhereASecondSendingHasNoConnection(t *testing.T) {
	twice := func(req *http.Request, next middleware.Next) (*http.Response, error) {
		resp, err := next(req)
		if err == nil {
			return resp, nil
		}
		again, err := middleware.Rewind(req)
		if err != nil {
			return nil, err
		}
		nowhere := *req.URL
		nowhere.Host = "127.0.0.1:1"
		again.URL = &nowhere
		return next(again)
	}
	for name, layer := range map[string]middleware.Layer{"at the wire": middleware.Wire, "above it": middleware.Breaker} {
		for watched, steps := range map[string]middleware.Stack{"watched": {middleware.Timeout{}}, "not watched": {}} {
			t.Run(name+", "+watched, func(t *testing.T) {
				url, read := hangsUp(t)
				c := resty.New()
				require.NoError(t, middleware.Use(c, append(steps, retry.Policy{Wait: 1}, middleware.Func("failover", layer, twice))...))
				_, err := c.R().SetBody("pay 100").Post(url)
				require.ErrorIs(t, err, syscall.ECONNREFUSED, "the error of the second host")
				require.EqualValues(t, 1, read.Load())
			})
		}
	}
}

// TestAPostIsNotRepeatedForTheErrorOfAnotherCall: a step asks another service, which is down,
// when the answer is there.
func TestAPostIsNotRepeatedForTheErrorOfAnotherCall(t *testing.T) {
	for watched, steps := range map[string]middleware.Stack{"watched": {middleware.Timeout{}}, "not watched": {}} {
		t.Run(watched, func(t *testing.T) {
			s := &script{answers: answers{status(201)}}
			audit := resty.New()
			require.NoError(t, middleware.Use(audit, middleware.Timeout{}))
			step := middleware.Func("audit", middleware.Auth, func(req *http.Request, next middleware.Next) (*http.Response, error) {
				resp, err := next(req)
				if err != nil {
					return nil, err
				}
				middleware.Discard(resp)
				_, err = audit.R().Post("http://127.0.0.1:1/audit")
				return nil, fmt.Errorf("audit: %w", err)
			})
			_, err := clientOf(t, s, append(steps, retry.Policy{Wait: 1}, step)...).R().SetBody("pay 100").Post("/")
			require.ErrorContains(t, err, "audit: ")
			_, ok := errors.AsType[*middleware.ConnectError](err)
			require.True(t, ok)
			require.Len(t, s.bodies, 1)
		})
	}
}

// TestAPostIsRepeatedWhereAStepRefusedIt, and so nothing was sent.
func TestAPostIsRepeatedWhereAStepRefusedIt(t *testing.T) {
	s := &script{answers: answers{status(201)}}
	tries := 0
	step := middleware.Func("refuses", middleware.Auth, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		tries++
		if tries < 3 {
			return nil, &middleware.ConnectError{Phase: "dial", Err: syscall.ECONNREFUSED}
		}
		return next(req)
	})
	_, err := clientOf(t, s, middleware.Timeout{}, retry.Policy{Wait: time.Nanosecond}, step).R().SetBody("pay 100").Post("/")
	require.NoError(t, err)
	require.Len(t, s.bodies, 1)
}
