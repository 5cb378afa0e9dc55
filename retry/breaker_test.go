package retry_test

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/middleware/middlewaretest"
	"github.com/restykit/restykit/retry"
)

// sends makes calls, and returns the errors.
func sends(c *resty.Client, n int) (errs []error) {
	for range n {
		_, err := c.R().Get("/")
		errs = append(errs, err)
	}
	return errs
}

func requireOpen(t *testing.T, err error, left time.Duration) {
	t.Helper()
	open, ok := errors.AsType[*retry.OpenError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, "https://api.example.com", open.Origin)
	require.InDelta(t, left, time.Until(open.Until), 1)
}

func TestABreakerOpensProbesAndCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changes []retry.BreakerChange
		s := &script{answers: answers{status(503)}}
		c := clientOf(t, s, &retry.Breaker{OnChange: func(c retry.BreakerChange) { changes = append(changes, c) }})
		sends(c, 20)
		require.Len(t, s.at, 20)
		for _, err := range sends(c, 100) {
			requireOpen(t, err, 5*time.Second)
		}
		require.Len(t, s.at, 20, "nothing is sent while it is open")

		time.Sleep(5*time.Second - time.Nanosecond)
		requireOpen(t, sends(c, 1)[0], time.Nanosecond)
		time.Sleep(2 * time.Nanosecond)
		require.NoError(t, sends(c, 1)[0])
		require.Len(t, s.at, 21, "a probe, which fails")
		requireOpen(t, sends(c, 1)[0], 5*time.Second)

		s.answers = answers{status(200)}
		time.Sleep(5*time.Second + time.Nanosecond)
		for _, err := range sends(c, 50) {
			require.NoError(t, err)
		}
		const origin = "https://api.example.com"
		require.Equal(t, []retry.BreakerChange{
			{Origin: origin, From: "closed", To: "open"},
			{Origin: origin, From: "open", To: "half-open"},
			{Origin: origin, From: "half-open", To: "open"},
			{Origin: origin, From: "open", To: "half-open"},
			{Origin: origin, From: "half-open", To: "closed"},
		}, changes)
		require.NoError(t, errors.Join(sends(c, 1)...))
	})
}

func TestWhatABreakerCounts(t *testing.T) {
	sealed := auth.Func(func(context.Context) (string, error) { return "", errors.New("sealed") })
	for name, tt := range map[string]struct {
		answer func() (*http.Response, error)
		step   middleware.Middleware
		opens  bool
	}{
		"500":                {answer: status(500), opens: true},
		"501":                {answer: status(501), opens: true},
		"503":                {answer: status(503), opens: true},
		"reset":              {answer: fails(syscall.ECONNRESET), opens: true},
		"refused":            {answer: fails(op("dial", syscall.ECONNREFUSED)), opens: true},
		"DNS":                {answer: fails(connect("dns", errors.New("misbehaving"))), opens: true},
		"time-out":           {answer: fails(&middleware.TimeoutError{Limit: "read"}), opens: true},
		"200":                {answer: status(200)},
		"304":                {answer: status(304)},
		"400":                {answer: status(400)},
		"401":                {answer: status(401)},
		"404":                {answer: status(404)},
		"408":                {answer: status(408)},
		"429":                {answer: status(429)},
		"no token":           {answer: status(200), step: auth.Bearer{Token: sealed}},
		"a refusal below":    {answer: fails(later(0))},
		"no use to ask":      {answer: fails(&middleware.MaxBodyError{})},
		"insecure, not sent": {answer: fails(&auth.InsecureError{})},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				steps := middleware.Stack{&retry.Breaker{}}
				if tt.step != nil {
					steps = append(steps, tt.step)
				}
				c := clientOf(t, &script{answers: answers{tt.answer}}, steps...)
				sends(c, 30)
				_, open := errors.AsType[*retry.OpenError](sends(c, 1)[0])
				require.Equal(t, tt.opens, open)
			})
		})
	}
}

