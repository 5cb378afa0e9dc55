package observe

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"

	"github.com/restykit/restykit/middleware"
)

// exchange is one send and its answer, as they went over the wire: with credentials, so
// that nothing of it is shown that a Redactor has not seen.
type exchange struct {
	info    *middleware.Info
	request *http.Request  // as it was sent; its body is gone
	answer  *http.Response // its body is gone; nil where there was none
	err     error          // of the send, or of reading the body; nil where that ended well
	attempt int
	begun   time.Time
	took    time.Duration // until the body's end, without the time before somebody began to read it

	phases   phases
	sent     body // of the request
	received body // of the answer
}

// wants says what is kept of an exchange beside what is free.
type wants struct {
	phases bool
	bodies int // bytes of each body
}

// exchanged sends a request, and tells done of the exchange, once: when the answer's body
// has ended, was closed, or its context has. done must not block.
func exchanged(req *http.Request, next middleware.Next, w wants, done func(*exchange)) (*http.Response, error) {
	info := middleware.InfoOf(req.Context())
	x := &watched{exchange: exchange{info: info, request: req, attempt: info.Attempts(), begun: time.Now()}, keep: w.bodies, done: done}
	out := req
	if w.phases {
		out = req.WithContext(httptrace.WithClientTrace(req.Context(), x.clock.trace()))
	}
	if req.Body != nil && req.Body != http.NoBody {
		if out == req {
			out = req.WithContext(req.Context())
		}
		out.Body = &sentBody{ReadCloser: req.Body, of: x}
	}
	x.request = out
	defer x.panicked()
	resp, err := next(out)
	x.returned(resp, err)
	return resp, err
}

// watched is an exchange under way, and the body of its answer.
type watched struct {
	io.ReadCloser

	mu    sync.Mutex // of the exchange
	clock clock
	came  time.Time     // the answer's headers
	idle  time.Duration // from there until somebody reads the body
	read  bool
	keep  int
	done  func(*exchange)
	ran   bool
	once  sync.Once
	stop  func() bool
	exchange
}

func (x *watched) returned(resp *http.Response, err error) {
	x.ran = true
	if err != nil {
		x.end(err)
		return
	}
	x.mu.Lock()
	answer := *resp
	x.answer = &answer
	x.mu.Unlock()
	if resp.Body == nil || resp.Body == http.NoBody || resp.StatusCode == http.StatusSwitchingProtocols {
		x.end(nil)
		return
	}
	x.ReadCloser, x.came = resp.Body, time.Now()
	resp.Body = x
	if x.info.Streams() { // nobody may read it
		ctx := x.request.Context()
		stop := context.AfterFunc(ctx, func() { x.end(context.Cause(ctx)) })
		x.mu.Lock()
		x.stop = stop
		x.mu.Unlock()
	}
}

// Read keeps the beginning of the body.
func (x *watched) Read(p []byte) (int, error) {
	x.reads()
	n, err := x.ReadCloser.Read(p)
	x.mu.Lock()
	x.received.note(p[:n], x.keep)
	x.received.ends(err)
	x.mu.Unlock()
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		x.end(nil)
	default:
		x.end(err)
	}
	return n, err
}

// reads notes that somebody begins to read, or has the end without that.
func (x *watched) reads() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.read && !x.came.IsZero() {
		x.read, x.idle = true, time.Since(x.came)
	}
}

// Close ends the exchange.
func (x *watched) Close() error {
	err := x.ReadCloser.Close()
	x.end(nil)
	return err
}

func (x *watched) panicked() {
	if !x.ran {
		x.end(panicked{})
	}
}

func (x *watched) end(err error) {
	x.once.Do(func() {
		x.reads()
		x.mu.Lock()
		if x.stop != nil {
			x.stop()
		}
		x.err, x.took = err, time.Since(x.begun)
		x.phases = x.clock.phases(x.begun, x.begun.Add(x.took))
		x.sent.settle(x.request.ContentLength)
		if x.answer != nil {
			x.received.settle(x.answer.ContentLength)
		}
		x.took -= x.idle
		x.phases.receive = max(0, x.phases.receive-x.idle)
		over := x.exchange
		x.mu.Unlock()
		x.done(&over)
	})
}

// panicked is the error of a send that did not return.
type panicked struct{}

func (panicked) Error() string     { return "a step or the transport panicked" }
func (panicked) ErrorType() string { return "panic" }
