// Package httpbintest is the httpbin that examples and tests talk to: go-httpbin inside
// the process, or any other, such as the original in Python.
package httpbintest

import (
	"crypto/x509"
	"net/http/httptest"
	"strings"

	"github.com/mccutchen/go-httpbin/v2/httpbin"
)

// Server is an httpbin.
type Server struct {
	URL   string         // without a slash at its end
	Roots *x509.CertPool // whom to trust over TLS; nil is the system's
	inner *httptest.Server
}

// Start is the httpbin at a URL, or for "" one inside the process on a loopback port. One
// elsewhere is not asked whether it is there.
func Start(url string) *Server {
	if url != "" {
		return &Server{URL: strings.TrimRight(url, "/")}
	}
	s := httptest.NewServer(httpbin.New())
	return &Server{URL: s.URL, inner: s}
}

// StartTLS is Start, over TLS and with a certificate of its own where it is inside the
// process.
func StartTLS(url string) *Server {
	if url != "" {
		return Start(url)
	}
	s := httptest.NewTLSServer(httpbin.New())
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return &Server{URL: s.URL, Roots: roots, inner: s}
}

// Inside tells whether the httpbin is inside the process, and so a go-httpbin.
func (s *Server) Inside() bool { return s.inner != nil }

// Close stops an httpbin inside the process.
func (s *Server) Close() {
	if s.inner != nil {
		s.inner.Close()
	}
}
