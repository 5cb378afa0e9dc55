package middleware_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
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
		"proxy at a closed port":       {phase: "proxy", url: target, base: through("http://" + closedPort(t))},
		"SOCKS proxy at a closed port": {phase: "proxy", url: target, base: through("socks5://" + closedPort(t))},
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
