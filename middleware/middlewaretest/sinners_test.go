package middlewaretest_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/middleware"
)

// made counts steps, to give each another name.
var made atomic.Int32

func passes(req *http.Request, next middleware.Next) (*http.Response, error) { return next(req) }

func trips(name string, layer middleware.Layer, f tripFunc) middleware.Middleware {
	return middleware.Func(name, layer, f)
}

func at(layer middleware.Layer, f tripFunc) newStep {
	return func() middleware.Middleware { return trips("sinner", layer, f) }
}

// shifty changes what it says of itself, at each question or after some calls.
type shifty struct {
	name, text, layer, valid bool
	asked, sent              atomic.Int32
}

func (s *shifty) Name() string {
	if s.name {
		return fmt.Sprint("shifty-", s.asked.Add(1))
	}
	return "shifty"
}

func (s *shifty) String() string {
	if s.text {
		return fmt.Sprint(s.asked.Add(1), " times")
	}
	return ""
}

func (s *shifty) Layer() middleware.Layer {
	if s.layer && s.sent.Load() > 3 {
		return middleware.Limit
	}
	return middleware.Auth
}

func (s *shifty) Validate() error {
	if s.valid && s.sent.Load() > 3 {
		return errors.New("used up")
	}
	return nil
}

func (s *shifty) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	s.sent.Add(1)
	return next(req)
}

// texted has a String of any kind.
type texted struct {
	text   string
	panics bool
}

func (texted) Name() string            { return "texted" }
func (texted) Layer() middleware.Layer { return middleware.Call }

func (t texted) String() string {
	if t.panics {
		panic("no text")
	}
	return t.text
}

func (texted) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	return next(req)
}

// attempting is a step with an Attempt alone.
type attempting tripFunc

func (attempting) Name() string            { return "attempting" }
func (attempting) Layer() middleware.Layer { return middleware.Call }

func (a attempting) Attempt(req *http.Request, next middleware.Next) (*http.Response, error) {
	return a(req, next)
}

// mixes keeps what belongs to a request in a field.
type mixes struct {
	mu sync.Mutex
	id string
}

func (*mixes) Name() string            { return "mixes" }
func (*mixes) Layer() middleware.Layer { return middleware.Auth }

func (m *mixes) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	m.mu.Lock()
	m.id = req.Header.Get("X-Contract-Id")
	m.mu.Unlock()
	time.Sleep(time.Microsecond)
	req = middleware.Mutable(req)
	m.mu.Lock()
	req.Header.Set("X-Contract-Id", m.id)
	m.mu.Unlock()
	return next(req)
}

// binder binds itself to another step where it replaces one.
type binder struct{ to middleware.Middleware }

func (binder) Name() string            { return "binder" }
func (binder) Layer() middleware.Layer { return middleware.Call }

func (b binder) Bind(old middleware.Middleware) middleware.Middleware {
	if old == nil {
		return b
	}
	return b.to
}

func (binder) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	return next(req)
}

// prepares fails in resty's hook.
type prepares struct{}

func (*prepares) Name() string            { return "prepares" }
func (*prepares) Layer() middleware.Layer { return middleware.Call }

func (*prepares) Prepare(*resty.Client, *resty.Request) error { return errors.New("no preparing") }

func (*prepares) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	return next(req)
}

// once is valid until it has sent something.
type once struct{ sent atomic.Bool }

func (*once) Name() string            { return "once" }
func (*once) Layer() middleware.Layer { return middleware.Call }

func (o *once) Validate() error {
	if o.sent.Load() {
		return errors.New("sent already")
	}
	return nil
}

func (o *once) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	o.sent.Store(true)
	return next(req)
}

// needs is a step that does not stand alone.
type needs struct{}

func (needs) Name() string            { return "needs" }
func (needs) Layer() middleware.Layer { return middleware.Call }

func (needs) Fit(s middleware.Stack) error {
	if !slices.ContainsFunc(s, func(m middleware.Middleware) bool { return m.Name() == "company" }) {
		return errors.New("it needs company")
	}
	return nil
}

func (needs) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	return next(req)
}
