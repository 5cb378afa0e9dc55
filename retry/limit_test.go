package retry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/middleware/middlewaretest"
	"github.com/restykit/restykit/retry"
)

// atOnce makes calls at the same time, and returns when each ended well, in order, and the
// errors of the others.
func atOnce(t *testing.T, c *resty.Client, n int) (ends []time.Duration, errs []error) {
	t.Helper()
	begun := time.Now()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			_, err := c.R().Get("/")
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, err)
				return
			}
			ends = append(ends, time.Since(begun))
		})
	}
	wg.Wait()
	slices.Sort(ends)
	return ends, errs
}

func TestARateIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := lanes(lane{status: 200})
		c := hedged(t, tr, &retry.Limit{Rate: 2, Burst: 3})
		ends, errs := atOnce(t, c, 7)
		require.Empty(t, errs)
		for i, want := range []time.Duration{0, 0, 0, 500 * ms, 1000 * ms, 1500 * ms, 2000 * ms} {
			require.InDelta(t, want, ends[i], float64(time.Microsecond))
		}
		tr.quiet(t)
	})
}

func TestATurnThatIsTooFarOffIsRefusedAtOnceAndGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := lanes(lane{status: 200})
		c := hedged(t, tr, &retry.Limit{Rate: 1, Burst: 1, MaxWait: 3 * time.Second}, middleware.Deadline(time.Minute))
		begun := time.Now()
		ends, errs := atOnce(t, c, 10)
		require.Len(t, ends, 4)
		require.Len(t, errs, 6)
		require.InDelta(t, 3*time.Second, time.Since(begun), float64(time.Microsecond))
		for _, err := range errs {
			limit, ok := errors.AsType[*retry.LimitError](err)
			require.True(t, ok, err)
			require.Equal(t, "https://api.example.com", limit.Origin)
			require.InDelta(t, 4*time.Second, limit.Wait, float64(time.Microsecond), "the refused gave their turns back")
			require.ErrorContains(t, err, "limit: https://api.example.com: the next turn is in 4s, and 3s is the most that is waited")
		}
		tr.quiet(t)

		short := middleware.With(t.Context(), middleware.Deadline(500*ms))
		_, err := c.R().SetContext(short).Get("/")
		require.NoError(t, err)
		begun = time.Now()
		_, err = c.R().SetContext(short).Get("/")
		require.ErrorContains(t, err, "the next turn is in 1s, after the deadline")
		require.Zero(t, time.Since(begun))
	})
}

func TestSoManyAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := lanes(lane{takes: time.Second, status: 200})
		for name, l := range map[string]*retry.Limit{"10": {Concurrent: 10, MaxWait: middleware.NoLimit}, "100": {}, "any": {Concurrent: -1}} {
			ends, errs := atOnce(t, hedged(t, tr, l), 200)
			require.Empty(t, errs)
			require.Equal(t, map[string]time.Duration{"10": 20 * time.Second, "100": 2 * time.Second, "any": time.Second}[name], ends[199], name)
		}
		tr.quiet(t)
	})
}

func TestTheQueueIsBoundInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := lanes(lane{takes: 4 * time.Second, status: 200})
		c := hedged(t, tr, &retry.Limit{Concurrent: 1})
		begun := time.Now()
		ends, errs := atOnce(t, c, 10)
		require.Equal(t, []time.Duration{4 * time.Second, 8 * time.Second, 12 * time.Second}, ends)
		require.Len(t, errs, 7)
		require.ErrorContains(t, errs[0], "limit: https://api.example.com: 1 requests are under way, and none has ended in 10s")
		require.Equal(t, 12*time.Second, time.Since(begun))
		tr.quiet(t)
	})
}

func TestAStreamHoldsItsPlaceUntilItsEnd(t *testing.T) {
	for name, end := range map[string]func(io.ReadCloser){
		"read":             func(b io.ReadCloser) { _, _ = io.ReadAll(b) },
		"closed":           func(b io.ReadCloser) { _ = b.Close() },
		"closed twice":     func(b io.ReadCloser) { _ = b.Close(); _ = b.Close() },
		"read and closed":  func(b io.ReadCloser) { _, _ = io.ReadAll(b); _ = b.Close() },
		"closed half-read": func(b io.ReadCloser) { _, _ = b.Read(make([]byte, 2)); _ = b.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := hedged(t, lanes(lane{status: 200, body: "stream"}), &retry.Limit{Concurrent: 2})
				var bodies []io.ReadCloser
				for range 2 {
					resp, err := c.R().SetDoNotParseResponse(true).Get("/")
					require.NoError(t, err)
					bodies = append(bodies, resp.RawBody())
				}
				for _, body := range bodies {
					_, err := c.R().Get("/")
					require.ErrorContains(t, err, "2 requests are under way")
					end(body)
					_, err = c.R().Get("/")
					require.NoError(t, err)
					resp, err := c.R().SetDoNotParseResponse(true).Get("/")
					require.NoError(t, err)
					t.Cleanup(func() { _ = resp.RawBody().Close() })
				}
				_, err := c.R().Get("/")
				require.Error(t, err, "no place was given back twice")
			})
		})
	}
}

