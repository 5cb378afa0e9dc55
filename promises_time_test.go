package restykit_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

// slow is a transport without sockets, for bubbles: it takes its time for a connection,
// for the header and between two bytes of the body.
type slow struct {
	connect, header, gap time.Duration
	body                 string
}

func (s slow) RoundTrip(r *http.Request) (*http.Response, error) {
	trace := httptrace.ContextClientTrace(r.Context())
	if trace != nil && trace.GetConn != nil {
		trace.GetConn(r.URL.Host)
	}
	if err := pause(r.Context(), s.connect); err != nil {
		return nil, err
	}
	if trace != nil && trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{})
	}
	if err := pause(r.Context(), s.header); err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: 200, Header: http.Header{}, Request: r, ContentLength: -1,
		Body: io.NopCloser(&slowBody{ctx: r.Context(), gap: s.gap, rest: s.body}),
	}, nil
}

type slowBody struct {
	ctx  context.Context //nolint:containedctx // of the request
	gap  time.Duration
	rest string
}

func (b *slowBody) Read(p []byte) (int, error) {
	if b.rest == "" {
		return 0, io.EOF
	}
	if err := pause(b.ctx, b.gap); err != nil {
		return 0, err
	}
	n := copy(p[:1], b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// pause waits as long as the context lets it.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

const forever = 1000 * time.Hour

// onSlow is a client in a bubble, bare where no step is given.
func onSlow(t *testing.T, s slow, steps ...middleware.Middleware) *resty.Client {
	t.Helper()
	c := bare("http://api.example.com").SetTransport(s)
	if len(steps) > 0 {
		require.NoError(t, middleware.Use(c, steps...))
	}
	return c
}

// resty has no time-out by itself. Its one is for an attempt, cuts healthy downloads, and
// cannot be made longer for one request.
func TestTimeoutsHaveDefaultsBudgetsOfTheirOwnAndAnErrorThatSaysWhichOneFired(t *testing.T) {
	t.Parallel()
	hung, healthy := slow{header: forever}, slow{gap: time.Second, body: strings.Repeat("a line of a long stream", 10)}
	t.Run("bare resty", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
			defer cancel()
			begun := time.Now()
			_, err := onSlow(t, hung).R().SetContext(ctx).Get("/")
			require.Error(t, err)
			require.Equal(t, 24*time.Hour, time.Since(begun), "there is no default")
			_, err = onSlow(t, healthy).SetTimeout(10 * time.Second).R().Get("/")
			require.Error(t, err, "a healthy download is cut")
		})
	})
	for name, tc := range map[string]struct {
		slow  slow
		steps middleware.Stack
		limit string
		after time.Duration
	}{
		"connect by default":  {slow{connect: forever}, middleware.Stack{middleware.Timeout{}}, "connect", 3 * time.Second},
		"header by default":   {hung, middleware.Stack{middleware.Timeout{}}, "read", 10 * time.Second},
		"body by default":     {slow{gap: forever, body: "x"}, middleware.Stack{middleware.Timeout{}}, "read", 10 * time.Second},
		"attempt":             {healthy, middleware.Stack{middleware.Timeout{Attempt: time.Minute}}, "attempt", time.Minute},
		"deadline by default": {healthy, middleware.Stack{middleware.Timeout{}, middleware.Deadline(0)}, "deadline", 30 * time.Second},
	} {
		t.Run("with a stack, "+name, func(t *testing.T) {
			for mode, do := range map[string]send{"decoded": decoded, "streamed": streamed, "saved": saved} {
				synctest.Test(t, func(t *testing.T) {
					begun := time.Now()
					_, _, err := do(t, onSlow(t, tc.slow, tc.steps...).R(), "GET", "/")
					requireLimit(t, err, tc.limit, tc.after)
					require.Equal(t, tc.after, time.Since(begun), mode)
				})
			}
		})
	}
	t.Run("with a stack, a healthy download of any length", func(t *testing.T) {
		for _, do := range []send{decoded, streamed, saved} {
			synctest.Test(t, func(t *testing.T) {
				_, body, err := do(t, onSlow(t, healthy, middleware.Timeout{}).R(), "GET", "/")
				require.NoError(t, err)
				require.Equal(t, healthy.body, body)
			})
		}
	})
	t.Run("with a stack, longer for one request", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx := middleware.With(t.Context(), middleware.Deadline(time.Hour))
			_, err := onSlow(t, healthy, middleware.Deadline(0)).R().SetContext(ctx).Get("/")
			require.NoError(t, err)
		})
	})
}

