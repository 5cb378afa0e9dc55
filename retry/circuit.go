package retry

import (
	"context"
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

	mu      sync.Mutex
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
	c := &circuit{origin: from}
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
	if c.until = time.Now(); change.To == BreakerOpen {
		c.until = c.until.Add(openFor + 1) // the engine opens when that is over, not as it ends
	}
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
func judge(ctx context.Context, resp *http.Response, err error) error {
	switch {
	case err == nil && resp.StatusCode < http.StatusInternalServerError:
		return nil
	case err == nil || ofNetwork(err):
		return errFailed
	case ctx.Err() != nil || unsent(err) || isFinal(err):
		return errUncounted
	}
	return errFailed
}

// ofNetwork tells an error whose type says that nobody was there, or answered in time.
func ofNetwork(err error) bool {
	_, unconnected := errors.AsType[*middleware.ConnectError](err)
	_, late := errors.AsType[*middleware.TimeoutError](err)
	return unconnected || late
}
