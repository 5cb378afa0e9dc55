package middleware

import (
	"net/http"
	"strconv"
)

// Middleware is a step of a pipeline. What a step does, it says by implementing
// one or more of the behaviours of this package ([RoundTripper], [Checker],
// [Preparer], ...); [Use] refuses a step that has none.
//
// A step without state is a value, one with state a pointer, and the zero value
// of every optional field is the recommended default. A step is used by many
// goroutines at once.
type Middleware interface {
	// Name is the identity of the step within a client: a later step of the
	// same name replaces the earlier one. Lower case, words joined by hyphens.
	Name() string
	// Layer says where in the pipeline the step belongs.
	Layer() Layer
}

// Layer is a place in the pipeline. [Use] sorts by layer, so that a wrong order
// cannot be written. The layers nest, the first outermost.
type Layer uint8

const (
	// Call runs once per round trip of the http.Client, so once per redirect
	// hop. What is set here is the same in every attempt.
	Call Layer = iota + 1
	// Retry runs the rest once per attempt. A response that it does not
	// return is drained (bounded) and closed by the core, as for Call: the answer
	// before when it calls next again with nothing in flight, the rest when
	// it returns. Below, a step discards itself what it does not return (see
	// [Discard]), and calls next once at a time.
	Retry
	// Breaker runs per attempt and may refuse; nothing was spent yet.
	Breaker
	// Limit runs per attempt and may wait; the request is sent next.
	Limit
	// Auth runs per attempt. Nobody changes the request behind it.
	Auth
	// Wire runs per send and sees exactly what goes out. It observes and
	// does not change.
	Wire
)

var layerNames = [...]string{Call: "call", Retry: "retry", Breaker: "breaker", Limit: "limit", Auth: "auth", Wire: "wire"}

// String is the layer's name in lower case, as a printed pipeline shows it.
func (l Layer) String() string {
	if l.valid() {
		return layerNames[l]
	}
	return "layer(" + strconv.Itoa(int(l)) + ")"
}

func (l Layer) valid() bool { return l >= Call && l <= Wire }

// Next is the rest of the pipeline, as a step sees it. It is an
// [http.RoundTripper] too, for code that wants one.
type Next func(*http.Request) (*http.Response, error)

// RoundTrip calls n.
func (n Next) RoundTrip(req *http.Request) (*http.Response, error) { return n(req) }
