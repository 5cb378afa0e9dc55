package middlewaretest_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/middleware/middlewaretest"
)

func TestStampKeepsTheContract(t *testing.T) {
	middlewaretest.Run(t, func() middleware.Middleware { return stamp{service: "billing"} })
}

func TestTheStepsOfTheCoreKeepTheContract(t *testing.T) {
	for _, newStep := range []func() middleware.Middleware{
		func() middleware.Middleware { return middleware.RequireStatus{} },
		func() middleware.Middleware { return middleware.RequireStatus{Codes: []int{200, 503}} },
		func() middleware.Middleware { return middleware.RequireJSON{} },
		func() middleware.Middleware { return middleware.Timeout{Attempt: 20 * time.Second} },
		func() middleware.Middleware { return middleware.Deadline(0) },
		func() middleware.Middleware { return middleware.MaxBody(0) },
		func() middleware.Middleware { return middleware.MaxBody(4) },
		func() middleware.Middleware { return middleware.Header{Key: "X-Team", Value: "billing"} },
		func() middleware.Middleware { return middleware.UserAgent("billing/1.4") },
		func() middleware.Middleware { return middleware.RequestID{} },
		func() middleware.Middleware {
			return middleware.Check("verdict", func(*resty.Response) error { return errors.New("bad") })
		},
		func() middleware.Middleware {
			return middleware.Wrap("decorator", middleware.Auth, func(rt http.RoundTripper) http.RoundTripper { return rt })
		},
	} {
		t.Run(newStep().Name(), func(t *testing.T) { middlewaretest.Run(t, newStep) })
	}
}

// good are steps as users write them, with nothing wrong.
func good() map[string]func() middleware.Middleware {
	step := func(layer middleware.Layer, f func(*http.Request, middleware.Next) (*http.Response, error)) func() middleware.Middleware {
		return func() middleware.Middleware { return middleware.Func("good", layer, f) }
	}
	return map[string]func() middleware.Middleware{
		"passes": step(middleware.Wire, func(req *http.Request, next middleware.Next) (*http.Response, error) { return next(req) }),
		"refuses": step(middleware.Breaker, func(*http.Request, middleware.Next) (*http.Response, error) {
			return nil, errors.New("refused")
		}),
		"answers by itself": step(middleware.Limit, func(req *http.Request, _ middleware.Next) (*http.Response, error) {
			return canned(req), nil
		}),
		"retries":                    step(middleware.Retry, retry),
		"hedges":                     step(middleware.Retry, hedge),
		"replays below the attempts": step(middleware.Auth, replay),
		"reads the body and sends another": step(middleware.Call, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			if req.Body == nil {
				return next(req)
			}
			data, err := io.ReadAll(req.Body)
			_ = req.Body.Close()
			if err != nil {
				return nil, err
			}
			req = middleware.Mutable(req)
			req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(data)), int64(len(data))
			req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
			return next(req)
		}),
		"wraps the response's body": step(middleware.Wire, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			resp, err := next(req)
			if err == nil {
				resp.Body = struct{ io.ReadCloser }{resp.Body}
			}
			return resp, err
		}),
		"lets ten in at once": func() middleware.Middleware {
			return &bulkhead{}
		},
		"limits the rate":   func() middleware.Middleware { return &pace{every: 10 * time.Millisecond} },
		"writes a secret":   func() middleware.Middleware { return key{} },
		"binds its state":   func() middleware.Middleware { return counterStep{} },
		"observes attempts": func() middleware.Middleware { return &attempts{} },
	}
}

// retry waits for a second between four attempts.
func retry(req *http.Request, next middleware.Next) (*http.Response, error) {
	for n := 1; ; n++ {
		resp, err := next(req)
		if n == 4 || (err == nil && resp.StatusCode < 500) || errors.Is(err, middleware.ErrBodyConsumed) {
			return resp, err
		}
		select {
		case <-time.After(time.Second):
		case <-req.Context().Done():
			return nil, fmt.Errorf("gave up: %w", req.Context().Err())
		}
	}
}

