package retry_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/internal/faultserver"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/retry"
)

// onLoopback is a client of a server that meets each request with the next of the faults.
func onLoopback(t *testing.T, faults []faultserver.Fault, steps ...middleware.Middleware) (*faultserver.Server, *resty.Client) {
	t.Helper()
	s, err := faultserver.Start(faults...)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	client := resty.New().SetBaseURL(s.URL)
	t.Cleanup(client.GetClient().CloseIdleConnections)
	require.NoError(t, middleware.Use(client, steps...))
	return s, client
}

// inBubble is the same in memory, where waits cost nothing. It ends before the bubble does.
func inBubble(t *testing.T, faults []faultserver.Fault, steps ...middleware.Middleware) (*faultserver.Server, *resty.Client) {
	t.Helper()
	s, base := faultserver.InMemory(faults...)
	client := resty.New().SetTransport(base).SetBaseURL(s.URL)
	require.NoError(t, middleware.Use(client, steps...))
	t.Cleanup(func() {
		base.CloseIdleConnections()
		s.Close()
	})
	return s, client
}

type faults = []faultserver.Fault

var fine = faultserver.Answer(200, "fine")

func TestEveryFaultOfAServerIsOutlived(t *testing.T) {
	for name, fault := range map[string]faultserver.Fault{
		"reset":                    faultserver.Reset,
		"closed before it answers": faultserver.Hangup,
		"cut short":                faultserver.Truncate,
		"cut short, in chunks":     faultserver.TruncateChunked,
		"silent":                   faultserver.Stall,
		"silent in its midst":      faultserver.StallBody,
		"no HTTP":                  faultserver.Garbage,
		"unavailable":              faultserver.Answer(503, "no"),
		"unavailable for 3 s":      faultserver.Answer(503, "no", "Retry-After", "3"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, client := inBubble(t, faults{fault, fault, fine}, retry.Policy{}, middleware.Timeout{}, middleware.Deadline(time.Minute), middleware.RequireStatus{})
				resp, err := client.R().SetBody("all of it").Put("/")
				require.NoError(t, err)
				require.Equal(t, "fine", resp.String())
				require.Len(t, s.Requests(), 3)
				for _, seen := range s.Requests() {
					require.Equal(t, "all of it", seen.Body, "whole each time")
				}
				history := retry.History(resp)
				require.Len(t, history, 3)
				require.Equal(t, 200, history[2].StatusCode)
			})
		})
	}
}

func TestAFaultThatLastsIsToldWithItsHistory(t *testing.T) {
	for name, tt := range map[string]struct {
		fault   faultserver.Fault
		targets []error
		says    string
	}{
		"reset":     {faultserver.Reset, []error{syscall.ECONNRESET, retry.ErrAttempts}, "after 3 attempts (connection reset by peer, connection reset by peer, connection reset by peer)"},
		"cut short": {faultserver.Truncate, []error{io.ErrUnexpectedEOF, retry.ErrAttempts}, "after 3 attempts"},
		"hangs up":  {faultserver.Hangup, []error{io.EOF, retry.ErrAttempts}, "after 3 attempts"},
	} {
		t.Run(name, func(t *testing.T) {
			s, client := onLoopback(t, faults{tt.fault}, retry.Policy{Attempts: 3, Wait: time.Millisecond})
			_, err := client.R().Get("/")
			exhausted, ok := errors.AsType[*retry.ExhaustedError](err)
			require.True(t, ok, err)
			require.Len(t, exhausted.History, 3)
			for i, a := range exhausted.History {
				require.Equal(t, i+1, a.Number)
				require.Error(t, a.Err)
				require.Equal(t, i < 2, a.Wait > 0, "no wait after the last")
			}
			for _, target := range tt.targets {
				require.ErrorIs(t, err, target)
			}
			require.ErrorContains(t, err, tt.says)
			require.Len(t, s.Requests(), 3)
		})
	}
}

func TestAPostIsNotRepeatedOnceItMayHaveBeenRead(t *testing.T) {
	for name, fault := range map[string]faultserver.Fault{
		"reset": faultserver.Reset, "closed": faultserver.Hangup, "cut short": faultserver.Truncate,
		"stalls": faultserver.Stall, "no HTTP": faultserver.Garbage, "unavailable": faultserver.Answer(503, ""),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, client := inBubble(t, faults{fault}, retry.Policy{}, middleware.Timeout{}, middleware.RequireStatus{})
				_, err := client.R().SetBody("once").Post("/")
				require.Error(t, err)
				require.Len(t, s.Requests(), 1)

				s, client = inBubble(t, faults{fault, fine}, retry.Policy{}, retry.IdempotencyKey{}, middleware.Timeout{}, middleware.RequireStatus{})
				_, err = client.R().SetBody("once").Post("/")
				require.NoError(t, err)
				seen := s.Requests()
				require.Len(t, seen, 2)
				require.NotEmpty(t, seen[0].Header.Get("Idempotency-Key"))
				require.Equal(t, seen[0], seen[1], "the same in all")
			})
		})
	}
}

