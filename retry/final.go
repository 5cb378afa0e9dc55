package retry

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"

	"github.com/restykit/restykit/middleware"
)

// isFinal knows the errors of the transport that another attempt meets again.
func isFinal(err error) bool {
	var (
		dns     *net.DNSError
		verify  *tls.CertificateVerificationError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &dns):
		return dns.IsNotFound
	case errors.As(err, &verify), errors.As(err, &unknown), errors.As(err, &host), errors.As(err, &invalid):
		return true
	}
	return errors.Is(err, middleware.ErrBodyConsumed)
}
