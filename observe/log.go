package observe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/middleware"
)

// Log writes one line for each call, "http call", when the caller gets its result: at level
// info below status 400, at warn for 4xx, at error for 5xx and for calls without an answer;
// a call that fails its checks is at warn or above. For a stream and a file the line is
// written when the body has ended, was closed, or its context has ended, with what became of
// it. Its fields, of which those that say nothing are left out:
//
//	method, url        as asked, the URL redacted
//	template           the route, "/users/{id}"
//	status             of the last answer
//	attempts           how often it was tried
//	duration, waited   in all, and the part of it that steps have waited (retry, limit)
//	bytes              of the answer's body
//	gave_up            why a retry was not made
//	error_type, error  a word for the kind of the error, of which there are few, and its text
//	trace_id           of the call's span, or else of the span in the caller's context
//
// At level debug it also writes one line for each send, "http send", when the answer's body
// has ended: method, url, attempt, status, proto, duration, bytes, bytes_sent, peer, reused
// (the connection), the group phases (blocked, dns, connect, tls, send, wait until the first
// byte, receive), request_body and response_body where Bodies asks for them, error_type,
// error and trace_id.
//
// Everything is redacted, see [Redactor]. The line of a stream that nobody reads to its end,
// closes or cancels is not written. Under [middleware.Stack.RoundTripper] only the lines of
// sends are.
//
// Log costs nothing where the level is off, but for a stream, which is watched where errors
// are logged. Lines are written in the goroutine of the call: a handler that is slow makes
// calls slow, so give a slow one a queue. A handler that panics loses its line; the call goes
// on.
type Log struct {
	Logger   *slog.Logger // nil is slog.Default()
	Redactor *Redactor    // nil is its zero value
	// Bodies is how many bytes of each body the lines of sends show. 0 is none.
	Bodies int
}

// Name is "log".
func (Log) Name() string { return "log" }

// Layer is [middleware.Call].
func (Log) Layer() middleware.Layer { return middleware.Call }

// Validate refuses a size below 0.
func (l Log) Validate() error { return validBodies(l.Bodies) }

func validBodies(n int) error {
	if n < 0 {
		return fmt.Errorf("Bodies: %d is no number of bytes: leave it 0 for none", n)
	}
	return nil
}

// logCall is what a Log knows of a call.
type logCall struct {
	mu     sync.Mutex
	waited time.Duration
	open   int                             // sends under way, of a stream
	over   func(received int64, err error) // writes the line, once the caller has its result
}

type logKey struct{}

func logCallOf(info *middleware.Info) *logCall {
	return info.Memo(logKey{}, func() any { return &logCall{} }).(*logCall)
}

// Observe counts what steps wait.
func (l Log) Observe(info *middleware.Info, e middleware.Event) {
	if e.Kind != "wait" || !l.on(contextOf(info), slog.LevelError) {
		return
	}
	c := logCallOf(info)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waited += e.Wait
}

// Attempt writes the line of a send, and watches the body of a stream.
func (l Log) Attempt(req *http.Request, next middleware.Next) (*http.Response, error) {
	ctx := req.Context()
	info := middleware.InfoOf(ctx)
	sends := l.on(ctx, slog.LevelDebug)
	streams := info.Streams() && info.Request() != nil && l.on(ctx, slog.LevelError)
	if !sends && !streams {
		return next(req)
	}
	var w wants
	if sends {
		w = wants{phases: true, bodies: l.Bodies}
	}
	if streams {
		logCallOf(info).began()
	}
	return exchanged(req, next, w, func(x *exchange) {
		if sends {
			l.send(ctx, x)
		}
		if streams {
			logCallOf(info).ended(x)
		}
	})
}

func (c *logCall) began() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open++
}

// ended hears of the end of a send, and writes the line of the call that it is the last of.
func (c *logCall) ended(x *exchange) {
	c.mu.Lock()
	c.open--
	over := c.over
	if c.open > 0 {
		over = nil
	}
	c.mu.Unlock()
	if over != nil {
		over(x.received.size, x.err)
	}
}

// Done writes the line of the call, or leaves it to the end of the stream that the caller
// reads.
func (l Log) Done(info *middleware.Info, resp *resty.Response, err error) {
	ctx, status := contextOf(info), statusOf(resp, err)
	if err == nil && info.Streams() && l.on(ctx, slog.LevelError) {
		c := logCallOf(info)
		c.mu.Lock()
		if c.open > 0 {
			c.over = func(received int64, err error) { l.call(ctx, info, status, received, err) }
		}
		left := c.over != nil
		c.mu.Unlock()
		if left {
			return
		}
	}
	var received int64
	if resp != nil && resp.RawResponse != nil {
		received = resp.Size()
	}
	l.call(ctx, info, status, received, err)
}

// contextOf is the context of the caller's request.
func contextOf(info *middleware.Info) context.Context {
	if r := info.Request(); r != nil {
		return r.Context()
	}
	return context.Background()
}

// statusOf is the status of the answer, or 0. Of a stream that fails its checks only the
// error knows it.
func statusOf(resp *resty.Response, err error) int {
	if resp != nil && resp.RawResponse != nil {
		return resp.StatusCode()
	}
	if failure, ok := errors.AsType[*middleware.StatusError](err); ok {
		return failure.StatusCode
	}
	return 0
}

func levelOf(status int, err error) slog.Level {
	switch {
	case status == 0 || status >= http.StatusInternalServerError:
		return slog.LevelError
	case err != nil || status >= http.StatusBadRequest:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}
