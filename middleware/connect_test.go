package middleware_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

var errDialer = errors.New("the tunnel is down")

// closedPort is an address at which nobody listens.
func closedPort() string { return "127.0.0.1:1" }

// listen answers each connection with f.
func listen(t *testing.T, f func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				f(c)
			}()
		}
	}()
	return l.Addr().String()
}

// nowhere is a resolver for which no name exists.
func nowhere() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		go func() {
			defer far.Close()
			for {
				var size [2]byte
				if _, err := io.ReadFull(far, size[:]); err != nil {
					return
				}
				query := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := io.ReadFull(far, query); err != nil {
					return
				}
				query[2], query[3] = 0x81, 0x83 // a response: NXDOMAIN
				_, _ = far.Write(append(size[:], query...))
			}
		}()
		return near, nil
	}}
}

// refusal is a connection that is never made.
type refusal struct {
	phase string // "" is one that cannot be told without a Timeout
	bare  string // the phase without a Timeout, where it differs
	url   string
	base  *http.Transport
	is    func(*testing.T, error)
}

// server is one over TLS, with a certificate that nobody knows.
func server(t *testing.T, config *tls.Config, answer http.HandlerFunc) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(answer)
	srv.TLS, srv.Config.ErrorLog = config, log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv
}

// trusting makes a transport know the certificate of a server.
func trusting(base *http.Transport, srv *httptest.Server, name string) *http.Transport {
	pool := x509.NewCertPool()
	pool.AddCert(srv.Certificate())
	base.TLSClientConfig = &tls.Config{RootCAs: pool, ServerName: name}
	return base
}

func hangUp(c net.Conn) { _, _ = io.ReadFull(c, make([]byte, 64)) }

func refusals(t *testing.T) map[string]refusal {
	t.Helper()
	secure := server(t, nil, http.NotFound)
	strict := server(t, &tls.Config{MinVersion: tls.VersionTLS13}, http.NotFound)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	silent := listen(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	owns := func() *http.Transport {
		return &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, errDialer }}
	}
	old := &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}
	return map[string]refusal{
		"closed port":        {phase: "dial", url: "http://" + closedPort(), base: &http.Transport{}},
		"closed port, https": {phase: "dial", url: "https://" + closedPort(), base: &http.Transport{}},
		"unknown host": {
			phase: "dns", url: "http://nowhere.test", base: &http.Transport{DialContext: (&net.Dialer{Resolver: nowhere()}).DialContext},
			is: func(t *testing.T, err error) {
				t.Helper()
				dns, ok := errors.AsType[*net.DNSError](err)
				require.True(t, ok && dns.IsNotFound)
			},
		},
		"self-signed certificate":      {phase: "tls", url: secure.URL, base: &http.Transport{}},
		"certificate of another host":  {phase: "tls", url: secure.URL, base: trusting(&http.Transport{}, secure, "other.test")},
		"https to a server of http":    {phase: "tls", url: "https" + plain.URL[len("http"):], base: &http.Transport{}},
		"TLS version that is refused":  {phase: "tls", bare: "none", url: strict.URL, base: &http.Transport{TLSClientConfig: old}},
		"hang-up in the TLS handshake": {phase: "tls", bare: "none", url: "https://" + listen(t, hangUp), base: &http.Transport{}},
		"TLS handshake that takes too long": {
			phase: "tls", bare: "none", url: "https://" + silent, base: &http.Transport{TLSHandshakeTimeout: time.Millisecond},
			is: func(t *testing.T, err error) {
				t.Helper()
				at, _ := errors.AsType[*middleware.ConnectError](err)
				require.True(t, at == nil || at.Timeout())
			},
		},
		"dialer with an error of its own":        {phase: "dial", bare: "none", url: "http://server.test", base: owns(), is: isDialers},
		"dialer with an error of its own, https": {phase: "dial", bare: "none", url: "https://server.test", base: owns(), is: isDialers},
	}
}

func isDialers(t *testing.T, err error) {
	t.Helper()
	require.ErrorIs(t, err, errDialer)
}

func TestConnectionThatWasNeverMadeSaysWhereItEnded(t *testing.T) {
	all := refusals(t)
	maps.Copy(all, proxyRefusals(t))
	for name, r := range all {
		for with, steps := range map[string]middleware.Stack{"with Timeout": {middleware.Timeout{}}, "without Timeout": {middleware.RequireStatus{}}} {
			t.Run(name+" "+with, func(t *testing.T) {
				defer r.base.CloseIdleConnections()
				c := resty.New().SetTransport(r.base).SetLogger(silence{})
				require.NoError(t, middleware.Use(c, steps...))
				resp, err := c.R().SetBody(bytes.NewReader([]byte("body"))).Post(r.url)
				require.Error(t, err)
				require.Zero(t, resp.StatusCode())
				if r.is != nil {
					r.is(t, err)
				}
				_, late := errors.AsType[*middleware.TimeoutError](err)
				require.False(t, late)
				at, ok := errors.AsType[*middleware.ConnectError](err)
				if with == "without Timeout" && r.bare == "none" {
					require.Falsef(t, ok, "%v", err)
					return
				}
				require.Truef(t, ok, "%#v %v", errors.Unwrap(err), err)
				require.Equal(t, r.phase, at.Phase, "%v", err)
				require.EqualError(t, at, "connect: "+r.phase+": "+at.Err.Error())
			})
		}
	}
}

// A connection that was there and broke is another matter: the request may have been
// heard.
func TestConnectionThatBrokeIsNoConnectError(t *testing.T) {
	breaks := listen(t, func(c net.Conn) { _, _ = io.ReadFull(c, make([]byte, 64)) })
	for _, steps := range []middleware.Stack{{middleware.Timeout{}}, {middleware.RequireStatus{}}} {
		c := resty.New().SetTransport(&http.Transport{}).SetLogger(silence{})
		require.NoError(t, middleware.Use(c, steps...))
		_, err := c.R().SetBody(make([]byte, 100)).Post("http://" + breaks)
		require.Error(t, err)
		_, ok := errors.AsType[*middleware.ConnectError](err)
		require.Falsef(t, ok, "%v", err)
	}
}

func TestDialThatTimesOutByItselfIsAConnectErrorWithTimeout(t *testing.T) {
	base := &http.Transport{DialContext: (&net.Dialer{Deadline: time.Unix(1, 0)}).DialContext}
	for _, steps := range []middleware.Stack{{middleware.Timeout{}}, {middleware.RequireStatus{}}} {
		c := resty.New().SetTransport(base).SetLogger(silence{})
		require.NoError(t, middleware.Use(c, steps...))
		_, err := c.R().Get("http://" + closedPort())
		at, ok := errors.AsType[*middleware.ConnectError](err)
		require.Truef(t, ok, "%v", err)
		require.Equal(t, "dial", at.Phase)
		require.True(t, at.Timeout())
	}
}

func TestConnectErrorTellsWhetherItTimedOut(t *testing.T) {
	require.False(t, (&middleware.ConnectError{Phase: "dial", Err: errDialer}).Timeout())
	require.True(t, (&middleware.ConnectError{Phase: "dns", Err: &net.DNSError{IsTimeout: true}}).Timeout())
	require.ErrorIs(t, &middleware.ConnectError{Phase: "dial", Err: errDialer}, errDialer)
}
