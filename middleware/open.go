package middleware

import (
	"context"

	"github.com/go-resty/resty/v2"
)

// open begins the call, in resty's hook before a request is built. Where resty retries
// by itself it comes here again, and the call goes on.
func open(c *resty.Client, r *resty.Request) error {
	if old := requestCall(r); old != nil && old.entered.Load() && !old.over.Load() {
		return nil
	}
	next := &call{client: c}
	next.request = r
	if err := next.open(); err != nil {
		return next.refuse(err)
	}
	return nil
}

func (c *call) open() error {
	if c.own = adoptedBy(c.client, c); c.own == nil {
		return errLost
	}
	parent := c.parent()
	if err := c.fold(withOf(parent)); err != nil {
		return err
	}
	c.template = c.request.URL
	c.begin(parent, c.pipe)
	c.settleBase()
	c.request.SetContext(c)
	for _, p := range c.pipe.preparers {
		if err := p.Prepare(c.client, c.request); err != nil {
			return err
		}
	}
	return nil
}

// fold takes the steps that the request brings along into the call's pipeline.
func (c *call) fold(with *withSteps) error {
	pipe, err := c.own.forRequest(with)
	if err != nil {
		return err
	}
	if err := conflicts(c.client, pipe); err != nil {
		return err
	}
	c.pipe, c.with = pipe, with
	return nil
}

// refold does it again where a hook brought further steps.
func (c *call) refold(ctx context.Context) error {
	if !c.tooLate(ctx) {
		return nil
	}
	c.late = withOf(ctx)
	if err := c.fold(c.with.plus(c.late.steps)); err != nil {
		return c.refuse(err)
	}
	c.limit()
	return nil
}

// tooLate tells whether a context brings steps that the pipeline lacks.
func (c *call) tooLate(ctx context.Context) bool {
	if ctx == context.Context(c) {
		return false
	}
	with := withOf(ctx)
	return with != nil && with != c.late
}

// parent is the context of the caller's, also where the request is sent a second time, or
// goes on with the context of a response.
func (c *call) parent() context.Context {
	ctx := c.request.Context()
	for {
		old, ok := ctx.(*call)
		if !ok || (old.request != c.request && !old.over.Load()) {
			return ctx
		}
		ctx = old.Context
	}
}

// refuse fails the call with an error, before anything is sent. Where resty retries by
// itself the transport does that: resty hands the conditions of users a nil response for
// an error of a hook, which they do not expect.
func (c *call) refuse(err error) error {
	if c.client.RetryCount == 0 {
		return err
	}
	if c.pipe == nil {
		c.pipe = fold(nil)
	}
	if c.Context == nil {
		c.begin(c.parent(), c.pipe)
		c.request.SetContext(c)
	}
	c.refused = err
	return nil
}

// requestCall is the call of a resty request, and not one that it inherited.
func requestCall(r *resty.Request) *call {
	if c := callOf(r.Context()); c != nil && c.request == r {
		return c
	}
	return nil
}
