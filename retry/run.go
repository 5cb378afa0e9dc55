package retry

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/restykit/restykit/middleware"
)

// run is one hop of a call under a policy.
type run struct {
	policy  *Policy
	req     *http.Request
	next    middleware.Next
	info    *middleware.Info
	out     Outcome // of the newest attempt
	start   time.Time
	retried bool // in this hop, and paid
	sent    bool // an attempt of this hop was
	paid    bool // the next that is sent
	costly  bool // the last retry followed a time-out
}

// once makes the only attempt of a policy that does not retry.
func (r *run) once() (resp *http.Response, err error) {
	r.start = time.Now()
	if resp, err = r.next(r.req); err != nil {
		r.out.Err = err
		r.note(0)
	}
	return resp, err
}

func (r *run) do() (*http.Response, error) {
	defer r.refund()
	d := r.try()
	for d.Retry {
		if !r.spend() {
			d.GaveUp = ErrBudget
			break
		}
		if ended := r.rest(r.note(d.Wait)); ended != nil {
			return r.giveUp(ended)
		}
		before := r.out
		r.out.Attempt, r.out.Waited = r.out.Attempt+1, d.Wait
		if d = r.try(); errors.Is(r.out.Err, middleware.ErrBodyConsumed) {
			why := r.out.Err
			r.out = before
			return r.giveUp(why)
		}
	}
	if d.GaveUp == nil {
		return r.end(d)
	}
	r.note(0)
	return r.giveUp(d.GaveUp)
}

// try makes an attempt, and decides what comes of it.
func (r *run) try() Decision {
	r.start = time.Now()
	resp, err := r.next(r.request()) //nolint:bodyclose // it is the answer, or the next attempt discards it
	r.out.Attempt = max(r.out.Attempt, r.info.Attempts())
	r.out.Response, r.out.Err = resp, err
	if err == nil || (!refused(err) && !errors.Is(err, middleware.ErrBodyConsumed)) {
		r.sent, r.retried, r.paid = true, r.retried || r.paid, false
	}
	if err != nil && (r.req.Context().Err() != nil || malformed(r.req)) {
		return Decision{}
	}
	if err == nil && r.policy.RetryIf == nil && resp.StatusCode < http.StatusBadRequest && !slices.Contains(r.policy.Statuses, resp.StatusCode) {
		return r.whole() // most end here
	}
	r.measure()
	if err == nil && r.policy.RetryIf != nil {
		return r.whole()
	}
	return r.policy.decide(&r.out)
}

// whole reads the body of an answer that stands, and decides anew where it is cut short.
func (r *run) whole() Decision {
	var text *buffered
	if r.buffers() {
		var err error
		if text, err = buffer(r.out.Response, r.policy.MaxBuffer, r.policy.RetryIf != nil); err != nil {
			if r.req.Context().Err() != nil {
				return Decision{}
			}
			r.measure()
			cut := r.out
			cut.Response, cut.Err = nil, err
			if d := r.policy.decide(&cut); d.Transient {
				r.out = cut
				return d
			}
		}
	}
	if r.policy.RetryIf == nil {
		return Decision{}
	}
	var d Decision
	show(r.out.Response, text, func() { d = r.policy.decide(&r.out) })
	return d
}

// buffers tells whether the answer's body may be read here: resty reads it whole anyway,
// and the request may be sent again.
func (r *run) buffers() bool {
	body := r.out.Response.Body
	return r.info != nil && !r.info.Streams() && r.policy.MaxBuffer > 0 && body != nil && body != http.NoBody &&
		r.req.Method != http.MethodHead && r.out.Response.StatusCode != http.StatusSwitchingProtocols &&
		(slices.Contains(r.policy.Methods, r.req.Method) || r.keyed())
}

