package retry

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/restykit/restykit/internal/ratelimit"
	"github.com/restykit/restykit/middleware"
)

// Outcome is what [Policy.Decide] knows of an attempt that has ended.
type Outcome struct {
	Method   string
	Keyed    bool           // the request carries an idempotency key
	Consumed bool           // its body cannot be sent again
	Attempt  int            // the number of this attempt in its call, from 1
	Response *http.Response // the answer; only its status and header count here
	Err      error          // or why there is none
	Waited   time.Duration  // the wait before this attempt, for DecorrelatedJitter
	// Remaining is what is left before the deadline of the call; 0 is no deadline.
	Remaining time.Duration
	Random    float64 // from 0 to 1, for the jitter
}

// Decision is what comes of an [Outcome].
type Decision struct {
	Transient bool          // the attempt has failed in a way that may pass
	Retry     bool          // send again,
	Wait      time.Duration // after that
	// GaveUp is why a safe retry of a transient failure is not made: [ErrAttempts], a
	// [*DelayError], [middleware.ErrBodyConsumed], or an error that wraps
	// [context.DeadlineExceeded].
	GaveUp error
}

// Decide is the policy as a pure function: what is done after an attempt, if the budget
// has something left. [Policy.RoundTrip] asks it, and so may a test or a simulation.
func (p Policy) Decide(o Outcome) Decision {
	p = p.filled()
	return p.decide(&o)
}

func (p *Policy) decide(o *Outcome) Decision {
	d := Decision{Transient: p.transient(o)}
	if !d.Transient || p.Attempts == 1 || !p.safe(o) {
		return d
	}
	switch {
	case o.Consumed:
		d.GaveUp = middleware.ErrBodyConsumed
	case o.Attempt >= p.Attempts:
		d.GaveUp = ErrAttempts
	default:
		d.Wait, d.GaveUp = p.wait(o)
		d.Retry = d.GaveUp == nil
	}
	return d
}

// safe tells whether a second sending does no harm.
func (p *Policy) safe(o *Outcome) bool {
	return o.Keyed || slices.Contains(p.Methods, o.Method) || (o.Err != nil && unsent(o.Err))
}

// transient tells whether another attempt may end better.
func (p *Policy) transient(o *Outcome) bool {
	if o.Response == nil && o.Err == nil {
		return false
	}
	if d, ok := heldBack(o.Err); ok && d > p.base(o.Attempt) {
		return false
	}
	if p.RetryIf != nil {
		return p.RetryIf(o.Response, o.Err)
	}
	if o.Err != nil {
		return Transient(o.Err)
	}
	if len(p.Statuses) == 0 {
		return false
	}
	switch asked := shouldRetry(o.Response.Header); {
	case o.Response.StatusCode < http.StatusBadRequest || asked == "":
	case asked == "true":
		return true
	case asked == "false":
		return false
	}
	return slices.Contains(p.Statuses, o.Response.StatusCode) ||
		(ratelimit.Limited(o.Response.StatusCode, o.Response.Header) && slices.Contains(p.Statuses, http.StatusTooManyRequests))
}

// shouldRetry is the server's own word on its answer.
func shouldRetry(h http.Header) string {
	if len(h["X-Should-Retry"]) > 0 {
		return h["X-Should-Retry"][0]
	}
	return h.Get("Stripe-Should-Retry")
}

// wait is how long to wait before the next attempt, or why there is none.
func (p *Policy) wait(o *Outcome) (time.Duration, error) {
	wait := p.backoff(o.Attempt, o.Waited, o.Random)
	asked, err := p.asked(o)
	switch {
	case err != nil:
		return 0, err
	case p.MaxRetryAfter != middleware.NoLimit && asked > p.MaxRetryAfter:
		return 0, &DelayError{Asked: asked, Max: p.MaxRetryAfter}
	case o.Response == nil:
		wait = max(wait, asked)
	case asked > 0:
		wait = asked
	}
	if o.Remaining != 0 && wait >= o.Remaining {
		return 0, fmt.Errorf("a wait of %v does not fit before the deadline: %w", wait.Round(time.Millisecond), context.DeadlineExceeded)
	}
	return wait, nil
}

// asked is how long the error, the server, or the caller's own reading of it, wants to wait.
func (p *Policy) asked(o *Outcome) (time.Duration, error) {
	resp := o.Response
	if resp == nil {
		d, _ := whenAgain(o.Err)
		return d, nil
	}
	if p.after != nil {
		d, err := p.after(resp)
		if err != nil || d != 0 {
			return d, err
		}
	}
	d, _ := ratelimit.Delay(resp.StatusCode, resp.Header)
	return d, nil
}
