package retry_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/internal/faultserver"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/middleware/middlewaretest"
	"github.com/restykit/restykit/retry"
)

func TestEachStepKeepsTheContract(t *testing.T) {
	for name, step := range map[string]func() middleware.Middleware{
		"the zero policy": func() middleware.Middleware { return retry.Policy{} },
		"a busy policy": func() middleware.Middleware {
			return retry.Policy{Attempts: 9, Wait: time.Nanosecond, AttemptHeader: "X-Attempt", SplitDeadline: true, Budget: &retry.Ratio{}, RetryIf: func(*http.Response, error) bool { return true }}
		},
		"one attempt":      func() middleware.Middleware { return retry.Policy{Attempts: 1} },
		"idempotency keys": func() middleware.Middleware { return retry.IdempotencyKey{} },
	} {
		t.Run(name, func(t *testing.T) { middlewaretest.Run(t, step) })
	}
}

func TestHistoryTellsEachAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		policy := retry.Policy{Jitter: retry.NoJitter, Wait: time.Second}
		var told []retry.Attempt
		policy.OnRetry = func(_ context.Context, a retry.Attempt) { told = append(told, a) }
		s := &script{answers: answers{status(503), fails(syscall.ECONNRESET), status(200)}}
		begun := time.Now()
		resp, err := clientOf(t, s, policy).R().Get("/")
		require.NoError(t, err)
		history := retry.History(resp)
		require.Len(t, history, 3)
		require.Equal(t, retry.Attempt{Number: 1, Start: begun, StatusCode: 503, Wait: time.Second}, history[0])
		require.ErrorIs(t, history[1].Err, syscall.ECONNRESET)
		require.Equal(t, begun.Add(time.Second), history[1].Start)
		require.Equal(t, 2*time.Second, history[1].Wait)
		require.Equal(t, retry.Attempt{Number: 3, Start: begun.Add(3 * time.Second), StatusCode: 200}, history[2])
		require.Equal(t, history[:2], told)

		s.answers, s.at = answers{status(200)}, nil
		resp, err = clientOf(t, s, policy).R().Get("/")
		require.NoError(t, err)
		require.Len(t, retry.History(resp), 1)
		require.Equal(t, 200, retry.History(resp)[0].StatusCode)

		resp, err = clientOf(t, s).R().Get("/")
		require.NoError(t, err)
		require.Nil(t, retry.History(resp), "no policy, no history")
		require.Nil(t, retry.History(nil))
	})
}

func TestHistoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: answers{fails(syscall.ECONNRESET)}}
		_, err := clientOf(t, s, retry.Policy{Attempts: 100, Budget: retry.Unlimited}).R().Get("/")
		require.Len(t, s.at, 100)
		exhausted, ok := errors.AsType[*retry.ExhaustedError](err)
		require.True(t, ok)
		require.Len(t, exhausted.History, 16)
		require.Equal(t, 100, exhausted.History[15].Number)
		require.ErrorContains(t, err, "after 100 attempts (..., connection reset by peer")
	})
}

func TestExhaustionKeepsTheLastAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: answers{status(502), status(503), status(504, "X-Last", "yes")}}
		type problem struct{}
		resp, err := clientOf(t, s, retry.Policy{Attempts: 3}, middleware.RequireStatus{}).R().SetError(&problem{}).Get("/")
		require.Equal(t, 504, resp.StatusCode())
		require.Equal(t, "yes", resp.Header().Get("X-Last"))
		require.Equal(t, "x", resp.String())
		require.Len(t, s.at, 3)
		failure, ok := errors.AsType[*middleware.StatusError](err)
		require.True(t, ok)
		require.Equal(t, 3, failure.Attempts)
		exhausted, ok := errors.AsType[*retry.ExhaustedError](err)
		require.True(t, ok)
		require.Equal(t, []int{502, 503, 504}, statusesOf(exhausted.History))
		require.Equal(t, []int{502, 503, 504}, statusesOf(retry.History(resp)))
		require.ErrorIs(t, err, retry.ErrAttempts)
		require.NotContains(t, err.Error(), "given up", "the number of attempts says it")

		resp, err = clientOf(t, s, retry.Policy{Attempts: 3}).R().Get("/")
		require.NoError(t, err, "without RequireStatus a status is no error")
		require.Equal(t, 504, resp.StatusCode())
	})
}