// ended is a transport whose answers never come.
type ended struct{ n atomic.Int32 }

func (e *ended) RoundTrip(req *http.Request) (*http.Response, error) {
	e.n.Add(1)
	<-req.Context().Done()
	return nil, req.Context().Err()
}

func TestTheCallersEndDoesNotCountAndTheKitsLimitsDo(t *testing.T) {
	for name, tt := range map[string]struct {
		step  middleware.Middleware
		ctx   func(context.Context) (context.Context, context.CancelFunc)
		opens bool
	}{
		"the caller's cancellation": {ctx: func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Second/10, cancel)
			return ctx, cancel
		}},
		"the caller's deadline": {ctx: func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Second/10)
		}},
		"Timeout":  {step: middleware.Timeout{Read: time.Second / 10}, opens: true},
		"Deadline": {step: middleware.Deadline(time.Second / 10), opens: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				wire := &ended{}
				steps := middleware.Stack{&retry.Breaker{}}
				if tt.step != nil {
					steps = append(steps, tt.step)
				}
				c := resty.New().SetTransport(wire)
				require.NoError(t, middleware.Use(c, steps...))
				for range 30 {
					ctx, cancel := t.Context(), context.CancelFunc(func() {})
					if tt.ctx != nil {
						ctx, cancel = tt.ctx(ctx)
					}
					_, err := c.R().SetContext(ctx).Get("https://api.example.com/")
					require.Error(t, err)
					cancel()
				}
				require.Equal(t, map[bool]int32{false: 30, true: 20}[tt.opens], wire.n.Load())
			})
		})
	}
}

func TestABreakerNeedsAPartOfEnoughAttemptsInAWindow(t *testing.T) {
	mixed := func(t *testing.T, b *retry.Breaker, every int, pause time.Duration) (opened int) {
		t.Helper()
		s := &script{answers: answers{status(200)}}
		c := clientOf(t, s, b)
		for i := range 200 {
			s.answers[0] = status(map[bool]int{true: 503, false: 200}[i%every == 0])
			if _, err := c.R().Get("/"); err != nil {
				return i
			}
			time.Sleep(pause)
		}
		return -1
	}
	synctest.Test(t, func(t *testing.T) {
		require.Equal(t, -1, mixed(t, &retry.Breaker{}, 3, 0), "a third is not half")
		require.Equal(t, 21, mixed(t, &retry.Breaker{}, 2, 0), "half of them is: asked when one fails, the first 20 are in it")
		require.Equal(t, 22, mixed(t, &retry.Breaker{FailureRatio: 0.3}, 3, 0))
		require.Equal(t, 5, mixed(t, &retry.Breaker{MinAttempts: 4}, 2, 0))
		require.Equal(t, -1, mixed(t, &retry.Breaker{}, 1, time.Second), "ten in a window are too few")
		require.NotEqual(t, -1, mixed(t, &retry.Breaker{Window: time.Minute}, 1, time.Second))
	})
}

func TestAnOriginHasABreakerOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: answers{status(503)}}
		c := clientOf(t, s, &retry.Breaker{})
		sends(c, 30)
		_, err := c.R().Get("https://api.example.com:8443/")
		require.NoError(t, err)
		_, err = c.R().Get("https://API.example.com:443/elsewhere")
		requireOpen(t, err, 5*time.Second)
	})
}

func TestPolicyWaitsForABreakerOnlyWithinItsOwnWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: answers{status(503)}}
		c := clientOf(t, s, retry.Policy{Attempts: 1}, &retry.Breaker{OpenFor: 50 * time.Millisecond})
		sends(c, 20)
		s.answers, s.at = answers{status(200)}, nil
		require.NoError(t, middleware.Use(c, retry.Policy{Jitter: retry.NoJitter}))
		begun := time.Now()
		resp, err := c.R().SetBody("once").Post("/")
		require.NoError(t, err, "a POST too: nothing was sent")
		require.Equal(t, 200, resp.StatusCode())
		require.Equal(t, 100*time.Millisecond, time.Since(begun))
		require.Len(t, s.at, 1)

		s.answers = answers{status(503)}
		c = clientOf(t, s, retry.Policy{Budget: retry.Unlimited}, &retry.Breaker{})
		sends(c, 6)
		begun = time.Now()
		_, err = c.R().Get("/")
		requireOpen(t, err, 5*time.Second-time.Since(begun))
		require.Less(t, time.Since(begun), time.Second, "five seconds are too long")
	})
}

