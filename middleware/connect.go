package middleware

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"

	"github.com/restykit/restykit/internal/proxy"
)

// ConnectError is the error of a connection that was never made: nothing of the
// request was sent. Under a [Timeout] that is known for certain, without one it is
// told by the type of the error. Where an attempt has had a connection before, because a
// step sends twice, the error is not one of this type; and where a step returns one of
// another call after its own request was sent, it is wrapped, and Unsent is false.
type ConnectError struct {
	Phase string // dns, dial, tls or proxy
	Err   error
}

// Error is "connect: dial: ...".
func (e *ConnectError) Error() string { return "connect: " + e.Phase + ": " + e.Err.Error() }

// Unwrap is the transport's error.
func (e *ConnectError) Unwrap() error { return e.Err }

// Unsent is true: the server has seen nothing of the request.
func (*ConnectError) Unsent() bool { return true }

// Timeout tells whether the operating system or the transport ran out of time. The
// kit's own limit is a [TimeoutError] instead.
func (e *ConnectError) Timeout() bool { return isTimeout(e.Err) }

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

const (
	phaseDNS   = "dns"
	phaseDial  = "dial"
	phaseTLS   = "tls"
	phaseProxy = "proxy"
)

// connectError wraps the error of a base that could not connect.
func (a *attempt) connectError(req *http.Request, err error) error {
	if a.limited() != nil || a.Context.Err() != nil || errors.Is(err, context.Canceled) {
		return err
	}
	phase := connectPhase(err)
	switch never, known := a.unconnected(); {
	case !known && phase == "", known && !never:
		return err
	case phase == "":
		phase = a.stage(req)
	}
	return &ConnectError{Phase: phase, Err: err}
}

// stage tells how far a connection came whose error has no type that says so: a TLS
// handshake that was hung up on, a proxy's refusal, a dialer's own error.
func (a *attempt) stage(req *http.Request) string {
	by := proxy.Of(a.base, req)
	handshakes := a.handshakes()
	if by != nil && by.Scheme == "https" {
		handshakes-- // the first was the proxy's own
	}
	switch {
	case handshakes > 0:
		return phaseTLS
	case by != nil:
		return phaseProxy
	}
	return phaseDial
}

// Proxy is the proxy that a request of a call goes through, or nil. It asks the client's
// [*http.Transport], as that does for each request: what any other kind of transport does
// is not known, and nil.
func Proxy(req *http.Request) *url.URL {
	c := callOf(req.Context())
	if c == nil {
		return nil
	}
	return proxy.Of(c.hop.target(), req)
}

// connectPhase tells by its type which part of connecting an error comes from.
func connectPhase(err error) string {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &op) && (op.Op == "proxyconnect" || op.Op == "socks connect"):
		return phaseProxy
	case errors.As(err, &dns):
		return phaseDNS
	case isTLS(err):
		return phaseTLS
	case op != nil && op.Op == "dial":
		return phaseDial
	}
	return ""
}

func isTLS(err error) bool {
	var (
		verify  *tls.CertificateVerificationError
		record  tls.RecordHeaderError
		alert   tls.AlertError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
	)
	return errors.Is(err, http.ErrSchemeMismatch) || errors.As(err, &verify) || errors.As(err, &record) || errors.As(err, &alert) ||
		errors.As(err, &unknown) || errors.As(err, &host) || errors.As(err, &invalid)
}