// replay sends a request once more behind a 401, where its body can be sent again.
func replay(req *http.Request, next middleware.Next) (*http.Response, error) {
	resp, err := next(req)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || (req.Body != nil && req.GetBody == nil) {
		return resp, err
	}
	again := middleware.Mutable(req)
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return resp, nil //nolint:nilerr // the 401 is the answer
		}
		again.Body = body
	}
	_ = resp.Body.Close()
	return next(again)
}

func TestGoodStepsKeepTheContract(t *testing.T) {
	for name, newStep := range good() {
		t.Run(name, func(t *testing.T) { middlewaretest.Run(t, newStep) })
	}
}

func canned(req *http.Request) *http.Response {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader([]byte(`{}`))), ContentLength: 2, Request: req}
}

// hedge sends a second request when the first is late, and returns the first answer.
func hedge(req *http.Request, next middleware.Next) (*http.Response, error) {
	if req.Body != nil && req.GetBody == nil {
		return next(req)
	}
	type result struct {
		resp *http.Response
		err  error
	}
	results := make(chan result, 2)
	send := func() {
		resp, err := next(req)
		results <- result{resp, err}
	}
	go send()
	select {
	case r := <-results:
		return r.resp, r.err
	case <-time.After(time.Microsecond):
	}
	go send()
	r := <-results
	return r.resp, r.err
}

// bulkhead lets ten requests in at once; the others wait.
type bulkhead struct {
	once   sync.Once
	places chan struct{}
}

func (*bulkhead) Name() string            { return "bulkhead" }
func (*bulkhead) Layer() middleware.Layer { return middleware.Limit }

func (b *bulkhead) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	b.once.Do(func() { b.places = make(chan struct{}, 10) })
	select {
	case b.places <- struct{}{}:
		defer func() { <-b.places }()
		return next(req)
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
}

// pace lets one request through per interval.
type pace struct {
	every time.Duration
	mu    sync.Mutex
	next  time.Time
}

func (*pace) Name() string            { return "pace" }
func (*pace) Layer() middleware.Layer { return middleware.Limit }
func (p *pace) String() string        { return "one per " + p.every.String() }

func (p *pace) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	p.mu.Lock()
	if now := time.Now(); p.next.Before(now) {
		p.next = now
	}
	wait := time.Until(p.next)
	p.next = p.next.Add(p.every)
	p.mu.Unlock()
	select {
	case <-time.After(wait):
		return next(req)
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
}

// key is a step with a secret.
type key struct{}

func (key) Name() string            { return "key" }
func (key) Layer() middleware.Layer { return middleware.Auth }
func (key) Writes() string          { return "X-Key" }
func (key) Trusts() []string        { return nil }
func (key) String() string          { return "from the test" }

func (key) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	if middleware.Trusted(req, nil) {
		req = middleware.Mutable(req)
		req.Header.Set("X-Key", "sesame")
	}
	return next(req)
}

// counterStep counts per client.
type counterStep struct{ n *counter }

type counter struct {
	mu sync.Mutex
	n  int
}

func (counterStep) Name() string            { return "counter" }
func (counterStep) Layer() middleware.Layer { return middleware.Call }

func (c counterStep) Bind(old middleware.Middleware) middleware.Middleware {
	if o, ok := old.(counterStep); ok && o.n != nil {
		return o
	}
	return counterStep{n: &counter{}}
}

func (c counterStep) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	c.n.mu.Lock()
	c.n.n++
	c.n.mu.Unlock()
	return next(req)
}

// attempts sees the call and each send.
type attempts struct{ sends counter }

func (*attempts) Name() string            { return "attempts" }
func (*attempts) Layer() middleware.Layer { return middleware.Call }

func (*attempts) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	req = middleware.Mutable(req)
	req.Header.Set("X-Seen", "1")
	return next(req)
}

func (a *attempts) Attempt(req *http.Request, next middleware.Next) (*http.Response, error) {
	a.sends.mu.Lock()
	a.sends.n++
	a.sends.mu.Unlock()
	return next(req)
}
