package middleware

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/go-resty/resty/v2"
)

// call is one call: the context that carries it, what steps may know of it (Info)
// and the redirect hop that is under way.
type call struct {
	expiry
	Info

	client   *resty.Client // nil under Stack.RoundTripper, as is Info's request
	refused  error         // nothing is sent
	homeless error         // why the client's BaseURL has no origin
	pipe     *pipeline
	own      *pipeline  // the client's, without what the request brought along:
	with     *withSteps // that,
	late     *withSteps // and what a hook added
	hop      hop
	timer    *time.Timer  // of the deadline, made when somebody asks for Done
	entered  atomic.Bool  // the pipeline has run
	over     atomic.Bool  // the caller has the result
	reading  atomic.Int32 // bodies that are not at their end
	cookies  cookies
}

type callKey struct{}

// Value finds the call in its context. What belongs to a call that this one is nested in,
// its attempt and the steps that its caller brought, is not this one's: a user's token is
// not for the service that a step asks on the way.
func (c *call) Value(key any) any {
	switch key.(type) {
	case callKey:
		return c
	case attemptKey, withKey, shareKey, rivalKey:
		return nil
	}
	return c.Context.Value(key)
}

func callOf(ctx context.Context) *call {
	if c, ok := ctx.(*call); ok {
		return c
	}
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// begin starts the clock. A deadline of the caller's that is sooner makes ours moot.
func (c *call) begin(parent context.Context, pipe *pipeline) {
	c.Context, c.pipe, c.start = parent, pipe, time.Now()
	c.limit()
}

func (c *call) limit() {
	var until time.Time
	if d := c.pipe.limits.deadline; d > 0 {
		until = c.start.Add(d)
		if theirs, ok := c.Context.Deadline(); ok && theirs.Before(until) {
			until = time.Time{}
		}
	}
	c.expiry.mu.Lock()
	defer c.expiry.mu.Unlock()
	c.until = until
}

// Done is expiry's, with the deadline's timer. Attempts watch the deadline
// themselves, so only a step that waits between them comes here.
func (c *call) Done() <-chan struct{} {
	c.arm()
	return c.expiry.Done()
}

// AfterFunc is expiry's, with the deadline's timer.
func (c *call) AfterFunc(f func()) (stop func() bool) {
	c.arm()
	return c.expiry.AfterFunc(f)
}

func (c *call) arm() {
	c.expiry.mu.Lock()
	defer c.expiry.mu.Unlock()
	if c.timer == nil && !c.until.IsZero() && c.err == nil {
		c.timer = time.AfterFunc(time.Until(c.until), c.expire)
	}
}

func (c *call) expire() { c.end(&TimeoutError{Limit: limitDeadline, Value: c.pipe.limits.deadline}) }

// Err is expiry's; it does not depend on a timer that may not have been made.
func (c *call) Err() error {
	c.expiry.mu.Lock()
	late := c.err == nil && !c.until.IsZero() && !time.Now().Before(c.until)
	c.expiry.mu.Unlock()
	if late {
		c.expire()
	}
	return c.expiry.Err()
}

// release ends the clock: the caller has the result, and the body was read or there
// is none.
func (c *call) release() {
	c.expiry.release()
	c.expiry.mu.Lock()
	defer c.expiry.mu.Unlock()
	if c.timer != nil {
		c.timer.Stop()
	}
}

// deadline is when the call's own deadline ends it, or zero.
func (c *call) deadline() time.Time {
	c.expiry.mu.Lock()
	defer c.expiry.mu.Unlock()
	return c.until
}

// finish ends the call: the caller has its result.
func (c *call) finish(resp *resty.Response, err error) {
	if c.over.Swap(true) {
		return
	}
	defer c.close(err)
	c.cookies.restore(resp)
	for _, f := range c.pipe.finishers {
		f.Done(&c.Info, resp, err)
	}
}

// close lets go of the clock, at once or with the stream that is still read.
func (c *call) close(err error) {
	c.over.Store(true)
	if c.mode != streamed || err != nil || c.reading.Load() == 0 {
		c.release()
	}
}
