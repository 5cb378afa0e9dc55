package middleware

import (
	"net/http"

	"github.com/go-resty/resty/v2"
)

// RoundTripper is a step that stands in the pipeline, at its layer.
//
// The contract is that of [http.RoundTripper]: the request is not changed (use
// [Mutable] for one that may be), and either a response or an error comes back,
// never both and never neither. Where next is not called, nothing else has to be
// done: the core closes the request's body.
type RoundTripper interface {
	Middleware
	RoundTrip(req *http.Request, next Next) (*http.Response, error)
}

// Attempter is a step that wraps every send, just above the wire, whatever its
// layer: attempts, redirect hops and the replay after a 401 alike. So a log or a
// trace sees the call and each send in one step. It observes and does not change.
type Attempter interface {
	Middleware
	Attempt(req *http.Request, next Next) (*http.Response, error)
}

// Preparer is a step that changes the resty request before resty builds the HTTP
// request: the only time at which content type and body can still be chosen. It
// runs once per call, in resty's hook, and must do no I/O: resty holds a lock. It
// does not run under [Stack.RoundTripper].
type Preparer interface {
	Middleware
	Prepare(*resty.Client, *resty.Request) error
}

// Checker is a step that judges the final answer, once per call. In decoded calls
// the response is whole and the caller keeps it beside the error. In streamed and
// saved calls only Request and RawResponse are set and the body is unread; what a
// Checker reads of it is gone for the caller, so it reads only to fail.
type Checker interface {
	Middleware
	Check(*resty.Response) error
}

// Finisher is a step that sees how a call ended, once, behind all checks: with the
// response and error that the caller gets. It does not run under [Stack.RoundTripper].
type Finisher interface {
	Middleware
	Done(*Info, *resty.Response, error)
}

// Observer is a step that hears what other steps [Emit] during a call.
type Observer interface {
	Middleware
	Observe(*Info, Event)
}

// Gauger is a step that has numbers to show: what is left of a budget, how old a token is.
// Gauges yields each, with the origin that it is for, or "". It is called at any time, by
// whoever collects them, must not wait, and yields nothing that is secret.
type Gauger interface {
	Middleware
	Gauges(yield func(name, origin string, value float64))
}

// Binder is a step with state that must live as long as the client has a step of
// that name, and survive a later [Use] or a [With]: Bind returns the step to run,
// with the state of old: the step that it replaces, an [Earlier] where there is none and
// a request brings it, or nil.
type Binder interface {
	Middleware
	Bind(old Middleware) Middleware
}

// Validator is a step that can be wrong by itself. [Use] asks it, and [With] once
// per request.
type Validator interface {
	Middleware
	Validate() error
}

// Fitter is a step that can be wrong beside others of its stack.
type Fitter interface {
	Middleware
	Fit(Stack) error
}

// Writer is a step that writes one header field, by its canonical name, or "?name" for a
// query parameter. [Use]
// refuses two steps that write the same field, and a field that is also set on the
// resty client; a step of [With] displaces the client's step that writes the field.
type Writer interface {
	Middleware
	Writes() string
}

// Truster is a step that adds a secret to requests. Trusts lists the origins, like
// "https://files.example.com", to which the secret may go beside the call's own.
// On a stack with such a step, a request to an origin that no step trusts carries
// only what any stranger may see (see [Trusted]).
type Truster interface {
	Middleware
	Trusts() []string
}
