package middleware

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/internal/origin"
)

// Info is what the kit knows of one call: everything between the caller's Get or
// Post and its return, with all attempts, waits and redirects. It is safe for
// concurrent use, and all methods work on a nil *Info.
type Info struct {
	start    time.Time
	template string
	request  *resty.Request // nil under Stack.RoundTripper
	mode     mode
	attempts atomic.Int32

	mu       sync.Mutex
	home     origin.Origin
	strayed  bool
	withheld string
	gaveUp   error
	memo     []*memo         // few, so that looking is cheaper than a map
	secrets  func() []string // a function, where fmt does not look
}

// mode says what becomes of a response's body.
type mode uint8

const (
	decoded  mode = iota // resty reads it whole
	streamed             // the caller reads it: SetDoNotParseResponse, or a plain http.Client
	saved                // resty copies it to a file: SetOutput
)

// InfoOf is the call that a context belongs to, or nil outside a call of the kit's.
func InfoOf(ctx context.Context) *Info {
	if c := callOf(ctx); c != nil {
		return &c.Info
	}
	return nil
}

// StepOf is the step of a name in the pipeline of the call that a context belongs to, or
// nil: how a step meets another, such as a hedge the retry policy whose budget it shares.
func StepOf(ctx context.Context, name string) Middleware {
	c := callOf(ctx)
	if c == nil {
		return nil
	}
	if at := c.pipe.steps.find(name); at >= 0 {
		return c.pipe.steps[at]
	}
	return nil
}

// StepsOf are the steps of the pipeline of the call that a context belongs to, in their
// order.
func StepsOf(ctx context.Context) Stack {
	if c := callOf(ctx); c != nil {
		return slices.Clone(c.pipe.steps)
	}
	return nil
}

// RequestOf is the request that the caller made, of the call that a context belongs to. It is
// nil outside a call, and under [Stack.RoundTripper]. It is there to look at: what a step
// sends, it changes through [Mutable].
func RequestOf(ctx context.Context) *resty.Request {
	return InfoOf(ctx).Request()
}

// Sent tells whether the transport has had the request of the attempt that a context belongs
// to. It is false where a step has refused it.
func Sent(ctx context.Context) bool {
	a := attemptOf(ctx)
	return a != nil && a.sent.Load()
}

// Request is the request that the caller made, as [RequestOf] has it: for a [Finisher], which
// has no response to find it in where the call came to none.
func (i *Info) Request() *resty.Request {
	if i == nil {
		return nil
	}
	return i.request
}

// Start is the time at which the call began.
func (i *Info) Start() time.Time {
	if i == nil {
		return time.Time{}
	}
	return i.start
}

// Template is the URL as the caller wrote it, "/users/{id}", and empty under
// [Stack.RoundTripper].
func (i *Info) Template() string {
	if i == nil {
		return ""
	}
	return i.template
}

// Origin is where the call's credentials may go: the client's BaseURL, or else
// the URL that the caller asked for. It is empty before a request is made.
func (i *Info) Origin() string {
	if i == nil {
		return ""
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.home.IsZero() {
		return ""
	}
	return i.home.String()
}

// Attempts is how often the request was tried so far. Redirect hops and the
// replay after a 401 are not attempts.
func (i *Info) Attempts() int {
	if i == nil {
		return 0
	}
	return int(i.attempts.Load())
}

// Streams tells whether the body is left to the caller or goes to a file, and so
// cannot be read again.
func (i *Info) Streams() bool { return i != nil && i.mode != decoded }

// Memo returns the value made for key in this call, and makes it at the first
// request for it: the same in every attempt and redirect hop. Keys are of a type
// of the step's own, as for [context.WithValue].
func (i *Info) Memo(key any, produce func() any) any {
	if i == nil {
		return produce()
	}
	i.mu.Lock()
	var found *memo
	for _, m := range i.memo {
		if m.key == key {
			found = m
		}
	}
	if found == nil {
		found = &memo{key: key}
		i.memo = append(i.memo, found)
	}
	i.mu.Unlock()
	found.once.Do(func() { found.value = produce() }) // not under the lock: it may ask the call
	return found.value
}

// memo is a value that is made once for a call.
type memo struct {
	once       sync.Once
	key, value any
}

// GiveUp records why a retry was not made though the answer asked for one. The
// [StatusError] of the call then wraps why, and says it: by a method Reason() string where
// there is one.
func (i *Info) GiveUp(why error) {
	if i == nil {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.gaveUp = why
}

// GaveUp is what [Info.GiveUp] recorded last, or nil.
func (i *Info) GaveUp() error {
	if i == nil {
		return nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.gaveUp
}

// Event is something that a step tells the others in the middle of a call.
type Event struct {
	Step string        // the step's name
	Kind string        // "wait", "give-up", "hedge", "mint", "store", "breaker", "budget", "withheld"
	Wait time.Duration // for "wait" and "hedge": how long
	Err  error         // why, where there is an error
	Text string        // anything else, without secrets
}

// Emit tells the [Observer] steps of the call that ctx belongs to. It is free when
// nobody listens.
func Emit(ctx context.Context, e Event) {
	c := callOf(ctx)
	if c == nil {
		return
	}
	for _, o := range c.pipe.observers {
		o.Observe(&c.Info, e)
	}
}
