package middleware_test

import (
	"context"
	"errors"
	"math"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

func TestTimeoutPrintsItsLimits(t *testing.T) {
	for want, step := range map[string]middleware.Timeout{
		"connect 3s, read 10s":            {},
		"connect 1s, read 2s, attempt 3s": {Connect: time.Second, Read: 2 * time.Second, Attempt: 3 * time.Second},
		"connect 3s":                      {Read: middleware.NoLimit},
		"read 1m30s":                      {Connect: middleware.NoLimit, Read: 90 * time.Second, Attempt: middleware.NoLimit},
		"none":                            {Connect: middleware.NoLimit, Read: middleware.NoLimit},
		"connect 3s, read 2562047h47m16.854775807s": {Read: math.MaxInt64},
	} {
		require.Equal(t, want, step.String())
	}
}

func TestNegativeDurationsAreRefused(t *testing.T) {
	for want, step := range map[string]middleware.Middleware{
		"timeout: Connect is -2ns":     middleware.Timeout{Connect: -2},
		"timeout: Read is -1s":         middleware.Timeout{Read: -time.Second},
		"timeout: Attempt is -1h0m0s":  middleware.Timeout{Attempt: -time.Hour},
		"deadline: Deadline is -500ms": middleware.Deadline(-500 * time.Millisecond),
	} {
		c := resty.New()
		err := middleware.Use(c, step)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "middleware.NoLimit", "it says what to do")
		require.Empty(t, middleware.Of(c))
	}
}

func TestEveryNegativeDurationIsNamedAtOnce(t *testing.T) {
	err := middleware.Use(resty.New(), middleware.Timeout{Connect: -2, Read: -3, Attempt: -4}, middleware.Deadline(-5))
	for _, want := range []string{"Connect is -2ns", "Read is -3ns", "Attempt is -4ns", "Deadline is -5ns"} {
		require.ErrorContains(t, err, want)
	}
}

func TestAttemptThatIsLongerThanTheDeadlineIsRefused(t *testing.T) {
	const no = middleware.NoLimit
	for _, c := range []struct {
		attempt, deadline time.Duration
		ok                bool
	}{
		{attempt: 31 * time.Second, deadline: 0},
		{attempt: 2 * time.Second, deadline: time.Second},
		{attempt: 30 * time.Second, deadline: 0, ok: true},
		{attempt: time.Second, deadline: time.Second, ok: true},
		{attempt: time.Hour, deadline: no, ok: true},
		{attempt: 0, deadline: time.Millisecond, ok: true},
		{attempt: no, deadline: time.Millisecond, ok: true},
	} {
		limits, total := middleware.Timeout{Attempt: c.attempt}, middleware.Deadline(c.deadline)
		client := resty.New()
		for _, err := range []error{
			middleware.Use(resty.New(), limits, total),
			middleware.Use(resty.New(), total, limits),
			errors.Join(middleware.Use(client, total), middleware.Use(client, limits)),
		} {
			if c.ok {
				require.NoError(t, err)
				continue
			}
			require.ErrorContains(t, err, "timeout: Attempt ("+c.attempt.String()+") is longer than the Deadline")
		}
	}
}

// The same holds for a Deadline that a request brings along.
func TestDeadlineOfARequestThatIsShorterThanTheAttemptFailsTheRequest(t *testing.T) {
	c := resty.New().SetTransport(middleware.Next(func(*http.Request) (*http.Response, error) {
		t.Error("sent")
		return nil, errors.New("sent")
	}))
	require.NoError(t, middleware.Use(c, middleware.Timeout{Attempt: 10 * time.Second}))
	_, err := c.R().SetContext(middleware.With(t.Context(), middleware.Timeout{Attempt: 2 * time.Second}, middleware.Deadline(time.Second))).Get("http://x.test/")
	require.ErrorContains(t, err, "Attempt (2s) is longer than the Deadline")
}

func TestTimeoutErrorIsATimeoutForEverybodyWhoAsks(t *testing.T) {
	for limit, want := range map[string]string{
		"connect":  "timeout: connect: no connection within 2s",
		"read":     "timeout: read: nothing came for 2s",
		"attempt":  "timeout: attempt: not done within 2s",
		"deadline": "timeout: deadline: the call was not done within 2s",
	} {
		err := &middleware.TimeoutError{Limit: limit, Value: 2 * time.Second}
		require.EqualError(t, err, want)
		require.True(t, err.Timeout())
		require.True(t, err.Temporary())
		require.True(t, os.IsTimeout(err))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, context.Canceled)
	}
}

func TestNoLimitSwitchesOneLimitOff(t *testing.T) {
	const no = middleware.NoLimit
	overBoth(t, late(time.Hour), func(t *testing.T, w *world) {
		_, err := w.client(middleware.Timeout{Read: no}).R().Get("/")
		require.NoError(t, err)
		_, err = w.client(middleware.Timeout{Connect: no, Read: no, Attempt: no}, middleware.Deadline(no)).R().Get("/")
		require.NoError(t, err)
		require.Equal(t, 2*time.Hour, w.past())
	})
}

func TestTimeoutOfARequestReplacesTheClientsAsAWhole(t *testing.T) {
	overBoth(t, mute, func(t *testing.T, w *world) {
		c := w.client(middleware.Timeout{Read: time.Second, Attempt: 2 * time.Second})
		_, err := c.R().SetContext(middleware.With(t.Context(), middleware.Timeout{Connect: time.Second})).Get("/")
		requireLimit(t, err, "read", 10*time.Second)
		require.Equal(t, 10*time.Second, w.past())
	})
}

func TestLimitsHoldInAClientOtherThanRestys(t *testing.T) {
	overBoth(t, mute, func(t *testing.T, w *world) {
		hc := &http.Client{Transport: middleware.Stack{middleware.Timeout{}}.RoundTripper(w.base)}
		_, err := hc.Get(w.url)
		requireLimit(t, err, "read", 10*time.Second)
		require.Equal(t, 10*time.Second, w.past())
	})
}

func TestLongestDurationThereIsNeverFires(t *testing.T) {
	const most = time.Duration(math.MaxInt64)
	overBoth(t, late(time.Hour), func(t *testing.T, w *world) {
		w.slowly(time.Second)
		_, err := w.client(middleware.Timeout{Connect: most, Read: most, Attempt: most}, middleware.Deadline(most)).R().Get("/")
		require.NoError(t, err)
		w.base.CloseIdleConnections()
		_, err = w.client(middleware.Timeout{Connect: most, Read: most}, middleware.Deadline(time.Minute)).R().Get("/")
		requireLimit(t, err, "deadline", time.Minute)
	})
}
