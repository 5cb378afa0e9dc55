package middleware_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

// again is a retry step of a user's: n attempts, with a wait between them that ends with
// the context.
func again(n int, wait time.Duration) middleware.Middleware {
	return middleware.Func("again", middleware.Retry, func(req *http.Request, next middleware.Next) (resp *http.Response, err error) {
		for i := range n {
			if i > 0 {
				select {
				case <-time.After(wait):
				case <-req.Context().Done():
					return nil, req.Context().Err()
				}
			}
			if resp, err = next(req); err == nil && resp.StatusCode < 500 {
				return resp, nil
			}
		}
		return resp, err
	})
}

// waits is a step that waits for its turn before it sends.
func waits(layer middleware.Layer, d time.Duration) middleware.Middleware {
	return middleware.Func("waits", layer, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		select {
		case <-time.After(d):
			return next(req)
		case <-req.Context().Done():
			return nil, req.Context().Err()
		}
	})
}

func TestAttemptIsCutThoughTheServerNeverStalls(t *testing.T) {
	for mode, get := range modes(t) {
		t.Run(mode, func(t *testing.T) {
			overBoth(t, drip(100, time.Second), func(t *testing.T, w *world) {
				_, err := get(w.client(middleware.Timeout{Attempt: 5500 * time.Millisecond}).R())
				requireLimit(t, err, "attempt", 5500*time.Millisecond)
				require.Equal(t, 5500*time.Millisecond, w.past())
			})
		})
	}
}

func TestEachAttemptHasItsOwnTime(t *testing.T) {
	for name, step := range map[string]middleware.Timeout{
		"read": {Read: 4 * time.Second}, "attempt": {Attempt: 4 * time.Second}, "connect": {Connect: 4 * time.Second},
	} {
		overBoth(t, mute, func(t *testing.T, w *world) {
			if name == "connect" {
				w.slowly(time.Hour)
			}
			_, err := w.client(step, again(3, time.Second)).R().Get("/")
			requireLimit(t, err, name, 4*time.Second)
			require.Equal(t, 3*4*time.Second+2*time.Second, w.past())
		})
	}
}

func TestLimitsHoldInEachOfRestysOwnRetries(t *testing.T) {
	overBoth(t, mute, func(t *testing.T, w *world) {
		c := w.client(middleware.Timeout{Read: 4 * time.Second})
		c.SetRetryCount(2).SetRetryWaitTime(time.Second).SetRetryMaxWaitTime(time.Second)
		_, err := c.R().Get("/")
		requireLimit(t, err, "read", 4*time.Second)
		require.GreaterOrEqual(t, w.past(), 12*time.Second)
		require.LessOrEqual(t, w.past(), 14*time.Second)
	})
}

func TestAttemptCoversTheWaitsOfStepsBelowRetry(t *testing.T) {
	for _, layer := range []middleware.Layer{middleware.Breaker, middleware.Limit, middleware.Auth, middleware.Wire} {
		overBoth(t, late(0), func(t *testing.T, w *world) {
			_, err := w.client(middleware.Timeout{Attempt: 5 * time.Second}, waits(layer, time.Minute)).R().Get("/")
			requireLimit(t, err, "attempt", 5*time.Second)
			require.Equal(t, 5*time.Second, w.past())
		})
	}
}

func TestAttemptDoesNotCoverTheWaitsOfStepsAbove(t *testing.T) {
	for _, layer := range []middleware.Layer{middleware.Call, middleware.Retry} {
		overBoth(t, late(0), func(t *testing.T, w *world) {
			_, err := w.client(middleware.Timeout{Attempt: 5 * time.Second}, waits(layer, time.Minute)).R().Get("/")
			require.NoError(t, err)
			require.Equal(t, time.Minute, w.past())
		})
	}
}

// What a step waits for before the send, a token or its turn, is not the server's
// silence.
func TestWaitsOfStepsAreNoSilence(t *testing.T) {
	for _, layer := range []middleware.Layer{middleware.Call, middleware.Retry, middleware.Breaker, middleware.Limit, middleware.Auth, middleware.Wire} {
		overBoth(t, mute, func(t *testing.T, w *world) {
			_, err := w.client(middleware.Timeout{}, waits(layer, time.Minute)).R().Get("/")
			requireLimit(t, err, "read", 10*time.Second)
			require.Equal(t, time.Minute+10*time.Second, w.past())
		})
	}
}

// A step that sends twice in an attempt, as after a 401, waits in between for its own
// reasons.
func TestWaitBetweenTwoSendsOfAnAttemptIsNoSilence(t *testing.T) {
	twice := middleware.Func("twice", middleware.Auth, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		resp, err := next(req)
		if err != nil {
			return nil, err
		}
		middleware.Discard(resp)
		time.Sleep(time.Minute)
		if req, err = middleware.Rewind(req); err != nil {
			return nil, err
		}
		return next(req)
	})
	overBoth(t, late(time.Second), func(t *testing.T, w *world) {
		_, err := w.client(middleware.Timeout{}, twice).R().SetBody(make([]byte, 1<<20)).Post("/")
		require.NoError(t, err)
		require.Equal(t, time.Minute+2*time.Second, w.past())
	})
}

func TestShorterOfAttemptAndDeadlineIsTheOneNamed(t *testing.T) {
	for _, c := range []struct {
		attempt, deadline, fires time.Duration
		limit                    string
	}{
		{attempt: 4 * time.Second, deadline: 9 * time.Second, limit: "attempt", fires: 4 * time.Second},
		{attempt: 9 * time.Second, deadline: 9 * time.Second, limit: "attempt", fires: 9 * time.Second},
		{attempt: 0, deadline: 9 * time.Second, limit: "deadline", fires: 9 * time.Second},
	} {
		overBoth(t, drip(100, time.Second), func(t *testing.T, w *world) {
			_, err := w.client(middleware.Timeout{Attempt: c.attempt}, middleware.Deadline(c.deadline)).R().Get("/")
			requireLimit(t, err, c.limit, c.fires)
			require.Equal(t, c.fires, w.past())
		})
	}
}

func TestLastAttemptIsCutByTheDeadlineAndSaysSo(t *testing.T) {
	overBoth(t, mute, func(t *testing.T, w *world) {
		_, err := w.client(middleware.Timeout{Attempt: 4 * time.Second}, middleware.Deadline(10*time.Second), again(5, time.Second)).R().Get("/")
		requireLimit(t, err, "deadline", 10*time.Second)
		require.Equal(t, 10*time.Second, w.past())
	})
}
