package retry

import (
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/restykit/restykit/middleware"
)

// breakerNumbers are the settings of a [Breaker].
type breakerNumbers struct {
	ratio   float64
	least   int
	window  time.Duration
	openFor time.Duration
	probes  int
}

// circuit is the breaker of one origin.
type circuit struct {
	origin string
	engine *gobreaker.TwoStepCircuitBreaker[struct{}]

	numbers breakerNumbers

	mu      sync.Mutex
	state   BreakerState
	turns   int       // counts the changes
	until   time.Time // when it has been open for long enough
	changes []BreakerChange
}

// The results of attempts, as the engine is told.
var (
	errFailed    = errors.New("failed")
	errUncounted = errors.New("uncounted")
)

const slicesOfBreaker = 10

func (n breakerNumbers) circuit(from string) *circuit {
	c := &circuit{origin: from, numbers: n, state: BreakerClosed}
	c.engine = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests: uint32(n.probes), //nolint:gosec // 1 to 1000
		Interval:    n.window, BucketPeriod: n.window / slicesOfBreaker, Timeout: n.openFor,
		ReadyToTrip: func(counts gobreaker.Counts) bool {
			all := counts.TotalSuccesses + counts.TotalFailures
			return int(all) >= n.least && float64(counts.TotalFailures) >= n.ratio*float64(all)
		},
		IsExcluded: func(err error) bool { return errors.Is(err, errUncounted) },
		OnStateChange: func(_ string, was, is gobreaker.State) {
			c.changed(BreakerChange{c.origin, BreakerState(was.String()), BreakerState(is.String())}, n.openFor)
		},
	})
	return c
}

// changed files a change. It is called under the engine's lock, so nobody is told here.
func (c *circuit) changed(change BreakerChange, openFor time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes = append(c.changes, change)
	c.state = change.To
	c.turns++
	if c.until = time.Now(); change.To == BreakerOpen {
		c.until = c.until.Add(openFor + 1) // the engine opens when that is over, not as it ends
	}
}

// allow asks the engine for one attempt. The engine files a result where the attempt began,
// and drops it when that is older than the window: a time-out as long as the window would
// never count. So an attempt that was long under way is counted when it ends. A probe without
// an answer gives its place back when it has had the time of OpenFor, and counts if one comes.
func (c *circuit) allow() (done func(error), err error) {
	begun := time.Now()
	first, err := c.engine.Allow()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	state, turn := c.state, c.turns
	c.mu.Unlock()
	if state == BreakerHalfOpen {
		late := time.AfterFunc(c.numbers.openFor, func() { first(errUncounted) })
		return func(outcome error) {
			if late.Stop() || !errors.Is(outcome, errUncounted) {
				first(outcome)
			}
		}, nil
	}
	return func(outcome error) {
		c.mu.Lock()
		same := c.turns == turn
		c.mu.Unlock()
		if state == BreakerClosed && same && time.Since(begun) >= c.numbers.window/slicesOfBreaker {
			first(errUncounted)
			if first, err = c.engine.Allow(); err != nil {
				return
			}
		}
		first(outcome)
	}, nil
}

// take is what has changed since it was asked last.
func (c *circuit) take() []BreakerChange {
	c.mu.Lock()
	defer c.mu.Unlock()
	changes := c.changes
	c.changes = nil
	return changes
}

func (c *circuit) refusal() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &OpenError{Origin: c.origin, Until: c.until}
}

// judge tells how an attempt counts: nil is a success.
func judge(req *http.Request, resp *http.Response, err error) error {
	_, late := errors.AsType[*middleware.TimeoutError](err)
	switch {
	case err == nil && resp.StatusCode < http.StatusInternalServerError:
		return nil
	case err == nil:
		return errFailed
	case !middleware.Sent(req.Context()) || isFinal(err) || malformed(req):
		return errUncounted
	case refused(err):
		return errUncounted
	case req.Context().Err() != nil && !late:
		return errUncounted
	}
	return errFailed
}

// ofNetwork tells the errors that are Unsent because there was no connection from those of a
// step that refused.
func ofNetwork(unsent any) bool {
	switch unsent.(type) {
	case *middleware.ConnectError, *middleware.TimeoutError:
		return true
	}
	return false
}
