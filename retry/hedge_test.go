package retry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/middleware/middlewaretest"
	"github.com/restykit/restykit/retry"
)

// lane is what a track does with one request.
type lane struct {
	takes  time.Duration // until the answer
	status int           // 0 is an error
	body   string
	deaf   bool // it does not end with the request's context
	does   func(*http.Request)
}

var errLane = errors.New("connection reset")

// track is a transport that gives each request a lane, and counts what is open.
type track struct {
	lanes  func(n int, req *http.Request) lane
	n      atomic.Int32
	open   atomic.Int32 // bodies of answers
	flying atomic.Int32
	mu     sync.Mutex
	bodies []string
	ends   []error // of the contexts of requests, when they end
}

func lanes(all ...lane) *track {
	return &track{lanes: func(n int, _ *http.Request) lane { return all[min(n, len(all))-1] }}
}

func (tr *track) RoundTrip(req *http.Request) (*http.Response, error) {
	n := int(tr.n.Add(1))
	tr.flying.Add(1)
	defer tr.flying.Add(-1)
	l := tr.lanes(n, req)
	if err := l.wait(req.Context()); err != nil {
		closeBodyOf(req)
		tr.mu.Lock()
		defer tr.mu.Unlock()
		tr.ends = append(tr.ends, err)
		return nil, err
	}
	if req.Body != nil {
		text, _ := io.ReadAll(req.Body)
		closeBodyOf(req)
		tr.mu.Lock()
		tr.bodies = append(tr.bodies, string(text))
		tr.mu.Unlock()
	}
	if l.does != nil {
		l.does(req)
	}
	if l.status == 0 {
		return nil, errLane
	}
	tr.open.Add(1)
	body := &laneBody{Reader: strings.NewReader(l.body), ctx: req.Context(), closed: func() { tr.open.Add(-1) }}
	return &http.Response{StatusCode: l.status, Header: http.Header{"X-Lane": {fmt.Sprint(n)}}, Body: body, ContentLength: -1}, nil
}

func closeBodyOf(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

func (l lane) wait(ctx context.Context) error {
	if l.deaf {
		time.Sleep(l.takes)
		return nil
	}
	t := time.NewTimer(l.takes)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// laneBody ends with the request's context, as that of a transport.
type laneBody struct {
	io.Reader
	ctx    context.Context //nolint:containedctx // as a transport keeps it
	once   sync.Once
	closed func()
}

func (b *laneBody) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	return b.Reader.Read(p)
}

func (b *laneBody) Close() error { b.once.Do(b.closed); return nil }

func hedged(t *testing.T, tr *track, steps ...middleware.Middleware) *resty.Client {
	t.Helper()
	c := resty.New().SetBaseURL("https://api.example.com").SetTransport(tr).SetLogger(hush{})
	require.NoError(t, middleware.Use(c, steps...))
	return c
}

type hush struct{}

func (hush) Errorf(string, ...any) {}
func (hush) Warnf(string, ...any)  {}
func (hush) Debugf(string, ...any) {}

// quiet waits until nothing goes on any more, and looks that nothing was left.
func (tr *track) quiet(t *testing.T) {
	t.Helper()
	time.Sleep(time.Hour)
	require.Zero(t, tr.flying.Load(), "requests under way")
	require.Zero(t, tr.open.Load(), "open bodies")
}

const (
	ms   = time.Millisecond
	slow = time.Minute
)

func TestTheFirstSuccessWins(t *testing.T) {
	for name, tt := range map[string]struct {
		lanes []lane
		max   int
		wins  string
		took  time.Duration
		sends int
	}{
		"in time":                           {[]lane{{takes: 99 * ms, status: 200}}, 1, "1", 99 * ms, 1},
		"the second":                        {[]lane{{takes: slow, status: 200}, {takes: 5 * ms, status: 200}}, 1, "2", 105 * ms, 2},
		"the first, late":                   {[]lane{{takes: 150 * ms, status: 200}, {takes: slow, status: 200}}, 1, "1", 150 * ms, 2},
		"not more than Max":                 {[]lane{{takes: slow, status: 200}}, 2, "1", slow, 3},
		"the third":                         {[]lane{{takes: slow, status: 200}, {takes: slow, status: 200}, {status: 200}}, 2, "3", 200 * ms, 3},
		"a 404 is an answer":                {[]lane{{takes: slow, status: 200}, {status: 404}}, 1, "2", 100 * ms, 2},
		"a 503 does not win":                {[]lane{{takes: 300 * ms, status: 200}, {status: 503}}, 1, "1", 300 * ms, 2},
		"nor does a 429":                    {[]lane{{takes: 300 * ms, status: 200}, {status: 429}}, 1, "1", 300 * ms, 2},
		"nor a 408":                         {[]lane{{takes: 300 * ms, status: 200}, {status: 408}}, 1, "1", 300 * ms, 2},
		"nor an error":                      {[]lane{{takes: 300 * ms, status: 200}, {}}, 1, "1", 300 * ms, 2},
		"nor the first's error":             {[]lane{{takes: 110 * ms}, {takes: 50 * ms, status: 200}}, 1, "2", 150 * ms, 2},
		"a failure in time is the policy's": {[]lane{{takes: 5 * ms, status: 503}, {status: 200}}, 1, "1", 5 * ms, 1},
		"all fail, an answer counts more":   {[]lane{{takes: 110 * ms}, {takes: 50 * ms, status: 503}}, 1, "2", 150 * ms, 2},
		"all fail, the first answer":        {[]lane{{takes: 200 * ms, status: 502}, {takes: 50 * ms, status: 503}}, 1, "2", 200 * ms, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for i := range tt.lanes {
					tt.lanes[i].body = strings.Repeat("-body", 1000)
				}
				tr := lanes(tt.lanes...)
				begun := time.Now()
				resp, err := hedged(t, tr, &retry.Hedge{After: 100 * ms, Max: tt.max}).R().Get("/")
				require.NoError(t, err)
				require.Equal(t, tt.took, time.Since(begun))
				require.Equal(t, tt.wins, resp.Header().Get("X-Lane"))
				require.Equal(t, tt.lanes[0].body, resp.String(), "the whole body")
				require.EqualValues(t, tt.sends, tr.n.Load())
				tr.quiet(t)
			})
		})
	}
}

