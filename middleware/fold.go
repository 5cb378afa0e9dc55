package middleware

import (
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
)

// pipeline is a stack, made ready to run. It is made once for a client, and once for
// each set of steps that requests bring along, and never changed.
type pipeline struct {
	steps     Stack // in order, as bound
	run       Next
	limits    limits
	checks    []Checker
	preparers []Preparer
	observers []Observer
	finishers []Finisher
	trusts    [][]string // of the steps that add secrets
	abroad    []string   // header fields of the stack that strangers may see
	writers   []Writer
	retries   string // the name of a step that retries
	decodes   bool   // RequireJSON is there
	// decodesMore: it was not there before the request brought it along
	decodesMore bool
	personal    bool // the request brought credentials of its own
	base        baser
	home        atomic.Pointer[home] // of the last request
	brought     brought              // by requests
}

// baser is a step that puts another transport in the place of the client's.
type baser interface {
	base(http.RoundTripper) (http.RoundTripper, error)
	fits(http.RoundTripper) error
}

// abroader is a step whose header field may go to any origin.
type abroader interface{ abroad() string }

// fold sorts the steps and makes them a pipeline.
func fold(steps Stack) *pipeline {
	p := &pipeline{steps: steps.sorted()}
	for _, step := range p.steps {
		p.note(step)
	}
	below := quietly(p.layers(sendBase, Wire))
	for _, step := range slices.Backward(p.steps) {
		if a, ok := step.(Attempter); ok {
			below = link(step, a.Attempt, below)
		}
	}
	below = p.guard(p.layers(below, Auth))
	below = p.layers(below, Breaker, Limit)
	attempts := func(req *http.Request) (*http.Response, error) {
		c := callOf(req.Context())
		if c == nil {
			closeBody(req)
			return nil, errDropped
		}
		return c.try(req, below)
	}
	p.run = p.layers(attempts, Call, Retry)
	return p
}

// note files what a step does outside the pipeline.
func (p *pipeline) note(step Middleware) {
	if l, ok := step.(limiter); ok {
		l.limit(&p.limits)
	}
	if s, ok := step.(Checker); ok {
		p.checks = append(p.checks, s)
	}
	if s, ok := step.(Preparer); ok {
		p.preparers = append(p.preparers, s)
	}
	if s, ok := step.(Observer); ok {
		p.observers = append(p.observers, s)
	}
	if s, ok := step.(Finisher); ok {
		p.finishers = append(p.finishers, s)
	}
	if s, ok := step.(Truster); ok {
		p.trusts = append(p.trusts, s.Trusts())
	}
	if s, ok := step.(abroader); ok {
		p.abroad = append(p.abroad, s.abroad())
	}
	if s, ok := step.(Writer); ok {
		p.writers = append(p.writers, s)
	}
	if _, ok := step.(RequireJSON); ok {
		p.decodes = true
	}
	if step.Layer() == Retry {
		p.retries = step.Name()
	}
	if s, ok := step.(baser); ok {
		p.base = s
	}
}

// layers puts the steps of some layers around what is below them.
func (p *pipeline) layers(below Next, layers ...Layer) Next {
	for _, step := range slices.Backward(p.steps) {
		if s, ok := step.(RoundTripper); ok && slices.Contains(layers, step.Layer()) {
			below = link(step, s.RoundTrip, below)
		}
	}
	return below
}

// link is a step in front of the rest, held to its contract: a response or an error.
func link(step Middleware, f func(*http.Request, Next) (*http.Response, error), below Next) Next {
	return func(req *http.Request) (*http.Response, error) {
		resp, err := f(req, below)
		return held(step.Name, resp, err)
	}
}

// held holds whoever answers to the contract of a [http.RoundTripper].
func held(name func() string, resp *http.Response, err error) (*http.Response, error) {
	if (resp == nil) == (err != nil) {
		return resp, err
	}
	if resp == nil {
		return nil, misuse(name() + ": broke the contract of an http.RoundTripper: it returned neither a response nor an error")
	}
	if resp.Body != nil {
		_ = resp.Body.Close()
	}
	return nil, fmt.Errorf("%s: %w", name(), err)
}

// sendBase is the end of the pipeline: the transport.
func sendBase(req *http.Request) (*http.Response, error) {
	a := attemptOf(req.Context())
	if a == nil {
		closeBody(req)
		return nil, errDropped
	}
	if a.silences() {
		a.waiting()
		defer a.resting()
	}
	a.sent.Store(true)
	resp, err := a.base.RoundTrip(req)
	if resp, err = held(func() string { return fmt.Sprintf("the transport (%T)", a.base) }, resp, err); err != nil {
		err = a.explain(a.blamed(a.connectError(req, err)))
	}
	a.reached(err)
	return resp, err
}

// hasBehaviour tells whether a step does anything.
func hasBehaviour(step Middleware) bool {
	switch step.(type) {
	case RoundTripper, Attempter, Preparer, Checker, Finisher, Observer, limiter, baser:
		return true
	}
	return false
}