func TestAPostIsSentWhereThereWasNoConnectionBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, base := faultserver.InMemory(fine)
		defer s.Close()
		defer base.CloseIdleConnections()
		dial, dials := base.DialContext, 0
		base.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			dials++
			if dials < 3 {
				return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
			}
			return dial(ctx, network, address)
		}
		client := resty.New().SetTransport(base)
		require.NoError(t, middleware.Use(client, retry.Policy{}))
		resp, err := client.R().SetBody("hello").Post(s.URL)
		require.NoError(t, err)
		require.Equal(t, "fine", resp.String())
		require.Equal(t, 3, dials)
		require.Len(t, s.Requests(), 1)
		require.Equal(t, "hello", s.Requests()[0].Body)
		brief := retry.History(resp)
		require.Len(t, brief, 3)
		require.ErrorIs(t, brief[0].Err, syscall.ECONNREFUSED)
	})
}

// TestAnAnswerThatNobodyAskedForIsNotTakenForAnother: net/http closes the connection.
func TestAnAnswerThatNobodyAskedForIsNotTakenForAnother(t *testing.T) {
	log.SetOutput(io.Discard) // where net/http says so
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	s, client := onLoopback(t, faults{faultserver.Twice(200, "one"), faultserver.Twice(503, "two"), fine}, retry.Policy{Wait: time.Millisecond})
	resp, err := client.R().Get("/")
	require.NoError(t, err)
	require.Equal(t, "one", resp.String())
	resp, err = client.R().Get("/")
	require.NoError(t, err)
	require.Equal(t, "fine", resp.String())
	require.GreaterOrEqual(t, len(s.Requests()), 3)
}

func TestAStreamThatBreaksIsTheReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, client := inBubble(t, faults{faultserver.Answer(503, strings.Repeat("no", 5000)), faultserver.Truncate}, retry.Policy{})
		resp, err := client.R().SetDoNotParseResponse(true).Get("/")
		require.NoError(t, err)
		text, err := io.ReadAll(resp.RawBody())
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.Equal(t, "half", string(text))
		require.NoError(t, resp.RawBody().Close())
		require.Len(t, s.Requests(), 2, "it was handed on when it began")
		require.Equal(t, 1, s.Connections(), "and the answer before was read to its end")
	})
}

func TestABodyAboveMaxBufferIsTheReaders(t *testing.T) {
	for name, p := range map[string]retry.Policy{"longer than it": {MaxBuffer: 50}, "off": {MaxBuffer: -1}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, client := inBubble(t, faults{faultserver.Truncate, fine}, p)
				_, err := client.R().Get("/")
				require.ErrorIs(t, err, io.ErrUnexpectedEOF)
				require.Len(t, s.Requests(), 1)
			})
		})
	}
	synctest.Test(t, func(t *testing.T) { // in chunks the length is known too late
		s, client := inBubble(t, faults{faultserver.TruncateChunked, fine}, retry.Policy{MaxBuffer: 2})
		_, err := client.R().Get("/")
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.Len(t, s.Requests(), 1)
	})
	synctest.Test(t, func(t *testing.T) { // whole beyond the buffer, byte for byte
		text := strings.Repeat("0123456789", 1000)
		_, client := inBubble(t, faults{faultserver.Answer(200, text)}, retry.Policy{MaxBuffer: 77})
		resp, err := client.R().Get("/")
		require.NoError(t, err)
		require.Equal(t, text, resp.String())
	})
}

// TestMaxBodyCountsInsideTheRetry: too large is final, and nothing above the limit is held.
func TestMaxBodyCountsInsideTheRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, client := inBubble(t, faults{faultserver.Answer(200, strings.Repeat("x", 1000))}, retry.Policy{}, middleware.MaxBody(100))
		_, err := client.R().Get("/")
		_, tooLarge := errors.AsType[*middleware.MaxBodyError](err)
		require.True(t, tooLarge, err)
		require.Len(t, s.Requests(), 1)
	})
}