func TestWhenAllFailTheFirstErrorIsTheCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("refused")
		tr := lanes(lane{takes: 200 * ms}, lane{})
		n := 0
		refuses := middleware.Func("refuses", middleware.Breaker, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			n++
			if n == 2 {
				return nil, refused
			}
			return next(req)
		})
		_, err := hedged(t, tr, &retry.Hedge{After: 100 * ms}, refuses).R().Get("/")
		require.ErrorIs(t, err, refused)
		tr.quiet(t)
	})
}

func TestOnlyWhatMayBeRepeatedIsHedged(t *testing.T) {
	for name, tt := range map[string]struct {
		method string
		body   string
		set    func(*resty.Request)
		steps  []middleware.Middleware
		sends  int
	}{
		"GET":                          {method: "GET", sends: 2},
		"PUT":                          {method: "PUT", body: "text", sends: 2},
		"POST":                         {method: "POST", body: "text", sends: 1},
		"PATCH":                        {method: "PATCH", body: "text", sends: 1},
		"POST with a key":              {method: "POST", body: "text", set: func(r *resty.Request) { r.SetHeader("Idempotency-Key", "k") }, sends: 2},
		"POST with a minted key":       {method: "POST", body: "text", steps: []middleware.Middleware{retry.IdempotencyKey{Header: "X-Once"}}, sends: 2},
		"a body of 1 MiB":              {method: "PUT", body: strings.Repeat("x", 1<<20), sends: 2},
		"a longer one":                 {method: "PUT", body: strings.Repeat("x", 1<<20+1), sends: 1},
		"a method of the policy":       {method: "POST", body: "text", steps: []middleware.Middleware{retry.Policy{Methods: []string{"POST"}}}, sends: 2},
		"not one that the policy bars": {method: "PUT", body: "text", steps: []middleware.Middleware{retry.Policy{Methods: []string{"GET"}}}, sends: 1},
		"not under Never":              {method: "GET", steps: []middleware.Middleware{retry.Policy{}}, set: func(r *resty.Request) { r.SetContext(retry.Never(r.Context())) }, sends: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := lanes(lane{takes: slow, status: 200, deaf: true}, lane{status: 200})
				r := hedged(t, tr, append(tt.steps, &retry.Hedge{After: 100 * ms})...).R()
				if tt.body != "" {
					r.SetBody(tt.body)
				}
				if tt.set != nil {
					tt.set(r)
				}
				_, err := r.Execute(tt.method, "/")
				require.NoError(t, err)
				tr.quiet(t)
				require.EqualValues(t, tt.sends, tr.n.Load())
				for _, body := range tr.bodies {
					require.Equal(t, tt.body, body)
				}
			})
		})
	}
}

