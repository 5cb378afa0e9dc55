package retry_test

import (
	"context"
	"errors"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/retry"
)

var errShutdown = errors.New("shutdown")

// failures are first attempts that are worth a second one.
var failures = map[string]func() (*http.Response, error){
	"an answer": status(503), "an error": fails(syscall.ECONNREFUSED), "a Retry-After": status(429, "Retry-After", "8"),
}

// eightSeconds waits that long, whatever the dice say.
var eightSeconds = retry.Policy{Wait: 8 * time.Second, Jitter: retry.NoJitter}

func TestTheCallersEndInABackoffIsTheCallers(t *testing.T) {
	const after = 5 * time.Second
	for will, tt := range map[string]struct {
		end  func(context.Context) (context.Context, context.CancelFunc)
		want []error
	}{
		"cancels": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(after, cancel)
			return ctx, cancel
		}, []error{context.Canceled}},
		"cancels with a cause": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(after, func() { cancel(errShutdown) })
			return ctx, func() { cancel(nil) }
		}, []error{context.Canceled, errShutdown}},
	} {
		for failure, first := range failures {
			t.Run(will+"/"+failure, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := &script{answers: []func() (*http.Response, error){first}}
					ctx, cancel := tt.end(t.Context())
					defer cancel()
					begun := time.Now()
					_, err := clientOf(t, s, eightSeconds, middleware.RequireStatus{}, middleware.Deadline(0)).R().SetContext(ctx).Get("/")
					require.Equal(t, after, time.Since(begun))
					require.Len(t, s.at, 1)
					for _, want := range tt.want {
						require.ErrorIs(t, err, want)
					}
					_, ours := errors.AsType[*middleware.TimeoutError](err)
					require.False(t, ours, err)
				})
			})
		}
	}
}

// The wait fits when it is decided on. Then an OnRetry takes its time.
func TestADeadlineThatEndsABackoffIsNamed(t *testing.T) {
	for failure, first := range failures {
		t.Run(failure, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: []func() (*http.Response, error){first, status(200)}}
				policy := eightSeconds
				policy.OnRetry = func(context.Context, retry.Attempt) { time.Sleep(3 * time.Second) }
				begun := time.Now()
				_, err := clientOf(t, s, policy, middleware.RequireStatus{}, middleware.Deadline(10*time.Second)).R().Get("/")
				late, ok := errors.AsType[*middleware.TimeoutError](err)
				require.True(t, ok, err)
				require.Equal(t, middleware.TimeoutError{Limit: "deadline", Value: 10 * time.Second}, *late)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.NotErrorIs(t, err, context.Canceled)
				require.Equal(t, 10*time.Second, time.Since(begun))
				require.Len(t, s.at, 1)

				_, err = clientOf(t, s, policy, middleware.Deadline(12*time.Second)).R().Get("/")
				require.NoError(t, err, "with time for both it goes on")
				require.Len(t, s.at, 2)
			})
		})
	}
}
