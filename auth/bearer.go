package auth

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/restykit/restykit/middleware"
)

// Bearer is a token that somebody else obtained (RFC 6750). For tokens that expire, see
// [OAuth2].
type Bearer struct {
	Token   Source
	Scheme  string   // the word before the token; "" is Bearer
	Origins []string // where else it may go, like "https://files.example.com"
	// InsecureHTTP lets it go over plain http to or through other machines.
	InsecureHTTP bool
}

// Name is "bearer".
func (Bearer) Name() string { return "bearer" }

// Layer is [middleware.Auth].
func (Bearer) Layer() middleware.Layer { return middleware.Auth }

// Writes is "Authorization".
func (Bearer) Writes() string { return authorization }

// Trusts is Origins.
func (b Bearer) Trusts() []string { return b.Origins }

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

// checkToken refuses a token that is not there, or comes with its scheme.
func (b Bearer) checkToken(token string) error {
	word := b.word()
	switch {
	case token == "":
		return errEmpty
	case len(token) > len(word) && strings.EqualFold(token[:len(word)], word) && token[len(word)] == ' ':
		return final(fmt.Sprintf("the token begins with its scheme, %q: give the token alone", word+" "))
	}
	return nil
}

const errEmpty = final("the secret is empty")

// Validate refuses a token that is not there.
func (b Bearer) Validate() error {
	var errs []error
	if strings.ContainsFunc(b.Scheme, func(r rune) bool { return r <= ' ' || r > '~' }) {
		errs = append(errs, fmt.Errorf("Scheme %q is not one word", b.Scheme))
	}
	if known, ok := b.Token.(static); ok {
		if err := b.checkToken(known.secret()); err != nil {
			errs = append(errs, fmt.Errorf("Token: %w", err))
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
