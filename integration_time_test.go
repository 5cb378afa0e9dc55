package restykit_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/retry"
)

// nobody is the URL of a port that nobody listens on, not even one of many tests.
func nobody() string { return "http://127.0.0.1:1" }

// requireLimit asks for the error of a limit of the kit's.
func requireLimit(t *testing.T, err error, limit string, value time.Duration) {
	t.Helper()
	late, ok := errors.AsType[*middleware.TimeoutError](err)
	require.True(t, ok, err)
	require.Equal(t, middleware.TimeoutError{Limit: limit, Value: value}, *late)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	timeout, ok := errors.AsType[net.Error](err)
	require.True(t, ok)
	require.True(t, timeout.Timeout())
}

const soon = 150 * time.Millisecond

func TestNoConnectionNoAnswerInTimeAndABadStatusAreToldApartByType(t *testing.T) {
	t.Parallel()
	bin := httpbin(t)
	for name, tc := range map[string]struct {
		url   string
		steps middleware.Stack
		want  string
	}{
		"connection refused": {url: nobody(), want: "connect dial"},
		"silence":            {url: bin + "/delay/1", steps: middleware.Stack{middleware.Timeout{Read: soon}}, want: "limit read"},
		"long attempt":       {url: bin + "/delay/1", steps: middleware.Stack{middleware.Timeout{Attempt: soon}}, want: "limit attempt"},
		"long call":          {url: bin + "/delay/1", steps: middleware.Stack{middleware.Deadline(soon)}, want: "limit deadline"},
		"status":             {url: bin + "/status/504", want: "status 504"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := clientOn(t, "", middleware.RequireStatus{}, middleware.Timeout{}, middleware.Deadline(0), middleware.RequireJSON{})
			inEachMode(t, func(t *testing.T, do send) {
				_, _, err := do(t, c.R().SetContext(middleware.With(t.Context(), tc.steps...)), "GET", tc.url)
				require.Error(t, err)
				var kinds []string
				if e, ok := errors.AsType[*middleware.ConnectError](err); ok {
					kinds = append(kinds, "connect "+e.Phase)
				}
				if e, ok := errors.AsType[*middleware.TimeoutError](err); ok {
					kinds = append(kinds, "limit "+e.Limit)
				}
				if e, ok := errors.AsType[*middleware.StatusError](err); ok {
					kinds = append(kinds, "status "+strconv.Itoa(e.StatusCode))
				}
				require.Equal(t, []string{tc.want}, kinds)
			})
		})
	}
}

func TestServerThatStallsInTheBodyIsLeftAfterReadInEachMode(t *testing.T) {
	t.Parallel()
	c := client(t, middleware.Timeout{Read: soon})
	inEachMode(t, func(t *testing.T, do send) {
		begun := time.Now()
		_, _, err := do(t, c.R(), "GET", "/drip?delay=0&duration=2&numbytes=2")
		requireLimit(t, err, "read", soon)
		require.Less(t, time.Since(begun), 2*time.Second)
	})
}

func TestSlowButHealthyDownloadIsNotCut(t *testing.T) {
	t.Parallel()
	c := client(t, middleware.Timeout{Read: 600 * time.Millisecond})
	inEachMode(t, func(t *testing.T, do send) {
		_, body, err := do(t, c.R(), "GET", "/drip?delay=0&duration=0.8&numbytes=5")
		require.NoError(t, err)
		require.Len(t, body, 5)
	})
}

func TestDeadlineEndsTheReadingOfTheBodyTooInEachMode(t *testing.T) {
	t.Parallel()
	c := client(t, middleware.Deadline(400*time.Millisecond))
	inEachMode(t, func(t *testing.T, do send) {
		_, _, err := do(t, c.R(), "GET", "/drip?delay=0&duration=2&numbytes=20")
		requireLimit(t, err, "deadline", 400*time.Millisecond)
	})
	t.Run("switched off for a long stream", func(t *testing.T) {
		t.Parallel()
		ctx := middleware.With(t.Context(), middleware.Off("deadline"))
		_, body, err := streamed(t, c.R().SetContext(ctx), "GET", "/drip?delay=0&duration=0.8&numbytes=5")
		require.NoError(t, err)
		require.Len(t, body, 5)
	})
}

func TestDeadlineEndsAChainOfRedirects(t *testing.T) {
	t.Parallel()
	bin := httpbin(t)
	c := clientOn(t, bin, middleware.Deadline(soon))
	inEachMode(t, func(t *testing.T, do send) {
		_, _, err := do(t, c.R(), "GET", redirect(bin+redirect(bin+"/delay/1")))
		requireLimit(t, err, "deadline", soon)
	})
}

