package middleware

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
)

// requestBody keeps the clock while a body is sent: the time that the caller's own
// reader takes is not the server's silence. And it keeps the error of that reader, which is
// not the server's either.
type requestBody struct {
	io.ReadCloser
	of     *attempt
	timed  bool
	closed atomic.Bool
	broken atomic.Pointer[error]
}

// small bodies fit into the socket's buffer: their sending is no wait.
const smallBody = 32 << 10

func (a *attempt) outgoing(body io.ReadCloser, length int64) io.ReadCloser {
	inMemory := a.call.request != nil // where resty has put it
	if body == nil || body == http.NoBody || (inMemory && (!a.silences() || (length > 0 && length <= smallBody))) {
		return body
	}
	a.out.ReadCloser, a.out.of, a.out.timed = body, a, a.silences()
	return &a.out
}

// again is the body of another sending within the attempt.
func (a *attempt) again(body io.ReadCloser) io.ReadCloser {
	if body == nil || body == http.NoBody || !a.silences() {
		return body
	}
	return &requestBody{ReadCloser: body, of: a, timed: true}
}

// Read gives a little at a time: HTTP/2 asks for half a megabyte, and the time to send
// all of that would look like silence.
func (b *requestBody) Read(p []byte) (int, error) {
	if !b.timed {
		return b.read(p)
	}
	b.of.sending(false)
	n, err := b.read(p[:min(len(p), smallBody)])
	b.of.sending(true)
	return n, err
}

// read notes an error of the reader, but for one that is of the transport's closing.
func (b *requestBody) read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF && !b.closed.Load() {
		b.broken.Store(&err)
	}
	return n, err
}

// Close closes the body.
func (b *requestBody) Close() error {
	b.closed.Store(true)
	return b.ReadCloser.Close()
}

// bodyError is the error of an attempt whose request's body could not be read.
type bodyError struct{ error }

func (e *bodyError) Error() string { return "attempt: the request's body: " + e.error.Error() }
func (e *bodyError) Unwrap() error { return e.error }
func (e *bodyError) Timeout() bool { return isTimeout(e.error) }

// Final is true: what the server does is of no matter.
func (*bodyError) Final() bool { return true }

// blamed is the error of a base, or of the body that the base has read.
func (a *attempt) blamed(err error) error {
	if broken := a.out.broken.Load(); broken != nil && errors.Is(err, *broken) && a.Err() == nil {
		return &bodyError{err}
	}
	return err
}

// responseBody keeps the limits while a body is read, and ends the attempt with it.
type responseBody struct {
	io.ReadCloser
	of   *attempt
	left int64 // bytes that may still come, where MaxBody counts them
}

// incoming takes over the response of an attempt.
func (a *attempt) incoming(resp *http.Response) {
	a.resp = resp
	switch {
	case resp.Body == nil || resp.Body == http.NoBody:
		a.finish()
	case resp.StatusCode == http.StatusSwitchingProtocols:
		a.watch.stop() // the body is the connection now, and no step's business
		a.release()
	default:
		a.answers()
		a.call.reading.Add(1)
		a.in = responseBody{ReadCloser: resp.Body, of: a}
		a.in.bound(resp)
		resp.Body = &a.in
	}
}

func (b *responseBody) Read(p []byte) (int, error) {
	a := b.of
	if t := a.limited(); t != nil {
		return 0, a.dated(t)
	}
	if _, err := b.count(0, nil); err != nil { // too large by its Content-Length
		a.finish()
		return 0, err
	}
	if a.call.pipe.limits.read > 0 {
		a.waiting()
	}
	n, err := b.ReadCloser.Read(p)
	if a.call.pipe.limits.read > 0 {
		a.resting()
	}
	n, err = b.count(n, err)
	if err == nil {
		return n, nil
	}
	if !errors.Is(err, io.EOF) {
		err = a.explain(err)
	}
	a.finish()
	return n, err
}

func (b *responseBody) Close() error {
	err := b.ReadCloser.Close()
	b.of.finish()
	return err
}
