package middlewaretest

import (
	"net/http"
	"sync"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/middleware"
)

// probe stands in the place of the step, runs it, and writes down what it does.
type probe struct {
	step middleware.Middleware
	log  *visits
}

// visits are what a probe saw.
type visits struct {
	mu  sync.Mutex
	all []*visit
}

// visit is one run of RoundTrip or Attempt.
type visit struct {
	method  string // "RoundTrip" or "Attempt"
	changed string // how the request was changed
	dropped bool   // the context went lost
	nexts   int
	failed  []error // what next returned
	resp    bool    // what the step returned
	err     error
	over    bool
}

// probed puts a probe around a step that has something to watch.
func probed(step middleware.Middleware, log *visits) middleware.Middleware {
	_, trips := step.(middleware.RoundTripper)
	_, attempts := step.(middleware.Attempter)
	if !trips && !attempts {
		return step
	}
	p := &probe{step: step, log: log}
	if t, ok := step.(middleware.Truster); ok {
		return &trusted{probe: p, Truster: t}
	}
	return p
}

// trusted is a probe of a step with a secret.
type trusted struct {
	*probe
	middleware.Truster
}

func (t *trusted) Name() string            { return t.probe.Name() }
func (t *trusted) Layer() middleware.Layer { return t.probe.Layer() }

// Bind lets the step bind itself.
func (t *trusted) Bind(old middleware.Middleware) middleware.Middleware {
	b, ok := t.step.(middleware.Binder)
	if !ok {
		return t
	}
	if o, ok := old.(*trusted); ok {
		old = o.step
	}
	return probed(b.Bind(old), t.log)
}

func (p *probe) Name() string            { return p.step.Name() }
func (p *probe) Layer() middleware.Layer { return p.step.Layer() }

// Bind lets the step bind itself.
func (p *probe) Bind(old middleware.Middleware) middleware.Middleware {
	b, ok := p.step.(middleware.Binder)
	if !ok {
		return p
	}
	if o, ok := old.(*probe); ok {
		old = o.step
	}
	return probed(b.Bind(old), p.log)
}

// Validate is the step's.
func (p *probe) Validate() error {
	if v, ok := p.step.(middleware.Validator); ok {
		return v.Validate()
	}
	return nil
}

// Writes is the step's.
func (p *probe) Writes() string {
	if w, ok := p.step.(middleware.Writer); ok {
		return w.Writes()
	}
	return ""
}

// Check is the step's.
func (p *probe) Check(resp *resty.Response) error {
	if c, ok := p.step.(middleware.Checker); ok {
		return c.Check(resp)
	}
	return nil
}

// Observe is the step's.
func (p *probe) Observe(info *middleware.Info, e middleware.Event) {
	if o, ok := p.step.(middleware.Observer); ok {
		o.Observe(info, e)
	}
}

// RoundTrip runs the step's.
func (p *probe) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	if rt, ok := p.step.(middleware.RoundTripper); ok {
		return p.log.watch("RoundTrip", rt.RoundTrip, req, next)
	}
	return next(req)
}

// Attempt runs the step's.
func (p *probe) Attempt(req *http.Request, next middleware.Next) (*http.Response, error) {
	if a, ok := p.step.(middleware.Attempter); ok {
		return p.log.watch("Attempt", a.Attempt, req, next)
	}
	return next(req)
}

// watch runs a method of the step's on a copy of the request, so that Mutable does not
// know it as its own.
func (l *visits) watch(method string, run func(*http.Request, middleware.Next) (*http.Response, error), req *http.Request, next middleware.Next) (*http.Response, error) {
	v := &visit{method: method}
	l.mu.Lock()
	l.all = append(l.all, v)
	l.mu.Unlock()

	given := new(http.Request)
	*given = *req
	before := snap(given)
	look := func() {
		if v.changed == "" {
			v.changed = before.changed(given)
		}
	}
	resp, err := run(given, func(sent *http.Request) (*http.Response, error) {
		l.mu.Lock()
		look()
		v.nexts++
		if sent == nil || middleware.InfoOf(sent.Context()) != middleware.InfoOf(given.Context()) {
			v.dropped = true
		}
		l.mu.Unlock()
		resp, err := next(sent)
		if err != nil {
			l.mu.Lock()
			v.failed = append(v.failed, err)
			l.mu.Unlock()
		}
		return resp, err
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	look()
	v.resp, v.err, v.over = resp != nil, err, true
	return resp, err
}

func (l *visits) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.all)
}
