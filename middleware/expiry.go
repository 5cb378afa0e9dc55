package middleware

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// expiry is a context that ends with its parent or by a limit of the kit's. It is
// not one of package context's because those pay for a channel and a place in
// their parent when they are made, and most calls never ask for Done.
type expiry struct {
	context.Context // the parent

	mu     sync.Mutex
	until  time.Time // when the limit ends it; zero is never
	done   chan struct{}
	err    error         // not nil: it has ended
	limit  *TimeoutError // and by this limit of the kit's
	free   bool          // released: only the parent counts
	detach func() bool
	after  []*func()
}

// Deadline is the earlier of the limit and the parent's.
func (e *expiry) Deadline() (time.Time, bool) {
	e.mu.Lock()
	until := e.until
	e.mu.Unlock()
	d, ok := e.Context.Deadline()
	if until.IsZero() || (ok && d.Before(until)) {
		return d, ok
	}
	return until, true
}

// Done makes the channel at the first request for it.
func (e *expiry) Done() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.doneLocked()
}

func (e *expiry) doneLocked() <-chan struct{} {
	if e.free {
		return e.Context.Done()
	}
	if e.done != nil {
		return e.done
	}
	e.done = make(chan struct{})
	if e.err != nil {
		close(e.done)
	} else if e.Context.Done() != nil {
		e.detach = context.AfterFunc(e.Context, func() { e.end(e.Context.Err()) })
	}
	return e.done
}

// Err keeps the contract of contexts: which limit it was, only the core tells.
func (e *expiry) Err() error {
	e.mu.Lock()
	err := e.err
	e.mu.Unlock()
	if err == nil {
		err = e.Context.Err()
	}
	return err
}

// AfterFunc lets contexts derived from this one hang on without a goroutine each;
// see [context.AfterFunc].
func (e *expiry) AfterFunc(f func()) (stop func() bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.free {
		return context.AfterFunc(e.Context, f)
	}
	e.doneLocked()
	if e.err != nil {
		go f()
		return func() bool { return false }
	}
	p := &f
	e.after = append(e.after, p)
	return func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		i := slices.Index(e.after, p)
		if i >= 0 {
			e.after = slices.Delete(e.after, i, i+1)
		}
		if e.free && len(e.after) == 0 && e.detach != nil {
			e.detach()
		}
		return i >= 0
	}
}

// end ends the context, once. A parent that has ended by then was first.
func (e *expiry) end(cause error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err != nil || (e.free && len(e.after) == 0) {
		return
	}
	if e.err = e.Context.Err(); e.err == nil {
		e.err = context.Canceled
		if errors.As(cause, &e.limit) {
			e.err = context.DeadlineExceeded
		}
	}
	if e.detach != nil {
		e.detach()
	}
	if e.done != nil {
		close(e.done)
	}
	for _, f := range e.after {
		go (*f)()
	}
	e.after = nil
}

// release lets go of the parent and of the limit. Whoever goes on with the context
// of something that is over has the parent's limits, and a parent that lives for
// years does not remember us.
func (e *expiry) release() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err != nil {
		return
	}
	e.free, e.until = true, time.Time{}
	if e.detach != nil && len(e.after) == 0 { // else somebody goes on with a context derived from this one
		e.detach()
	}
}

// limited is the kit's own limit that ended the context, or nil.
func (e *expiry) limited() *TimeoutError {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.limit
}
