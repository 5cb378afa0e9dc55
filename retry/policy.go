package retry

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/restykit/restykit/middleware"
)

// Policy sends a request again when that is safe and may help. It is a value, and its
// zero value is the recommended default. It is safe for concurrent use.
//
// A POST or PATCH is repeated only with a header Idempotency-Key.
//
// When attempts are exhausted the caller gets the last answer or the last error. A
// retry that would not fit into the call's deadline, or whose Retry-After is above a
// minute, or for which the budget has nothing left, is not made: the call ends at once
// with what it has, and a [middleware.StatusError] says why.
type Policy struct {
	Attempts int           // in all, the first included; 0 is 4, 1 never retries
	Wait     time.Duration // the longest wait before the second attempt, doubling from there; 0 is 100 ms
	MaxWait  time.Duration // the longest wait of all; 0 is 20 s, or Wait where that is longer
	// Budget bounds the retries of a client. nil is 500 tokens for each origin: a retry
	// costs 5 and gets them back if it succeeds, a first try that succeeds earns 1. So an
	// outage costs 100 retries, and then one for five good answers. See [Unlimited].
	Budget Budget
}

const maxRetryAfter = time.Minute

// Name is "retry".
func (Policy) Name() string { return "retry" }

// Layer is [middleware.Retry].
func (Policy) Layer() middleware.Layer { return middleware.Retry }

func (p Policy) filled() Policy {
	if p.Attempts == 0 {
		p.Attempts = 4
	}
	if p.Wait == 0 {
		p.Wait = 100 * time.Millisecond
	}
	if p.MaxWait == 0 {
		p.MaxWait = max(20*time.Second, p.Wait)
	}
	return p
}

// Validate refuses negative numbers and a MaxWait below Wait.
func (p Policy) Validate() error {
	var errs []error
	if p.Attempts < 0 {
		errs = append(errs, fmt.Errorf("Attempts is %d: give 1 or more, or 0 for 4", p.Attempts))
	}
	if p.Wait < 0 {
		errs = append(errs, fmt.Errorf("Wait is %v: give a positive duration, or 0 for 100ms", p.Wait))
	}
	if p.MaxWait < 0 {
		errs = append(errs, fmt.Errorf("MaxWait is %v: give a positive duration, or 0 for 20s", p.MaxWait))
	}
	if p.MaxWait > 0 && p.MaxWait < p.Wait {
		errs = append(errs, fmt.Errorf("MaxWait (%v) is below Wait (%v)", p.MaxWait, p.Wait))
	}
	return errors.Join(errs...)
}

// Bind gives the policy the budget of the one that it replaces, where it has none.
func (p Policy) Bind(old middleware.Middleware) middleware.Middleware {
	if p.Budget == nil {
		if before, ok := old.(Policy); ok && before.Budget != nil {
			p.Budget = before.Budget
		} else {
			p.Budget = newTokens()
		}
	}
	return p
}

// String is "4 attempts, waits 100ms to 20s, budget 500".
func (p Policy) String() string {
	p = p.filled()
	if p.Attempts == 1 {
		return "1 attempt"
	}
	budget := "500"
	if p.Budget != nil {
		budget = p.Budget.String()
	}
	return fmt.Sprintf("%d attempts, waits %v to %v, budget %s", p.Attempts, p.Wait, p.MaxWait, budget)
}

// RoundTrip sends the request until an answer is final.
func (p Policy) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	p = p.filled()
	info, origin := middleware.InfoOf(req.Context()), req.URL.Host
	for n := 1; ; n++ {
		resp, err := next(req)
		if !transient(req, resp, err) {
			p.Budget.Earn(origin, n > 1)
			return resp, err
		}
		if n >= p.Attempts || !repeatable(req) {
			return resp, err
		}
		wait, why := p.wait(req.Context(), n, resp)
		if why == nil && !p.Budget.Spend(origin) {
			why = ErrBudget
		}
		if why != nil {
			return p.giveUp(req, info, resp, err, why)
		}
		middleware.Emit(req.Context(), middleware.Event{Step: p.Name(), Kind: "wait", Wait: wait, Err: err})
		if ended := sleep(req.Context(), wait); ended != nil {
			return p.giveUp(req, info, resp, err, ended)
		}
	}
}

// giveUp returns what the call has, with the reason.
func (p Policy) giveUp(req *http.Request, info *middleware.Info, resp *http.Response, err, why error) (*http.Response, error) {
	info.GiveUp(why)
	middleware.Emit(req.Context(), middleware.Event{Step: p.Name(), Kind: "give-up", Err: why})
	if err != nil {
		return nil, fmt.Errorf("%w (retry given up: %w)", err, why)
	}
	if req.Context().Err() != nil { // the caller's word, and no answer
		middleware.Discard(resp)
		return nil, why
	}
	return resp, nil
}

// wait is how long to wait before the next attempt, or why there is none.
func (p Policy) wait(ctx context.Context, n int, resp *http.Response) (time.Duration, error) {
	wait := p.MaxWait
	if shift := n - 1; shift < 32 && p.Wait<<shift > 0 {
		wait = min(wait, p.Wait<<shift)
	}
	wait = rand.N(wait + 1)
	if asked, ok := retryAfter(resp); ok {
		if asked > maxRetryAfter {
			return 0, &DelayError{Asked: asked, Max: maxRetryAfter}
		}
		wait = asked
	}
	if until, ok := ctx.Deadline(); ok && time.Until(until) <= wait {
		return 0, fmt.Errorf("a wait of %v does not fit before the deadline: %w", wait, context.DeadlineExceeded)
	}
	return wait, nil
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

// DelayError is why a retry was not made: the server asked for a longer wait than is
// waited.
type DelayError struct{ Asked, Max time.Duration }

// Error says both.
func (e *DelayError) Error() string {
	return fmt.Sprintf("the server asks to wait %v, and %v is the most that is waited", e.Asked, e.Max)
}

// repeatable tells whether a second sending does no harm.
func repeatable(req *http.Request) bool {
	if req.Body != nil && req.Body != http.NoBody && req.GetBody == nil {
		return false
	}
	return slices.Contains([]string{"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"}, req.Method) ||
		req.Header.Get("Idempotency-Key") != ""
}

// transient tells whether another attempt may end better.
func transient(req *http.Request, resp *http.Response, err error) bool {
	if err == nil {
		return slices.Contains([]int{408, 429, 500, 502, 503, 504}, resp.StatusCode)
	}
	var final interface{ Final() bool }
	switch {
	case req.Context().Err() != nil, errors.As(err, &final) && final.Final():
		return false
	}
	return !isFinal(err)
}
