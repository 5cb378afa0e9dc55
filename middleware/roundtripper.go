package middleware

import (
	"errors"
	"net/http"
	"slices"

	"github.com/restykit/restykit/internal/origin"
)

// RoundTripper puts the stack in front of a transport, for clients other than resty;
// a nil base is [http.DefaultTransport].
//
// A call is then one Do of the http.Client: the deadline holds over its redirects, and
// every answer is treated as streamed. [Preparer] and [Finisher] do not run. An invalid
// stack fails each request with what [Use] would have said.
func (s Stack) RoundTripper(base http.RoundTripper) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	pipe, errs := build(nil, s)
	errs = append(errs, offNothing(nil, s)...)
	if len(errs) > 0 {
		return plain{base: base, err: mistakes(errs)}
	}
	return plain{base: base, pipe: pipe}
}

// plain runs a pipeline without resty.
type plain struct {
	base http.RoundTripper
	pipe *pipeline
	err  error
}

// RoundTrip runs one hop, and goes on with the call of the hop before.
func (p plain) RoundTrip(req *http.Request) (*http.Response, error) {
	if p.err != nil {
		closeBody(req)
		return nil, p.err
	}
	c := p.before(req)
	if c == nil {
		pipe, err := p.pipe.forRequest(withOf(req.Context()))
		if err != nil {
			closeBody(req)
			return nil, err
		}
		c = &call{}
		c.mode = streamed
		c.hop.renew()
		c.begin(req.Context(), pipe)
		c.resume(req)
	}
	hop := req.WithContext(c)
	if !c.hop.start(hop) {
		closeBody(req)
		return nil, errors.New("middleware: a request was sent while the one that led to it is under way")
	}
	resp, err := c.roundTrip(hop, p.base)
	if err != nil || !isRedirect(resp) {
		c.close(err)
	}
	return resp, err
}

// before is the call that a redirect belongs to. The http.Client begins each hop with
// the context of the first, but remembers the response that led to it.
func (p plain) before(req *http.Request) *call {
	if req.Response == nil || req.Response.Request == nil {
		return nil
	}
	c := callOf(req.Response.Request.Context())
	if c == nil || c.request != nil || c.over.Load() {
		return nil
	}
	return c
}

// resume fixes the origin of a call whose earlier hops are lost, because a decorator
// around the stack put a request of its own behind the response: home is where the
// redirects began, and never where they lead.
func (c *call) resume(req *http.Request) {
	var before []*http.Request
	for r := req.Response; r != nil && r.Request != nil; r = r.Request.Response {
		before = append(before, r.Request)
	}
	if len(before) == 0 {
		c.strayed = req.Response != nil
		return
	}
	c.settle(before[len(before)-1].URL)
	c.strayed = slices.ContainsFunc(before, func(r *http.Request) bool { return origin.Of(r.URL) != c.home })
}

// CloseIdleConnections closes those of the base, and of the pool that stands in for it.
func (p plain) CloseIdleConnections() {
	closeIdle(p.base)
	if p.err != nil || p.pipe.base == nil {
		return
	}
	if pool, err := p.pipe.base.base(p.base); err == nil {
		closeIdle(pool)
	}
}

// String is the pipeline.
func (p plain) String() string {
	if p.err != nil {
		return p.err.Error()
	}
	return p.pipe.steps.String()
}
