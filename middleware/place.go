package middleware

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/go-resty/resty/v2"
)

// placement guards the transport of every http.Client that a pipeline runs in. It is
// the one global of the kit: sibling resty clients share an http.Client and meet
// nowhere else.
var placement sync.RWMutex

// transport runs the pipeline of the call that a request belongs to. Requests of
// strangers on the same http.Client go straight to the base.
type transport struct {
	base  http.RoundTripper
	pools sync.Map // the transports that stand in for the base, as keys
}

// place puts the pipeline in front of the client's transport. That is done as late as
// can be, so that SetProxy, SetTLSClientConfig and their like still find the
// *http.Transport they want, and again when somebody has set another transport.
func place(c *resty.Client, p *pipeline) error {
	hc := c.GetClient()
	placement.RLock()
	_, placed := hc.Transport.(*transport)
	if placed = placed && isWatched(c); placed && p.decodesMore {
		switchDecoding(c)
	}
	placement.RUnlock()
	if placed {
		return nil
	}
	placement.Lock()
	defer placement.Unlock()
	if own := adoptedBy(c, &call{}); !isWatched(c) && own != nil {
		watchDecoding(c, own.decodes)
	}
	if p.decodesMore {
		switchDecoding(c)
	}
	switch base := hc.Transport.(type) {
	case *transport:
	case nil:
		hc.Transport = &transport{base: http.DefaultTransport}
	default:
		if isDigest(base) {
			return errDigest
		}
		hc.Transport = &transport{base: base}
	}
	return nil
}

// isDigest tells resty's digest transport, which is not exported.
func isDigest(rt http.RoundTripper) bool { return fmt.Sprintf("%T", rt) == "*resty.digestTransport" }

// RoundTrip runs one hop of the call.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	c := callOf(req.Context())
	if c == nil || c.over.Load() || !c.hop.leads(req) || !c.hop.start(req) {
		return t.base.RoundTrip(req)
	}
	resp, err := c.roundTrip(req, t.base)
	if base := c.hop.target(); base != nil && c.pipe.base != nil {
		t.pools.Store(base, nil)
	}
	return resp, err
}

// CloseIdleConnections closes those of the base, and of the pools that stand in for it.
func (t *transport) CloseIdleConnections() {
	closeIdle(t.base)
	t.pools.Range(func(pool, _ any) bool {
		closeIdle(pool.(http.RoundTripper))
		return true
	})
}

func closeIdle(rt http.RoundTripper) {
	if c, ok := rt.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// roundTrip runs the pipeline for one hop, which has started.
func (c *call) roundTrip(req *http.Request, base http.RoundTripper) (*http.Response, error) {
	c.entered.Store(true)
	if c.refused != nil {
		c.hop.finish(nil)
		c.end(context.Canceled) // resty's own loop ends with the context
		return nil, c.refused
	}
	if c.tooLate(req.Context()) {
		c.hop.finish(nil)
		return nil, errLate
	}
	c.settle(req.URL)
	done := false
	defer func() {
		if !done { // a step panics: what it leaves open, nobody else closes
			c.hop.finish(nil)
		}
	}()
	resp, err := c.run(req, base)
	done = true // what follows closes the answer itself
	if err != nil {
		c.hop.finish(nil)
		return nil, c.explain(err)
	}
	if resp.Body == nil { // a step made the response
		resp.Body = http.NoBody
	}
	c.hop.finish(resp)
	resp.Request = c.hop.req
	if c.mode != decoded && !isRedirect(resp) {
		if err := c.checkStream(resp); err != nil {
			return nil, err
		}
	}
	c.cookies.hide(resp)
	c.emptyHead(resp)
	return resp, nil
}

func (c *call) run(req *http.Request, base http.RoundTripper) (_ *http.Response, err error) {
	if b := c.pipe.base; b != nil {
		if base, err = b.base(base); err != nil {
			return nil, err
		}
	}
	c.hop.goes(base)
	return c.pipe.run(c.cookies.strip(c, req))
}

// explain names what ended the call, where a step that waited does not.
func (c *call) explain(err error) error {
	if c.Err() == nil || !isContextError(c, err) {
		return err
	}
	if t := c.limited(); t != nil {
		if said, ok := errors.AsType[*TimeoutError](err); ok && *said == *t {
			return err
		}
		return t
	}
	if errors.Is(err, c.Context.Err()) && errors.Is(err, context.Cause(c.Context)) {
		return err
	}
	return ended(c.Context)
}

// checkStream runs the checks on an answer that resty will not decode, and closes one that
// does not pass, also where a check panics.
func (c *call) checkStream(resp *http.Response) error {
	passed := false
	defer func() {
		if !passed {
			_ = resp.Body.Close()
		}
	}()
	r := c.request
	if r == nil {
		r = &resty.Request{Method: resp.Request.Method, URL: resp.Request.URL.String(), Header: resp.Request.Header, RawRequest: resp.Request}
		r.SetContext(resp.Request.Context())
	}
	if err := c.pipe.check(&resty.Response{Request: r, RawResponse: resp}); err != nil {
		return err
	}
	if most := c.pipe.limits.maxBody; most > 0 && resp.ContentLength > most && resp.Body != http.NoBody {
		return &MaxBodyError{Limit: most} // now, and not when a file was opened for it
	}
	passed = true
	return nil
}

// isRedirect tells an answer that the http.Client may follow.
func isRedirect(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return resp.Header.Get("Location") != ""
	}
	return false
}
