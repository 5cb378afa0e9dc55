package middleware

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
)

// With returns a context whose requests run with further steps. A step replaces the
// client's step of the same name, [Off] switches one off, a step that the client lacks
// is added at its layer, and one that writes Authorization displaces the client's own:
//
//	client.R().SetContext(middleware.With(ctx, retry.Policy{Attempts: 1}))
//	client.R().SetContext(middleware.With(ctx, auth.Bearer{Token: auth.Static(usersToken)}))
//
// Several With add up, and within one its steps do: the later one wins, also of two that
// write Authorization. A step that is wrong fails the request.
// Requests with credentials of their own neither send nor fill the client's cookie
// jar: its sessions are not theirs.
//
// With takes effect where the request's context is set, also in an OnBeforeRequest hook
// that derives it from r.Context(); there a step that prepares the request, [RequireJSON]
// with its Accept, comes too late for that part. In a PreRequestHook and in a step it is
// an error. The steps go to every client that the context is given to: give other
// services the context without them. A request that a step sends on the way, with the
// context of the request that it has, is without them.
//
// Folding the steps in costs a few microseconds for each context, once per client
// that it is used with in turn.
func With(ctx context.Context, steps ...Middleware) context.Context {
	if ctx == nil {
		ctx = context.Background()
	}
	return context.WithValue(ctx, withKey{}, withOf(ctx).plus(steps))
}

type withKey struct{}

// withSteps are the steps that a context brings along, and what they came to with the
// pipeline that they met last.
type withSteps struct {
	steps Stack
	last  atomic.Pointer[withFold]
}

type withFold struct {
	from, to *pipeline
	err      error
}

// plus is the steps with further ones.
func (w *withSteps) plus(steps Stack) *withSteps {
	if w == nil {
		return &withSteps{steps: slices.Clone(steps)}
	}
	return &withSteps{steps: slices.Concat(w.steps, steps)}
}

func withOf(ctx context.Context) *withSteps {
	w, _ := ctx.Value(withKey{}).(*withSteps)
	return w
}

// forRequest is the pipeline with what a request brings along.
func (p *pipeline) forRequest(w *withSteps) (*pipeline, error) {
	if w == nil || len(w.steps) == 0 {
		return p, nil
	}
	if last := w.last.Load(); last != nil && last.from == p {
		return last.to, last.err
	}
	to, err := p.plus(w.steps)
	w.last.Store(&withFold{from: p, to: to, err: err})
	return to, err
}

func (p *pipeline) plus(steps Stack) (*pipeline, error) {
	steps, errs := valid(steps)
	if len(errs) > 0 {
		return nil, mistakes(errs)
	}
	for _, step := range steps {
		if _, ok := step.(baser); ok {
			return nil, fmt.Errorf("%s: it belongs to a client, not to a request: give it to middleware.Use", step.Name())
		}
	}
	all := p.steps.with(steps, &p.brought)
	if errs := append(unfit(slices.DeleteFunc(slices.Clone(steps), isOff), all), loops(all)...); len(errs) > 0 {
		return nil, mistakes(errs)
	}
	next := fold(all)
	next.personal = slices.ContainsFunc(steps, func(m Middleware) bool { _, ok := m.(Truster); return ok })
	next.decodesMore = next.decodes && !p.decodes
	return next, nil
}

// Off is a step that takes the step of a name out: for good in [Use], for the requests
// of a context in [With], where it does nothing if the client has no such step.
func Off(name string) Middleware { return offStep{name: name} }

type offStep struct{ name string }

func (s offStep) Name() string { return s.name }

// Layer is none: the step that it takes out may be at any.
func (offStep) Layer() Layer { return 0 }

func (s offStep) Validate() error {
	if s.name == "" {
		return errors.New("give the name of the step to switch off")
	}
	return nil
}

func isOff(m Middleware) bool { _, off := m.(offStep); return off }
