package middleware

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// ErrBodyConsumed is the error of an attempt whose request body was sent before and
// cannot be read again, because the request has no GetBody, or that fails. The answer
// before is still there.
var ErrBodyConsumed error = misuse("attempt: the request body was sent once and cannot be read again: give it as bytes, or set GetBody")

var errAfter error = misuse("attempt: a step sends when the call is over: next is for the time until the step returns")

// hop is one round trip of the http.Client, with its attempts. Redirects follow one
// behind the other, so a call has one hop at a time.
type hop struct {
	req *http.Request // as the http.Client gave it

	mu     sync.Mutex
	base   http.RoundTripper // that of the client, or its Pool
	turn   int               // counts the hops of the call
	fresh  bool              // the next hop follows no redirect
	busy   bool
	own    *http.Request // the copy that Mutable made above the attempts
	sent   int           // attempts begun
	flying int           // attempts without an answer yet
	open   *attempt      // those with a response, the newest first
}

// start begins a hop, and fails where one is under way: then the request is not the
// http.Client's next hop but one that a step makes with the call's context.
func (h *hop) start(req *http.Request) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.busy || (req.Response == nil && !h.fresh) {
		return false
	}
	h.fresh = false
	h.req, h.busy, h.own, h.sent, h.flying, h.open = req, true, nil, 0, 0, nil
	h.turn++
	return true
}

// goes says where the hop's attempts go. One of the hop before may still be under way.
func (h *hop) goes(base http.RoundTripper) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.base = base
}

// target is where they go.
func (h *hop) target() http.RoundTripper {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.base
}

// leads tells whether a request is the first of a chain, or follows a redirect of the hop
// before. A stranger's request with the call's context has redirects of its own.
func (h *hop) leads(req *http.Request) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return req.Response == nil || req.Response.Request == h.req
}

// renew lets a hop begin that follows no redirect: the first, and where resty retries by
// itself. Any other request with the call's context is a stranger's.
func (h *hop) renew() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fresh = true
}

// body is the request's body for one more attempt. Only when that is there, and nothing
// else is in flight, the answer before is discarded, so that its connection can be used
// again. counts tells an attempt from the first send of a redirect hop.
func (h *hop) body(a *attempt, req *http.Request) (body io.ReadCloser, counts bool, err error) {
	var first bool
	h.mu.Lock()
	if err = h.enter(a, rivalOf(req.Context())); err != nil {
		h.mu.Unlock()
		return nil, false, err
	}
	first = h.sent == 1
	counts = !first || h.req.Response == nil
	h.mu.Unlock()
	if body = req.Body; !first {
		if body, err = bodyAgain(req); err != nil {
			h.landed(a, false)
			return nil, false, err
		}
	}
	h.supersede(a)
	return body, counts, nil
}

// enter files an attempt that begins.
func (h *hop) enter(a *attempt, r *rival) error {
	switch {
	case r != nil && r.dropped:
		return context.Canceled
	case !h.busy:
		return errAfter
	case r != nil:
		r.attempt, a.rival = a, r
	}
	a.turn, a.base, a.flies = h.turn, h.base, true
	h.sent++
	h.flying++
	return nil
}

// bodyAgain is the body of a request that was sent before.
func bodyAgain(req *http.Request) (io.ReadCloser, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return req.Body, nil
	}
	if req.GetBody == nil {
		return nil, ErrBodyConsumed
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBodyConsumed, err)
	}
	return body, nil
}

// supersede gives up the answers before, but for those of the same race. A later Mutable
// makes a new copy: the header map of this one is being sent.
func (h *hop) supersede(a *attempt) {
	h.mu.Lock()
	h.own = nil
	var old *attempt
	if h.flying == 1 && (h.open == nil || !a.races(h.open)) {
		old, h.open = h.open, nil
	}
	h.mu.Unlock()
	old.discard(nil)
}

// landed notes that an attempt has ended, and whether with an answer. It is false where no
// step wants that any more: the hop is over, or the attempt was dropped.
func (h *hop) landed(a *attempt, answered bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if a.turn != h.turn {
		return false
	}
	h.lands(a)
	if !answered || !h.busy || (a.rival != nil && a.rival.dropped) {
		return false
	}
	a.older, h.open = h.open, a
	return true
}

// lands counts an attempt as no longer in flight, once.
func (h *hop) lands(a *attempt) {
	if a.flies && a.turn == h.turn {
		a.flies = false
		h.flying--
	}
}

// finish closes what the steps left open: the request's body if nobody sent it, and
// the responses that are not the answer.
func (h *hop) finish(answer *http.Response) {
	h.mu.Lock()
	open := h.open
	unsent := h.sent == 0
	h.busy, h.open = false, nil
	h.mu.Unlock()
	if unsent && h.req.Body != nil {
		_ = h.req.Body.Close()
	}
	if answer == nil || open == nil {
		open.discard(nil)
		return
	}
	kept := open.answering(answer)
	open.discard(kept)
	if kept.resp != answer { // a copy of the response, or one of the step's own: then both end together
		kept.older = nil
		answer.Body = &chained{ReadCloser: answer.Body, then: func() { kept.discard(nil) }}
	}
}

// chained is a body whose end is also the end of something else.
type chained struct {
	io.ReadCloser
	then func()
}

func (c *chained) Close() error {
	err := c.ReadCloser.Close()
	c.then()
	return err
}

// discard gives up the responses of a list, all but one.
func (a *attempt) discard(but *attempt) {
	for ; a != nil; a = a.older {
		if a != but {
			Discard(a.resp)
			a.finish()
		}
	}
}

const (
	drainBytes = 256 << 10
	drainTime  = 250 * time.Millisecond
)

// Discard gives up a response that is not wanted: it reads what is left of the body,
// 256 KiB and 250 ms at most, so that the connection can be used again, and closes it.
func Discard(resp *http.Response) {
	body := resp.Body
	if body == nil || body == http.NoBody {
		return
	}
	if resp.ContentLength <= drainBytes {
		late := time.AfterFunc(drainTime, func() { _ = body.Close() })
		_, _ = io.CopyN(io.Discard, body, drainBytes) // it is not wanted, broken or not
		late.Stop()
	}
	_ = body.Close()
}

// answering finds the attempt whose response is the answer. A step may hand up a
// copy of a response: then it is the newest, of those whose losers a race has dropped.
func (a *attempt) answering(answer *http.Response) *attempt {
	for at := a; at != nil; at = at.older {
		if at.resp == answer {
			return at
		}
	}
	return a
}