// TestHalfOpenLetsAFewThrough also when many come at once, and when a probe is cancelled.
func TestHalfOpenLetsAFewThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := lanes(lane{status: 503})
		c := hedged(t, tr, &retry.Breaker{})
		sends(c, 20)
		time.Sleep(6 * time.Second)
		tr.n.Store(0)
		tr.lanes = func(int, *http.Request) lane { return lane{takes: time.Second, status: 200} }
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		var refused atomic.Int32
		for i := range 64 {
			wg.Go(func() {
				r := c.R()
				if i%2 == 0 {
					r.SetContext(ctx)
				}
				if _, err := r.Get("/"); errors.As(err, new(*retry.OpenError)) {
					refused.Add(1)
				}
			})
		}
		time.Sleep(time.Second / 2)
		cancel()
		wg.Wait()
		require.EqualValues(t, 3, tr.n.Load())
		require.EqualValues(t, 61, refused.Load())
		require.NoError(t, errors.Join(sends(c, 10)...), "the cancelled give their places back")
		tr.quiet(t)
	})
}

func TestAPanicBelowGivesTheProbeBack(t *testing.T) {
	for name, end := range map[string]func(){"panic": func() { panic("boom") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := lanes(lane{status: 503})
				c := hedged(t, tr, &retry.Breaker{Probes: 1})
				sends(c, 20)
				time.Sleep(6 * time.Second)
				tr.lanes = func(int, *http.Request) lane { return lane{status: 200, does: func(*http.Request) { end() }} }
				done := make(chan struct{})
				go func() {
					defer close(done)
					defer func() { _ = recover() }()
					_, _ = c.R().Get("/")
				}()
				<-done
				tr.lanes = func(int, *http.Request) lane { return lane{status: 503} }
				require.NoError(t, sends(c, 1)[0], "there is a place for another")
				requireOpen(t, sends(c, 1)[0], 5*time.Second)
			})
		})
	}
}

func TestABreakerThatReplacesAnotherGoesOnWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: answers{status(503)}}
		c := clientOf(t, s, &retry.Breaker{})
		sends(c, 20)
		require.NoError(t, middleware.Use(c, &retry.Breaker{OpenFor: 5 * time.Second, OnChange: func(retry.BreakerChange) {}}))
		requireOpen(t, sends(c, 1)[0], 5*time.Second)
		_, err := c.R().SetContext(middleware.With(t.Context(), middleware.Off("breaker"))).Get("/")
		require.NoError(t, err)
		_, err = c.R().SetContext(middleware.With(t.Context(), &retry.Breaker{MinAttempts: 5})).Get("/")
		require.NoError(t, err, "other numbers begin anew")
		requireOpen(t, sends(c, 1)[0], 5*time.Second)
	})
}

func TestBadBreakersAreRefused(t *testing.T) {
	for says, b := range map[string]*retry.Breaker{
		"FailureRatio is 1.1":  {FailureRatio: 1.1},
		"FailureRatio is -0.1": {FailureRatio: -0.1},
		"FailureRatio is NaN":  {FailureRatio: math.NaN()},
		"MinAttempts is -1":    {MinAttempts: -1},
		"Window is 1ms":        {Window: time.Millisecond},
		"OpenFor is -1ns":      {OpenFor: -1},
		"Probes is 1001":       {Probes: 1001},
	} {
		require.ErrorContains(t, middleware.Use(resty.New(), b), says)
	}
}

