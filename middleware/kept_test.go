package middleware_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

// ledger is a context that lives for years, and knows who has hung on to it.
type ledger struct {
	done chan struct{}
	mu   sync.Mutex
	hung map[int]func()
	all  int
}

func newLedger() *ledger { return &ledger{done: make(chan struct{}), hung: map[int]func(){}} }

func (*ledger) Deadline() (time.Time, bool) { return time.Time{}, false }
func (l *ledger) Done() <-chan struct{}     { return l.done }
func (*ledger) Err() error                  { return nil }
func (*ledger) Value(any) any               { return nil }

// AfterFunc is asked by package context before it spends a goroutine.
func (l *ledger) AfterFunc(f func()) (stop func() bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all++
	at := l.all
	l.hung[at] = f
	return func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		_, was := l.hung[at]
		delete(l.hung, at)
		return was
	}
}

// ending is a call from its beginning to its end.
type ending func(context.Context, *testing.T, *world)

func limits() middleware.Stack {
	return middleware.Stack{middleware.Timeout{}, middleware.Deadline(time.Hour)}
}

// gets is a decoded call that ends with an error in which a text is found, or with none.
func gets(path, want string, more ...middleware.Middleware) ending {
	return func(ctx context.Context, t *testing.T, w *world) {
		t.Helper()
		_, err := w.client(append(limits(), more...)...).R().SetContext(ctx).Get(path)
		if want == "" {
			require.NoError(t, err)
			return
		}
		require.ErrorContains(t, err, want)
	}
}

// streams is a streamed call.
func streams(end func(*testing.T, io.ReadCloser)) ending {
	return func(ctx context.Context, t *testing.T, w *world) {
		t.Helper()
		resp, err := w.client(limits()...).R().SetContext(ctx).SetDoNotParseResponse(true).Get("/drip")
		require.NoError(t, err)
		end(t, resp.RawBody())
	}
}

// upgrades is a call that ends as a connection of another protocol, the caller's for as
// long as it is wanted.
func upgrades(ctx context.Context, t *testing.T, w *world) {
	t.Helper()
	if w.proto == 2 { // which has no 101
		gets("/late", "")(ctx, t, w)
		return
	}
	resp, err := w.client(limits()...).R().SetContext(ctx).SetDoNotParseResponse(true).
		SetHeader("Connection", "Upgrade").SetHeader("Upgrade", "echo").Get("/upgrade")
	require.NoError(t, err)
	t.Cleanup(func() { _ = resp.RawBody().Close() })
}

// endings are all the ways for a call to end.
func endings() map[string]ending {
	short := middleware.Deadline(20 * time.Second)
	curious := middleware.Func("curious", middleware.Call, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		ctx, cancel := context.WithTimeout(req.Context(), time.Hour)
		context.AfterFunc(ctx, func() {})
		time.AfterFunc(time.Minute, cancel)
		return next(req.WithContext(ctx))
	})
	return map[string]ending{
		"an answer":                 gets("/drip", ""),
		"no body":                   gets("/late", ""),
		"an error status":           gets("/teapot", "418", middleware.RequireStatus{}),
		"a limit of silence":        gets("/mute", "timeout: read"),
		"the deadline":              gets("/mute", "timeout: deadline", short, middleware.Timeout{Read: middleware.NoLimit}),
		"the deadline in a wait":    gets("/late", "timeout: deadline", short, waits(middleware.Retry, time.Hour)),
		"attempts":                  gets("/mute", "timeout: attempt", middleware.Timeout{Attempt: time.Second}, again(3, time.Second)),
		"a step that derives":       gets("/drip", "", curious),
		"a step that derives, late": gets("/mute", "timeout: read", curious),
		"a check":                   gets("/drip", "no", middleware.Check("no", func(*resty.Response) error { return errors.New("no") })),
		"another protocol":          upgrades,
		"a stream at its end": streams(func(t *testing.T, body io.ReadCloser) {
			t.Helper()
			_, err := io.ReadAll(body)
			require.NoError(t, err)
		}),
		"a stream that was closed": streams(func(t *testing.T, body io.ReadCloser) {
			t.Helper()
			require.NoError(t, body.Close())
		}),
		"a stream that was cut": streams(func(t *testing.T, body io.ReadCloser) {
			t.Helper()
			time.Sleep(2 * time.Hour)
			_, err := body.Read(make([]byte, 1))
			requireLimit(t, err, "deadline", time.Hour)
			require.NoError(t, body.Close())
		}),
	}
}

// The bubble itself fails a test that leaves a goroutine.
func TestFinishedCallLeavesNothingInTheCallersContext(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/drip", drip(2, time.Second))
	mux.HandleFunc("/late", late(time.Second))
	mux.HandleFunc("/mute", mute)
	mux.HandleFunc("/upgrade", upgrade)
	mux.HandleFunc("/teapot", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	for name, end := range endings() {
		t.Run(name, func(t *testing.T) {
			overBoth(t, mux.ServeHTTP, func(t *testing.T, w *world) {
				ctx := newLedger()
				end(ctx, t, w)
				end(context.WithValue(ctx, anyKey{}, "a context that package context spends a goroutine on"), t, w)
				time.Sleep(2 * time.Minute) // what the curious step derived has ended, and no deadline has passed yet
				synctest.Wait()
				ctx.mu.Lock()
				defer ctx.mu.Unlock()
				require.Empty(t, ctx.hung)
				require.NotZero(t, ctx.all, "it was asked, so the count means something")
			})
		})
	}
}