func TestAPlaceIsGivenBackHoweverAnAttemptEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := lanes(lane{})
		c := hedged(t, tr, &retry.Limit{Concurrent: 1}, retry.Policy{Budget: retry.Unlimited})
		for _, l := range []lane{
			{},
			{status: 503, body: "down"},
			{status: 200, body: "x"},
			{status: 204},
			{status: 101},
			{status: 200, does: func(*http.Request) { panic("boom") }},
			{status: 200, does: func(*http.Request) { runtime.Goexit() }},
		} {
			tr.lanes = func(int, *http.Request) lane { return l }
			for range 3 {
				done := make(chan struct{})
				go func() {
					defer close(done)
					defer func() { _ = recover() }()
					resp, err := c.R().SetDoNotParseResponse(l.status == 101).Get("/")
					if err == nil && l.status == 101 {
						_ = resp.RawBody().Close()
					}
				}()
				<-done
			}
			tr.lanes = func(int, *http.Request) lane { return lane{status: 200} }
			begun := time.Now()
			_, err := c.R().Get("/")
			require.NoError(t, err)
			require.Zero(t, time.Since(begun), "%+v", l)
		}
		tr.quiet(t)
	})
}

func TestTheCallersEndLeavesTheQueue(t *testing.T) {
	gone := errors.New("shutting down")
	for name, tt := range map[string]struct {
		limit *retry.Limit
	}{
		"for a place": {&retry.Limit{Concurrent: 1, MaxWait: middleware.NoLimit}},
		"for a turn":  {&retry.Limit{Rate: 0.1, Burst: 1, MaxWait: middleware.NoLimit}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := lanes(lane{takes: 9 * time.Second, status: 200}, lane{status: 200})
				c := hedged(t, tr, tt.limit)
				var wg sync.WaitGroup
				defer wg.Wait()
				wg.Go(func() { _, _ = c.R().Get("/") })
				synctest.Wait()
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(gone) })
				begun := time.Now()
				_, err := c.R().SetContext(ctx).Get("/")
				require.ErrorIs(t, err, gone)
				require.ErrorIs(t, err, context.Canceled)
				require.Equal(t, time.Second, time.Since(begun))
				_, err = c.R().Get("/")
				require.NoError(t, err)
				require.Less(t, time.Since(begun), 11*time.Second, "its turn was given back")
			})
		})
	}
}

func TestPolicyAndLimitTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := lanes(lane{status: 503, body: "down"}, lane{status: 503, body: "down"}, lane{status: 200, body: "up"})
		c := hedged(t, tr, &retry.Limit{Concurrent: 1}, retry.Policy{})
		resp, err := c.R().Get("/")
		require.NoError(t, err, "an answer that is discarded makes room for the next attempt")
		require.Equal(t, "up", resp.String())

		c = hedged(t, tr, &retry.Limit{Rate: 1, Burst: 1, MaxWait: time.Nanosecond}, retry.Policy{})
		require.NoError(t, sends(c, 1)[0])
		begun := time.Now()
		_, err = c.R().Get("/")
		_, ok := errors.AsType[*retry.LimitError](err)
		require.True(t, ok, err)
		require.Zero(t, time.Since(begun), "a turn that is later than the policy's wait is not waited for")
		c = hedged(t, tr, &retry.Limit{Rate: 20, Burst: 1, MaxWait: time.Nanosecond}, retry.Policy{})
		require.NoError(t, errors.Join(sends(c, 5)...), "one that is not is")
		tr.quiet(t)
	})
}

// quota is a server that lets so many requests through in a window, and tells.
type quota struct {
	limit, window int
	field         func(left, reset int) (string, string)
	at            []time.Time
	refused       int
	began         time.Time
	left          int
}

