// Package middlewaretest holds the contract of a step as a test that every author of
// one can run on it, after the manner of testing/slogtest:
//
//	func TestStampKeepsTheContract(t *testing.T) {
//		middlewaretest.Run(t, func() middleware.Middleware { return stamp{} })
//	}
//
// A failure names the step, the rule that it breaks and how. Run it with -race: then
// the race detector watches the rule [Concurrency] as well.
package middlewaretest

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/restykit/restykit/middleware"
)

// Rule is a rule of the contract, and the name of its subtest.
type Rule string

// The rules. Those about requests and responses are tried on requests with and without
// a body, one that can be sent again and one that cannot, and on answers from 200 to
// 503 and errors of the transport, many in a row, so that a step that refuses does so.
const (
	// Identity: name, layer, String and Validate say the same each time, a name and
	// a String are one line, and the step is valid as it is made.
	Identity Rule = "identity"
	// Format: no verb of package fmt makes the step panic.
	Format Rule = "format"
	// Unmodified: the request that the step is given is not changed: its method, URL,
	// header, body and context. What it changes, it changes through
	// [middleware.Mutable], and hands on the context that it got.
	Unmodified Rule = "request-unmodified"
	// BodyClosed: the request's body is closed on every path, and each body that
	// GetBody made.
	BodyClosed Rule = "request-body-closed"
	// OneResult: a response or an error, never both and never neither.
	OneResult Rule = "one-result"
	// ResponsesClosed: when the caller has closed the answer's body, all bodies are
	// closed, also those of responses that the step did not return.
	ResponsesClosed Rule = "responses-closed"
	// Cause: errors.Is finds the transport's error, or the cause with which the caller
	// cancelled the request, in the error that the step returns.
	Cause Rule = "cause"
	// Cancellation: a step that waits returns within [Soon] after the request's
	// context has ended.
	Cancellation Rule = "cancellation"
	// Concurrency: a step serves many requests at once and does not mix them up.
	Concurrency Rule = "concurrency"
	// Adoption: the step works the same through middleware.Use, middleware.With and
	// middleware.Stack.RoundTripper, and can be replaced and switched off.
	Adoption Rule = "adoption"
	// Sound: the step does not panic, comes back at some time, and leaves no goroutine
	// behind that never ends.
	Sound Rule = "sound"
)

// rules are all of them.
func rules() []Rule {
	return []Rule{Identity, Format, Unmodified, BodyClosed, OneResult, ResponsesClosed, Cause, Cancellation, Concurrency, Adoption, Sound}
}

// Run checks the contract, a subtest for each rule. newStep makes the step anew for each
// pipeline, all of one name.
//
// The step runs in a [testing/synctest] bubble: its waits cost no time, its goroutines
// must end with the requests that began them, and what it talks to beside next must be
// a fake. The requests go to a transport of the test's own. Run itself cannot be called
// in a bubble.
func Run(t *testing.T, newStep func() middleware.Middleware, opts ...Option) {
	t.Helper()
	s := newSuite(t, newStep, opts)
	s.run()
	if s.unusable != "" {
		t.Fatal(s.unusable)
	}
	for _, rule := range rules() {
		t.Run(string(rule), func(t *testing.T) {
			if why, skip := s.without[rule]; skip {
				t.Skip(why)
			}
			for _, message := range s.found[rule] {
				t.Error(message)
			}
		})
	}
}

// Option adapts the contract test to a step.
type Option func(*options)

type options struct {
	without map[Rule]string
	request func() *http.Request
	beside  func() middleware.Stack
	answers []answer
}

// Without leaves out a rule that a step breaks on purpose, as one that answers from a
// cache where the transport fails, and says why.
func Without(rule Rule, why string) Option {
	return func(o *options) { o.without[rule] = why }
}

// Request makes the requests that the step is tried on. Without it, they go to
// https://api.test/contract. Method and body are the test's own.
func Request(f func() *http.Request) Option {
	return func(o *options) { o.request = f }
}

// Beside are further steps of the pipeline, for a step that needs company.
func Beside(f func() middleware.Stack) Option {
	return func(o *options) { o.beside = f }
}

// Answer adds an answer of the server's that the step treats in a way of its own, like
// the challenge of an authentication scheme. f is called with the count of requests,
// from 1; the test sets Request and Body.
func Answer(name string, f func(n int) *http.Response) Option {
	return func(o *options) {
		o.answers = append(o.answers, answer{name: name, make: func(n int) (*http.Response, error) { return f(n), nil }})
	}
}

// suite checks the rules on one kind of step.
type suite struct {
	options
	t        *testing.T
	newStep  func() middleware.Middleware
	unusable string
	found    map[Rule][]string
	said     map[string]bool
	stuck    *atomic.Bool // a call that never returned was reported
}

func newSuite(t *testing.T, newStep func() middleware.Middleware, opts []Option) *suite {
	t.Helper()
	s := &suite{t: t, newStep: newStep, found: map[Rule][]string{}, said: map[string]bool{}, stuck: &atomic.Bool{}}
	s.options = options{without: map[Rule]string{}, request: defaultRequest, answers: defaultAnswers()}
	for _, opt := range opts {
		opt(&s.options)
	}
	return s
}

// run checks all rules.
func (s *suite) run() {
	s.t.Helper()
	if s.unusable = s.refusal(); s.unusable != "" {
		return
	}
	s.identity()
	s.format()
	same := identityOf(s.newStep())
	s.each(func(p *pipeline, x *exchange) {
		s.sameIdentity(same, p, x)
		s.unmodified(p, x)
		s.bodyClosed(p, x)
		s.oneResult(p, x)
		s.responsesClosed(p, x)
		s.transportCause(p, x)
	})
	s.eachEnd(func(p *pipeline, end end, x *exchange) {
		s.callerCause(p, end, x)
		s.cancellation(p, end, x)
	})
	s.concurrency()
	s.adoption()
}

// mostWays is how many ways of breaking a rule are worth reading.
const mostWays = 5

// breaks notes how the step breaks a rule: each way once, with where it was seen first.
func (s *suite) breaks(rule Rule, step middleware.Middleware, where, format string, args ...any) {
	how := fmt.Sprintf("step %q (%T) breaks the rule %s: ", step.Name(), step, rule) + fmt.Sprintf(format, args...)
	if s.said[how] || len(s.found[rule]) >= mostWays {
		return
	}
	s.said[how] = true
	if where != "" {
		how += " (" + where + ")"
	}
	s.found[rule] = append(s.found[rule], how)
}

// refusal is why there is no step to check at all, or nothing.
func (s *suite) refusal() string {
	if isNil(s.newStep()) {
		return "middlewaretest: newStep returned nil"
	}
	if err := middleware.Use(bareClient(nil), append(s.company(), s.newStep())...); err != nil {
		return fmt.Sprintf("middlewaretest: middleware.Use refuses the step as newStep makes it, so no rule can be checked: %v", err)
	}
	return ""
}

func (s *suite) company() middleware.Stack {
	if s.beside == nil {
		return nil
	}
	return s.beside()
}
