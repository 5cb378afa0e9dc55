package retry

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/restykit/restykit/middleware"
)

// race is a request under a hedge: its attempts, of which one wins.
type race struct {
	hedge   *Hedge
	policy  *Policy
	most    int           // attempts of the call, or 0
	before  int           // those before the race
	req     *http.Request // that nobody else holds
	next    middleware.Next
	info    *middleware.Info
	delay   time.Duration
	runners []*runner
	laps    chan *runner // those that have ended
}

// safe tells whether a request may be sent more than once, and the policy has attempts left
// for that.
func (r *race) safe(req *http.Request) bool {
	m := run{policy: r.policy, req: req}
	m.measure()
	if r.before = r.info.Attempts(); req.Response != nil { // a redirect hop, of which the first send is no attempt
		r.before = max(r.before-1, 0)
	}
	return !m.out.Consumed && r.policy.safe(&m.out) && (r.most == 0 || r.before+1 < r.most)
}

// failed tells an answer that does not win.
func (r *race) failed(resp *http.Response) bool {
	return resp.StatusCode >= http.StatusInternalServerError || resp.StatusCode == http.StatusTooManyRequests ||
		slices.Contains(r.policy.Statuses, resp.StatusCode)
}

// start runs the race, or sends the request alone where it is not known what is late.
func (r *race) start(req *http.Request) (*http.Response, error) {
	var known bool
	if r.delay, known = r.hedge.delay(req.URL); known {
		if r.req = apart(req); r.req != nil {
			r.laps = make(chan *runner, 1+r.hedge.max())
			return r.run()
		}
	}
	begun := time.Now()
	resp, err := r.next(req)
	if err == nil && !r.failed(resp) {
		r.learn(req, time.Since(begun))
	}
	return resp, err
}

// learn files the time of an answer.
func (r *race) learn(req *http.Request, d time.Duration) {
	if r.hedge.learns() {
		r.hedge.state().latencies.add(req.URL, d)
	}
}

// maxHedged is the longest body that is copied.
const maxHedged = 1 << 20

// apart is a request that a loser may go on with when the caller has the answer, and uses
// the header and the buffer of the body for something else. It is nil where there is none.
func apart(req *http.Request) *http.Request {
	own := req.Clone(req.Context())
	if req.Body == nil || req.Body == http.NoBody {
		return own
	}
	if req.ContentLength > maxHedged {
		return nil
	}
	body, err := req.GetBody()
	if err != nil {
		return nil // the attempt says it
	}
	text, err := io.ReadAll(io.LimitReader(body, maxHedged+1))
	_ = body.Close()
	if err != nil || len(text) > maxHedged {
		return nil
	}
	_ = req.Body.Close()
	own.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }
	own.Body, _ = own.GetBody()
	return own
}

// run is the race.
func (r *race) run() (*http.Response, error) {
	var best *runner
	defer func() { r.dropAll(best) }()
	late := time.NewTimer(r.delay)
	defer late.Stop()
	r.send()
	for ended := 0; ended < len(r.runners); {
		l := r.wait(late)
		l.ended = true
		ended++
		if l != r.runners[0] && l.err != nil && refused(l.err) {
			refund(r.policy.Budget, r.req.URL, false)
		}
		switch {
		case l.panicked != nil:
			best = nil
			panic(l.panicked) //nolint:forbidigo // of what is below, in the goroutine that waits for that
		case !l.returned:
			best = nil
			runtime.Goexit() // as below, such as a test that fails in its transport
		case l.err == nil && !r.failed(l.resp):
			r.timed()
			r.note(l)
			best = l
			return l.resp, nil
		case best == nil || (best.err != nil && l.err == nil):
			best = l
		}
		if ended < len(r.runners) {
			l.yield()
		}
		if r.req.Context().Err() != nil {
			break
		}
	}
	r.note(best)
	return best.resp, best.err
}

// wait waits for an attempt to end, and sends another when that is late.
func (r *race) wait(late *time.Timer) *runner {
	for {
		select {
		case l := <-r.laps:
			return l
		case <-late.C:
		}
		select {
		case l := <-r.laps: // in time, or nearly so
			return l
		default:
		}
		if r.pay() {
			r.send()
			late.Reset(r.delay)
		}
	}
}

// pay tells whether one more is sent.
func (r *race) pay() bool {
	ctx := r.req.Context()
	if len(r.runners) > r.hedge.max() || (r.most > 0 && r.before+len(r.runners) >= r.most) || ctx.Err() != nil {
		return false
	}
	if !r.policy.Budget.Spend(r.req.URL, false) {
		middleware.Emit(ctx, middleware.Event{Step: r.hedge.Name(), Kind: "budget", Err: ErrBudget})
		return false
	}
	middleware.Emit(ctx, middleware.Event{Step: r.hedge.Name(), Kind: "hedge", Wait: time.Since(r.runners[0].start)})
	return true
}

// send begins an attempt.
func (r *race) send() {
	req, drop := middleware.Beside(r.req)
	l := &runner{drop: drop, start: time.Now()}
	req = req.WithContext(context.WithValue(req.Context(), runnerKey{}, l))
	r.count(req)
	r.runners = append(r.runners, l)
	go func() {
		defer func() {
			l.panicked = recover()
			r.laps <- l // there is room
		}()
		l.resp, l.err = r.next(req) //nolint:bodyclose // it is returned, or dropped
		l.took, l.returned = time.Since(l.start), true
	}()
}

// count writes the number of a further attempt where the policy has written that of the first.
func (r *race) count(req *http.Request) {
	name := r.policy.AttemptHeader
	if first, err := strconv.Atoi(req.Header.Get(name)); name != "" && err == nil && len(r.runners) > 0 {
		req.Header = req.Header.Clone()
		req.Header.Set(name, strconv.Itoa(first+len(r.runners)))
	}
}

// timed files how long the first attempt took, or has taken by now: without those that lost,
// an origin would seem the faster the more is hedged.
func (r *race) timed() {
	switch first := r.runners[0]; {
	case !first.ended:
		r.learn(r.req, time.Since(first.start))
	case first.err == nil && !r.failed(first.resp):
		r.learn(r.req, first.took)
	}
}

// note files the attempts that the policy does not see, which files the one that is returned.
func (r *race) note(returned *runner) {
	if r.most == 0 || len(r.runners) == 1 {
		return
	}
	number := r.before
	for _, l := range r.runners {
		if l == returned {
			continue
		}
		number++
		recordOf(r.info).add(l.attempt(r.req.Context(), number))
	}
}

// dropAll ends all attempts but one. What is still to come of the others' answers, nobody
// waits for.
func (r *race) dropAll(but *runner) {
	for _, l := range r.runners {
		if l == but {
			continue
		}
		if b, ok := l.body(); ok {
			b.stop()
		}
		l.drop()
	}
}