func TestBreakerKeepsTheContract(t *testing.T) {
	for name, step := range map[string]func() middleware.Middleware{
		"closed": func() middleware.Middleware { return &retry.Breaker{} },
		"nervous": func() middleware.Middleware {
			return &retry.Breaker{MinAttempts: 1, OpenFor: time.Nanosecond, Probes: 1}
		},
	} {
		t.Run(name, func(t *testing.T) { middlewaretest.Run(t, step) })
	}
}

// opened is a client whose breaker has opened, and its wire, which from now on does as told.
func opened(t *testing.T, b *retry.Breaker, now func(int, *http.Request) lane) (*resty.Client, *track) {
	t.Helper()
	tr := lanes(lane{status: 503})
	c := hedged(t, tr, b)
	sends(c, 20)
	requireOpen(t, sends(c, 1)[0], 5*time.Second)
	tr.n.Store(0)
	tr.lanes = now
	time.Sleep(5*time.Second + time.Nanosecond)
	return c, tr
}

// TestAServerThatHangsOpensTheBreaker also where a time-out is as long as the window.
func TestAServerThatHangsOpensTheBreaker(t *testing.T) {
	for name, limits := range map[string]middleware.Timeout{"the defaults": {}, "a short limit": {Read: time.Second}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := hedged(t, lanes(lane{takes: 24 * time.Hour, status: 200}), &retry.Breaker{}, limits)
				_, errs := atOnce(t, c, 50)
				require.Len(t, errs, 50)
				requireOpen(t, sends(c, 1)[0], 5*time.Second)
			})
		})
	}
}

func TestAProbeThatHangsGivesItsPlaceToAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, tr := opened(t, &retry.Breaker{Probes: 1}, func(n int, _ *http.Request) lane {
			if n == 1 {
				return lane{takes: 24 * time.Hour, status: 200, deaf: true}
			}
			return lane{status: 200}
		})
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = c.R().Get("/") })
		time.Sleep(5*time.Second - time.Nanosecond)
		_, open := errors.AsType[*retry.OpenError](sends(c, 1)[0])
		require.True(t, open, "it has the time of OpenFor")
		time.Sleep(2 * time.Nanosecond)
		require.NoError(t, sends(c, 1)[0])
		wg.Wait()
		tr.quiet(t)
	})
}

func TestASlowProbeStillCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := opened(t, &retry.Breaker{Probes: 1}, func(int, *http.Request) lane { return lane{takes: time.Minute, status: 200} })
		require.NoError(t, sends(c, 1)[0])
		_, errs := atOnce(t, c, 5)
		require.Empty(t, errs, "it is closed")
	})
}

func TestAPanicOfOnChangeGivesTheProbeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		panics := true
		b := &retry.Breaker{Probes: 1, OnChange: func(change retry.BreakerChange) {
			if change.To == retry.BreakerHalfOpen && panics {
				panics = false
				panic("the user's")
			}
		}}
		c, _ := opened(t, b, func(int, *http.Request) lane { return lane{status: 200} })
		require.PanicsWithValue(t, "the user's", func() { sends(c, 1) })
		require.NoError(t, sends(c, 1)[0])
	})
}

// noTokenError is that of a step whose own server is not there.
type noTokenError struct{ error }

func (noTokenError) Unsent() bool    { return true }
func (e noTokenError) Unwrap() error { return e.error }

func TestWhatAStepRefusesDoesNotCount(t *testing.T) {
	for name, err := range map[string]error{
		"a token endpoint that is not there": noTokenError{connect("dial", syscall.ECONNREFUSED)},
		"a token endpoint that is slow":      noTokenError{&middleware.TimeoutError{Limit: "read", Value: time.Second}},
		"a plain refusal":                    errors.New("no tenant"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				refuses := middleware.Func("refuses", middleware.Auth, func(*http.Request, middleware.Next) (*http.Response, error) { return nil, err })
				for _, got := range sends(clientOf(t, &script{}, &retry.Breaker{}, refuses), 40) {
					require.ErrorIs(t, got, err)
				}
			})
		})
	}
}