func statusesOf(history []retry.Attempt) (codes []int) {
	for _, a := range history {
		codes = append(codes, a.StatusCode)
	}
	return codes
}

func TestTheAttemptIsNumberedWhereAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, client := inBubble(t, faults{faultserver.Hangup, faultserver.Answer(503, ""), fine}, retry.Policy{AttemptHeader: "x-attempt"})
		_, err := client.R().SetHeader("X-Own", "kept").Get("/")
		require.NoError(t, err)
		for i, seen := range s.Requests() {
			require.Equal(t, []string{string(rune('1' + i))}, seen.Header["X-Attempt"])
			require.Equal(t, "kept", seen.Header.Get("X-Own"))
		}

		s, client = inBubble(t, faults{fine}, retry.Policy{})
		_, err = client.R().Get("/")
		require.NoError(t, err)
		require.Empty(t, s.Requests()[0].Header["X-Attempt"], "and nowhere else")
	})
}

func TestNeverAndOffAreForOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: answers{status(503)}}
		client := clientOf(t, s, retry.Policy{})
		for _, ctx := range []context.Context{retry.Never(t.Context()), middleware.With(t.Context(), middleware.Off("retry"))} {
			s.at = nil
			_, err := client.R().SetContext(ctx).Get("/")
			require.NoError(t, err)
			require.Len(t, s.at, 1)
		}
		s.at = nil
		_, err := client.R().Get("/")
		require.NoError(t, err)
		require.Len(t, s.at, 4)
	})
}

func TestTwoLoopsAreRefused(t *testing.T) {
	mine := middleware.Func("my-retry", middleware.Retry, func(req *http.Request, next middleware.Next) (*http.Response, error) { return next(req) })
	err := middleware.Use(resty.New(), retry.Policy{}, mine)
	require.ErrorContains(t, err, "my-retry")
	require.ErrorContains(t, middleware.Use(resty.New().SetRetryCount(2), retry.Policy{}), "RetryCount")

	late := resty.New()
	require.NoError(t, middleware.Use(late, retry.Policy{}))
	late.SetRetryCount(2)
	_, err = late.R().Get("http://127.0.0.1:1/")
	require.ErrorContains(t, err, "RetryCount")
}

// TestRetriesRedirectsAndReplaysDoNotMultiply: a redirect to a server that fails, with a
// token that is refused once.
func TestRetriesRedirectsAndReplaysDoNotMultiply(t *testing.T) {
	var first, second atomic.Int32
	failing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		second.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer failing.Close()
	moved := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if first.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		http.Redirect(w, r, failing.URL, http.StatusTemporaryRedirect)
	}))
	defer moved.Close()
	client := resty.New()
	require.NoError(t, middleware.Use(client, retry.Policy{Wait: time.Millisecond}, middleware.RequireStatus{}))
	_, err := client.R().Get(moved.URL)
	require.ErrorIs(t, err, retry.ErrAttempts)
	require.Equal(t, int32(2), first.Load())
	require.Equal(t, int32(3), second.Load(), "four attempts in all, of which a redirect is none")
}

func TestSplitDeadlineLeavesTimeForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		split := retry.Policy{Attempts: 3, SplitDeadline: true, Jitter: retry.NoJitter}
		s, client := inBubble(t, faults{faultserver.Stall, fine}, split, middleware.Deadline(30*time.Second))
		begun := time.Now()
		_, err := client.R().Get("/")
		require.NoError(t, err)
		require.Equal(t, 10*time.Second+100*time.Millisecond, time.Since(begun))
		require.Len(t, s.Requests(), 2)

		_, client = inBubble(t, faults{faultserver.StallBody, fine}, split, middleware.Deadline(30*time.Second))
		begun = time.Now()
		_, err = client.R().Get("/")
		require.ErrorIs(t, err, context.DeadlineExceeded, "what has begun to answer has all the time")
		require.Equal(t, 30*time.Second, time.Since(begun))

		_, client = inBubble(t, faults{faultserver.Stall, fine}, split, middleware.Deadline(30*time.Second))
		begun = time.Now()
		_, err = client.R().SetBody("once").Post("/")
		require.ErrorIs(t, err, context.DeadlineExceeded, "and so has what is not repeated")
		require.Equal(t, 30*time.Second, time.Since(begun))

		_, client = inBubble(t, faults{faultserver.Stall, fine}, retry.Policy{}, middleware.Deadline(30*time.Second))
		begun = time.Now()
		_, err = client.R().Get("/")
		require.ErrorIs(t, err, context.DeadlineExceeded, "without it one attempt may take all")
		require.Equal(t, 30*time.Second, time.Since(begun))
	})
}

// TestABodyThatCannotComeAgainLeavesTheAnswer: GetBody fails when it is asked.
func TestABodyThatCannotComeAgainLeavesTheAnswer(t *testing.T) {
	s := &script{answers: answers{status(503, "X-Answer", "first"), status(200)}}
	own := &ledger{}
	client := clientOf(t, s, retry.Policy{Wait: 1, Budget: own}, middleware.RequireStatus{}).SetPreRequestHook(func(_ *resty.Client, req *http.Request) error {
		req.GetBody = func() (_ io.ReadCloser, err error) { return nil, errors.New("the file is gone") }
		return nil
	})
	resp, err := client.R().SetBody("hello").Put("/")
	require.ErrorIs(t, err, middleware.ErrBodyConsumed)
	require.ErrorIs(t, err, middleware.ErrServer)
	require.ErrorContains(t, err, "the file is gone")
	require.Equal(t, "first", resp.Header().Get("X-Answer"))
	require.Equal(t, []string{"hello"}, s.bodies)
	require.Len(t, own.refunded, 1, "what was not sent costs nothing")
}

func TestADeadlineThatEndsALaterAttemptKeepsTheHistory(t *testing.T) {
	served := faults{faultserver.Hangup, faultserver.Stall}
	synctest.Test(t, func(t *testing.T) {
		_, client := inBubble(t, served, retry.Policy{}, middleware.Deadline(5*time.Second))
		_, err := client.R().Get("/")
		exhausted, ok := errors.AsType[*retry.ExhaustedError](err)
		require.True(t, ok, err)
		require.Len(t, exhausted.History, 2)
		require.ErrorContains(t, err, "retry given up after 2 attempts (connection closed, timeout): timeout: deadline: the call was not done within 5s")
		limit, ok := errors.AsType[*middleware.TimeoutError](err)
		require.True(t, ok)
		require.Equal(t, "deadline", limit.Limit)

		gone := errors.New("shutting down")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(gone) })
		_, client = inBubble(t, served, retry.Policy{})
		_, err = client.R().SetContext(ctx).Get("/")
		require.ErrorIs(t, err, gone)
		require.ErrorIs(t, err, context.Canceled)
		_, ok = errors.AsType[*retry.ExhaustedError](err)
		require.True(t, ok, err)
	})
}

// TestACallOfOneAttemptThatFailedHasAHistory, and not only one with an answer.
func TestACallOfOneAttemptThatFailedHasAHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, policy := range []retry.Policy{{}, {Attempts: 1}} {
			s := &script{answers: answers{fails(syscall.ECONNRESET)}}
			begun := time.Now()
			resp, err := clientOf(t, s, policy).R().Post("/")
			require.ErrorIs(t, err, syscall.ECONNRESET)
			require.NotContains(t, err.Error(), "given up")
			history := retry.History(resp)
			require.Len(t, history, 1)
			require.Equal(t, retry.Attempt{Number: 1, Start: begun, Err: history[0].Err}, history[0])
			require.ErrorIs(t, history[0].Err, syscall.ECONNRESET)
		}
	})
}
