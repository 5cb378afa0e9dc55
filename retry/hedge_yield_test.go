package retry_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/retry"
)

// TestAHedgeDoesNotWaitForThePlaceOfAFailedAttempt: the first fails while the hedge is in the
// queue behind it.
func TestAHedgeDoesNotWaitForThePlaceOfAFailedAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, text := range map[string]string{"a short answer": "busy", "a long one": strings.Repeat("busy", 1<<20)} {
			for _, wait := range []time.Duration{0, middleware.NoLimit} {
				tr := lanes(lane{takes: 200 * time.Millisecond, status: 503, body: text})
				c := hedged(t, tr, &retry.Hedge{After: 100 * time.Millisecond}, &retry.Limit{Concurrent: 1, MaxWait: wait})
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				begun := time.Now()
				resp, err := c.R().SetContext(ctx).Get("/")
				require.NoError(t, err)
				require.Equal(t, 400*time.Millisecond, time.Since(begun), name)
				require.Equal(t, "1", resp.Header().Get("X-Lane"), "the first answer is the caller's")
				require.Equal(t, text, resp.String(), "and whole")
				cancel()
				tr.quiet(t)
			}
		}
	})
}

// TestAFailedAttemptGivesItsOwnPlaceBackAlone: that of a winner, which comes at the same time,
// is taken until its body is read.
func TestAFailedAttemptGivesItsOwnPlaceBackAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 50 {
			tr := lanes(lane{takes: 200 * time.Millisecond, status: 503, body: "busy"}, lane{takes: 100 * time.Millisecond, status: 200, body: "ok"}, lane{status: 200})
			c := hedged(t, tr, &retry.Hedge{After: 100 * time.Millisecond}, &retry.Limit{Concurrent: 2, MaxWait: time.Second})
			resp, err := c.R().SetDoNotParseResponse(true).Get("/")
			require.NoError(t, err)
			require.Equal(t, "2", resp.Header().Get("X-Lane"))
			other, err := c.R().SetDoNotParseResponse(true).Get("/")
			require.NoError(t, err, "one place is free")
			_, err = c.R().Get("/")
			require.ErrorContains(t, err, "2 requests are under way", "and the other is not")
			require.NoError(t, resp.RawBody().Close())
			require.NoError(t, other.RawBody().Close())
			tr.quiet(t)
		}
	})
}

// TestAHedgeDoesNotWaitForTheConnectionOfAFailedAttempt: of which the transport has only one.
func TestAHedgeDoesNotWaitForTheConnectionOfAFailedAttempt(t *testing.T) {
	var n atomic.Int32
	late := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1) == 1 {
			<-late
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, strings.Repeat("busy", 10_000))
		}
	}))
	defer server.Close()
	c := resty.New().SetTransport(&http.Transport{MaxConnsPerHost: 1})
	require.NoError(t, middleware.Use(c, &retry.Hedge{After: time.Millisecond}, onEvent(func(middleware.Event) { close(late) })))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	resp, err := c.R().SetContext(ctx).Get(server.URL)
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode())
}

// onEvent is a step that hears what others tell.
type onEvent func(middleware.Event)

func (onEvent) Name() string                                     { return "on-event" }
func (onEvent) Layer() middleware.Layer                          { return middleware.Call }
func (f onEvent) Observe(_ *middleware.Info, e middleware.Event) { f(e) }

// TestAWinnerDoesNotWaitForALoser: whose answer trickles.
func TestAWinnerDoesNotWaitForALoser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int32
		slow := &trickle{done: make(chan struct{})}
		c := resty.New().SetTransport(middleware.Next(func(*http.Request) (*http.Response, error) {
			time.Sleep(20 * time.Millisecond)
			if n.Add(1) == 1 {
				return &http.Response{StatusCode: 503, Header: http.Header{}, Body: slow, ContentLength: -1}, nil
			}
			return status(200)()
		}))
		require.NoError(t, middleware.Use(c, &retry.Hedge{After: 10 * time.Millisecond}))
		begun := time.Now()
		resp, err := c.R().Get("https://api.example.com")
		require.NoError(t, err)
		require.Equal(t, 200, resp.StatusCode())
		require.Equal(t, 30*time.Millisecond, time.Since(begun))
		synctest.Wait()
		require.True(t, slow.closed.Load())
	})
}

// trickle is a body that comes byte by byte, and never ends.
type trickle struct {
	done   chan struct{}
	closed atomic.Bool
}

func (b *trickle) Read(p []byte) (int, error) {
	select {
	case <-b.done:
		return 0, errors.New("closed")
	case <-time.After(10 * time.Millisecond):
		p[0] = 'x'
		return 1, nil
	}
}

func (b *trickle) Close() error {
	if !b.closed.Swap(true) {
		close(b.done)
	}
	return nil
}

// TestABodyThatPanicsWhileItIsReadAheadPanicsWhereItIsRead and nowhere else.
func TestABodyThatPanicsWhileItIsReadAheadPanicsWhereItIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := resty.New().SetTransport(middleware.Next(func(*http.Request) (*http.Response, error) {
			time.Sleep(20 * time.Millisecond)
			return &http.Response{StatusCode: 503, Header: http.Header{}, Body: io.NopCloser(panicking{}), ContentLength: -1}, nil
		}))
		require.NoError(t, middleware.Use(c, &retry.Hedge{After: 10 * time.Millisecond}))
		require.PanicsWithValue(t, "the body", func() { _, _ = c.R().Get("https://api.example.com") })
	})
}

type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("the body") }
