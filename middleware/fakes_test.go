package middleware_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/mccutchen/go-httpbin/v2/httpbin"

	"github.com/restykit/restykit/middleware"
)

// httpbinURL is a real server, go-httpbin.
func httpbinURL(t *testing.T) string {
	t.Helper()
	srv := httptest.NewServer(httpbin.New())
	t.Cleanup(srv.Close)
	return srv.URL
}

// fakeWire is a transport that answers by a function and records what it was sent.
type fakeWire struct {
	answer func(n int, req *http.Request) (*http.Response, error)
	bare   bool // a response without a body stays one

	mu     sync.Mutex
	sent   []sentRequest
	bodies []*trackedBody
}

type sentRequest struct {
	Method, URL, Body string
	Header            http.Header
}

// newWire answers with what a function makes of the nth request, counted from 1.
func newWire(answer func(n int, req *http.Request) (*http.Response, error)) *fakeWire {
	return &fakeWire{answer: answer}
}

// wireOf answers with one status after the other, and keeps to the last.
func wireOf(statuses ...int) *fakeWire {
	return newWire(func(n int, _ *http.Request) (*http.Response, error) {
		return reply(statuses[min(n, len(statuses))-1], `{"ok":true}`), nil
	})
}

// reply is a response, JSON by its type, with header fields in pairs.
func reply(status int, body string, header ...string) *http.Response {
	resp := &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
	for i := 0; i+1 < len(header); i += 2 {
		resp.Header.Set(header[i], header[i+1])
	}
	return resp
}

func (w *fakeWire) RoundTrip(req *http.Request) (*http.Response, error) {
	body := ""
	if req.Body != nil {
		data, _ := io.ReadAll(req.Body)
		body = string(data)
		_ = req.Body.Close()
	}
	w.mu.Lock()
	w.sent = append(w.sent, sentRequest{Method: req.Method, URL: req.URL.String(), Body: body, Header: req.Header.Clone()})
	n := len(w.sent)
	w.mu.Unlock()
	resp, err := w.answer(n, req)
	if resp != nil && resp.Body == nil && w.bare {
		resp.Request = req
	} else if resp != nil {
		tracked := &trackedBody{Reader: resp.Body}
		w.mu.Lock()
		w.bodies = append(w.bodies, tracked)
		w.mu.Unlock()
		resp.Body, resp.Request = tracked, req
	}
	return resp, err
}

// requests are what was sent so far.
func (w *fakeWire) requests() []sentRequest {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]sentRequest(nil), w.sent...)
}

// open counts the response bodies that nobody has closed.
func (w *fakeWire) open() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, b := range w.bodies {
		if _, closed := b.state(); !closed {
			n++
		}
	}
	return n
}

// trackedBody remembers whether it was read to its end, and closed.
type trackedBody struct {
	io.Reader
	mu            sync.Mutex
	ended, closed bool
}

func (b *trackedBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = b.ended || err != nil
	return n, err
}

func (b *trackedBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return nil
}

func (b *trackedBody) state() (ended, closed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ended, b.closed
}

// trail is a step that leaves its name in the request, so that the other side sees
// which steps have run, and in which order.
func trail(name string, layer middleware.Layer) middleware.Middleware {
	return middleware.Func(name, layer, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		return next(withTrail(req, name))
	})
}

func withTrail(req *http.Request, name string) *http.Request {
	req = middleware.Mutable(req)
	req.Header.Add("X-Trail", name)
	return req
}

// trailOf is who has left a name in a request.
func trailOf(r sentRequest) string { return strings.Join(r.Header.Values("X-Trail"), " ") }

// credential is a step with a secret: it writes a header field where the request goes to
// the call's origin, or one of its own.
type credential struct {
	name, field, secret string
	origins             []string
}

func (c credential) Name() string          { return c.name }
func (credential) Layer() middleware.Layer { return middleware.Auth }
func (c credential) Writes() string        { return c.field }
func (c credential) Trusts() []string      { return c.origins }
func (c credential) String() string        { return "a test's" }

func (c credential) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	if middleware.Trusted(req, c.origins) && req.Header.Get(c.field) == "" {
		req = middleware.Mutable(req)
		req.Header.Set(c.field, c.secret)
	}
	return next(req)
}

// bearer is a credential in the Authorization field.
var bearer = credential{name: "test-bearer", field: "Authorization", secret: "Bearer sesame"}

// behaves is a step whose behaviours are functions; those that are nil do nothing.
type behaves struct {
	name     string
	layer    middleware.Layer
	validate func() error
	fit      func(middleware.Stack) error
	bind     func(old middleware.Middleware) middleware.Middleware
	attempt  func(*http.Request, middleware.Next) (*http.Response, error)
}

func (b *behaves) Name() string            { return b.name }
func (b *behaves) Layer() middleware.Layer { return b.layer }

func (b *behaves) Attempt(req *http.Request, next middleware.Next) (*http.Response, error) {
	if b.attempt == nil {
		return next(req)
	}
	return b.attempt(req, next)
}

func (b *behaves) Validate() error {
	if b.validate == nil {
		return nil
	}
	return b.validate()
}

func (b *behaves) Fit(s middleware.Stack) error {
	if b.fit == nil {
		return nil
	}
	return b.fit(s)
}

func (b *behaves) Bind(old middleware.Middleware) middleware.Middleware {
	if b.bind == nil {
		return b
	}
	return b.bind(old)
}
