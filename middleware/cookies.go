package middleware

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/go-resty/resty/v2"
)

// cookies keeps a call with credentials of its own out of the client's cookie jar,
// which resty has by default and shares among all requests: a session that the jar
// keeps belongs to whoever opened it.
type cookies struct {
	apart bool
	own   []string // the Cookie field as the caller made it, before the jar
	got   []string // the Set-Cookie field that the jar must not see
}

// seal remembers the caller's own cookies.
func (k *cookies) seal(c *call) {
	if k.apart = c.pipe.personal && c.client.GetClient().Jar != nil; k.apart {
		k.own = slices.Clone(c.request.RawRequest.Header["Cookie"])
	}
}

// strip takes out the jar's. Where a redirect leads to another host, the http.Client
// has taken out the caller's own before.
func (k *cookies) strip(_ *call, req *http.Request) *http.Request {
	if !k.apart || slices.Equal(req.Header["Cookie"], k.own) {
		return req
	}
	sent := req.Header.Get("Cookie")
	req = Mutable(req)
	delete(req.Header, "Cookie")
	if len(k.own) > 0 && (sent == k.own[0] || strings.HasPrefix(sent, k.own[0]+"; ")) {
		req.Header["Cookie"] = k.own
	}
	return req
}

// hide keeps what the answer sets from the jar, until restore.
func (k *cookies) hide(resp *http.Response) {
	if !k.apart {
		return
	}
	if k.got = resp.Header["Set-Cookie"]; k.got != nil {
		resp.Header = maps.Clone(resp.Header)
		delete(resp.Header, "Set-Cookie")
	}
}

// restore gives the answer's cookies back to the caller.
func (k *cookies) restore(resp *resty.Response) {
	if k.got != nil && resp != nil && resp.RawResponse != nil {
		resp.RawResponse.Header["Set-Cookie"] = k.got
	}
}
