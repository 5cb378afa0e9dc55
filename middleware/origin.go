package middleware

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/restykit/restykit/internal/origin"
)

// Trusted tells whether a request goes where the secrets of a step may go: to the
// origin of its call (the client's BaseURL, or else the URL that the caller asked
// for), or to one of origins. Once a redirect has led a call to an origin that no step
// trusts, nothing is trusted for the rest of that call.
func Trusted(req *http.Request, origins []string) bool {
	c := callOf(req.Context())
	return c != nil && c.trusted(req.URL, origins)
}

func (c *call) trusted(u *url.URL, origins []string) bool {
	c.Info.mu.Lock()
	home, strayed := c.home, c.strayed
	c.Info.mu.Unlock()
	if strayed {
		return false
	}
	target := origin.Of(u)
	return target == home || slices.ContainsFunc(origins, func(s string) bool {
		o, err := origin.Parse(s)
		return err == nil && o == target
	})
}

// Abroad tells whether a request goes to an origin that no step of its stack trusts with
// the secrets that the stack adds. It then carries only what any stranger may see: not the
// caller's own headers, such as an idempotency key. Without secrets nothing is abroad.
func Abroad(req *http.Request) bool {
	c := callOf(req.Context())
	return c != nil && len(c.pipe.trusts) > 0 && c.abroad(c.pipe, req.URL)
}

func (c *call) abroad(p *pipeline, u *url.URL) bool {
	return !slices.ContainsFunc(p.trusts, func(t []string) bool { return c.trusted(u, t) })
}

// guard stands before the Auth layer of a stack that adds secrets. To an origin that
// no step trusts, a request carries only what any stranger may see, whoever set the
// rest: the caller's own headers and cookies are as secret as ours. And what is above
// sees no secret: not in a request that it has a hold of, nor behind the response.
func (p *pipeline) guard(below Next) Next {
	if len(p.trusts) == 0 {
		return below
	}
	return func(req *http.Request) (*http.Response, error) {
		c, a := callOf(req.Context()), attemptOf(req.Context())
		if c == nil || a == nil {
			return nil, errDropped
		}
		a.own = nil // the next Mutable copies
		out := req
		if c.abroad(p, req.URL) {
			c.stray(req)
			out = p.harmless(c, req)
		}
		resp, err := below(out)
		if resp != nil {
			resp.Request = req
		}
		return resp, err
	}
}

// harmless is a request with what any stranger may see.
func (p *pipeline) harmless(c *call, req *http.Request) *http.Request {
	req = Mutable(req)
	c.dropQuery(req)
	for name := range req.Header {
		if !p.public(name) {
			delete(req.Header, name)
		}
	}
	if from := req.Header["Referer"]; len(from) > 0 {
		req.Header.Set("Referer", refererOrigin(from[len(from)-1]))
	}
	return req
}

// stray remembers that a call has left its origins, and says so to whoever wonders
// about a 401.
func (c *call) stray(req *http.Request) {
	c.Info.mu.Lock()
	why := "credentials withheld: " + origin.Of(req.URL).String() + " is not " + c.home.String() + "; list it in Origins if it may have them"
	told := c.strayed
	c.strayed, c.withheld = true, why
	c.Info.mu.Unlock()
	if !told {
		Emit(c, Event{Kind: "withheld", Text: why})
	}
}

// dropQuery takes out the query parameters that the resty client adds to each request,
// and the call's secrets, which a server may repeat where it redirects to. The others
// stay as they are written.
func (c *call) dropQuery(req *http.Request) {
	if req.URL.RawQuery == "" {
		return
	}
	var ours url.Values
	if c.client != nil {
		ours = c.client.QueryParam
	}
	secrets := c.hidden()
	u := *req.URL
	u.RawQuery = strings.Join(slices.DeleteFunc(strings.Split(u.RawQuery, "&"), func(pair string) bool {
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		return err == nil && err2 == nil && (slices.Contains(ours[name], value) || slices.Contains(secrets, value))
	}), "&")
	req.URL = &u
}

// public tells whether any origin may see a header field.
func (p *pipeline) public(name string) bool {
	switch name {
	case "User-Agent", "Range", "Referer":
		return true
	}
	return strings.HasPrefix(name, "Accept") || strings.HasPrefix(name, "Content-") ||
		strings.HasPrefix(name, "If-") || slices.Contains(p.abroad, name)
}

func refererOrigin(referer string) string {
	u, err := url.Parse(referer)
	if err != nil || u.Host == "" {
		return ""
	}
	return origin.Of(u).String() + "/"
}

// settle fixes the origin of a call at its first request, where no BaseURL has.
func (c *call) settle(u *url.URL) {
	c.Info.mu.Lock()
	defer c.Info.mu.Unlock()
	if c.home.IsZero() {
		c.home = origin.Of(u)
	}
}

func (i *Info) reasonWithheld() string {
	if i == nil {
		return ""
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.withheld
}
