package retry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/internal/redact"
	"github.com/restykit/restykit/middleware"
)

// loopOfResty is what resty knows of retries beside numbers.
type loopOfResty struct {
	client     *resty.Client
	conditions []resty.RetryConditionFunc
	hooks      []resty.OnRetryFunc
	after      resty.RetryAfterFunc
}

// validate refuses what would not be as before.
func (l *loopOfResty) validate() error {
	if l == nil || l.client.GetClient().Timeout <= 0 {
		return nil
	}
	limit := l.client.GetClient().Timeout
	return fmt.Errorf("the client's SetTimeout (%v) was the limit of an attempt, and would end the whole call: SetTimeout(0), and add middleware.Timeout{Attempt: %v}", limit, limit)
}

// lastWordError is an error of SetRetryAfter, which is that of the call.
type lastWordError struct{ error }

func (e *lastWordError) Unwrap() error { return e.error }

// Check fails a call that has an error of the SetRetryAfter of [FromResty].
func (p Policy) Check(resp *resty.Response) error {
	if p.own == nil || p.own.after == nil {
		return nil
	}
	if said, ok := errors.AsType[*lastWordError](middleware.InfoOf(resp.Request.Context()).GaveUp()); ok {
		return said.error
	}
	return nil
}

// serve lets a policy ask it, for one call.
func (l *loopOfResty) serve(req *http.Request, p *Policy) *restyCall {
	ctx := req.Context()
	c := &restyCall{loop: l, policy: p, told: p.OnRetry, req: req, info: middleware.InfoOf(ctx)}
	if c.seen.Request = middleware.RequestOf(ctx); c.seen.Request == nil { // under a plain http.Client
		c.seen.Request = l.client.R().SetContext(ctx)
	}
	if p.RetryIf == nil && len(l.conditions) > 0 {
		p.RetryIf = c.retryIf
	}
	if l.after != nil {
		p.after = c.after
	}
	if len(l.hooks) > 0 {
		p.OnRetry = c.onRetry
	}
	return c
}

// restyCall is one call, as the functions for resty know it.
type restyCall struct {
	loop   *loopOfResty
	policy *Policy
	told   func(context.Context, Attempt) // the policy's own
	req    *http.Request
	info   *middleware.Info
	seen   resty.Response // the newest, without RawResponse where there is none
}

// count numbers the attempt where resty does.
func (c *restyCall) count() { c.seen.Request.Attempt = max(1, c.info.Attempts()) }

// failure is an error as the http.Client will give it.
func (c *restyCall) failure(err error) error {
	if err == nil {
		return nil
	}
	op := cmp.Or(c.req.Method, http.MethodGet)
	return &url.Error{Op: op[:1] + strings.ToLower(op[1:]), URL: redact.URL(c.req.URL), Err: err}
}

func (c *restyCall) retryIf(resp *http.Response, err error) bool {
	c.see(resp)
	if err != nil && !Transient(err) {
		return false
	}
	for _, condition := range c.loop.conditions {
		if condition(&c.seen, c.failure(err)) {
			return true
		}
	}
	return false
}

// after is what SetRetryAfter says, within the bounds that resty has for it.
func (c *restyCall) after(resp *http.Response) (time.Duration, error) {
	if c.seen.RawResponse != resp {
		c.see(resp)
	}
	d, err := c.loop.after(c.loop.client, &c.seen)
	if err != nil {
		return 0, &lastWordError{err}
	}
	if d == 0 {
		return 0, nil
	}
	if d < 0 || d > c.policy.MaxWait {
		d = c.policy.MaxWait
	}
	return max(d, c.policy.Wait), nil
}

func (c *restyCall) onRetry(ctx context.Context, a Attempt) {
	for _, hook := range c.loop.hooks {
		hook(&c.seen, c.failure(a.Err))
	}
	if c.told != nil {
		c.told(ctx, a)
	}
}

// see looks at an answer as resty does: at its body, where that would be read, and what is
// in it.
func (c *restyCall) see(resp *http.Response) {
	c.seen = resty.Response{Request: c.seen.Request, RawResponse: resp}
	c.count()
	if resp == nil || c.info.Streams() {
		return
	}
	body, ok := resp.Body.(*buffered)
	if !ok {
		return
	}
	text, _ := io.ReadAll(body)
	into := c.seen.SetBody(text).Result()
	if c.seen.IsError() {
		if kind := c.loop.client.Error; kind != nil && c.seen.Request.Error == nil {
			c.seen.Request.Error = reflect.New(kind).Interface()
		}
		into = c.seen.Error()
	}
	if into != nil {
		_ = resty.Unmarshalc(c.loop.client, resp.Header.Get("Content-Type"), text, into) // resty says what is wrong with it
	}
}
