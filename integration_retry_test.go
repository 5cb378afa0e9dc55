package restykit_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/retry"
)

// patient retries so often that a fair coin does not matter.
func patient() retry.Policy {
	return retry.Policy{Attempts: 40, Wait: time.Millisecond, MaxWait: 2 * time.Millisecond, Budget: retry.Unlimited}
}

func TestUnstableServerIsOutlivedByEveryCall(t *testing.T) {
	t.Parallel()
	paths := []string{"/status/200:0.5,503:0.5", "/status/200:0.4,429:0.3,500:0.3"}
	if os.Getenv("HTTPBIN_URL") == "" { // the original has no such thing
		paths = append(paths, "/unstable?failure_rate=0.6")
	}
	c := client(t, patient(), middleware.RequireStatus{})
	for _, path := range paths {
		retried := 0
		for range 20 {
			resp, err := c.R().Get(path)
			require.NoError(t, err, path)
			history := retry.History(resp)
			require.Equal(t, http.StatusOK, history[len(history)-1].StatusCode)
			retried += len(history) - 1
		}
		require.Positive(t, retried, "%s: by chance once in a million times", path)
	}
}

func TestStatusThatLastsIsTheCallersWithItsHistoryInEachMode(t *testing.T) {
	t.Parallel()
	c := client(t, quick(), middleware.RequireStatus{})
	inEachMode(t, func(t *testing.T, do send) {
		for _, code := range []int{408, 429, 500, 502, 503, 504} {
			_, _, err := do(t, c.R(), "GET", fmt.Sprint("/status/", code))
			failure, ok := errors.AsType[*middleware.StatusError](err)
			require.True(t, ok, "%v", err)
			require.Equal(t, code, failure.StatusCode)
			require.Equal(t, 3, failure.Attempts)
			exhausted, ok := errors.AsType[*retry.ExhaustedError](err)
			require.True(t, ok, "%v", err)
			require.Len(t, exhausted.History, 3)
		}
	})
}

func TestSlowAnswerIsTriedAgainAndASlowBodyIsNot(t *testing.T) {
	t.Parallel()
	c := client(t, quick(), middleware.Timeout{Attempt: 150 * time.Millisecond, Read: 100 * time.Millisecond})
	_, err := c.R().Get("/delay/2")
	exhausted, ok := errors.AsType[*retry.ExhaustedError](err)
	require.True(t, ok, "%v", err)
	require.Len(t, exhausted.History, 3)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, ok = errors.AsType[*middleware.TimeoutError](err)
	require.True(t, ok)

	_, err = c.R().SetBody("once").Post("/delay/2")
	_, ok = errors.AsType[*retry.ExhaustedError](err)
	require.False(t, ok, "a POST may have been read")

	dripping := client(t, quick(), middleware.Timeout{Read: time.Second})
	resp, err := dripping.R().Get("/drip?duration=0.5&numbytes=5&delay=0")
	require.NoError(t, err, "a body that comes bit by bit is a healthy one")
	require.Len(t, resp.Body(), 5)
	require.Len(t, retry.History(resp), 1)
}

func TestRedirectsAndRetriesAreCountedTogether(t *testing.T) {
	t.Parallel()
	bin := httpbin(t)
	c := clientOn(t, bin, quick(), middleware.RequireStatus{})
	_, err := c.R().Get(redirect(bin + "/status/503"))
	failure, ok := errors.AsType[*middleware.StatusError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, 3, failure.Attempts, "of which the redirect is the first")
}

func TestBreakerLeavesAnOriginAloneThatFails(t *testing.T) {
	t.Parallel()
	c := client(t, &retry.Breaker{MinAttempts: 5, OpenFor: 50 * time.Millisecond, Probes: 1})
	for range 5 {
		_, err := c.R().Get("/status/500")
		require.NoError(t, err)
	}
	_, err := c.R().Get("/status/200")
	_, ok := errors.AsType[*retry.OpenError](err)
	require.True(t, ok, "%v", err)
	require.NoError(t, middleware.Use(c, retry.Policy{Wait: 100 * time.Millisecond, Jitter: retry.NoJitter}))
	_, err = c.R().Get("/status/200")
	require.NoError(t, err, "a policy whose wait is longer waits for it to close")
}

func TestLimitLetsSoManyThroughAtATime(t *testing.T) {
	t.Parallel()
	c := client(t, &retry.Limit{Concurrent: 2, MaxWait: 10 * time.Second})
	begun := time.Now()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := c.R().Get("/delay/0.3"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.GreaterOrEqual(t, time.Since(begun), 600*time.Millisecond)
}

func TestHedgeNeedsNotWaitForASlowAnswer(t *testing.T) {
	t.Parallel()
	c := client(t, &retry.Hedge{After: 50 * time.Millisecond})
	var sent atomic.Int32
	first := middleware.Func("slow", middleware.Limit, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		if sent.Add(1) == 1 { // and is slow
			req = middleware.Mutable(req)
			delayed := *req.URL
			delayed.Path = "/delay/5"
			req.URL = &delayed
		}
		return next(req)
	})
	require.NoError(t, middleware.Use(c, first))
	begun := time.Now()
	_, err := c.R().Get("/get")
	require.NoError(t, err)
	require.Less(t, time.Since(begun), 4*time.Second)
}

func TestMovedClientGoesOnRetryingAsItDid(t *testing.T) {
	t.Parallel()
	c := client(t).SetRetryCount(30).SetRetryWaitTime(time.Millisecond).SetRetryMaxWaitTime(2 * time.Millisecond)
	c.AddRetryCondition(func(r *resty.Response, err error) bool { return err != nil || r.StatusCode() == 418 })
	require.NoError(t, middleware.Use(c, retry.FromResty(c), middleware.RequireStatus{}))
	_, err := c.R().Get("/status/200:0.5,418:0.5")
	require.NoError(t, err)
	_, err = c.R().Get("/status/503")
	require.ErrorIs(t, err, middleware.ErrServer)
}
