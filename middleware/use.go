package middleware

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/internal/origin"
)

// Use adds steps to a resty client. Their order does not matter: a step runs at its
// [Layer]. A step replaces the one of the same name that the client has, and [Off]
// takes one out.
//
// Everything else about the client stays: its hooks, headers, TLS and proxy settings,
// before Use and behind it. Use says every mistake at once, as one error that
// [errors.As] and [errors.Is] look through, and changes nothing on error.
//
// Like resty's own setters, Use is for the time before the client's first request, and
// not safe beside running ones. A clone of the client keeps the steps that the client
// had when it was cloned; what is added to one of them never reaches the other.
func Use(client *resty.Client, steps ...Middleware) error {
	if client == nil {
		return errors.New("middleware: the client is nil: make one with resty.New()")
	}
	if err := fields.check(); err != nil {
		return fmt.Errorf("middleware: %w", err)
	}
	var had Stack
	old := adoptedBy(client, &call{})
	if old != nil {
		had = old.steps
	}
	pipe, errs := build(had, steps)
	errs = append(errs, offNothing(had, steps)...)
	errs = append(errs, misfits(client, pipe)...)
	if len(errs) > 0 {
		return mistakes(errs)
	}
	install(client)
	adopt(client, pipe)
	return nil
}

// Of is the pipeline of a client, in the order in which it runs, to print or to use
// elsewhere. It is empty for a client without steps.
func Of(client *resty.Client) Stack {
	if client == nil {
		return nil
	}
	pipe := adoptedBy(client, &call{})
	if pipe == nil {
		return nil
	}
	steps := slices.Clone(pipe.steps)
	base, err := baseURL(client)
	if err != nil || base.Host == "" {
		return steps
	}
	for i, step := range steps {
		if t, ok := step.(Truster); ok {
			steps[i] = located{Middleware: step, home: origin.Of(base).String(), also: t.Trusts()}
		}
	}
	return steps
}

// located is a step with a secret, as a client prints it: with where the secret goes.
type located struct {
	Middleware
	home string
	also []string
}

// String adds the origins.
func (l located) String() string {
	places := "only " + strings.Join(append([]string{l.home}, l.also...), ", ")
	if s, ok := l.Middleware.(fmt.Stringer); ok && s.String() != "" {
		return s.String() + ", " + places
	}
	return places
}

// Gauges are those of the step, where it is a [Gauger].
func (l located) Gauges(yield func(name, origin string, value float64)) {
	if g, ok := l.Middleware.(Gauger); ok {
		g.Gauges(yield)
	}
}

// build merges the steps that are valid into a stack and folds it, and says all that
// is wrong with them.
func build(had, steps Stack) (*pipeline, []error) {
	steps, errs := valid(steps)
	merged := had.with(steps, nil)
	errs = append(errs, unfit(merged, merged)...)
	errs = append(errs, loops(merged)...)
	for i, a := range merged {
		for _, b := range merged[i+1:] {
			if sameField(a, b) {
				errs = append(errs, fmt.Errorf("%s: writes %s, as %s does: keep one of them, or switch the other off with middleware.Off(%q)",
					b.Name(), a.(Writer).Writes(), a.Name(), a.Name()))
			}
		}
	}
	return fold(merged), errs
}

// loops refuses a second step that repeats requests: attempts would multiply. A hedge is
// part of the one that there is.
func loops(steps Stack) []error {
	var errs []error
	first := ""
	for _, step := range steps {
		_, sends := step.(RoundTripper)
		switch {
		case step.Layer() != Retry || !sends || step.Name() == hedge:
		case first == "":
			first = step.Name()
		default:
			errs = append(errs, fmt.Errorf("%s: %s repeats requests too, and the two would multiply: keep one of them, or switch the other off with middleware.Off(%q)",
				step.Name(), first, first))
		}
	}
	return errs
}

// valid unwraps what Of has dressed, and asks each step whether it is right by itself.
// It returns those that are.
func valid(steps Stack) (Stack, []error) {
	out := make(Stack, 0, len(steps))
	var errs []error
	for i, step := range steps {
		if l, ok := step.(located); ok {
			step = l.Middleware
		}
		if isNil(step) {
			errs = append(errs, fmt.Errorf("step %d of %d is nil", i+1, len(steps)))
			continue
		}
		if err := validStep(step); err != nil {
			errs = append(errs, named(step, err)...)
			continue
		}
		out = append(out, step)
	}
	return out, errs
}

func isNil(step Middleware) bool {
	if step == nil {
		return true
	}
	v := reflect.ValueOf(step)
	return v.Kind() == reflect.Pointer && v.IsNil()
}

func validStep(step Middleware) error {
	var errs []error
	_, off := step.(offStep)
	switch {
	case strings.TrimSpace(step.Name()) == "" || strings.ContainsAny(step.Name(), "\r\n\t"):
		errs = append(errs, fmt.Errorf("%T has the name %q: a step needs a name, in one line", step, step.Name()))
	case off:
	case !step.Layer().valid():
		errs = append(errs, fmt.Errorf("the layer is %v: use one of middleware.Call to middleware.Wire", step.Layer()))
	case !hasBehaviour(step):
		errs = append(errs, fmt.Errorf("%T has no behaviour: implement RoundTrip, Attempt, Prepare, Check, Done or Observe, with the signatures of package middleware", step))
	}
	if v, ok := step.(Validator); ok {
		errs = append(errs, v.Validate())
	}
	return errors.Join(errs...)
}

// unfit asks steps whether they are right beside the others.
func unfit(steps, all Stack) []error {
	var errs []error
	for _, step := range steps {
		if f, ok := step.(Fitter); ok {
			if err := f.Fit(all); err != nil {
				errs = append(errs, named(step, err)...)
			}
		}
	}
	return errs
}

// misfits are the mistakes that a pipeline and a client make together.
func misfits(client *resty.Client, pipe *pipeline) []error {
	var errs []error
	if err := conflicts(client, pipe); err != nil {
		errs = append(errs, err)
	}
	if baseOf(client) != "" {
		if _, err := baseURL(client); err != nil {
			errs = append(errs, err)
		}
	}
	if digestBefore(client) {
		errs = append(errs, errDigest)
	}
	if pipe.base != nil {
		placement.RLock()
		base := client.GetClient().Transport
		placement.RUnlock()
		if _, placed := base.(*transport); !placed {
			if err := pipe.base.fits(base); err != nil {
				errs = append(errs, err)
			}
		}
	}
	return errs
}

// offNothing finds an Off that switches nothing off: most likely a slip of the pen.
func offNothing(had, steps Stack) []error {
	var errs []error
	for i, step := range steps {
		off, ok := step.(offStep)
		if !ok || off.name == "" || had.find(off.name) >= 0 {
			continue
		}
		if !slices.ContainsFunc(steps[:i], func(m Middleware) bool { return !isNil(m) && m.Name() == off.name }) {
			errs = append(errs, fmt.Errorf("off: there is no step %q to switch off before it, only: %s", off.name, namesOf(slices.Concat(had, steps[:i]))))
		}
	}
	return errs
}

// namesOf lists steps for a message.
func namesOf(steps Stack) string {
	var names []string
	for _, m := range steps {
		if !isNil(m) && !isOff(m) && !slices.Contains(names, m.Name()) {
			names = append(names, m.Name())
		}
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, ", ")
}
