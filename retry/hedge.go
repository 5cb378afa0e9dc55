package retry

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/restykit/restykit/middleware"
)

// ErrOutrun is how an attempt ended that was cancelled, in the [History] of a call: another
// was faster.
var ErrOutrun = errors.New("hedge: another attempt was faster")

// Hedge sends a request a second time when the answer is later than usual, and takes the
// answer that comes first. It cuts off the slow tail of an origin, for a few requests more.
// The others are cancelled, and their answers closed.
//
// It does so for what may be repeated: the Methods of the client's [Policy] or of the zero
// one, and any request that carries an idempotency key, with a body of 1 MiB at most that
// can be read again. A failure does not win while another attempt is under way: an error, a
// status of 500 or above, 429, or one of the policy's Statuses (RetryIf is not asked). Where
// all fail, the caller or the policy gets the first that is an answer, or else the first
// error. An attempt that fails before it is late is left to the policy. One that fails while
// others are under way gives up its place in a [Limit], and of its answer 256 KiB are read
// into memory, so that its connection is free for them.
//
// A second request is paid from the budget of the client's policy, as a retry is, and gets
// that back only where it was not sent; without a policy, from a &[Tokens]{} of its own. It counts as an attempt:
// where the policy's Attempts are used up, as under [Never], there is none. A stream is
// hedged until its headers have come.
//
// The zero value learns, for each origin, what its slowest 5 % are, and hedges those. It is
// a pointer and not copied, and safe for concurrent use. One that replaces another, as in
// middleware.With, goes on with what that has learned; so does one that a request brings to a
// client without, with the one of a request before. A panic below is raised where the
// caller is, unless an answer was returned by then.
type Hedge struct {
	// After is when an answer is late. 0 is learned. Beside Quantile it is the least that is
	// learned.
	After time.Duration
	// Quantile is the part of the recent answers of an origin (the newest 128 in time, of up
	// to 4096 origins) that are not late, up to 0.99. 0 is 0.95 where After is 0. Nothing is
	// hedged until there are 20 answers, or as many as the quantile needs: 100 for 0.99.
	Quantile float64
	// Max is how many further requests are sent, each when the one before is late; 0 is 1.
	Max int

	own  hedgeState
	from *hedgeState // of the step that this one has replaced
}

// hedgeState is what a client keeps when the settings change.
type hedgeState struct {
	latencies latencies
	budget    Tokens
}

const (
	defaultQuantile = 0.95
	maxQuantile     = 0.99
	mostHedges      = 10
	leastDelay      = time.Millisecond
)

// Name is "hedge".
func (*Hedge) Name() string { return "hedge" }

// Layer is [middleware.Retry].
func (*Hedge) Layer() middleware.Layer { return middleware.Retry }

// Bind goes on with what the hedge before has learned.
func (h *Hedge) Bind(old middleware.Middleware) middleware.Middleware {
	before, ok := ours(old).(*Hedge)
	if !ok {
		return h
	}
	return &Hedge{After: h.After, Quantile: h.Quantile, Max: h.Max, from: before.state()}
}

func (h *Hedge) state() *hedgeState {
	if h.from != nil {
		return h.from
	}
	return &h.own
}

func (h *Hedge) max() int { return or(h.Max, 1) }

func (h *Hedge) learns() bool { return h.After == 0 || h.Quantile > 0 }

func (h *Hedge) quantile() float64 {
	if h.Quantile == 0 {
		return defaultQuantile
	}
	return h.Quantile
}

// delay is when an answer of an origin is late, where that is known.
func (h *Hedge) delay(target *url.URL) (time.Duration, bool) {
	if !h.learns() {
		return h.After, true
	}
	d, known := h.state().latencies.quantile(target, h.quantile())
	return max(d, h.After, leastDelay), known
}

// Validate refuses numbers that cannot be meant.
func (h *Hedge) Validate() error {
	var errs []error
	if h.After < 0 {
		errs = append(errs, fmt.Errorf("After is %v: give a positive duration, or 0 for one that is learned", h.After))
	}
	if !(h.Quantile >= 0 && h.Quantile <= maxQuantile) { // NaN is neither
		errs = append(errs, fmt.Errorf("Quantile is %v: give a part of the answers up to %v, like 0.95, or 0 for that", h.Quantile, maxQuantile))
	}
	if h.Max < 0 || h.Max > mostHedges {
		errs = append(errs, fmt.Errorf("Max is %d: give 1 to %d, or 0 for 1", h.Max, mostHedges))
	}
	return errors.Join(errs...)
}

// String is "1 more after 200ms", or "1 more for the slowest 5%".
func (h *Hedge) String() string {
	s := fmt.Sprintf("%d more ", h.max())
	if h.learns() {
		s += fmt.Sprintf("for the slowest %.4g%%", 100*(1-h.quantile()))
	}
	switch {
	case h.learns() && h.After > 0:
		s += fmt.Sprintf(", after %v or later", h.After)
	case h.After > 0:
		s += fmt.Sprintf("after %v", h.After)
	}
	return s
}

// RoundTrip sends the request, and again where the answer is late.
func (h *Hedge) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	r := race{hedge: h, next: next, info: middleware.InfoOf(req.Context())}
	policy, shared := middleware.StepOf(req.Context(), Policy{}.Name()).(Policy)
	policy = policy.filled()
	if shared {
		r.most = policy.Attempts
	} else {
		policy.Budget = &h.state().budget
	}
	if r.policy = &policy; !r.safe(req) {
		return next(req)
	}
	resp, err := r.start(req)
	if !shared {
		policy.Budget.Report(req.URL, Result{OK: err == nil && !r.failed(resp)})
	}
	return resp, err
}
