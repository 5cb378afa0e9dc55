package retry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/restykit/restykit/internal/perorigin"
	"github.com/restykit/restykit/middleware"
)

// Breaker stops sending to an origin that fails, and tries it with a few requests before it
// goes on. It spares a server that is down, and its callers the wait.
//
// It counts attempts, each retry and hedge for itself. A status of 500 or above, an error of
// the network and a time limit of the kit's are failures. Any other answer is a success, 429
// too: the server is there. What the caller ended, or whose body he could not give, and what
// a step refused to send, does not count. The headers decide; a body that breaks off later
// does not count either.
//
// While it is open an attempt fails with an [*OpenError], which a [Policy] waits for only
// where that is no longer than its own wait. When OpenFor is over, Probes attempts are let
// through. It closes when all of them succeed, and opens anew at the first that fails. A
// probe that takes longer than OpenFor gives its place to another, and counts when it ends.
//
// The zero value is ready. It is a pointer and not copied, and safe for concurrent use. One
// that replaces another with the same numbers goes on with what that has counted, for each
// of up to 4096 origins; so does one that a request brings (middleware.With) to a client
// without, with the one of a request before.
type Breaker struct {
	FailureRatio float64       // of the attempts in Window, from which on it opens; 0 is 0.5
	MinAttempts  int           // in Window, before it may open; 0 is 20
	Window       time.Duration // 0 is 10 s; a day at the longest
	OpenFor      time.Duration // 0 is 5 s; a day at the longest
	Probes       int           // 0 is 3
	// OnChange is told of each change, by the goroutine whose attempt caused it.
	OnChange func(BreakerChange)

	own  perorigin.Each[circuit]
	from *perorigin.Each[circuit] // of the step that this one has replaced
}

// BreakerState is what a breaker lets through to an origin: all, some, or nothing.
type BreakerState string

// The states of a breaker.
const (
	BreakerClosed   BreakerState = "closed"
	BreakerHalfOpen BreakerState = "half-open"
	BreakerOpen     BreakerState = "open"
)

// BreakerChange is what Breaker.OnChange is told.
type BreakerChange struct {
	Origin   string // like https://api.example.com
	From, To BreakerState
}

// OpenError is the error of an attempt that a [Breaker] did not send.
type OpenError struct {
	Origin string
	Until  time.Time // when probes are let through; the past where they are under way
}

// Error says when to come back.
func (e *OpenError) Error() string {
	if time.Until(e.Until) <= 0 {
		return fmt.Sprintf("breaker: %s has failed too often, and is being probed", e.Origin)
	}
	return fmt.Sprintf("breaker: %s has failed too often: nothing is sent before %s", e.Origin, e.Until.UTC().Format(time.RFC3339))
}

// ErrorType is "breaker_open": a word for telemetry (error.type).
func (*OpenError) ErrorType() string { return "breaker_open" }

// Unsent is true.
func (*OpenError) Unsent() bool { return true }

// RetryAfter is how long that is from now.
func (e *OpenError) RetryAfter() time.Duration { return max(0, time.Until(e.Until)) }

// Name is "breaker".
func (*Breaker) Name() string { return "breaker" }

// Layer is [middleware.Breaker].
func (*Breaker) Layer() middleware.Layer { return middleware.Breaker }

// numbers are the settings, filled in.
func (b *Breaker) numbers() breakerNumbers {
	n := breakerNumbers{b.FailureRatio, or(b.MinAttempts, 20), b.Window, b.OpenFor, or(b.Probes, 3)}
	if n.ratio == 0 {
		n.ratio = 0.5
	}
	if n.window == 0 {
		n.window = 10 * time.Second
	}
	if n.openFor == 0 {
		n.openFor = 5 * time.Second
	}
	return n
}

// Bind goes on with what the breaker before has counted.
func (b *Breaker) Bind(old middleware.Middleware) middleware.Middleware {
	before, ok := ours(old).(*Breaker)
	if !ok || before.numbers() != b.numbers() {
		return b
	}
	return &Breaker{
		FailureRatio: b.FailureRatio, MinAttempts: b.MinAttempts, Window: b.Window, OpenFor: b.OpenFor, Probes: b.Probes,
		OnChange: b.OnChange, from: before.circuits(),
	}
}

func (b *Breaker) circuits() *perorigin.Each[circuit] {
	if b.from != nil {
		return b.from
	}
	return &b.own
}

// Validate refuses numbers that cannot be meant.
func (b *Breaker) Validate() error {
	var errs []error
	if !(b.FailureRatio >= 0 && b.FailureRatio <= 1) { // NaN is neither
		errs = append(errs, fmt.Errorf("FailureRatio is %v: give a part of the attempts, like 0.5, or 0 for that", b.FailureRatio))
	}
	if b.MinAttempts < 0 {
		errs = append(errs, fmt.Errorf("MinAttempts is %d: give 1 or more, or 0 for 20", b.MinAttempts))
	}
	if b.Window < 0 || (b.Window > 0 && b.Window < minWindow) || b.Window > longest {
		errs = append(errs, fmt.Errorf("Window is %v: give %v to %v, or 0 for 10s", b.Window, minWindow, longest))
	}
	if b.OpenFor < 0 || b.OpenFor > longest {
		errs = append(errs, fmt.Errorf("OpenFor is %v: give %v at the longest, or 0 for 5s", b.OpenFor, longest))
	}
	if b.Probes < 0 || b.Probes > maxProbes {
		errs = append(errs, fmt.Errorf("Probes is %d: give 1 to %d, or 0 for 3", b.Probes, maxProbes))
	}
	return errors.Join(errs...)
}

const (
	minWindow = 10 * time.Millisecond
	longest   = 24 * time.Hour
	maxProbes = 1000
)

// String is "opens for 5s at 50% of 20 or more in 10s".
func (b *Breaker) String() string {
	n := b.numbers()
	return fmt.Sprintf("opens for %v at %.4g%% of %d or more in %v", n.openFor, 100*n.ratio, n.least, n.window)
}

// RoundTrip sends the request where the breaker lets it, and counts how that ends.
func (b *Breaker) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	c := b.circuits().Of(req.URL, b.numbers().circuit)
	done, err := c.allow()
	if err != nil {
		b.tell(req.Context(), c)
		return nil, c.refusal()
	}
	outcome := errUncounted // of a panic, here or below
	defer func() {
		done(outcome)
		b.tell(req.Context(), c)
	}()
	b.tell(req.Context(), c)
	resp, err := next(req)
	outcome = judge(req, resp, err)
	return resp, err
}

// tell reports what has changed.
func (b *Breaker) tell(ctx context.Context, c *circuit) {
	for _, change := range c.take() {
		middleware.Emit(ctx, middleware.Event{Step: b.Name(), Kind: "breaker", Text: string(change.To)})
		if b.OnChange != nil {
			b.OnChange(change)
		}
	}
}
