package auth

import (
	"context"
	"errors"
)

// ClientAssertion is a client that proves itself by a token that it signs (RFC 7523
// section 2.2): with a private key, which OpenID Connect calls private_key_jwt, or with a
// shared secret and Algorithm HS256, client_secret_jwt. Each request has a fresh one, so
// that it is good once.
//
//	Auth: auth.ClientAssertion{JWT: auth.JWT{Key: auth.File("client.pem"), KeyID: "2026"}}
type ClientAssertion struct {
	// JWT says how it is signed. An empty Issuer and Subject are the client's id, and an
	// empty Audience is the token endpoint; there are servers that want their issuer.
	JWT JWT
	// Token is an assertion that somebody else signs, in the place of JWT: that of a
	// workload, which its platform puts into a file and renews there.
	Token Source
}

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

func (a ClientAssertion) prove(ctx context.Context, r *tokenRequest) error {
	token, err := assertionOf(ctx, a.JWT, a.Token, r.id, r.id, r.audience)
	if err != nil {
		return err
	}
	r.form.Set("client_assertion_type", assertionType)
	r.form.Set("client_assertion", token)
	return nil
}

// assertionOf signs a token, or takes the one that somebody else has signed.
func assertionOf(ctx context.Context, j JWT, from Source, issuer, subject, audience string) (string, error) {
	if from == nil {
		return j.assertion(ctx, issuer, subject, audience)
	}
	token, err := secret(ctx, from)
	if err == nil && token == "" {
		err = errEmpty
	}
	return token, prefixed("Token", err)
}

// validateAssertion refuses two assertions, and none.
func validateAssertion(j JWT, from Source) error {
	if from == nil {
		return prefixed("JWT", j.validateKey())
	}
	if j.Key != nil {
		return errors.New("both JWT and Token are set: use one")
	}
	return validateFilled("Token", from)
}

// Validate refuses a key that cannot sign.
func (a ClientAssertion) Validate() error { return validateAssertion(a.JWT, a.Token) }

// String is where the key or the assertion comes from.
func (a ClientAssertion) String() string { return "assertion " + assertionName(a.JWT, a.Token) }

func assertionName(j JWT, from Source) string {
	if from != nil {
		return "from " + sourceName(from)
	}
	return "by key " + sourceName(j.Key)
}