func (q *quota) RoundTrip(*http.Request) (*http.Response, error) {
	if since := time.Since(q.began); since >= time.Duration(q.window)*time.Second || q.at == nil {
		q.began, q.left = time.Now(), q.limit
	}
	q.at = append(q.at, time.Now())
	code := 200
	if q.left == 0 {
		code, q.refused = 429, q.refused+1
	}
	q.left = max(0, q.left-1)
	reset := q.window - int(time.Since(q.began).Seconds())
	name, value := q.field(q.left, reset)
	h := http.Header{}
	h.Set(name, value)
	return &http.Response{StatusCode: code, Header: h, Body: http.NoBody}, nil
}

func TestWhatTheServerTellsIsHeeded(t *testing.T) {
	ietf := func(left, reset int) (string, string) {
		return "RateLimit", fmt.Sprintf(`"default";r=%d;t=%d`, left, reset)
	}
	synctest.Test(t, func(t *testing.T) {
		for learn, refused := range map[bool]int{false: 200, true: 0} {
			q := &quota{limit: 100, window: 60, field: ietf}
			c := resty.New().SetTransport(q).SetBaseURL("https://api.example.com")
			require.NoError(t, middleware.Use(c, &retry.Limit{Learn: learn, MaxWait: 2 * time.Minute}))
			begun := time.Now()
			require.NoError(t, errors.Join(sends(c, 300)...))
			require.Equal(t, refused, q.refused, "learn %v", learn)
			if learn {
				require.Zero(t, q.at[89].Sub(begun), "nine tenths at once")
				require.Greater(t, q.at[95].Sub(q.at[94]), 5*time.Second, "the rest is spread")
				require.GreaterOrEqual(t, q.at[100].Sub(begun), time.Minute, "and nothing goes before the reset")
			}
		}
	})
}

func TestAQuotaThatIsFarOffIsALimitError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &quota{limit: 1, window: 3600, field: func(left, reset int) (string, string) {
			return "RateLimit", fmt.Sprintf("limit=1, remaining=%d, reset=%d", left, reset)
		}}
		c := resty.New().SetTransport(q).SetBaseURL("https://api.example.com")
		require.NoError(t, middleware.Use(c, &retry.Limit{Learn: true}))
		require.NoError(t, sends(c, 1)[0])
		limit, ok := errors.AsType[*retry.LimitError](sends(c, 1)[0])
		require.True(t, ok)
		require.Equal(t, time.Hour, limit.Wait)
		require.Equal(t, time.Hour, limit.RetryAfter())
	})
}

func TestALimitThatReplacesAnotherGoesOnWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := lanes(lane{status: 200})
		c := hedged(t, tr, &retry.Limit{Rate: 1, Burst: 1, MaxWait: 1})
		require.NoError(t, sends(c, 1)[0])
		require.NoError(t, middleware.Use(c, &retry.Limit{Rate: 1, MaxWait: 1}))
		require.Error(t, sends(c, 1)[0], "the same numbers")
		_, err := c.R().SetContext(middleware.With(t.Context(), &retry.Limit{Rate: 1, MaxWait: time.Minute, Learn: true})).Get("/")
		require.NoError(t, err, "whoever is more patient")
		require.Error(t, sends(c, 1)[0])
		require.NoError(t, middleware.Use(c, &retry.Limit{Rate: 2, MaxWait: 1}))
		require.NoError(t, sends(c, 1)[0], "others")
	})
}

func TestBadLimitsAreRefused(t *testing.T) {
	for says, l := range map[string]*retry.Limit{
		"Rate is -1":       {Rate: -1},
		"Rate is NaN":      {Rate: math.NaN()},
		"Rate is +Inf":     {Rate: math.Inf(1)},
		"Burst is -1":      {Rate: 1, Burst: -1},
		"Burst is 5":       {Burst: 5},
		"Concurrent is -2": {Concurrent: -2},
		"MaxWait is -2ns":  {MaxWait: -2},
	} {
		require.ErrorContains(t, middleware.Use(resty.New(), l), says)
	}
}

func TestLimitKeepsTheContract(t *testing.T) {
	for name, step := range map[string]func() middleware.Middleware{
		"zero": func() middleware.Middleware { return &retry.Limit{} },
		"narrow": func() middleware.Middleware {
			return &retry.Limit{Concurrent: 2, MaxWait: middleware.NoLimit, Learn: true}
		},
		"slow": func() middleware.Middleware { return &retry.Limit{Rate: 100, Burst: 1, MaxWait: middleware.NoLimit} },
	} {
		t.Run(name, func(t *testing.T) { middlewaretest.Run(t, step) })
	}
}

func TestATurnThatIsRefusedHoldsNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := lanes(lane{status: 200})
		c := hedged(t, tr, &retry.Limit{Rate: 1, Burst: 1, Concurrent: 1, MaxWait: 1})
		require.NoError(t, sends(c, 1)[0])
		for _, err := range sends(c, 10) {
			require.ErrorContains(t, err, "the next turn is in 1s")
		}
		time.Sleep(time.Second)
		require.NoError(t, sends(c, 1)[0])
	})
}

func TestABackoffHoldsNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: answers{status(503, "Retry-After", "30"), status(200)}}
		c := clientOf(t, s, retry.Policy{}, &retry.Limit{Concurrent: 1})
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := c.R().Get("/"); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(time.Second)
		begun := time.Now()
		require.NoError(t, sends(c, 1)[0])
		require.Zero(t, time.Since(begun))
		wg.Wait()
		require.Len(t, s.at, 3)
	})
}

func TestAStreamWhoseCallerHasGoneHoldsNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := hedged(t, lanes(lane{status: 200, body: "stream"}), &retry.Limit{Concurrent: 1})
		ctx, cancel := context.WithCancel(t.Context())
		resp, err := c.R().SetContext(ctx).SetDoNotParseResponse(true).Get("/")
		require.NoError(t, err)
		cancel()
		synctest.Wait()
		require.NoError(t, sends(c, 1)[0], "nobody has closed it")
		require.NoError(t, resp.RawBody().Close())
	})
}

// TestWhatIsLeftIsSpread of a small quota, and where the client comes late to a large one.
func TestWhatIsLeftIsSpread(t *testing.T) {
	for name, fields := range map[string][]string{
		"one of five":                         {"X-RateLimit-Limit", "5", "X-RateLimit-Remaining", "1", "X-RateLimit-Reset", "8"},
		"three of 5,000, at the first answer": {"X-RateLimit-Limit", "5000", "X-RateLimit-Remaining", "3", "X-RateLimit-Reset", "9"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: answers{status(200, fields...)}}
				require.NoError(t, errors.Join(sends(clientOf(t, s, &retry.Limit{Learn: true}), 3)...))
				require.GreaterOrEqual(t, s.at[2].Sub(s.at[1]), 3*time.Second)
			})
		})
	}
}

func TestAResetOfZeroDoesNotEndTheLearning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := func(left, reset string) func() (*http.Response, error) {
			return status(200, "X-RateLimit-Remaining", left, "X-RateLimit-Reset", reset)
		}
		s := &script{answers: answers{told("100", "60"), told("1", "0"), told("1", "0"), told("5", "10")}}
		require.NoError(t, errors.Join(sends(clientOf(t, s, &retry.Limit{Learn: true}), 7)...))
		require.GreaterOrEqual(t, s.at[6].Sub(s.at[5]), 2*time.Second, "5 left for 10 s")
	})
}

// TestLimitsAndBreakersOfRequestsGoOn: on a client that has none.
func TestLimitsAndBreakersOfRequestsGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := lanes(lane{status: 503})
		c := hedged(t, tr, middleware.UserAgent("x"))
		begun := time.Now()
		for range 3 {
			_, err := c.R().SetContext(middleware.With(t.Context(), &retry.Limit{Rate: 1})).Get("/")
			require.NoError(t, err)
		}
		require.Equal(t, 2*time.Second, time.Since(begun))
		for range 20 {
			_, _ = c.R().SetContext(middleware.With(t.Context(), &retry.Breaker{})).Get("/")
		}
		_, err := c.R().SetContext(middleware.With(t.Context(), &retry.Breaker{})).Get("/")
		open := &retry.OpenError{}
		require.ErrorAs(t, err, &open)
	})
}

