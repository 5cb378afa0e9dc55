package retry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/restykit/restykit/internal/field"
	"github.com/restykit/restykit/middleware"
)

// Transient tells whether an error of a round trip may pass. Certificates that do not
// verify, names that do not exist, cancellations, the deadline of the call, and errors
// that say so of themselves (a method Final() bool) do not; everything else from the
// network does: refused and reset connections, answers cut short, time-outs of an attempt,
// HTTP/2 streams that were refused.
//
// An error may also tell that nothing was sent (Unsent() bool), which makes every method
// safe, and when to ask again (RetryAfter() time.Duration), which is waited for within the
// deadline and Policy.MaxRetryAfter. An attempt that has had a
// connection, or an answer, is never Unsent, whatever a step says.
func Transient(err error) bool {
	var limit *middleware.TimeoutError
	var dns *net.DNSError
	switch {
	case err == nil, errors.Is(err, context.Canceled), isFinal(err):
		return false
	case errors.As(err, &limit):
		return limit.Limit != "deadline"
	case errors.As(err, &dns):
		return !dns.IsNotFound
	}
	return !isCertificate(err)
}

func isCertificate(err error) bool {
	var (
		verify  *tls.CertificateVerificationError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
		roots   x509.SystemRootsError
	)
	return errors.As(err, &verify) || errors.As(err, &unknown) || errors.As(err, &host) || errors.As(err, &invalid) || errors.As(err, &roots)
}

// isFinal tells whether an error says that asking again is of no use.
func isFinal(err error) bool {
	var final interface{ Final() bool }
	return errors.As(err, &final) && final.Final()
}

// unsent tells whether an error says that the server has seen nothing of the request.
func unsent(err error) bool {
	var never interface{ Unsent() bool }
	return errors.As(err, &never) && never.Unsent()
}

// refused tells the errors of steps that sent nothing. Where there was no connection, one was
// tried.
func refused(err error) bool {
	var never interface{ Unsent() bool }
	return errors.As(err, &never) && never.Unsent() && !ofNetwork(never)
}

// whenAgain is when an error says that asking again may help.
func whenAgain(err error) (time.Duration, bool) {
	var later interface{ RetryAfter() time.Duration }
	if err == nil || !errors.As(err, &later) {
		return 0, false
	}
	return later.RetryAfter(), true
}

// heldBack is for how long a [Breaker] or a [Limit] sends nothing: a policy waits for
// neither beyond its own wait.
func heldBack(err error) (time.Duration, bool) {
	if open, ok := errors.AsType[*OpenError](err); ok {
		return open.RetryAfter(), true
	}
	if limit, ok := errors.AsType[*LimitError](err); ok {
		return limit.RetryAfter(), true
	}
	return 0, false
}

// isTimeout tells whether an attempt has ended because nobody answered in time.
func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// malformed tells a request that no transport can send. That is no error by a type of its
// own, and another attempt would meet it again.
func malformed(req *http.Request) bool {
	if (req.URL.Scheme != "http" && req.URL.Scheme != "https") || req.URL.Host == "" || !field.IsToken(req.Method) {
		return true
	}
	for name, values := range req.Header {
		if !field.IsToken(name) {
			return true
		}
		for _, value := range values {
			if field.CheckValue(value) != nil {
				return true
			}
		}
	}
	return false
}