func TestWhatNoTransportSendsDoesNotCount(t *testing.T) {
	server := flaky(0)
	defer server.Close()
	c := resty.New().SetBaseURL(server.URL)
	require.NoError(t, middleware.Use(c, &retry.Breaker{}))
	for range 40 {
		_, err := c.R().SetHeader("X-Bad", "a\nb").Get("/")
		require.Error(t, err)
	}
	require.NoError(t, sends(c, 1)[0])
}

// TestObserversHearOfABreaker in the word of middleware.Event.
func TestObserversHearOfABreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		heard := &hears{}
		c := clientOf(t, &script{answers: answers{status(503)}}, &retry.Breaker{}, heard)
		sends(c, 21)
		require.Equal(t, []string{"breaker"}, heard.kinds)
		require.Equal(t, "open", heard.last.Text)
		require.Equal(t, "breaker", heard.last.Step)
	})
}

// TestTimesWithoutEndAreRefused: the engine counts in tenths of the window, and from now on.
func TestTimesWithoutEndAreRefused(t *testing.T) {
	for says, b := range map[string]*retry.Breaker{
		"Window is 2562047h47m16.854775807s: give 10ms to 24h0m0s":         {Window: math.MaxInt64},
		"OpenFor is 2562047h47m16.854775807s: give 24h0m0s at the longest": {OpenFor: math.MaxInt64},
	} {
		require.ErrorContains(t, middleware.Use(resty.New(), b), says)
	}
	synctest.Test(t, func(t *testing.T) {
		tr := lanes(lane{status: 503})
		c := hedged(t, tr, &retry.Breaker{Window: 24 * time.Hour, OpenFor: 24 * time.Hour, MinAttempts: 1})
		errs := sends(c, 2)
		require.NoError(t, errs[0])
		requireOpen(t, errs[1], 24*time.Hour)
	})
}

// TestABodyOfTheCallersThatBreaksOffDoesNotCount: the uploader hangs up, and the server is well.
func TestABodyOfTheCallersThatBreaksOffDoesNotCount(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer server.Close()
	gone := errors.New("the uploader hung up")
	for name, steps := range map[string]middleware.Stack{"watched": {middleware.Timeout{}}, "not watched": {}} {
		c := http.Client{Transport: append(steps, &retry.Breaker{MinAttempts: 2}, retry.Policy{Wait: 1}).RoundTripper(&http.Transport{})}
		reads := 0
		for range 5 {
			body := func() (io.ReadCloser, error) { reads++; return io.NopCloser(failing{gone}), nil }
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL, failing{gone})
			require.NoError(t, err)
			req.GetBody = body
			_, err = c.Do(req)
			require.ErrorIs(t, err, gone, name)
		}
		require.Zero(t, reads, "nor is it tried again")
		resp, err := c.Get(server.URL)
		require.NoError(t, err, name)
		require.NoError(t, resp.Body.Close())
	}
}

// TestAConnectionThatBreaksUnderABodyCounts: the transport closes the body, and what that then
// says is no fault of the caller's.
func TestAConnectionThatBreaksUnderABodyCounts(t *testing.T) {
	c := http.Client{Transport: middleware.Stack{&retry.Breaker{MinAttempts: 2}}.RoundTripper(middleware.Next(func(req *http.Request) (*http.Response, error) {
		_ = req.Body.Close()
		_, err := req.Body.Read(make([]byte, 1))
		return nil, err
	}))}
	for range 2 {
		pipe, _ := io.Pipe()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "https://api.example.com", pipe)
		require.NoError(t, err)
		_, err = c.Do(req)
		require.ErrorIs(t, err, io.ErrClosedPipe)
	}
	_, err := c.Get("https://api.example.com")
	open := &retry.OpenError{}
	require.ErrorAs(t, err, &open)
}