func TestDeadlineOrCancellationOfTheCallersIsNoLimitOfOurs(t *testing.T) {
	t.Parallel()
	c := client(t, middleware.Timeout{}, middleware.Deadline(0))
	shutdown := errors.New("shutdown")
	inEachMode(t, func(t *testing.T, do send) {
		late, cancel := context.WithTimeout(t.Context(), soon)
		defer cancel()
		_, _, err := do(t, c.R().SetContext(late), "GET", "/delay/1")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		_, ours := errors.AsType[*middleware.TimeoutError](err)
		require.False(t, ours)

		ctx, stop := context.WithCancelCause(t.Context())
		defer stop(nil)
		time.AfterFunc(soon, func() { stop(shutdown) })
		_, _, err = do(t, c.R().SetContext(ctx), "GET", "/delay/1")
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, shutdown)
		require.NotErrorIs(t, err, context.DeadlineExceeded)
	})
}

// failing is httpbin behind a door that answers with 503 a few times.
func failing(t *testing.T, times int32, retryAfter string) (url string, asked *atomic.Int32) {
	t.Helper()
	asked = &atomic.Int32{}
	url = inFront(t, func(w http.ResponseWriter, r *http.Request) bool {
		if asked.Add(1) > times {
			return false
		}
		_, _ = io.Copy(io.Discard, r.Body)
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(503)
		_, _ = io.WriteString(w, "not yet")
		return true
	})
	return url, asked
}

// quick is a policy for people who do not like to wait.
func quick() retry.Policy { return retry.Policy{Attempts: 3, Wait: time.Millisecond} }

func TestRequestIsRepeatedUntilItSucceedsWithItsBodyInEachMode(t *testing.T) {
	t.Parallel()
	inEachMode(t, func(t *testing.T, do send) {
		url, asked := failing(t, 2, "")
		c := clientOn(t, url, quick(), middleware.RequireStatus{})
		_, body, err := do(t, c.R().SetBody("a body"), "PUT", "/put")
		require.NoError(t, err)
		require.Equal(t, "a body", echo(t, body).Data)
		require.EqualValues(t, 3, asked.Load())
	})
}

func TestRetryWaitsAsLongAsTheServerAsks(t *testing.T) {
	t.Parallel()
	url, _ := failing(t, 1, "1")
	begun := time.Now()
	_, err := clientOn(t, url, quick(), middleware.RequireStatus{}).R().Get("/get")
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(begun), time.Second)
}

func TestRetryGivesUpWhereTheServerAsksForMoreThanTheCallHas(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		retryAfter string
		why        error
	}{
		"more than the deadline leaves": {"45", context.DeadlineExceeded},
		"more than anyone waits":        {"3600", &retry.DelayError{Asked: time.Hour, Max: time.Minute}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inEachMode(t, func(t *testing.T, do send) {
				url, asked := failing(t, 9, tc.retryAfter)
				_, _, err := do(t, clientOn(t, url, quick(), middleware.RequireStatus{}, middleware.Deadline(0)).R(), "GET", "/get")
				require.ErrorIs(t, err, middleware.ErrServer)
				require.ErrorContains(t, err, tc.why.Error())
				require.EqualValues(t, 1, asked.Load())
			})
		})
	}
}

func TestOnlyWhatIsSafeToRepeatIsRepeated(t *testing.T) {
	t.Parallel()
	c := client(t, quick(), middleware.RequireStatus{})
	inEachMode(t, func(t *testing.T, do send) {
		attempts := func(method, header string) int {
			r := c.R()
			if header != "" {
				r.SetHeader(header, "1")
			}
			_, _, err := do(t, r, method, "/status/503")
			status, ok := errors.AsType[*middleware.StatusError](err)
			require.True(t, ok, err)
			return status.Attempts
		}
		require.Equal(t, 3, attempts("GET", ""))
		require.Equal(t, 3, attempts("PUT", ""))
		require.Equal(t, 3, attempts("DELETE", ""))
		require.Equal(t, 1, attempts("POST", ""))
		require.Equal(t, 1, attempts("PATCH", ""))
		require.Equal(t, 3, attempts("POST", "Idempotency-Key"))
	})
}

func TestRequestCanHaveARetryPolicyOfItsOwn(t *testing.T) {
	t.Parallel()
	c := client(t, quick(), middleware.RequireStatus{})
	for want, step := range map[int]middleware.Middleware{
		1: middleware.Off("retry"), 2: retry.Policy{Attempts: 2, Wait: time.Millisecond}, 3: middleware.Off("no such step"),
	} {
		_, err := c.R().SetContext(middleware.With(t.Context(), step)).Get("/status/503")
		status, ok := errors.AsType[*middleware.StatusError](err)
		require.True(t, ok, err)
		require.Equal(t, want, status.Attempts)
	}
}

func TestStatusThatAnotherAttemptMeetsAgainIsNotRepeated(t *testing.T) {
	t.Parallel()
	c := client(t, quick(), middleware.RequireStatus{})
	for _, path := range []string{"/status/400", "/status/401", "/status/404", "/status/409", "/status/501"} {
		_, err := c.R().Get(path)
		status, ok := errors.AsType[*middleware.StatusError](err)
		require.True(t, ok, err)
		require.Equal(t, 1, status.Attempts, path)
	}
}
