package auth_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

// internet is every origin there is, on two real listeners, one of them with TLS: all
// names lead to it. It answers /go with the redirect that it is asked for, and all else
// with 200.
type internet struct {
	base *http.Transport
	asks string // WWW-Authenticate of the 401 for a request without Authorization; "" is none

	mu   sync.Mutex
	hits []hit
}

// hit is a request as it went over the wire.
type hit struct {
	origin string // scheme and Host
	header http.Header
	text   string // all of it
	body   string
}

func newInternet(t *testing.T) *internet {
	t.Helper()
	n := &internet{}
	plain, secure := httptest.NewServer(n), httptest.NewTLSServer(n)
	n.base = &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, plain.Listener.Addr().String())
		},
		DialTLSContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
			return d.DialContext(ctx, network, secure.Listener.Addr().String())
		},
	}
	t.Cleanup(func() {
		n.base.CloseIdleConnections()
		plain.Close()
		secure.Close()
	})
	return n
}

// ServeHTTP remembers the request.
func (n *internet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := hit{origin: "http://" + r.Host, header: r.Header.Clone()}
	if r.TLS != nil {
		h.origin = "https://" + r.Host
	}
	body, _ := io.ReadAll(r.Body)
	h.body = string(body)
	var text bytes.Buffer
	text.WriteString(r.Method + " " + r.RequestURI + "\n")
	_ = r.Header.Write(&text)
	h.text = text.String()
	n.mu.Lock()
	n.hits = append(n.hits, h)
	n.mu.Unlock()
	if n.asks != "" && r.Header.Get("Authorization") == "" {
		w.Header().Set("WWW-Authenticate", n.asks)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if r.URL.Path == "/go" {
		w.Header().Set("Set-Cookie", "jar=s3cret-jar; Domain=home.test; Path=/")
		w.Header().Set("Location", r.URL.Query().Get("to"))
		code, _ := strconv.Atoi(r.URL.Query().Get("code"))
		w.WriteHeader(code)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	_, _ = io.WriteString(w, "hello")
}

// take are the requests since the last time.
func (n *internet) take() []hit {
	n.mu.Lock()
	defer n.mu.Unlock()
	hits := n.hits
	n.hits = nil
	return hits
}

// client is a resty client in this internet.
func (n *internet) client(t *testing.T, baseURL string, steps ...middleware.Middleware) *resty.Client {
	t.Helper()
	c := resty.New().SetTransport(n.base).SetBaseURL(baseURL).SetLogger(silence{})
	require.NoError(t, middleware.Use(c, steps...))
	return c
}
