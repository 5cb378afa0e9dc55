package middleware

import (
	"maps"
	"net/http"
	"slices"
)

// Mutable returns a request like req whose fields and header may be changed, and
// whose context is that of req. The header map is copied once per attempt, and once
// above the attempts before each, whoever asks; the values behind it are shared, so a
// step uses Set, Add and Del and does not write into a value. What a step changes here
// is never seen by the caller, who gets the response with the request that was asked
// for.
//
// The URL is shared: copy it before a change. Outside a call, Mutable is
// [http.Request.Clone].
func Mutable(req *http.Request) *http.Request {
	ctx := req.Context()
	if a := attemptOf(ctx); a != nil {
		a.expiry.mu.Lock()
		defer a.expiry.mu.Unlock()
		if a.own != req {
			a.own = copyHeader(req)
		}
		return a.own
	}
	c := callOf(ctx)
	if c == nil {
		return req.Clone(ctx)
	}
	c.hop.mu.Lock()
	defer c.hop.mu.Unlock()
	if c.hop.own != req {
		c.hop.own = copyHeader(req)
	}
	return c.hop.own
}

// Rewind returns a request like req, with a fresh body and a header of its own, to send
// once more within an attempt: a replay after a challenge. It fails with
// [ErrBodyConsumed] where the body cannot be read again. The answer before goes to
// [Discard].
func Rewind(req *http.Request) (*http.Request, error) {
	again := copyHeader(req)
	a := attemptOf(req.Context())
	if a != nil {
		a.expiry.mu.Lock()
		a.own = again
		a.expiry.mu.Unlock()
	}
	body, err := bodyAgain(req)
	if err != nil {
		return nil, err
	}
	if again.Body = body; a != nil {
		again.Body = a.again(body)
	}
	return again, nil
}

func copyHeader(req *http.Request) *http.Request {
	own := new(http.Request)
	*own = *req
	if own.Header = maps.Clone(req.Header); own.Header == nil {
		own.Header = http.Header{}
	}
	for name, values := range own.Header {
		if len(values) < cap(values) { // Add would write into what attempts share
			own.Header[name] = slices.Clip(values)
		}
	}
	return own
}