// request is the request of the next attempt.
func (r *run) request() *http.Request {
	req := r.req
	if r.policy.AttemptHeader != "" {
		req = middleware.Mutable(req)
		req.Header.Set(r.policy.AttemptHeader, strconv.Itoa(r.out.Attempt))
	}
	if left := r.policy.Attempts - r.out.Attempt; r.policy.SplitDeadline && left > 0 {
		r.measure()
		if r.out.Remaining > 0 && !r.out.Consumed && r.policy.safe(&r.out) {
			req = middleware.Within(req, r.out.Remaining/time.Duration(left+1))
		}
	}
	return req
}

// measure fills in what a decision needs of the request.
func (r *run) measure() {
	r.out.Method, r.out.Keyed = r.req.Method, r.keyed()
	r.out.Consumed = r.req.Body != nil && r.req.Body != http.NoBody && r.req.GetBody == nil
	r.out.Random = rand.Float64()
	if until, ok := r.req.Context().Deadline(); ok {
		r.out.Remaining = max(1, time.Until(until))
	}
}

// keyed tells whether the request carries an idempotency key all the way.
func (r *run) keyed() bool {
	names := [...]string{defaultKeyHeader, "X-Idempotency-Key", ""}
	if k, ok := middleware.StepOf(r.req.Context(), IdempotencyKey{}.Name()).(IdempotencyKey); ok {
		names[2] = k.Writes()
	}
	for _, name := range names {
		if values := r.req.Header[name]; len(values) > 0 && values[0] != "" {
			return !middleware.Abroad(r.req)
		}
	}
	return false
}

// spend pays for a retry. One behind attempts that were not sent costs nothing: the server has
// seen none of them.
func (r *run) spend() bool {
	if !r.sent || r.paid {
		return true
	}
	r.costly = r.out.Err != nil && isTimeout(r.out.Err)
	r.paid = r.policy.Budget.Spend(r.req.URL, r.costly)
	return r.paid
}

// refund gives back what was paid for a retry that was not sent.
func (r *run) refund() {
	if r.paid {
		refund(r.policy.Budget, r.req.URL, r.costly)
	}
}

// rest waits before the next attempt, and returns what has ended the call meanwhile.
func (r *run) rest(a Attempt) error {
	ctx := r.req.Context()
	middleware.Emit(ctx, middleware.Event{Step: r.policy.Name(), Kind: "wait", Wait: a.Wait, Err: a.Err})
	if r.policy.OnRetry != nil {
		r.policy.OnRetry(ctx, a)
	}
	return sleep(ctx, a.Wait)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// note files the attempt that has ended.
func (r *run) note(wait time.Duration) Attempt {
	a := Attempt{Number: r.out.Attempt, Start: r.start, Duration: time.Since(r.start), Err: r.out.Err, Wait: wait}
	if r.out.Response != nil {
		a.StatusCode = r.out.Response.StatusCode
	}
	recordOf(r.info).add(a)
	return a
}

// end returns what needs no retry.
func (r *run) end(d Decision) (*http.Response, error) {
	ok := r.out.Err == nil && !d.Transient
	r.policy.Budget.Report(r.req.URL, Result{OK: ok, Retried: r.retried, Timeout: r.costly})
	if r.out.Attempt > 1 || r.out.Err != nil {
		r.note(0)
	}
	if r.out.Attempt == 1 {
		return r.out.Response, r.out.Err
	}
	if r.out.Err != nil {
		return nil, &ExhaustedError{History: recordOf(r.info).all(), Err: r.out.Err}
	}
	return r.out.Response, nil
}

// giveUp returns what the call has, with the reason.
func (r *run) giveUp(why error) (*http.Response, error) {
	r.policy.Budget.Report(r.req.URL, Result{Retried: r.retried, Timeout: r.costly})
	ctx := r.req.Context()
	exhausted := &ExhaustedError{History: recordOf(r.info).all(), Err: r.out.Err, GaveUp: why}
	r.info.GiveUp(exhausted)
	middleware.Emit(ctx, middleware.Event{Step: r.policy.Name(), Kind: "give-up", Err: why})
	if r.out.Err != nil {
		return nil, exhausted
	}
	if ctx.Err() != nil { // the caller's word, and no answer
		middleware.Discard(r.out.Response)
		return nil, why
	}
	return r.out.Response, nil
}