// Client.Timeout and a deadline of the caller's are the same error, and the cause of a
// cancellation takes the place of Canceled.
func TestLimitTheCallersDeadlineAndTheCallersCancellationAreToldApart(t *testing.T) {
	t.Parallel()
	hung, shutdown := slow{header: forever}, errors.New("shutdown")
	byDeadline := func(t *testing.T, c *resty.Client) error {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.R().SetContext(ctx).Get("/")
		return err
	}
	byCause := func(t *testing.T, c *resty.Client) error {
		t.Helper()
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(shutdown) })
		_, err := c.R().SetContext(ctx).Get("/")
		return err
	}
	t.Run("bare resty", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			_, ours := onSlow(t, hung).SetTimeout(time.Second).R().Get("/")
			theirs := byDeadline(t, onSlow(t, hung))
			require.ErrorIs(t, ours, context.DeadlineExceeded)
			require.ErrorIs(t, theirs, context.DeadlineExceeded)
		})
	})
	t.Run("with a stack", func(t *testing.T) {
		for name, steps := range map[string]middleware.Stack{
			"read":     {middleware.Timeout{Read: 2 * time.Second}},
			"attempt":  {middleware.Timeout{Attempt: 2 * time.Second}},
			"deadline": {middleware.Deadline(2 * time.Second)},
		} {
			synctest.Test(t, func(t *testing.T) {
				c := onSlow(t, hung, steps...)
				_, err := c.R().Get("/")
				requireLimit(t, err, name, 2*time.Second)

				err = byDeadline(t, c)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				_, ours := errors.AsType[*middleware.TimeoutError](err)
				require.False(t, ours, "the caller's deadline")

				err = byCause(t, c)
				require.ErrorIs(t, err, context.Canceled)
				require.ErrorIs(t, err, shutdown)
				_, ours = errors.AsType[*middleware.TimeoutError](err)
				require.False(t, ours, "the caller's cancellation")
			})
		}
	})
	t.Run("with a stack, in the body", func(t *testing.T) {
		for _, do := range []send{decoded, streamed, saved} {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(shutdown) })
				c := onSlow(t, slow{gap: forever, body: "x"}, middleware.Timeout{}, middleware.Deadline(0))
				_, _, err := do(t, c.R().SetContext(ctx), "GET", "/")
				require.ErrorIs(t, err, context.Canceled)
				require.ErrorIs(t, err, shutdown)
			})
		}
	})
}

// redirects is a transport without sockets that leads on for ever, a second for each hop.
func redirects(r *http.Request) (*http.Response, error) {
	if err := pause(r.Context(), time.Second); err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusFound, Header: http.Header{"Location": {"/on"}}, Request: r, Body: http.NoBody,
	}, nil
}

// Of the limits of net/http's, only Client.Timeout holds over redirects.
func TestDeadlineIsOneForAllHopsAndAttempts(t *testing.T) {
	t.Parallel()
	steps := middleware.Stack{middleware.Deadline(4500 * time.Millisecond), middleware.Timeout{}}
	t.Run("resty", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			_, err := clientOn(t, "http://api.example.com", steps...).SetTransport(middleware.Next(redirects)).R().Get("/")
			requireLimit(t, err, "deadline", 4500*time.Millisecond)
			require.Equal(t, 4500*time.Millisecond, time.Since(begun))
		})
	})
	t.Run("a plain http.Client", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			c := &http.Client{Transport: steps.RoundTripper(middleware.Next(redirects))}
			_, err := c.Get("http://api.example.com/")
			requireLimit(t, err, "deadline", 4500*time.Millisecond)
			require.Equal(t, 4500*time.Millisecond, time.Since(begun))
		})
	})
	t.Run("attempts and their waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			c := onSlow(t, slow{header: forever}, append(steps, middleware.Timeout{Attempt: 2 * time.Second}, quick())...)
			_, err := c.R().Get("/")
			requireLimit(t, err, "deadline", 4500*time.Millisecond)
			require.Equal(t, 4500*time.Millisecond, time.Since(begun))
		})
	})
}
