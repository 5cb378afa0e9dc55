package middleware_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

var errShutdown = errors.New("shutdown")

// wills are the ways in which a caller ends a call after 5s, with the errors that must
// be found then.
func wills() map[string]struct {
	end  func(context.Context) (context.Context, context.CancelFunc)
	want []error
} {
	const after = 5 * time.Second
	return map[string]struct {
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
		"has a deadline": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, after)
		}, []error{context.DeadlineExceeded}},
		"has a deadline with a cause": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeoutCause(ctx, after, errShutdown)
		}, []error{context.DeadlineExceeded, errShutdown}},
	}
}

// requireTheirs asks for the caller's own end of a call, in every word of it.
func requireTheirs(t *testing.T, err error, want []error) {
	t.Helper()
	require.Error(t, err)
	for _, w := range want {
		require.ErrorIs(t, err, w)
	}
	_, ours := errors.AsType[*middleware.TimeoutError](err)
	require.Falsef(t, ours, "%v", err)
	_, connect := errors.AsType[*middleware.ConnectError](err)
	require.Falsef(t, connect, "%v", err)
}

func TestEndOfTheCallersIsNeverATimeoutOfTheKits(t *testing.T) {
	stalls := func(rw http.ResponseWriter, r *http.Request) {
		drip(1, 0)(rw, r)
		mute(rw, r)
	}
	stacks := map[string]middleware.Stack{
		"all limits": {middleware.Timeout{Attempt: 6 * time.Second}, middleware.Deadline(7 * time.Second)},
		"no limits":  {middleware.RequireStatus{}},
		"retries":    {middleware.Timeout{Attempt: 4 * time.Second}, middleware.Deadline(0), again(3, 2*time.Second)},
	}
	for will, caller := range wills() {
		for stack, steps := range stacks {
			for phase, serve := range map[string]http.HandlerFunc{"before the headers": mute, "in the body": stalls} {
				if stack == "retries" && phase == "in the body" {
					continue // the first attempt's answer is the call's
				}
				t.Run(will+"/"+stack+"/"+phase, func(t *testing.T) {
					overBoth(t, serve, func(t *testing.T, w *world) {
						for mode, get := range modes(t) {
							begin := w.past()
							ctx, cancel := caller.end(t.Context())
							_, err := get(w.client(steps...).R().SetContext(ctx))
							cancel()
							requireTheirs(t, err, caller.want)
							require.Equal(t, 5*time.Second, w.past()-begin, mode)
						}
					})
				})
			}
		}
	}
}

func TestEndOfTheCallersWhileConnecting(t *testing.T) {
	for will, caller := range wills() {
		t.Run(will, func(t *testing.T) {
			overBoth(t, mute, func(t *testing.T, w *world) {
				w.slowly(time.Minute)
				ctx, cancel := caller.end(t.Context())
				defer cancel()
				_, err := w.client(middleware.Timeout{Connect: time.Hour}).R().SetContext(ctx).Get("/")
				requireTheirs(t, err, caller.want)
				require.Equal(t, 5*time.Second, w.past())
			})
		})
	}
}

func TestEndOfTheCallersWhileAStepWaits(t *testing.T) {
	for will, caller := range wills() {
		for _, layer := range []middleware.Layer{middleware.Call, middleware.Retry, middleware.Limit, middleware.Wire} {
			t.Run(will+" at "+layer.String(), func(t *testing.T) {
				overBoth(t, mute, func(t *testing.T, w *world) {
					ctx, cancel := caller.end(t.Context())
					defer cancel()
					_, err := w.client(middleware.Timeout{}, middleware.Deadline(0), waits(layer, time.Minute)).R().SetContext(ctx).Get("/")
					requireTheirs(t, err, caller.want)
					require.Equal(t, 5*time.Second, w.past())
				})
			})
		}
	}
}

func TestRequestOfACallerWhoHasGoneIsNotSent(t *testing.T) {
	for _, steps := range []middleware.Stack{
		{middleware.RequireStatus{}}, {middleware.Timeout{}}, {middleware.Deadline(0)}, {middleware.Timeout{}, middleware.Deadline(0)},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errShutdown)
		c := resty.New().SetLogger(silence{}).SetTransport(middleware.Next(func(*http.Request) (*http.Response, error) {
			t.Error("sent")
			return nil, errors.New("sent")
		}))
		require.NoError(t, middleware.Use(c, steps...))
		_, err := c.R().SetContext(ctx).SetBody("x").Post("http://server.test/")
		requireTheirs(t, err, []error{context.Canceled, errShutdown})
	}
}

func TestShorterDeadlineOfTheCallersWins(t *testing.T) {
	overBoth(t, mute, func(t *testing.T, w *world) {
		c := w.client(middleware.Deadline(10*time.Second), middleware.Timeout{Read: middleware.NoLimit})
		for _, theirs := range []time.Duration{9 * time.Second, 10*time.Second - 1} {
			ctx, cancel := context.WithTimeout(t.Context(), theirs)
			begin := w.past()
			_, err := c.R().SetContext(ctx).Get("/")
			cancel()
			requireTheirs(t, err, []error{context.DeadlineExceeded})
			require.Equal(t, theirs, w.past()-begin)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second+1)
		defer cancel()
		_, err := c.R().SetContext(ctx).Get("/")
		requireLimit(t, err, "deadline", 10*time.Second)
	})
}

// The caller may go at any time of a stream, and keeps what was read.
func TestCallerWhoGoesInTheMiddleOfAStreamSeesWhy(t *testing.T) {
	overBoth(t, drip(100, time.Second), func(t *testing.T, w *world) {
		ctx, cancel := context.WithCancelCause(t.Context())
		body := stream(t, w.client(middleware.Timeout{}, middleware.Deadline(0)).R().SetContext(ctx))
		time.AfterFunc(3500*time.Millisecond, func() { cancel(errShutdown) })
		got, err := io.ReadAll(body)
		requireTheirs(t, err, []error{context.Canceled, errShutdown})
		require.Equal(t, "drop drop drop drop ", string(got))
		require.Equal(t, 3500*time.Millisecond, w.past())
	})
}

// A time-out that a step sets itself is the step's.
func TestTimeoutOfAStepsOwnIsNotTheKits(t *testing.T) {
	for _, layer := range []middleware.Layer{middleware.Call, middleware.Retry, middleware.Limit, middleware.Wire} {
		overBoth(t, mute, func(t *testing.T, w *world) {
			own := middleware.Func("own", layer, func(req *http.Request, next middleware.Next) (*http.Response, error) {
				ctx, cancel := context.WithTimeout(req.Context(), 5*time.Second)
				defer cancel()
				return next(req.WithContext(ctx))
			})
			_, err := w.client(middleware.Timeout{}, middleware.Deadline(0), own).R().Get("/")
			requireTheirs(t, err, []error{context.DeadlineExceeded})
			require.Equal(t, 5*time.Second, w.past())
		})
	}
}
