package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/restykit/restykit/middleware"
)

// Bearer is a token that somebody else obtained (RFC 6750). For tokens that expire, see
// [OAuth2]; for those that a client signs itself, [JWT].
//
// A token that is a JWT (RFC 7519) and expired more than 30 s ago by its exp is not sent:
// the attempt fails with an [*ExpiredError], and [middleware.Use] where the token is that
// of [Static] or [Env]. With those it ends the call; a file or a function is asked again
// by a retry. No signature is checked, and a token that is not yet valid by its nbf is
// sent: the server's clock counts. So is what only looks like a JWT.
type Bearer struct {
	Token   Source
	Scheme  string   // the word before the token; "" is Bearer
	Origins []string // where else it may go, like "https://files.example.com"
	// InsecureHTTP lets it go over plain http to or through other machines.
	InsecureHTTP bool

	expiries *expiries // of the client; nil where nobody has bound it
}

// Name is "bearer".
func (Bearer) Name() string { return "bearer" }

// Layer is [middleware.Auth].
func (Bearer) Layer() middleware.Layer { return middleware.Auth }

// Writes is "Authorization".
func (Bearer) Writes() string { return authorization }

// Trusts is Origins.
func (b Bearer) Trusts() []string { return b.Origins }

// Bind keeps what was read of the token, where it is the same.
func (b Bearer) Bind(old middleware.Middleware) middleware.Middleware {
	if before, ok := old.(Bearer); ok && before.expiries != nil && sameSource(before.Token, b.Token) {
		b.expiries = before.expiries
	} else {
		b.expiries = &expiries{}
	}
	return b
}

// RoundTrip sends the request with the token, where it may go.
func (b Bearer) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	return sender{scheme: b, origins: b.Origins, insecure: b.InsecureHTTP}.send(req, next)
}

func (Bearer) has(req *http.Request) bool { return hasAuthorization(req) }

func (b Bearer) sign(req *http.Request) error {
	token, err := secret(req.Context(), b.Token)
	if err == nil {
		err = b.checkToken(token)
	}
	if err != nil {
		return fmt.Errorf("Token: %w", err)
	}
	authorize(req, b.word()+" "+token, token)
	return nil
}

func (b Bearer) word() string {
	if b.Scheme == "" {
		return "Bearer"
	}
	return b.Scheme
}

// checkToken refuses a token that is not there, comes with its scheme, or has expired.
func (b Bearer) checkToken(token string) error {
	word := b.word()
	switch {
	case token == "":
		return errEmpty
	case len(token) > len(word) && strings.EqualFold(token[:len(word)], word) && token[len(word)] == ' ':
		return final(fmt.Sprintf("the token begins with its scheme, %q: give the token alone", word+" "))
	}
	return b.expiries.expired(token, b.only())
}

// only tells whether no second attempt can bring another token.
func (b Bearer) only() bool {
	switch b.Token.(type) {
	case static, env:
		return true
	}
	return false
}

const errEmpty = final("the secret is empty")

// Validate refuses a token that is not there.
func (b Bearer) Validate() error {
	var errs []error
	if strings.ContainsFunc(b.Scheme, func(r rune) bool { return r <= ' ' || r > '~' }) {
		errs = append(errs, fmt.Errorf("Scheme %q is not one word", b.Scheme))
	}
	if b.only() {
		if token, err := b.Token.Secret(context.Background()); err == nil {
			errs = append(errs, prefixed("Token", b.checkToken(token)))
		}
	}
	return errors.Join(append(errs, validateSource("Token", b.Token), validateOrigins(b.Origins))...)
}

// validateFilled is validateSource for a secret that may not be empty.
func validateFilled(field string, s Source) error {
	if known, ok := s.(static); ok && known.secret() == "" {
		return fmt.Errorf("%s: %w", field, errEmpty)
	}
	return validateSource(field, s)
}

// String is the token's source.
func (b Bearer) String() string { return sourceName(b.Token) }

// Format prints the step without its secret, whatever the verb.
func (b Bearer) Format(f fmt.State, _ rune) { format(f, b) }