func TestABodyThatCannotBeReadAgainIsNotHedged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := lanes(lane{takes: slow, status: 200})
		rt := middleware.Stack{&retry.Hedge{After: ms}}.RoundTripper(tr)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "https://api.example.com", io.NopCloser(strings.NewReader("text")))
		require.NoError(t, err)
		resp, err := rt.RoundTrip(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, []string{"text"}, tr.bodies)
	})
}

// TestALoserSendsNothingOfTheCallersNextRequest: resty uses the buffer of a body again as
// soon as a call is over, and the caller may use the request again.
func TestALoserSendsNothingOfTheCallersNextRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var late http.Header
		tr := lanes(lane{takes: slow, status: 200, deaf: true, does: func(req *http.Request) { late = req.Header.Clone() }}, lane{status: 200})
		c := hedged(t, tr, &retry.Hedge{After: 100 * ms})
		r := c.R().SetBody(map[string]string{"amount": "10"}).SetHeader("X-User", "alice")
		_, err := r.Put("/")
		require.NoError(t, err)
		for i := range 50 {
			_, err = r.SetBody(map[string]string{"amount": fmt.Sprint(99, i)}).SetHeader("X-User", "bob").Put("/")
			require.NoError(t, err)
		}
		tr.quiet(t)
		require.JSONEq(t, `{"amount":"10"}`, tr.bodies[len(tr.bodies)-1])
		require.Equal(t, "alice", late.Get("X-User"))
	})
}

func TestTheContextOfTheWinnerLivesAsLongAsItsBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := lanes(lane{takes: slow, status: 200}, lane{status: 200, body: "stream"})
		parent := &hangers{Context: context.Background(), done: make(chan struct{})}
		resp, err := hedged(t, tr, &retry.Hedge{After: 100 * ms}).R().SetContext(parent).SetDoNotParseResponse(true).Get("/")
		require.NoError(t, err)
		time.Sleep(time.Hour)
		tr.mu.Lock()
		require.Equal(t, []error{context.Canceled}, tr.ends, "the loser is cancelled")
		tr.mu.Unlock()
		text, err := io.ReadAll(resp.RawBody())
		require.NoError(t, err)
		require.Equal(t, "stream", string(text))
		require.NoError(t, resp.RawBody().Close())
		tr.quiet(t)
		require.Zero(t, parent.n.Load(), "nothing hangs on the caller's context")
	})
}

// hangers is a context of a long life that counts who hangs on it.
type hangers struct {
	context.Context
	done chan struct{}
	n    atomic.Int32
}

func (h *hangers) Done() <-chan struct{} { return h.done }

func (h *hangers) AfterFunc(func()) func() bool {
	h.n.Add(1)
	var once sync.Once
	return func() bool { once.Do(func() { h.n.Add(-1) }); return true }
}

func TestCancellationEndsAllAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("shutting down")
		tr := lanes(lane{takes: slow, status: 200})
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(150*ms, func() { cancel(gone) })
		begun := time.Now()
		_, err := hedged(t, tr, &retry.Hedge{After: 100 * ms, Max: 3}, retry.Policy{}).R().SetContext(ctx).Get("/")
		require.ErrorIs(t, err, gone)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, 150*ms, time.Since(begun))
		tr.quiet(t)
		require.EqualValues(t, 2, tr.n.Load())
	})
}

func TestTheDeadlineEndsAllAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := lanes(lane{takes: slow, status: 200})
		_, err := hedged(t, tr, &retry.Hedge{After: 100 * ms}, middleware.Deadline(time.Second)).R().Get("/")
		limit, ok := errors.AsType[*middleware.TimeoutError](err)
		require.True(t, ok, "%v", err)
		require.Equal(t, "deadline", limit.Limit)
		tr.quiet(t)
	})
}

func TestAPanicBelowReachesTheCaller(t *testing.T) {
	for name, all := range map[string][]lane{
		"in the first":  {{takes: 200 * ms, does: func(*http.Request) { panic("boom") }}, {takes: slow, status: 200}},
		"in the second": {{takes: slow, status: 200}, {does: func(*http.Request) { panic("boom") }}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := lanes(all...)
				parent := &hangers{Context: context.Background(), done: make(chan struct{})}
				c := hedged(t, tr, &retry.Hedge{After: 100 * ms}, middleware.Timeout{})
				require.PanicsWithValue(t, "boom", func() { _, _ = c.R().SetContext(parent).Get("/") })
				tr.quiet(t)
				require.Zero(t, parent.n.Load())
			})
		})
	}
}

func TestAPanicOfALoserThatIsTooLateIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := lanes(lane{takes: slow, deaf: true, does: func(*http.Request) { panic("boom") }}, lane{status: 200})
		_, err := hedged(t, tr, &retry.Hedge{After: 100 * ms}).R().Get("/")
		require.NoError(t, err)
		tr.quiet(t)
	})
}

func TestAnAttemptThatEndsItsGoroutineEndsTheCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := lanes(lane{takes: slow, deaf: true, does: func(*http.Request) { runtime.Goexit() }})
		c, returned, done := hedged(t, tr, &retry.Hedge{After: time.Hour}), false, make(chan struct{})
		go func() {
			defer close(done)
			_, _ = c.R().Get("/")
			returned = true
		}()
		<-done
		require.False(t, returned)
	})
}

func TestBadHedgesAreRefused(t *testing.T) {
	for says, h := range map[string]*retry.Hedge{
		"After is -1ns":     {After: -1},
		"Quantile is 1":     {Quantile: 1},
		"Quantile is 0.995": {Quantile: 0.995},
		"Quantile is -0.5":  {Quantile: -0.5},
		"Quantile is NaN":   {Quantile: math.NaN()},
		"Max is 11":         {Max: 11},
		"Max is -1":         {Max: -1},
	} {
		require.ErrorContains(t, middleware.Use(resty.New(), h), says)
	}
}

func TestHedgeKeepsTheContract(t *testing.T) {
	for name, make := range map[string]func() middleware.Middleware{
		"fixed":   func() middleware.Middleware { return &retry.Hedge{After: time.Microsecond, Max: 3} },
		"learned": func() middleware.Middleware { return &retry.Hedge{} },
	} {
		t.Run(name, func(t *testing.T) { middlewaretest.Run(t, make) })
	}
	t.Run("beside a policy", func(t *testing.T) {
		middlewaretest.Run(t, func() middleware.Middleware { return &retry.Hedge{After: 10 * ms, Max: 2} },
			middlewaretest.Beside(func() middleware.Stack { return middleware.Stack{retry.Policy{}} }))
	})
}

// TestHedgesStayWithinThePolicysAttempts: also where they come faster than a goroutine begins.
func TestHedgesStayWithinThePolicysAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 300 {
			tr := lanes(lane{takes: 2 * time.Second, status: 200})
			resp, err := hedged(t, tr, &retry.Hedge{After: 1, Max: 10}, retry.Policy{Attempts: 2}).R().Get("/")
			require.NoError(t, err)
			require.LessOrEqual(t, tr.n.Load(), int32(2))
			require.LessOrEqual(t, len(retry.History(resp)), 2)
			tr.quiet(t)
		}
	})
	most := int32(0)
	for range 300 {
		tr := lanes(lane{takes: 2 * time.Millisecond, status: 200})
		_, err := hedged(t, tr, &retry.Hedge{After: 1, Max: 10}, retry.Policy{Attempts: 2}).R().Get("/")
		require.NoError(t, err)
		most = max(most, tr.n.Load())
	}
	require.LessOrEqual(t, most, int32(2))
}
