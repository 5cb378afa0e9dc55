package middleware_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

// proxyRefusals are connections that a proxy is in the way of.
func proxyRefusals(t *testing.T) map[string]refusal {
	t.Helper()
	through := func(proxy string) *http.Transport {
		u, err := url.Parse(proxy)
		require.NoError(t, err)
		return &http.Transport{Proxy: http.ProxyURL(u)}
	}
	refuse := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }
	refuser := httptest.NewServer(http.HandlerFunc(refuse))
	t.Cleanup(refuser.Close)
	secure := server(t, nil, refuse)
	tunnel := listen(t, func(c net.Conn) {
		_, _ = http.ReadRequest(bufio.NewReader(c))
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		hangUp(c)
	})
	socks := listen(t, func(c net.Conn) {
		_, _ = io.ReadFull(c, make([]byte, 3))
		_, _ = c.Write([]byte{5, 0xff}) // no way to sign in that it takes (RFC 1928 section 3)
	})
	const target, secureTarget = "http://server.test", "https://server.test"
	return map[string]refusal{
		"proxy at a closed port":       {phase: "proxy", url: target, base: through("http://" + closedPort())},
		"SOCKS proxy at a closed port": {phase: "proxy", url: target, base: through("socks5://" + closedPort())},
		"SOCKS proxy that refuses":     {phase: "proxy", url: target, base: through("socks5://" + socks)},
		"proxy with a bad certificate": {phase: "proxy", url: target, base: through(secure.URL)},
		"proxy that refuses CONNECT":   {phase: "proxy", bare: "none", url: secureTarget, base: through(refuser.URL)},
		"proxy that hangs up":          {phase: "proxy", bare: "none", url: secureTarget, base: through("http://" + listen(t, hangUp))},
		"TLS proxy that refuses CONNECT": {
			phase: "proxy", bare: "none", url: secureTarget, base: trusting(through(secure.URL), secure, ""),
		},
		"hang-up in the TLS handshake behind a proxy": {phase: "tls", bare: "none", url: secureTarget, base: through("http://" + tunnel)},
	}
}

func TestProxyIsTheOneThatTheTransportUses(t *testing.T) {
	u := &url.URL{Scheme: "http", Host: "proxy.test:8080"}
	seen := make(map[string]*url.URL)
	step := middleware.Func("asks", middleware.Auth, func(req *http.Request, _ middleware.Next) (*http.Response, error) {
		seen[req.URL.Host] = middleware.Proxy(req)
		return reply(200, "{}"), nil
	})
	only := func(req *http.Request) (*url.URL, error) {
		if req.URL.Host == "api.test" {
			return u, nil
		}
		return nil, nil
	}
	for _, base := range []http.RoundTripper{&http.Transport{Proxy: only}, &http.Transport{}, wireOf(200)} {
		clear(seen)
		c := resty.New().SetTransport(base)
		require.NoError(t, middleware.Use(c, step))
		for _, host := range []string{"api.test", "local.test"} {
			_, err := c.R().Get("http://" + host)
			require.NoError(t, err)
		}
		want := map[string]*url.URL{"api.test": nil, "local.test": nil}
		if tr, ok := base.(*http.Transport); ok && tr.Proxy != nil {
			want["api.test"] = u
		}
		require.Equal(t, want, seen)
	}
	req, err := http.NewRequest(http.MethodGet, "http://api.test", nil)
	require.NoError(t, err)
	require.Nil(t, middleware.Proxy(req), "outside of a call nothing is known")
}