// TestRetryIfTakesNothingAway: it reads and closes what it is shown.
func TestRetryIfTakesNothingAway(t *testing.T) {
	long := strings.Repeat("0123456789", 1000)
	for name, tt := range map[string]struct {
		fault  faultserver.Fault
		buffer int64
		set    func(*resty.Request)
		shown  int
	}{
		"whole":         {faultserver.Answer(200, long), 0, nil, 10_000},
		"the beginning": {faultserver.Answer(200, long), 100, nil, 101},
		"in chunks":     {faultserver.Chunked(200, long), 100, nil, 101},
		"nothing":       {faultserver.Answer(200, long), -1, nil, 0},
		"of a stream":   {faultserver.Answer(200, long), 0, func(r *resty.Request) { r.SetDoNotParseResponse(true) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				shown := -1
				_, client := inBubble(t, faults{tt.fault}, retry.Policy{MaxBuffer: tt.buffer, RetryIf: func(resp *http.Response, _ error) bool {
					text, err := io.ReadAll(resp.Body)
					require.NoError(t, err)
					require.NoError(t, resp.Body.Close())
					shown = len(text)
					return false
				}})
				r := client.R()
				if tt.set != nil {
					tt.set(r)
				}
				resp, err := r.Get("/")
				require.NoError(t, err)
				text := resp.Body()
				if tt.set != nil {
					text, err = io.ReadAll(resp.RawBody())
					require.NoError(t, err)
					require.NoError(t, resp.RawBody().Close())
				}
				require.Equal(t, long, string(text))
				require.Equal(t, tt.shown, shown)
			})
		})
	}
}

func TestRetryIfSeesTheBodyAndGivesItBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy := func(resp *http.Response, err error) bool {
			if err != nil {
				return retry.Transient(err)
			}
			text, _ := io.ReadAll(resp.Body)
			return string(text) == "busy"
		}
		s, client := inBubble(t, faults{faultserver.Answer(200, "busy"), faultserver.Truncate, fine}, retry.Policy{RetryIf: busy})
		resp, err := client.R().Get("/")
		require.NoError(t, err)
		require.Equal(t, "fine", resp.String())
		require.Len(t, s.Requests(), 3)
	})
}

// TestALengthThatIsNotTrueCutsNothingOff: fakes leave out the ContentLength, and decorators
// that change a body leave the one that it had.
func TestALengthThatIsNotTrueCutsNothingOff(t *testing.T) {
	text := strings.Repeat("0123456789", 10)
	for _, length := range []int64{0, 1, 40, 99, 100, 101, 5000, -1} {
		s := &script{answers: answers{func() (*http.Response, error) {
			resp, err := status(200)()
			resp.ContentLength, resp.Body = length, io.NopCloser(strings.NewReader(text))
			return resp, err
		}}}
		for _, policy := range []retry.Policy{{}, {MaxBuffer: 50}, {MaxBuffer: 100}, {RetryIf: func(*http.Response, error) bool { return false }}} {
			resp, err := clientOf(t, s, policy).R().Get("/")
			require.NoError(t, err)
			require.Equal(t, text, resp.String(), "a length of %d", length)
		}
	}
}

// TestRetryIfMayPutTheBodyBack, as one does with any response of net/http, or panic: a body
// beyond MaxBuffer is the reader's, and whole, and closed.
func TestRetryIfMayPutTheBodyBack(t *testing.T) {
	for name, size := range map[string]int{"in memory": 100, "beyond": 3 << 20} {
		for does, retryIf := range map[string]func(*http.Response, error) bool{
			"puts back": func(r *http.Response, _ error) bool {
				text, _ := io.ReadAll(r.Body)
				_ = r.Body.Close()
				r.Body = io.NopCloser(bytes.NewReader(text))
				return false
			},
			"panics": func(*http.Response, error) bool { panic("RetryIf") },
		} {
			t.Run(does+", "+name, func(t *testing.T) {
				body := &laneBody{Reader: strings.NewReader(strings.Repeat("x", size)), ctx: t.Context()}
				closed := false
				body.closed = func() { closed = true }
				s := &script{answers: answers{func() (*http.Response, error) {
					return &http.Response{StatusCode: 200, Header: http.Header{}, Body: body, ContentLength: -1}, nil
				}}}
				c := clientOf(t, s, retry.Policy{RetryIf: retryIf})
				if does == "panics" {
					require.PanicsWithValue(t, "RetryIf", func() { _, _ = c.R().Get("/") })
				} else {
					resp, err := c.R().Get("/")
					require.NoError(t, err)
					require.Len(t, resp.Body(), size)
				}
				require.True(t, closed)
			})
		}
	}
}

// TestMaxBufferMayBeWithoutBound: what a server says of its length is not made room for.
func TestMaxBufferMayBeWithoutBound(t *testing.T) {
	for _, length := range []int64{-1, 1 << 60, math.MaxInt64} {
		s := &script{answers: answers{func() (*http.Response, error) {
			resp, err := status(200)()
			resp.ContentLength, resp.Body = length, io.NopCloser(strings.NewReader("hello world"))
			return resp, err
		}}}
		resp, err := clientOf(t, s, retry.Policy{MaxBuffer: math.MaxInt64}).R().Get("/")
		require.NoError(t, err)
		require.Equal(t, "hello world", resp.String())
	}
}
