package middleware

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync/atomic"
)

// attempt is one try of a hop: a request of its own with a fresh body, and one
// context that carries every limit.
type attempt struct {
	expiry
	watch
	call  *call
	own   *http.Request // the newest request whose header map is the attempt's
	resp  *http.Response
	base  http.RoundTripper
	rival *rival      // where it races with others
	sent  atomic.Bool // the base has the request, and closes its body
	turn  int         // of the hop
	flies bool        // it has no answer yet; the hop counts those
	older *attempt    // of the hop's open ones
	trace httptrace.ClientTrace
	out   requestBody
	in    responseBody
}

type attemptKey struct{}

// Value finds the attempt and its call, which is not always the attempt's parent.
func (a *attempt) Value(key any) any {
	switch key.(type) {
	case attemptKey:
		return a
	case callKey:
		return a.call
	case withKey:
		return nil
	}
	return a.Context.Value(key)
}

func attemptOf(ctx context.Context) *attempt {
	if a, ok := ctx.(*attempt); ok {
		return a
	}
	a, _ := ctx.Value(attemptKey{}).(*attempt)
	return a
}

// try is the border between Retry and the layers below it: it runs them on a fresh
// request.
func (c *call) try(req *http.Request, below Next) (*http.Response, error) {
	if c.tooLate(req.Context()) {
		return nil, errLate
	}
	a := &attempt{call: c}
	a.Context = req.Context()
	if a.Context == context.Context(c) {
		a.Context = c.Context // the attempt watches the deadline itself
	} else {
		a.share = shareOf(a.Context)
	}
	body, counts, err := c.hop.body(a, req)
	if err != nil {
		return nil, err
	}
	if counts { // a redirect hop is no attempt, its retries are
		c.attempts.Add(1)
	}
	a.watch.begin(a)
	mine := req.WithContext(a.traced())
	mine.Body = a.outgoing(body, req.ContentLength)
	resp, err := a.send(mine, below)
	if err != nil {
		return nil, err
	}
	a.incoming(resp)
	if !c.hop.landed(a, true) {
		a.discard(nil)
	}
	return resp, nil
}

// send runs what is below, and lets go of the attempt where no answer comes of that.
func (a *attempt) send(req *http.Request, below Next) (*http.Response, error) {
	answered := false
	defer func() {
		if !a.sent.Load() { // a step refused, had an answer of its own, or panics
			closeBody(req)
		}
		if !answered {
			a.call.hop.landed(a, false)
			a.finish()
		}
	}()
	if err := a.Err(); err != nil {
		return nil, a.explain(err)
	}
	resp, err := below(req)
	if err != nil {
		return nil, a.honest(a.explain(err))
	}
	answered = true
	return resp, nil
}

// traced is the attempt as a context, with the events that its limits need.
func (a *attempt) traced() context.Context {
	if !a.silences() {
		return a
	}
	a.trace.GetConn = func(string) { a.connecting() }
	a.trace.TLSHandshakeStart = a.shaking
	a.trace.Got1xxResponse = func(int, textproto.MIMEHeader) error { a.waiting(); return nil }
	a.trace.GotConn = func(httptrace.GotConnInfo) { a.connected() }
	return httptrace.WithClientTrace(a, &a.trace)
}

// explain tells whose limit an error is: a context's error alone does not. HTTP/2
// answers with context.Canceled whatever the cause was.
func (a *attempt) explain(err error) error {
	if t := a.limited(); t != nil {
		return waited(err, a.dated(t))
	}
	if a.Context.Err() != nil && isContextError(a.Context, err) {
		if t := a.call.limited(); t != nil { // it came by way of a context that a step derived
			return waited(err, t)
		}
		if errors.Is(a.Context.Err(), context.Canceled) {
			return ended(a.Context)
		}
		return waited(err, ended(a.Context))
	}
	return err
}

// isContextError tells whether err says no more than that ctx ended.
func isContextError(ctx context.Context, err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Cause(ctx))
}

// ended is the error of a context that its owner ended, so that both the reason of
// the contract (Canceled, DeadlineExceeded) and the owner's cause are found in it.
func ended(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == nil || errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// finish lets go of everything that the attempt holds.
func (a *attempt) finish() {
	if !a.watch.stop() {
		return
	}
	a.end(context.Canceled)
	if a.in.of != nil && a.call.reading.Add(-1) == 0 && a.call.over.Load() {
		a.call.release()
	}
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}
