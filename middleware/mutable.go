package middleware

import (
	"maps"
	"net/http"
)

// Mutable returns a request like req whose fields and header may be changed, and
// whose context is that of req. The header map is copied once per attempt, and once
// above the attempts, whoever asks; the values behind it are shared, so a step uses
// Set, Add and Del and does not write into a value. What a step changes here is never
// seen by the caller, who gets the response with the request that was asked for.
//
// The URL is shared: copy it before a change. Outside a call, Mutable is
// [http.Request.Clone].
func Mutable(req *http.Request) *http.Request {
	ctx := req.Context()
	if a := attemptOf(ctx); a != nil {
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

func copyHeader(req *http.Request) *http.Request {
	own := new(http.Request)
	*own = *req
	if own.Header = maps.Clone(req.Header); own.Header == nil {
		own.Header = http.Header{}
	}
	return own
}
