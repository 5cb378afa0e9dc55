package middlewaretest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/restykit/restykit/middleware"
)

// identity asks two new steps who they are.
func (s *suite) identity() {
	step, twin := s.newStep(), s.newStep()
	before := identityOf(step)
	switch {
	case before.name != step.Name():
		s.breaks(Identity, step, "", "Name is %q and then %q: With and a later Use replace a step by its name", before.name, step.Name())
	case before.name != twin.Name():
		s.breaks(Identity, step, "", "two steps that newStep made have the names %q and %q", before.name, twin.Name())
	case strings.ContainsAny(before.name, "\r\n\t"):
		s.breaks(Identity, step, "", "Name %q is more than one line", before.name)
	case strings.ContainsAny(before.text, "\r\n"):
		s.breaks(Identity, step, "", "String %q is more than one line of the printed pipeline", before.text)
	case before != identityOf(step):
		s.breaks(Identity, step, "", "it said %v and then %v", before, identityOf(step))
	}
}

// sameIdentity compares what the step says of itself after a call.
func (s *suite) sameIdentity(before identity, p *pipeline, x *exchange) {
	if now := identityOf(p.step); now.name != before.name || now.layer != before.layer || now.valid != before.valid {
		s.breaks(Identity, p.step, x.what, "it was %v, and %v after a call", before, now)
	}
}

// identity is what a step says of itself.
type identity struct {
	name, layer, text, valid string
}

func identityOf(step middleware.Middleware) identity {
	i := identity{name: step.Name(), layer: step.Layer().String(), valid: "valid"}
	if _, ok := step.(fmt.Stringer); ok {
		i.text, _ = sprintf("%v", step) // where it panics, the text says so
	}
	if v, ok := step.(middleware.Validator); ok {
		if err := v.Validate(); err != nil {
			i.valid = err.Error()
		}
	}
	return i
}

func (i identity) String() string {
	return fmt.Sprintf("name %q, layer %s, string %q, %s", i.name, i.layer, i.text, i.valid)
}

// format prints a new step in every way.
func (s *suite) format() {
	step := s.newStep()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%T"} {
		text, panicked := sprintf(verb, step)
		switch {
		case panicked != nil:
			s.breaks(Format, step, "", "fmt.Sprintf(%q, step) panics: %v", verb, panicked)
		case strings.Contains(text, "(PANIC="):
			s.breaks(Format, step, "", "fmt.Sprintf(%q, step) panics in a method of the step's: %s", verb, text)
		}
	}
}

func sprintf(verb string, step any) (text string, panicked any) {
	defer func() { panicked = recover() }()
	return fmt.Sprintf(verb, step), nil
}

// unmodified looks at the requests that the step, and that the caller had.
func (s *suite) unmodified(p *pipeline, x *exchange) {
	for _, v := range x.visits() {
		if v.changed != "" {
			s.breaks(Unmodified, p.step, x.what, "in %s, %s", v.method, v.changed)
		}
		if v.dropped {
			s.breaks(Unmodified, p.step, x.what, "in %s, it sent a request whose context does not derive from that of the request it was given: use req.Context()", v.method)
		}
	}
	if x.caller != "" {
		s.breaks(Unmodified, p.step, x.what, "the caller's request is another than before: %s", x.caller)
	}
}

// bodyClosed looks at the request's bodies.
func (s *suite) bodyClosed(p *pipeline, x *exchange) {
	if x.bodies.unclosed() > 0 {
		s.breaks(BodyClosed, p.step, x.what, "a body of the request was never closed: whoever replaces a body or calls GetBody closes what is not sent")
	}
}

// oneResult looks at what the step returned, before the core mends it.
func (s *suite) oneResult(p *pipeline, x *exchange) {
	for _, v := range x.visits() {
		switch {
		case v.resp && v.err != nil:
			s.breaks(OneResult, p.step, x.what, "%s returned a response and an error (%v): close the response and return nil for it", v.method, v.err)
		case v.over && !v.resp && v.err == nil:
			s.breaks(OneResult, p.step, x.what, "%s returned neither a response nor an error", v.method)
		}
	}
}

// responsesClosed looks at the bodies of all responses of the pipeline.
func (s *suite) responsesClosed(p *pipeline, x *exchange) {
	if p.wire.unclosed() > 0 {
		s.breaks(ResponsesClosed, p.step, x.what, "a response's body is open when the caller has closed its own: close what is not returned, and close through what wraps a body")
	}
}

// transportCause looks for the transport's error in the step's.
func (s *suite) transportCause(p *pipeline, x *exchange) {
	for _, v := range x.visits() {
		if v.err == nil || !errors.Is(errors.Join(v.failed...), errTransport) {
			continue
		}
		if last := v.failed[len(v.failed)-1]; !errors.Is(v.err, errTransport) && !errors.Is(v.err, last) {
			s.breaks(Cause, p.step, x.what, "%s lost the transport's error: errors.Is does not find it in %q: wrap it with %%w", v.method, v.err)
		}
	}
}

// callerCause looks for the caller's cause in what the caller gets.
func (s *suite) callerCause(p *pipeline, end end, x *exchange) {
	if x.err != nil && x.wasEnded(end) && !errors.Is(x.err, errCaller) && !errors.Is(x.err, errTransport) {
		s.breaks(Cause, p.step, end.name, "errors.Is does not find the cause with which the caller cancelled in %q: return context.Cause(req.Context()), or wrap it with %%w", x.err)
	}
}
