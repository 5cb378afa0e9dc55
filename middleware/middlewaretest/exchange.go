package middlewaretest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/restykit/restykit/middleware"
)

const (
	// Soon is how long after the end of its context a step may go on.
	Soon = 100 * time.Millisecond

	inARow = 12        // calls of one step, so that a breaker opens
	stuck  = time.Hour // a call that takes longer is not waited for
	linger = 3 * stuck // for what ends by itself after the calls
)

// bubble runs f in a synctest bubble, with a context that ends with it. A goroutine that
// is left there is a finding.
func (s *suite) bubble(f func(context.Context)) {
	s.t.Helper()
	ended := false
	defer func() {
		if dead := recover(); dead != nil {
			if !ended {
				panic(dead) //nolint:forbidigo // of the test itself, handed on
			}
			if s.stuck.Load() { // and was reported
				return
			}
			s.breaks(Sound, s.newStep(), "", "it leaves a goroutine behind that waits for something that never comes: end it with the request's context")
		}
	}()
	synctest.Test(s.t, func(*testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		f(ctx)
		cancel()
		time.Sleep(linger)
		ended = true
	})
}

// payload is a kind of request.
type payload struct {
	method string
	body   string
	again  bool // it has GetBody
}

func payloads() []payload {
	return []payload{
		{http.MethodGet, "", false},
		{http.MethodPut, `{"name":"contract"}`, true},
		{http.MethodPost, `{"name":"contract"}`, false},
	}
}

func (p payload) String() string {
	switch {
	case p.body == "":
		return p.method
	case p.again:
		return p.method + " with a body"
	default:
		return p.method + " with a body that cannot be sent again"
	}
}

// request makes a request, with bodies that are watched.
func (p payload) request(ctx context.Context, like func() *http.Request) (*http.Request, *sentBodies) {
	req := like().WithContext(ctx)
	req.Method, req.Body, req.GetBody, req.ContentLength = p.method, nil, nil, 0
	bodies := &sentBodies{}
	if p.body == "" {
		return req, bodies
	}
	req.Body, req.ContentLength = bodies.open(p.body), -1
	if p.again {
		req.ContentLength = int64(len(p.body))
		req.GetBody = func() (io.ReadCloser, error) { return bodies.open(p.body), nil }
	}
	return req, bodies
}

// sentBodies are the bodies of a request.
type sentBodies struct {
	mu  sync.Mutex
	all []*body
}

func (s *sentBodies) open(text string) io.ReadCloser {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := &body{ReadCloser: io.NopCloser(strings.NewReader(text))}
	s.all = append(s.all, b)
	return b
}

func (s *sentBodies) unclosed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return unclosed(s.all)
}

// exchange is one call, and all that was seen of it.
type exchange struct {
	what   string // for messages
	resp   *http.Response
	err    error
	took   time.Duration
	panic  any
	stuck  bool
	bodies *sentBodies
	log    *visits
	from   int // of the log, as is
	to     int
	caller string // how the caller's request was changed
}

// pipeline is a stack with one step under test.
type pipeline struct {
	step middleware.Middleware
	log  *visits
	wire *wire
	rt   http.RoundTripper
}

func (s *suite) pipeline(w *wire) *pipeline {
	p := &pipeline{step: s.newStep(), log: &visits{}, wire: w}
	p.rt = append(s.company(), probed(p.step, p.log)).RoundTripper(w)
	return p
}

// call sends a request and waits for its answer, but not for ever.
func (s *suite) call(ctx context.Context, p *pipeline, kind payload) *exchange {
	req, bodies := kind.request(ctx, s.request)
	before := snap(req)
	x := &exchange{what: fmt.Sprintf("%s answered by %s", kind, p.wire.answer.name), bodies: bodies, log: p.log, from: p.log.len()}
	done, start := make(chan struct{}), time.Now()
	go func() {
		defer close(done)
		defer func() { x.panic = recover() }()
		x.resp, x.err = p.rt.RoundTrip(req) //nolint:bodyclose // finish closes it
	}()
	limit := time.NewTimer(stuck)
	defer limit.Stop()
	select {
	case <-done:
	case <-limit.C:
		return &exchange{what: x.what, stuck: true, took: stuck, bodies: bodies, log: p.log}
	}
	x.took = time.Since(start)
	x.to = p.log.len()
	x.caller = before.changed(req)
	return x
}

// visits are what the step did in the call, so far.
func (x *exchange) visits() []visit {
	x.log.mu.Lock()
	defer x.log.mu.Unlock()
	var all []visit
	for _, v := range x.log.all[x.from:x.to] {
		all = append(all, *v)
	}
	return all
}

// finish reads and closes the answer, as a caller does.
func (x *exchange) finish() {
	if x.resp != nil && x.resp.Body != nil {
		_, _ = io.Copy(io.Discard, x.resp.Body) // an error of the body is its own business
		_ = x.resp.Body.Close()
	}
	synctest.Wait()
}

// each sends every kind of request to every kind of answer, several in a row through one
// step, and looks at each exchange, and at the last one again when all is quiet.
func (s *suite) each(look func(p *pipeline, x *exchange)) {
	s.t.Helper()
	for _, a := range s.answers {
		for _, kind := range payloads() {
			s.bubble(func(ctx context.Context) {
				p := s.pipeline(&wire{answer: a})
				var x *exchange
				for range inARow {
					x = s.call(ctx, p, kind)
					if !s.healthy(p, x) {
						return
					}
					x.finish()
					look(p, x)
				}
				time.Sleep(stuck)
				look(p, x)
			})
		}
	}
}

// healthy tells a step that comes back from one that panics or never returns.
func (s *suite) healthy(p *pipeline, x *exchange) bool {
	s.t.Helper()
	switch {
	case x.panic != nil:
		s.breaks(Sound, p.step, x.what, "it panics: %v", x.panic)
	case x.stuck:
		s.stuck.Store(true)
		s.breaks(Sound, p.step, x.what, "it did not return within %v", stuck)
	default:
		return true
	}
	return false
}