// TestASmallQuotaBehindALargeOneIsNotScarce: the plan changes, or the server has another for
// each kind of request.
func TestASmallQuotaBehindALargeOneIsNotScarce(t *testing.T) {
	quota := func(limit, left, reset string) func() (*http.Response, error) {
		return status(200, "X-RateLimit-Limit", limit, "X-RateLimit-Remaining", left, "X-RateLimit-Reset", reset)
	}
	told := func(left, reset string) func() (*http.Response, error) {
		return status(200, "RateLimit", fmt.Sprintf(`"default";r=%s;t=%s`, left, reset))
	}
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: answers{quota("5000", "4999", "3600"), quota("60", "59", "3600")}}
		require.NoError(t, errors.Join(sends(clientOf(t, s, &retry.Limit{Learn: true}), 9)...))
		require.Zero(t, s.at[8].Sub(s.at[0]), "59 of 60 are left")

		s = &script{answers: answers{quota("60", "59", "3600"), quota("5000", "400", "3600")}}
		require.NoError(t, errors.Join(sends(clientOf(t, s, &retry.Limit{Learn: true}), 4)...))
		require.NotZero(t, s.at[3].Sub(s.at[0]), "400 of 5000 are few")

		s = &script{answers: answers{told("1000", "60"), told("59", "60"), told("59", "60")}}
		c := clientOf(t, s, &retry.Limit{Learn: true})
		require.NoError(t, errors.Join(sends(c, 2)...))
		time.Sleep(time.Hour)
		require.NoError(t, errors.Join(sends(c, 3)...))
		require.Zero(t, s.at[4].Sub(s.at[2]), "what was told before the reset is forgotten")
	})
}

// TestAPanicOfAnObserverGivesThePlaceBack: it hears of the wait for it.
func TestAPanicOfAnObserverGivesThePlaceBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := lanes(lane{takes: time.Second, status: 200})
		c := hedged(t, tr, &retry.Limit{Concurrent: 1}, onEvent(func(middleware.Event) { panic("observer") }))
		go func() { _, _ = c.R().Get("/") }()
		synctest.Wait()
		require.PanicsWithValue(t, "observer", func() { _, _ = c.R().Get("/") })
		time.Sleep(time.Minute)
		require.NoError(t, sends(c, 1)[0])
		tr.quiet(t)
	})
}

// TestATimeThatEndsInTheQueueIsTold: the server has seen nothing, and is not the slow one.
func TestATimeThatEndsInTheQueueIsTold(t *testing.T) {
	const waited = "limit: https://api.example.com: 1 requests are under way, and none has ended in 300ms: nothing was sent: "
	for name, tt := range map[string]struct {
		steps middleware.Stack
		own   time.Duration
		says  string
		sends int32
	}{
		"the deadline":   {middleware.Stack{middleware.Deadline(300 * time.Millisecond)}, 0, "timeout: deadline: the call was not done within 300ms", 1},
		"an attempt's":   {middleware.Stack{middleware.Timeout{Attempt: 300 * time.Millisecond}, retry.Policy{Attempts: 1}}, 0, "timeout: attempt: not done within 300ms", 1},
		"the caller's":   {nil, 300 * time.Millisecond, "context deadline exceeded", 1},
		"under a policy": {middleware.Stack{middleware.Deadline(300 * time.Millisecond), retry.Policy{}}, 0, "timeout: deadline: the call was not done within 300ms", 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := lanes(lane{takes: time.Hour, status: 200})
				c := hedged(t, tr, append(tt.steps, &retry.Limit{Concurrent: 1})...)
				patient, stop := context.WithCancel(middleware.With(t.Context(), middleware.Deadline(time.Hour), middleware.Timeout{}))
				go func() { _, _ = c.R().SetContext(patient).SetDoNotParseResponse(true).Get("/slow") }()
				synctest.Wait()
				ctx := t.Context()
				if tt.own > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.own)
					defer cancel()
				}
				_, err := c.R().SetContext(ctx).SetBody("x").Post("/")
				require.ErrorContains(t, err, waited+tt.says)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				limit, ok := errors.AsType[*retry.LimitError](err)
				require.True(t, ok)
				require.True(t, limit.Unsent())
				_, ok = errors.AsType[*middleware.TimeoutError](err)
				require.Equal(t, tt.own == 0, ok)
				require.Equal(t, tt.sends, tr.n.Load())
				stop()
			})
		})
	}
}

// TestAPostThatOnlyWaitedForItsPlaceIsTriedAgain, where the limit was that of the attempt.
func TestAPostThatOnlyWaitedForItsPlaceIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := lanes(lane{takes: time.Second, status: 200}, lane{status: 201})
		c := hedged(t, tr, middleware.Timeout{Attempt: 700 * time.Millisecond}, retry.Policy{}, &retry.Limit{Concurrent: 1})
		patient := middleware.With(t.Context(), middleware.Timeout{})
		go func() { _, _ = c.R().SetContext(patient).Get("/slow") }()
		synctest.Wait()
		resp, err := c.R().SetBody("x").Post("/")
		require.NoError(t, err)
		require.Equal(t, 201, resp.StatusCode())
	})
}
