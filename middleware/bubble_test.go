package middleware_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/internal/memnet"
	"github.com/restykit/restykit/middleware"
)

// world is a network in memory, with one server, inside a synctest bubble: real
// sockets would keep the bubble's clock from moving.
type world struct {
	t     *testing.T
	proto int
	base  *http.Transport
	url   string
	net   *memnet.Listener
	begun time.Time
}

// overBoth runs a test over HTTP/1 and HTTP/2, each in a bubble. The bubble fails a
// test that leaves a goroutine behind.
func overBoth(t *testing.T, serve http.HandlerFunc, f func(*testing.T, *world)) {
	t.Helper()
	for proto, name := range map[int]string{1: "HTTP/1", 2: "HTTP/2"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f(t, newWorld(t, proto, serve)) })
		})
	}
}

// newWorld starts a server that speaks HTTP/1 in the clear, or HTTP/2 over TLS.
func newWorld(t *testing.T, proto int, serve http.HandlerFunc) *world {
	t.Helper()
	w := &world{t: t, proto: proto, net: memnet.Listen(), begun: time.Now()}
	w.base = &http.Transport{DialContext: w.net.DialContext, Protocols: new(http.Protocols)}
	srv := &http.Server{
		Handler: serve, Protocols: new(http.Protocols),
		BaseContext: func(net.Listener) context.Context { return t.Context() }, // ends a handler that waits
	}
	if proto == 1 {
		w.url = "http://server.test"
		w.base.Protocols.SetHTTP1(true)
		srv.Protocols.SetHTTP1(true)
		go func() { _ = srv.Serve(w.net) }()
	} else {
		w.url = "https://server.test"
		cert, pool := certificate(t)
		w.base.TLSClientConfig = &tls.Config{RootCAs: pool}
		w.base.Protocols.SetHTTP2(true)
		srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
		srv.Protocols.SetHTTP2(true)
		go func() { _ = srv.ServeTLS(w.net, "", "") }()
	}
	t.Cleanup(func() {
		w.base.CloseIdleConnections()
		_ = srv.Close()
		time.Sleep(time.Second) // net/http's server lingers half a second over a connection that it resets
	})
	return w
}

// client is a resty client in this world, with steps.
func (w *world) client(steps ...middleware.Middleware) *resty.Client {
	w.t.Helper()
	c := resty.New().SetTransport(w.base).SetBaseURL(w.url).SetLogger(silence{})
	require.NoError(w.t, middleware.Use(c, steps...))
	return c
}

// slowly makes every connection from now on take a while.
func (w *world) slowly(d time.Duration) {
	w.base.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		select {
		case <-time.After(d):
			return w.net.DialContext(ctx, network, addr)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// past tells how much time has passed in the bubble.
func (w *world) past() time.Duration { return time.Since(w.begun) }

// certificate makes one for server.test, valid at the time at which bubbles begin.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "server.test"}, DNSNames: []string{"server.test"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// silence is a resty logger.
type silence struct{}

func (silence) Errorf(string, ...any) {}
func (silence) Warnf(string, ...any)  {}
func (silence) Debugf(string, ...any) {}

// requireLimit asks for a *TimeoutError of a limit, told as every Go programmer would
// ask for a time-out.
func requireLimit(t *testing.T, err error, limit string, value time.Duration) {
	t.Helper()
	late, ok := errors.AsType[*middleware.TimeoutError](err)
	require.Truef(t, ok, "%v", err)
	require.Equal(t, middleware.TimeoutError{Limit: limit, Value: value}, *late)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotErrorIs(t, err, context.Canceled)
	timeout, ok := errors.AsType[net.Error](err)
	require.True(t, ok)
	require.True(t, timeout.Timeout())
}

// mute reads the request and never answers.
func mute(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// late answers after d.
func late(d time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(d):
			w.WriteHeader(http.StatusNoContent)
		case <-r.Context().Done():
		}
	}
}

// drip answers with n chunks, each of which takes d.
func drip(n int, d time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for range n {
			_, _ = io.WriteString(w, "drop ")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-time.After(d):
			case <-r.Context().Done():
				return
			}
		}
	}
}
