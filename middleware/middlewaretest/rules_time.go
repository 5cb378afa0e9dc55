package middlewaretest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/restykit/restykit/middleware"
)

// errCaller is the cause with which the caller cancels.
var errCaller = errors.New("middlewaretest: the caller went away")

// end is a way in which a request's context ends while a step is at work.
type end struct {
	name   string
	after  time.Duration // when the caller cancels; 0 is before the call
	wire   func() *wire
	atOnce int // calls at once
}

func ends() []end {
	busy := func(code int, header ...string) answer {
		return answer{name: strconv.Itoa(code), make: func(int) (*http.Response, error) { return response(code, header...), nil }}
	}
	fails := answer{name: "an error", make: func(int) (*http.Response, error) { return nil, errTransport }}
	const silent = 2 * stuck
	return []end{
		{"cancelled before the call", 0, func() *wire { return &wire{answer: busy(200)} }, 1},
		{"cancelled while the server is silent", 50 * time.Millisecond, func() *wire { return &wire{answer: busy(200), hold: silent} }, 1},
		{"cancelled while the server says 503", 50 * time.Millisecond, func() *wire { return &wire{answer: busy(503)} }, 1},
		{"cancelled in a long Retry-After", 50 * time.Millisecond, func() *wire { return &wire{answer: busy(429, "Retry-After", "600")} }, 1},
		{"cancelled while connections fail", 50 * time.Millisecond, func() *wire { return &wire{answer: fails} }, 1},
		{"many cancelled at once while the server is silent", 50 * time.Millisecond, func() *wire { return &wire{answer: busy(200), hold: silent} }, 40},
	}
}

// eachEnd sends requests whose context ends in every way, and looks at each.
func (s *suite) eachEnd(look func(p *pipeline, end end, x *exchange)) {
	s.t.Helper()
	for _, end := range ends() {
		for _, kind := range payloads() {
			s.bubble(func(ctx context.Context) {
				p := s.pipeline(end.wire())
				ctx, cancel := context.WithCancelCause(ctx)
				defer cancel(nil)
				if end.after == 0 {
					cancel(errCaller)
				} else {
					defer time.AfterFunc(end.after, func() { cancel(errCaller) }).Stop()
				}
				all := make([]*exchange, end.atOnce)
				var wg sync.WaitGroup
				for i := range all {
					wg.Go(func() { all[i] = s.call(ctx, p, kind) })
				}
				wg.Wait()
				for _, x := range all {
					if x.panic != nil && !s.healthy(p, x) {
						return
					}
					x.finish()
					look(p, end, x)
				}
			})
		}
	}
}

// wasEnded tells whether it was the end of the context that ended the call: the step
// waited until then, or next said so.
func (x *exchange) wasEnded(end end) bool {
	for _, v := range x.visits() {
		if errors.Is(errors.Join(v.failed...), errCaller) {
			return true
		}
	}
	return end.after > 0 && x.took >= end.after
}

// cancellation looks at how long the call went on.
func (s *suite) cancellation(p *pipeline, end end, x *exchange) {
	over := x.took - end.after
	if over <= Soon {
		return
	}
	how := fmt.Sprintf("it went on for %v", over)
	if x.stuck {
		s.stuck.Store(true)
		how = fmt.Sprintf("it still had not returned after %v", over)
	}
	s.breaks(Cancellation, p.step, end.name, "%s when the request's context had ended: wait in a select with req.Context().Done(), and send requests with that context", how)
}

// concurrency sends many requests at once through one step.
func (s *suite) concurrency() {
	s.t.Helper()
	const callers, each = 8, 25
	s.bubble(func(ctx context.Context) {
		w := &wire{hold: time.Millisecond, answer: answer{name: "200, 503 and errors", make: func(n int) (*http.Response, error) {
			switch n % 5 {
			case 3:
				return response(503), nil
			case 4:
				return nil, errTransport
			}
			return response(200), nil
		}}}
		p := s.pipeline(w)
		var wg sync.WaitGroup
		var mu sync.Mutex // of the findings
		for caller := range callers {
			wg.Go(func() {
				for i := range each {
					_, _ = sprintf("%v", middleware.Stack{p.step}) // as somebody prints the pipeline meanwhile
					id := fmt.Sprintf("%d-%d", caller, i)
					x := s.callAs(ctx, p, id)
					mu.Lock()
					ok := s.healthy(p, x)
					if ok && x.resp != nil && x.resp.Header.Get("X-Contract-Echo") != id && x.resp.Header.Get("X-Contract-Echo") != "" {
						s.breaks(Concurrency, p.step, "", "with many requests at once, one got the answer to another: keep what belongs to a request in local variables")
					}
					mu.Unlock()
					if !ok {
						return
					}
					if x.resp != nil && x.resp.Body != nil {
						_ = x.resp.Body.Close()
					}
				}
			})
		}
		wg.Wait()
	})
}

// callAs sends a request that can be told from the others.
func (s *suite) callAs(ctx context.Context, p *pipeline, id string) *exchange {
	own := *s
	own.request = func() *http.Request {
		req := s.request()
		req.Header.Set("X-Contract-Id", id)
		req.URL.Path += "/" + id
		return req
	}
	return own.call(ctx, p, payloads()[0])
}
