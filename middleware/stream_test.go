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

// stream opens a stream and expects that to work.
func stream(t *testing.T, r *resty.Request) io.ReadCloser {
	t.Helper()
	resp, err := r.SetDoNotParseResponse(true).Get("/")
	require.NoError(t, err)
	t.Cleanup(func() { _ = resp.RawBody().Close() })
	return resp.RawBody()
}

func TestStreamIsNotCutBecauseTheCallReturned(t *testing.T) {
	stacks := map[string]middleware.Stack{
		"with limits":    {middleware.Timeout{}, middleware.Deadline(time.Hour), middleware.MaxBody(0)},
		"without limits": {middleware.RequireStatus{}},
	}
	for name, steps := range stacks {
		t.Run(name, func(t *testing.T) {
			overBoth(t, drip(9, 9*time.Second), func(t *testing.T, w *world) {
				body := stream(t, w.client(steps...).R())
				time.Sleep(10 * time.Minute)
				all, err := io.ReadAll(body)
				require.NoError(t, err)
				require.Len(t, all, 9*len("drop "))
			})
		})
	}
}

func TestStreamIsCutByTheDeadlineThatRunsOn(t *testing.T) {
	overBoth(t, drip(100, time.Second), func(t *testing.T, w *world) {
		body := stream(t, w.client(middleware.Deadline(10500*time.Millisecond)).R())
		require.Zero(t, w.past())
		all, err := io.ReadAll(body)
		requireLimit(t, err, "deadline", 10500*time.Millisecond)
		require.Equal(t, 10500*time.Millisecond, w.past())
		require.Len(t, all, 11*len("drop "))
		_, err = body.Read(make([]byte, 1))
		requireLimit(t, err, "deadline", 10500*time.Millisecond)
	})
}

// The deadline holds while the caller is busy elsewhere, and the next reading says so.
func TestStreamIsCutByTheDeadlineBetweenTwoReads(t *testing.T) {
	overBoth(t, drip(100, time.Second), func(t *testing.T, w *world) {
		body := stream(t, w.client(middleware.Deadline(0)).R())
		_, err := io.ReadFull(body, make([]byte, 5))
		require.NoError(t, err)
		time.Sleep(time.Minute)
		_, err = body.Read(make([]byte, 5))
		requireLimit(t, err, "deadline", 30*time.Second)
		require.Equal(t, time.Minute, w.past(), "it did not wait")
		require.NoError(t, body.Close())
	})
}

func TestStreamStaysUnderReadAndAttempt(t *testing.T) {
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		step  middleware.Timeout
		fires time.Duration
	}{
		"read": {serve: func(w http.ResponseWriter, r *http.Request) {
			drip(2, time.Second)(w, r)
			mute(w, r)
		}, step: middleware.Timeout{Read: 5 * time.Second}, fires: 6 * time.Second},
		"attempt": {serve: drip(100, time.Second), step: middleware.Timeout{Attempt: 5 * time.Second}, fires: 5 * time.Second},
	} {
		overBoth(t, c.serve, func(t *testing.T, w *world) {
			_, err := io.ReadAll(stream(t, w.client(c.step).R()))
			requireLimit(t, err, name, 5*time.Second)
			require.Equal(t, c.fires, w.past())
		})
	}
}

func TestLongStreamSaysSo(t *testing.T) {
	overBoth(t, drip(1000, 9*time.Second), func(t *testing.T, w *world) {
		c := w.client(middleware.Deadline(0), middleware.Timeout{})
		all, err := io.ReadAll(stream(t, c.R().SetContext(middleware.With(t.Context(), middleware.Off("deadline")))))
		require.NoError(t, err)
		require.Len(t, all, 1000*len("drop "))
		require.Equal(t, 9000*time.Second, w.past())
	})
}

// What is done with the stream's contexts and body later meets no limit of the call's.
func TestStreamIsFreeOfItsLimitsAtItsEnd(t *testing.T) {
	for name, end := range map[string]func(*testing.T, io.ReadCloser){
		"EOF": func(t *testing.T, body io.ReadCloser) {
			t.Helper()
			_, err := io.ReadAll(body)
			require.NoError(t, err)
		},
		"Close": func(t *testing.T, body io.ReadCloser) {
			t.Helper()
			require.NoError(t, body.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			overBoth(t, drip(3, time.Second), func(t *testing.T, w *world) {
				resp, err := w.client(middleware.Deadline(0), middleware.Timeout{}).R().SetDoNotParseResponse(true).Get("/")
				require.NoError(t, err)
				_, limited := resp.RawResponse.Request.Context().Deadline()
				require.True(t, limited, "while it is read")
				end(t, resp.RawBody())
				ctx := resp.RawResponse.Request.Context()
				_, limited = ctx.Deadline()
				require.False(t, limited)
				time.Sleep(time.Hour)
				require.NoError(t, ctx.Err())
				_, err = resp.RawBody().Read(make([]byte, 1))
				require.Error(t, err)
				_, late := errors.AsType[*middleware.TimeoutError](err)
				require.False(t, late)
				require.NoError(t, resp.RawBody().Close(), "it may be closed twice")
			})
		})
	}
}

// upgrade changes to a protocol that repeats what it hears.
func upgrade(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Connection", "Upgrade")
	w.Header().Set("Upgrade", "echo")
	w.WriteHeader(http.StatusSwitchingProtocols)
	conn, both, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = io.Copy(conn, both)
}

// After 101 the body is a connection of another protocol, and silence its right.
func TestConnectionOfAnotherProtocolHasNoLimits(t *testing.T) {
	overBoth(t, upgrade, func(t *testing.T, w *world) {
		if w.proto == 2 {
			t.Skip("HTTP/2 has no 101")
		}
		c := w.client(middleware.Timeout{Attempt: 20 * time.Second}, middleware.Deadline(0), middleware.MaxBody(1))
		body := stream(t, c.R().SetHeader("Connection", "Upgrade").SetHeader("Upgrade", "echo"))
		conn, ok := body.(io.ReadWriteCloser)
		require.True(t, ok, "%T", body)
		time.Sleep(time.Hour)
		_, err := io.WriteString(conn, "hello")
		require.NoError(t, err)
		got := make([]byte, 5)
		_, err = io.ReadFull(conn, got)
		require.NoError(t, err)
		require.Equal(t, "hello", string(got))
		require.NoError(t, conn.Close())
	})
}

func TestClosedStreamCannotBeRead(t *testing.T) {
	overBoth(t, drip(3, time.Second), func(t *testing.T, w *world) {
		body := stream(t, w.client(middleware.Timeout{}).R())
		require.NoError(t, body.Close())
		_, err := body.Read(make([]byte, 1))
		require.Error(t, err)
		require.NotErrorIs(t, err, context.Canceled, "it is closed, and nobody cancelled")
	})
}

// A reader that waits is woken by the Close of another goroutine.
func TestCloseEndsAReadThatWaits(t *testing.T) {
	stalls := func(rw http.ResponseWriter, r *http.Request) {
		drip(1, 0)(rw, r)
		mute(rw, r)
	}
	overBoth(t, stalls, func(t *testing.T, w *world) {
		body := stream(t, w.client(middleware.Timeout{Read: time.Hour}).R())
		time.AfterFunc(time.Second, func() { _ = body.Close() })
		_, err := io.ReadAll(body)
		require.Error(t, err)
		require.Equal(t, time.Second, w.past())
	})
}
