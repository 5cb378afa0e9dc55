package retry

import (
	"context"
	"io"
	"net/http"
	"reflect"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/middleware"
)

// FromResty moves the retries of a client into a policy, and switches resty's own loop off:
//
//	middleware.Use(client, retry.FromResty(client))
//
// RetryCount becomes Attempts, RetryWaitTime and RetryMaxWaitTime become Wait and MaxWait,
// RetryConditions and SetRetryAfter decide and wait as before, and RetryHooks hear of each
// retry. Without a condition, errors are retried and no status is, as by resty. From here on
// the client's settings of these names do nothing; RetryCount is 0 at once, also where Use
// then refuses.
//
// What is different: only what may be repeated is (append "POST" to Methods for resty's
// way), an error that no retry mends is not retried, Retry-After is honoured where there is
// no SetRetryAfter, the deadline and the Budget bound the retries, and the first wait may be
// half of RetryWaitTime. A condition sees MaxBuffer of a body, and none of a request that is
// not repeated. A hook is not called when no retry follows. The conditions of a
// single request (its AddRetryCondition) are not known: give it a policy by
// [middleware.With].
//
// [Policy.Decide] of such a policy knows nothing of the conditions and the hooks.
//
// A nil client, like one that does not retry, is a policy of one attempt.
func FromResty(client *resty.Client) Policy {
	if client == nil || client.RetryCount <= 0 {
		return Policy{Attempts: 1}
	}
	p := Policy{
		Attempts: client.RetryCount + 1, Wait: client.RetryWaitTime, MaxWait: client.RetryMaxWaitTime,
		Jitter: EqualJitter, Statuses: []int{},
		own: &loopOfResty{client, client.RetryConditions, client.RetryHooks, client.RetryAfter},
	}
	p.Wait = max(p.Wait, 0)
	if p.MaxWait <= 0 {
		p.MaxWait = 0 // no limit, and the policy's own
	} else {
		p.MaxWait = max(p.MaxWait, p.Wait)
	}
	p.MaxRetryAfter = max(defaultMaxRetryAfter, p.MaxWait) // SetRetryAfter has MaxWait as its cap
	client.RetryCount = 0
	return p
}

// loopOfResty is what resty knows of retries beside numbers.
type loopOfResty struct {
	client     *resty.Client
	conditions []resty.RetryConditionFunc
	hooks      []resty.OnRetryFunc
	after      resty.RetryAfterFunc
}

// serve lets a policy ask it, for one call.
func (l *loopOfResty) serve(ctx context.Context, p *Policy) {
	c := restyCall{loop: l, policy: p, told: p.OnRetry, streams: middleware.InfoOf(ctx).Streams()}
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
}

// restyCall is one call, as the functions for resty know it.
type restyCall struct {
	loop    *loopOfResty
	policy  *Policy
	told    func(context.Context, Attempt) // the policy's own
	streams bool
	seen    resty.Response // the newest, without RawResponse where there is none
}

func (c *restyCall) retryIf(resp *http.Response, err error) bool {
	c.see(resp)
	if err != nil && !Transient(err) {
		return false
	}
	for _, condition := range c.loop.conditions {
		if condition(&c.seen, err) {
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
	if d == 0 || err != nil {
		return 0, err
	}
	if d < 0 || d > c.policy.MaxWait {
		d = c.policy.MaxWait
	}
	return max(d, c.policy.Wait), nil
}

func (c *restyCall) onRetry(ctx context.Context, a Attempt) {
	for _, hook := range c.loop.hooks {
		hook(&c.seen, a.Err)
	}
	if c.told != nil {
		c.told(ctx, a)
	}
}

// see looks at an answer as resty does: at its body, where that would be read, and what is
// in it.
func (c *restyCall) see(resp *http.Response) {
	c.seen = resty.Response{Request: c.seen.Request, RawResponse: resp}
	if resp == nil || c.streams {
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
