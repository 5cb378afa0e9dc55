package auth

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/restykit/restykit/internal/field"
	"github.com/restykit/restykit/middleware"
)

// Custom is a scheme of your own, under the rules that hold for all of this package: Sign
// writes the credentials, and is called only where they may go.
//
//	auth.Custom{
//		Scheme: "acme",
//		Sign: func(req *http.Request) error {
//			req.Header.Set("Authorization", "Acme "+token)
//			return nil
//		},
//	}
//
// The request that Sign gets is that of one attempt, with all that the steps before it have
// written. Its fields and its header map may be changed; its URL is copied before a change,
// and its body is read through GetBody. Sign is called by many requests at once. Where it
// returns an error, which must not repeat a secret, nothing is sent; one with a method
// Final() bool that is true is not tried again.
//
// A field that the caller has set stays, and Sign is not called. What Sign writes there is
// kept out of all that is printed. Of other secrets, such as the key or what is written to
// a second field, Sign tells the call: middleware.InfoOf(req.Context()).Hide(secret).
//
// A step that needs more, such as fields of its own to be validated, calls RoundTrip of a
// Custom in its own.
type Custom struct {
	Scheme string // the step's name, one word in lower case like "acme"
	Header string // the field that Sign writes; "" is Authorization
	Sign   func(*http.Request) error
	// Again is told each answer to a request that was signed, and whether that is to be
	// signed and sent once more: after a challenge, or with another time. It reads no body.
	// A body that cannot be sent again is not, and a replay is not replayed. nil is never.
	Again   func(signed *http.Request, answer *http.Response) bool
	Origins []string // where else it may go, like "https://files.example.com"
	// InsecureHTTP lets it go over plain http to or through other machines.
	InsecureHTTP bool
}

// Name is Scheme.
func (c Custom) Name() string { return c.Scheme }

// Layer is [middleware.Auth].
func (Custom) Layer() middleware.Layer { return middleware.Auth }

// Writes is the field.
func (c Custom) Writes() string {
	if c.Header == "" {
		return authorization
	}
	return http.CanonicalHeaderKey(c.Header)
}

// Trusts is Origins.
func (c Custom) Trusts() []string { return c.Origins }

// RoundTrip sends the request with the credentials, where they may go.
func (c Custom) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	return sender{scheme: c, origins: c.Origins, insecure: c.InsecureHTTP}.send(req, next)
}

func (c Custom) has(req *http.Request) bool { return hasField(req, c.Writes()) }

func (c Custom) sign(req *http.Request) error {
	if err := c.Sign(req); err != nil {
		return err
	}
	info := middleware.InfoOf(req.Context())
	for name, values := range req.Header {
		if !strings.EqualFold(name, c.Writes()) {
			continue
		}
		for _, value := range values {
			info.Hide(value)
			if _, credentials, ok := strings.Cut(value, " "); ok {
				info.Hide(credentials)
			}
		}
	}
	return nil
}

func (c Custom) again(signed *http.Request, answer *http.Response) bool {
	return c.Again != nil && c.Again(signed, answer)
}

func (Custom) settled(_ *http.Request, _ *http.Response) {}

// Validate refuses a scheme without a name or without Sign.
func (c Custom) Validate() error {
	errs := []error{validateOrigins(c.Origins), field.CheckName(c.Writes())}
	if !field.IsToken(c.Scheme) {
		errs = append(errs, fmt.Errorf("Scheme is %q: give the step a name of one word, like acme", c.Scheme))
	}
	if c.Sign == nil {
		errs = append(errs, errors.New("Sign is nil: give the function that writes the credentials"))
	}
	return errors.Join(errs...)
}

// String is the field.
func (c Custom) String() string { return c.Writes() }

// Format prints the step by its name, whatever the verb.
func (c Custom) Format(f fmt.State, _ rune) { format(f, c) }
