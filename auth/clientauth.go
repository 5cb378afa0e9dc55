package auth

import (
	"context"
	"errors"
	"net/http"
)

// ClientAuth is how a client proves itself to a token endpoint, where that is not by a
// secret that it sends: [ClientAssertion] or [MutualTLS].
type ClientAuth interface {
	Validate() error
	String() string
	// prove writes the proof on a token request.
	prove(context.Context, *tokenRequest) error
}

// MutualTLS is a client that the server knows by its TLS certificate (RFC 8705 section
// 2). It sends its id in the form, and no secret. The certificate is that of
// OAuth2.Client; [middleware.Use] refuses an [http.Transport] without one.
//
// Where the server binds tokens to the certificate (section 3), the requests with the
// token must come with it too: resty's SetCertificates does that.
type MutualTLS struct{}

// Validate has nothing to refuse.
func (MutualTLS) Validate() error { return nil }

// String is "mutual TLS".
func (MutualTLS) String() string { return "mutual TLS" }

func (MutualTLS) prove(context.Context, *tokenRequest) error { return nil }

// validateCertificate refuses MutualTLS with a client that has no certificate.
func (o *OAuth2) validateCertificate() error {
	g, ok := o.Grant.(interface{ client() tokenClient })
	if !ok {
		return nil
	}
	switch g.client().proof.(type) {
	case MutualTLS, *MutualTLS:
		if o.Client == nil || !hasCertificate(o.Client.Transport) {
			return errors.New("Client shows no certificate: set one in the TLSClientConfig of its transport (RFC 8705)")
		}
	}
	return nil
}

// hasCertificate tells whether a transport can show a certificate, as far as it can be
// seen.
func hasCertificate(rt http.RoundTripper) bool {
	t, ok := rt.(*http.Transport)
	if !ok {
		return rt != nil
	}
	c := t.TLSClientConfig
	return t.DialTLSContext != nil || (c != nil && (len(c.Certificates) > 0 || c.GetClientCertificate != nil))
}
