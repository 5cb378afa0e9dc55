package middlewaretest

import (
	"context"
	"net/http"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/middleware"
)

// adoption compares the ways in which a client gets the step.
func (s *suite) adoption() {
	s.t.Helper()
	s.bubble(func(ctx context.Context) {
		plain := s.call(ctx, s.pipeline(&wire{answer: s.answers[0]}), payloads()[0])
		plain.finish()
		if !s.healthy(&pipeline{step: s.newStep()}, plain) {
			return
		}
		s.throughUse(ctx, plain.err)
		s.throughWith(ctx, plain.err)
	})
}

// throughUse adopts the step, adopts it again, and sends through it.
func (s *suite) throughUse(ctx context.Context, want error) {
	s.t.Helper()
	step := s.newStep()
	if b, ok := step.(middleware.Binder); ok && !s.binds(b) {
		return
	}
	c := bareClient(&wire{answer: s.answers[0]})
	for _, what := range []string{"Use", "a second Use of the same step", "Use of another such step"} {
		if what == "Use of another such step" {
			step = s.newStep()
		}
		if err := middleware.Use(c, append(s.company(), step)...); err != nil {
			s.breaks(Adoption, step, "", "%s refuses it: %v", what, err)
			return
		}
		if n := count(middleware.Of(c), step.Name()); n != 1 {
			s.breaks(Adoption, step, "", "after %s, the pipeline has %d steps of its name", what, n)
		}
		s.compare(step, "middleware."+what, want, s.get(ctx, c))
	}
	clone := c.Clone()
	s.compare(step, "a clone of its client", want, s.get(ctx, clone))
	if err := middleware.Use(c, middleware.Off(step.Name())); err != nil {
		s.breaks(Adoption, step, "", "middleware.Off does not find it: %v", err)
	} else if n := count(middleware.Of(c), step.Name()); n != 0 {
		s.breaks(Adoption, step, "", "it is still there after middleware.Off")
	}
}

// binds tells whether Bind keeps the step what it is.
func (s *suite) binds(b middleware.Binder) bool {
	s.t.Helper()
	for _, old := range []middleware.Middleware{nil, b, s.newStep()} {
		bound := b.Bind(old)
		switch {
		case isNil(bound):
			s.breaks(Adoption, b, "", "Bind returned nil: return the step to run")
			return false
		case bound.Name() != b.Name() || bound.Layer() != b.Layer():
			s.breaks(Adoption, b, "", "Bind returned a step %q of layer %v: keep name and layer", bound.Name(), bound.Layer())
			return false
		}
	}
	return true
}

// throughWith brings the step along in a context.
func (s *suite) throughWith(ctx context.Context, want error) {
	s.t.Helper()
	step := s.newStep()
	c := bareClient(&wire{answer: s.answers[0]})
	if err := middleware.Use(c, append(s.company(), middleware.Func("middlewaretest", middleware.Wire, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		return next(req)
	}))...); err != nil {
		s.breaks(Adoption, step, "", "Use refuses the steps beside it: %v", err)
		return
	}
	with := middleware.With(ctx, step)
	for range 2 {
		s.compare(step, "middleware.With", want, s.get(with, c))
	}
	if err := middleware.Use(c, s.newStep()); err != nil {
		s.breaks(Adoption, step, "", "Use refuses it: %v", err)
		return
	}
	s.compare(step, "middleware.With, on a client that has such a step", want, s.get(with, c))
	if err := s.get(middleware.With(ctx, middleware.Off(step.Name())), c); err != nil {
		s.breaks(Adoption, step, "", "a request that switches it off fails: %v", err)
	}
}

// get sends the test's request through resty.
func (s *suite) get(ctx context.Context, c *resty.Client) error {
	like := s.request()
	r := c.R().SetContext(ctx)
	for name, values := range like.Header {
		r.Header[name] = append([]string(nil), values...)
	}
	_, err := r.Get(like.URL.String())
	return err
}

// compare reports a way of adoption with another result than the stack alone has.
func (s *suite) compare(step middleware.Middleware, way string, want, got error) {
	s.t.Helper()
	if (want == nil) != (got == nil) {
		s.breaks(Adoption, step, "", "through %s, a request ends with %v, and through Stack.RoundTripper with %v", way, said(got), said(want))
	}
}

func said(err error) string {
	if err == nil {
		return "a response"
	}
	return "the error " + err.Error()
}

func count(steps middleware.Stack, name string) int {
	n := 0
	for _, step := range steps {
		if step.Name() == name {
			n++
		}
	}
	return n
}
