package middlewaretest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-resty/resty/v2"
)

// errTransport is the error of the transport, which no step may lose.
var errTransport = errors.New("middlewaretest: the connection was reset")

// answer is what the fake server says to the nth request, counted from 1.
type answer struct {
	name string
	make func(n int) (*http.Response, error)
}

func defaultAnswers() []answer {
	status := func(code int, header ...string) answer {
		return answer{name: strconv.Itoa(code), make: func(int) (*http.Response, error) { return response(code, header...), nil }}
	}
	return []answer{
		status(200), status(204), status(302, "Location", "/elsewhere"), status(401, "Www-Authenticate", `Bearer realm="test"`),
		status(403), status(404), status(429, "Retry-After", "1"), status(500), status(503),
		{"an error of the transport", func(int) (*http.Response, error) { return nil, errTransport }},
		{"503 and 200 in turn", func(n int) (*http.Response, error) { return response([]int{200, 503}[n%2]), nil }},
		{"an error and 200 in turn", func(n int) (*http.Response, error) {
			if n%2 == 1 {
				return nil, errTransport
			}
			return response(200), nil
		}},
	}
}

func response(code int, header ...string) *http.Response {
	body := `{"ok":true}`
	if code == http.StatusNoContent {
		body = ""
	}
	resp := &http.Response{
		StatusCode: code, Status: strconv.Itoa(code) + " " + http.StatusText(code),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
	for i := 0; i+1 < len(header); i += 2 {
		resp.Header.Set(header[i], header[i+1])
	}
	return resp
}

func defaultRequest() *http.Request {
	req, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://api.test/contract?page=2", http.NoBody)
	req.Header.Set("X-Contract", "kept")
	return req
}

// wire is the transport below the step. It keeps the contract itself: it closes the
// request's body, and ends with the request's context.
type wire struct {
	answer answer
	hold   time.Duration // how long an answer takes

	mu     sync.Mutex
	n      int
	bodies []*body // of responses
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		_, _ = io.Copy(io.Discard, req.Body) // whatever it holds
		_ = req.Body.Close()
	}
	if w.hold > 0 {
		late := time.NewTimer(w.hold)
		defer late.Stop()
		select {
		case <-late.C:
		case <-req.Context().Done():
		}
	}
	if req.Context().Err() != nil {
		return nil, context.Cause(req.Context())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n++
	resp, err := w.answer.make(w.n)
	if err != nil {
		return nil, err
	}
	mine := &body{ReadCloser: resp.Body}
	if mine.ReadCloser == nil {
		mine.ReadCloser = http.NoBody
	}
	w.bodies = append(w.bodies, mine)
	resp.Body, resp.Request = mine, req
	if resp.Header == nil {
		resp.Header = http.Header{}
	}
	resp.Header.Set("X-Contract-Echo", req.Header.Get("X-Contract-Id"))
	return resp, nil
}

// unclosed counts the response bodies that are open.
func (w *wire) unclosed() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return unclosed(w.bodies)
}

func unclosed(bodies []*body) int {
	n := 0
	for _, b := range bodies {
		if !b.isClosed() {
			n++
		}
	}
	return n
}

// body knows whether it was closed.
type body struct {
	io.ReadCloser
	mu     sync.Mutex
	closed bool
}

func (b *body) Close() error {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	return b.ReadCloser.Close()
}

func (b *body) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

// bareClient is a resty client on a transport.
func bareClient(base http.RoundTripper) *resty.Client {
	c := resty.New().SetLogger(quiet{})
	if base != nil {
		c.SetTransport(base)
	}
	return c
}

// quiet drops what resty logs.
type quiet struct{}

func (quiet) Errorf(string, ...any) {}
func (quiet) Warnf(string, ...any)  {}
func (quiet) Debugf(string, ...any) {}
