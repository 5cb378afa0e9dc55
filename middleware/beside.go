package middleware

import (
	"context"
	"net/http"
)

// Beside returns a request like req to send while others are in flight, for a step at
// [Retry] that hedges. Those that come from the same req are a race: none discards the
// answer of another, as [Next] does else with the one before. drop takes the request out of
// the race: it ends the attempt and discards its answer, now or when there is one. What was
// not sent by then never is. The one whose answer the step returns is not dropped.
//
// Send each once. drop may be called at any time, from any goroutine, and again.
func Beside(req *http.Request) (beside *http.Request, drop func()) {
	c := callOf(req.Context())
	if c == nil {
		return req, func() {}
	}
	r := &rival{hop: &c.hop, of: req}
	return req.WithContext(context.WithValue(req.Context(), rivalKey{}, r)), r.drop
}

// rival is a request of a race. The lock of its hop guards it.
type rival struct {
	hop     *hop
	of      *http.Request // tells races apart
	attempt *attempt
	dropped bool
}

type rivalKey struct{}

func rivalOf(ctx context.Context) *rival {
	r, _ := ctx.Value(rivalKey{}).(*rival)
	return r
}

// drop takes the request out of its race.
func (r *rival) drop() {
	r.hop.mu.Lock()
	a, first := r.attempt, !r.dropped
	r.dropped = true
	landed := a != nil && r.hop.take(a)
	if a != nil {
		r.hop.lands(a) // nobody waits for it
	}
	r.hop.mu.Unlock()
	switch {
	case a == nil || !first:
	case landed:
		Discard(a.resp)
		a.finish()
	default:
		a.end(context.Canceled)
	}
}

// take removes an attempt from the open ones, and tells whether it was there.
func (h *hop) take(a *attempt) bool {
	for at := &h.open; *at != nil; at = &(*at).older {
		if *at == a {
			*at, a.older = a.older, nil
			return true
		}
	}
	return false
}

// races tells whether two attempts are of one race.
func (a *attempt) races(b *attempt) bool {
	return a.rival != nil && b.rival != nil && a.rival.of == b.rival.of
}
