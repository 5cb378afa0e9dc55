package middleware

import "sync"

// Earlier is what [Binder] gets in place of a step to replace, where a request brings one
// that its client lacks ([With]): the step of that name that a request of the client's
// brought before, as it was bound. A step with state that is there for the client, such as
// a budget, goes on with it; one whose state is the caller's, such as a token, does not.
type Earlier struct{ Middleware }

// brought are the newest steps, by name, that requests have brought to a client which lacks
// them.
type brought struct {
	mu   sync.Mutex
	step map[string]Middleware
}

// mostBrought bounds the names, which a program may make up.
const mostBrought = 64

// bind binds a step to the one before, and keeps it for the next. Bind is the step's and may
// do anything, so no lock is held meanwhile, and where another request was faster it is
// asked again.
func (b *brought) bind(step Binder) Middleware {
	name := step.Name()
	old := b.last(name)
	for {
		var before Middleware
		switch {
		case same(old, step):
			return old
		case old != nil:
			before = Earlier{old}
		}
		bound := step.Bind(before)
		if old = b.keep(name, old, bound); old == nil {
			return bound
		}
	}
}

func (b *brought) last(name string) Middleware {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.step[name]
}

// keep files a step that was bound to old, and returns the one that is there instead where
// old was nothing.
func (b *brought) keep(name string, old, bound Middleware) Middleware {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now := b.step[name]; old == nil && now != nil {
		return now
	}
	if b.step == nil {
		b.step = map[string]Middleware{}
	}
	for other := range b.step {
		if len(b.step) < mostBrought {
			break
		}
		delete(b.step, other)
	}
	b.step[name] = bound
	return nil
}
