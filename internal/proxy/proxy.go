// Package proxy tells which proxy a transport sends a request through.
package proxy

import (
	"net/http"
	"net/url"
)

// Of is the proxy that an [*http.Transport] sends a request through, or nil. It is nil too
// where the transport's Proxy function fails: then the transport sends nothing. What any
// other kind of transport does is not known, and nil.
func Of(rt http.RoundTripper, req *http.Request) *url.URL {
	t, ok := rt.(*http.Transport)
	if !ok || t.Proxy == nil {
		return nil
	}
	proxy, err := t.Proxy(req)
	if err != nil {
		return nil
	}
	return proxy
}
