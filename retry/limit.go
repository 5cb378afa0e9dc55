package retry

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"golang.org/x/time/rate"

	"github.com/restykit/restykit/internal/perorigin"
	"github.com/restykit/restykit/middleware"
)

// Limit bounds what a client sends to an origin: how often, and how much at a time. An
// attempt waits for its turn, in the order of arrival. Where a turn of the Rate would take
// longer than MaxWait or go beyond the deadline, it fails at once with a [*LimitError]. For a
// place among the Concurrent it waits as long as MaxWait or the deadline: when those end is
// not known. Then the *LimitError says that nothing was sent.
//
// Each attempt counts, retries and hedges too, and waits within the limits that it has, such
// as Timeout.Attempt and Deadline. One that the caller cancels gives its turn back. An
// attempt is under way until its answer has been read to the end or closed, or its context has
// ended, or a [Policy] waits to try again; a connection that becomes something else (101) only
// until then.
//
// The zero value is 100 attempts at a time. It is a pointer and not copied, and safe for
// concurrent use. One that replaces another with the same Rate, Burst and Concurrent goes on
// with its turns, for each of up to 4096 origins; so does one that a request brings
// (middleware.With) to a client without, with the one of a request before.
type Limit struct {
	Rate       float64       // attempts in a second; 0 is no bound
	Burst      int           // of those, at once; 0 is a second's
	Concurrent int           // attempts under way; 0 is 100, -1 is no bound
	MaxWait    time.Duration // for a turn; 0 is 10 s; middleware.NoLimit leaves it to the deadline
	// Learn heeds what the server tells of its quota, in the RateLimit field or in
	// X-RateLimit-Limit, -Remaining and -Reset: when a tenth is left, or one, the rest is spread
	// over the time to the reset, and when nothing is left nothing is sent before it. A tenth is
	// that of the limit that the answer tells, or else of the most that was left since the reset
	// before.
	Learn bool

	own  perorigin.Each[gate]
	from *perorigin.Each[gate] // of the step that this one has replaced
}

// LimitError is the error of an attempt that a [Limit] did not send.
type LimitError struct {
	Origin string        // like https://api.example.com
	Wait   time.Duration // until its turn; 0 where that is not known: too many are under way
	why    string
	ended  error // the time of the caller's that was over meanwhile, or nil
}

// Error says what is in the way.
func (e *LimitError) Error() string { return "limit: " + e.Origin + ": " + e.why }

// Unwrap is the error of a deadline that passed in the queue.
func (e *LimitError) Unwrap() error { return e.ended }

// ErrorType is "limited": a word for telemetry (error.type).
func (*LimitError) ErrorType() string { return "limited" }

// Unsent is true.
func (*LimitError) Unsent() bool { return true }

// RetryAfter is Wait.
func (e *LimitError) RetryAfter() time.Duration { return e.Wait }

// Name is "limit".
func (*Limit) Name() string { return "limit" }

// Layer is [middleware.Limit].
func (*Limit) Layer() middleware.Layer { return middleware.Limit }

// limitNumbers are what makes a turn, filled in.
type limitNumbers struct {
	rate  float64
	burst int
	slots int64
}

func (l *Limit) numbers() limitNumbers {
	n := limitNumbers{l.Rate, l.Burst, int64(or(l.Concurrent, 100))}
	if n.rate == 0 {
		n.rate = float64(rate.Inf) // which is not that of package math
	}
	if n.burst == 0 {
		n.burst = int(min(max(1, math.Ceil(n.rate)), math.MaxInt32))
	}
	return n
}

// maxWait is MaxWait, filled in.
func (l *Limit) maxWait() time.Duration {
	switch l.MaxWait {
	case 0:
		return 10 * time.Second
	case middleware.NoLimit:
		return math.MaxInt64
	}
	return l.MaxWait
}

// Bind goes on with the turns of the limit before.
func (l *Limit) Bind(old middleware.Middleware) middleware.Middleware {
	before, ok := ours(old).(*Limit)
	if !ok || before.numbers() != l.numbers() {
		return l
	}
	return &Limit{Rate: l.Rate, Burst: l.Burst, Concurrent: l.Concurrent, MaxWait: l.MaxWait, Learn: l.Learn, from: before.gates()}
}

func (l *Limit) gates() *perorigin.Each[gate] {
	if l.from != nil {
		return l.from
	}
	return &l.own
}

// Validate refuses numbers that cannot be meant.
func (l *Limit) Validate() error {
	var errs []error
	if !(l.Rate >= 0 && l.Rate <= math.MaxInt32) { // NaN is neither
		errs = append(errs, fmt.Errorf("Rate is %v: give attempts in a second, like 10 or 0.5, or 0 for no bound", l.Rate))
	}
	if l.Burst < 0 || (l.Burst > 0 && l.Rate == 0) {
		errs = append(errs, fmt.Errorf("Burst is %d: give 1 or more beside a Rate, or 0 for a second's", l.Burst))
	}
	if l.Concurrent < -1 {
		errs = append(errs, fmt.Errorf("Concurrent is %d: give 1 or more, 0 for 100, or -1 for no bound", l.Concurrent))
	}
	if l.MaxWait < 0 && l.MaxWait != middleware.NoLimit {
		errs = append(errs, fmt.Errorf("MaxWait is %v: give a positive duration, 0 for 10s, or middleware.NoLimit", l.MaxWait))
	}
	return errors.Join(errs...)
}

// String is "10/s, 100 at a time".
func (l *Limit) String() string {
	n := l.numbers()
	var s string
	if l.Rate > 0 {
		s = fmt.Sprintf("%v/s, ", n.rate)
	}
	if n.slots < 0 {
		s += "any number at a time"
	} else {
		s += fmt.Sprintf("%d at a time", n.slots)
	}
	if l.Learn {
		s += ", and what the server tells"
	}
	return s
}

// RoundTrip sends the request when it is its turn.
func (l *Limit) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	g := l.gates().Of(req.URL, l.numbers().gate)
	begun := time.Now()
	if err := g.enter(req.Context(), l.maxWait()); err != nil {
		return nil, err
	}
	inside := true
	defer func() {
		if inside { // an error, or a panic
			g.leave()
		}
	}()
	if waited := time.Since(begun); waited >= time.Millisecond {
		middleware.Emit(req.Context(), middleware.Event{Step: l.Name(), Kind: "wait", Wait: waited})
	}
	resp, err := next(req)
	if err != nil {
		return nil, err
	}
	if l.Learn {
		g.learn(resp.Header)
	}
	if resp.Body != nil && resp.Body != http.NoBody && resp.StatusCode != http.StatusSwitchingProtocols {
		body := &guest{ReadCloser: resp.Body}
		stop := context.AfterFunc(req.Context(), func() { body.once.Do(g.leave) }) // the transport closes what nobody does
		body.leave = func() { stop(); g.leave() }
		guestsOf(middleware.InfoOf(req.Context())).add(body)
		if l, ok := req.Context().Value(runnerKey{}).(*runner); ok {
			l.guests.add(body)
		}
		resp.Body = body
		inside = false
	}
	return resp, nil
}

// Observe gives the place of an answer back that a [Policy] keeps while it waits to try again.
func (l *Limit) Observe(info *middleware.Info, e middleware.Event) {
	if e.Step == (Policy{}).Name() && e.Kind == "wait" {
		guestsOf(info).leave()
	}
}
