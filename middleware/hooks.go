package middleware

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/internal/redact"
)

// misuse is an error of how the kit is used. Asking again is of no use.
type misuse string

func (m misuse) Error() string { return string(m) }

// Final is true.
func (misuse) Final() bool { return true }

var (
	errLost    error = misuse("middleware: client.RetryHooks was replaced, and the pipeline with it: add to it, or call middleware.Use again")
	errDropped error = misuse("middleware: a hook or a step replaced the request's context, and the pipeline with it: derive the new context from r.Context()")
	errLate    error = misuse("middleware: middleware.With came too late, in a PreRequestHook or a step: give its context to the request, or set it in an OnBeforeRequest hook")
	errPassed  error = misuse("middleware: the request was sent without the pipeline: a hook changed its context or the client's transport; derive from r.Context() and set the transport outside of hooks")
	errDigest  error = misuse("middleware: SetDigestAuth changes the client's transport for each request, so the pipeline cannot run, and nothing is sent: use auth.Digest, and a new client")
)

// install registers the kit's hooks, once for a client and those cloned from it.
func install(c *resty.Client) {
	for _, hook := range *at[[]resty.RequestMiddleware](c, fields.before) {
		if pc(hook) == pc(open) {
			return
		}
	}
	register[resty.RequestMiddleware](c, fields.before, open)
	register[resty.RequestMiddleware](c, fields.request, seal)
	registerFirst[resty.ResponseMiddleware](c, fields.after, received)
	register[resty.ResponseMiddleware](c, fields.after, check)
	register[resty.SuccessHook](c, fields.success, succeeded)
	registerFirst[resty.ErrorHook](c, fields.errors, failed)
	register[resty.ErrorHook](c, fields.panics, panicked)
}

// seal runs when resty has built the request and all hooks of users have run. From
// here the request goes through the pipeline, or nowhere.
func seal(c *resty.Client, r *resty.Request) error {
	cl := callOf(r.RawRequest.Context())
	if cl == nil || cl.request != r {
		return errDropped
	}
	if err := cl.refold(r.RawRequest.Context()); err != nil {
		return err
	}
	if cl.homeless != nil && len(cl.pipe.trusts) > 0 {
		if err := cl.refuse(cl.homeless); err != nil {
			return err
		}
	}
	cl.mode = fields.mode(c, r)
	if r.Body == http.NoBody { // resty hides it in a reader of unknown length, and strict servers answer 411
		r.RawRequest.Body, r.RawRequest.GetBody = http.NoBody, nil
	}
	cl.cookies.seal(cl)
	cl.hop.renew()
	return place(c, cl.pipe)
}

// received runs before resty decodes an answer or saves it. A redirect that is saved is
// one that the http.Client did not follow, so the transport has not checked it.
func received(_ *resty.Client, resp *resty.Response) error {
	c := requestCall(resp.Request)
	if c == nil {
		return errDropped
	}
	if !c.entered.Load() {
		return errPassed
	}
	c.cookies.restore(resp)
	if c.mode == saved && isRedirect(resp.RawResponse) {
		return c.pipe.check(resp)
	}
	return nil
}

// check judges decoded answers, behind resty's decoding.
func check(_ *resty.Client, resp *resty.Response) error {
	c := requestCall(resp.Request)
	if c == nil {
		return errDropped
	}
	if c.mode != decoded {
		return nil
	}
	return c.pipe.check(resp)
}

func (p *pipeline) check(resp *resty.Response) error {
	for _, s := range p.checks {
		if err := s.Check(resp); err != nil {
			return err
		}
	}
	return nil
}

// succeeded ends a call without an error. A streamed call comes here without having
// passed check.
func succeeded(_ *resty.Client, resp *resty.Response) {
	if resp == nil { // with a RetryCount below 0 resty sends nothing, and says so to nobody
		return
	}
	c := requestCall(resp.Request)
	if c == nil {
		return
	}
	if !c.entered.Load() && resp.RawResponse != nil && resp.RawResponse.Body != nil {
		_ = resp.RawResponse.Body.Close()
		resp.RawResponse.Body = brokenBody{errPassed}
	}
	c.finish(resp, nil)
}

// failed ends a call with an error, and completes what resty's errors lack, before any hook
// of the user's looks at it.
func failed(r *resty.Request, err error) {
	c := requestCall(r)
	if c == nil {
		return
	}
	var resp *resty.Response
	if wrapped, ok := errors.AsType[*resty.ResponseError](err); ok {
		resp, err = wrapped.Response, wrapped.Err
	}
	if resp != nil && resp.RawResponse != nil && resp.RawResponse.Body != nil {
		_ = resp.RawResponse.Body.Close() // resty forgets it where SetOutput fails
	}
	if v, ok := errors.AsType[*verdict](err); ok {
		v.judge(c, resp)
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		u.URL = redact.String(u.URL)
	}
	c.finish(resp, err)
}

func panicked(r *resty.Request, err error) {
	if c := requestCall(r); c != nil {
		c.finish(nil, err)
	}
}

// brokenBody fails each reading.
type brokenBody struct{ err error }

func (b brokenBody) Read([]byte) (int, error) { return 0, b.err }
func (brokenBody) Close() error               { return nil }
