package middleware

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Func makes a step of a function; see [RoundTripper] for its contract.
func Func(name string, layer Layer, f func(*http.Request, Next) (*http.Response, error)) Middleware {
	return funcStep{name: name, layer: layer, f: f}
}

type funcStep struct {
	name  string
	layer Layer
	f     func(*http.Request, Next) (*http.Response, error)
}

func (s funcStep) Name() string { return s.name }
func (s funcStep) Layer() Layer { return s.layer }

func (s funcStep) RoundTrip(req *http.Request, next Next) (*http.Response, error) {
	return s.f(req, next)
}

func (s funcStep) Validate() error {
	if s.f == nil {
		return errors.New("the function is nil")
	}
	return nil
}

// Wrap makes a step of a decorator for transports, as the ecosystem has them: otelhttp,
// go-vcr, httpcache. The decorator is called once for each client that adopts the
// step, and its transport is used by all requests. It must keep the request's context,
// or derive from it.
func Wrap(name string, layer Layer, decorate func(http.RoundTripper) http.RoundTripper) Middleware {
	return &wrapStep{name: name, layer: layer, decorate: decorate}
}

type wrapStep struct {
	name     string
	layer    Layer
	decorate func(http.RoundTripper) http.RoundTripper
	rt       http.RoundTripper
	of       *wrapStep // what this one is the client's own of
}

type wrapKey struct{ step *wrapStep }

func (s *wrapStep) Name() string { return s.name }
func (s *wrapStep) Layer() Layer { return s.layer }

// Bind decorates what is below, which the context tells for each request. A client that
// adopts the step again keeps the transport that it has.
func (s *wrapStep) Bind(old Middleware) Middleware {
	if before, ok := old.(Earlier); ok {
		old = before.Middleware
	}
	if has, ok := old.(*wrapStep); ok && has.of == s {
		return has
	}
	own := *s
	own.of = s
	own.rt = own.decorate(Next(own.below))
	return &own
}

func (s *wrapStep) RoundTrip(req *http.Request, next Next) (*http.Response, error) {
	if s.rt == nil {
		return nil, fmt.Errorf("%s: the decorator returned a nil http.RoundTripper", s.name)
	}
	return s.rt.RoundTrip(req.WithContext(context.WithValue(req.Context(), wrapKey{s}, next)))
}

func (s *wrapStep) below(req *http.Request) (*http.Response, error) {
	next, ok := req.Context().Value(wrapKey{s}).(Next)
	if !ok {
		closeBody(req)
		return nil, fmt.Errorf("%s: the decorator dropped the request's context", s.name)
	}
	return next(req)
}

func (s *wrapStep) Validate() error {
	if s.decorate == nil {
		return errors.New("the decorator is nil")
	}
	return nil
}
