package auth

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"

	"github.com/restykit/restykit/middleware"
)

// Basic is the Basic scheme (RFC 7617), in UTF-8.
type Basic struct {
	Username string   // not empty, without a colon; it shows in the printed pipeline
	Password Source   // Static("") for an empty one
	Origins  []string // where else it may go, like "https://files.example.com"
	// InsecureHTTP lets it go over plain http to or through other machines.
	InsecureHTTP bool
}

// Name is "basic".
func (Basic) Name() string { return "basic" }

// Layer is [middleware.Auth].
func (Basic) Layer() middleware.Layer { return middleware.Auth }

// Writes is "Authorization".
func (Basic) Writes() string { return authorization }

// Trusts is Origins.
func (b Basic) Trusts() []string { return b.Origins }

// RoundTrip sends the request with the credentials, where they may go.
func (b Basic) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	return sender{scheme: b, origins: b.Origins, insecure: b.InsecureHTTP}.send(req, next)
}

func (Basic) has(req *http.Request) bool { return hasAuthorization(req) }

func (b Basic) sign(req *http.Request) error {
	password, err := secret(req.Context(), b.Password)
	if err != nil {
		return fmt.Errorf("Password: %w", err)
	}
	pair := base64.StdEncoding.EncodeToString([]byte(b.Username + ":" + password))
	authorize(req, "Basic "+pair, password, pair)
	return nil
}

// Validate refuses a user name that cannot be sent, and a password that is not there.
func (b Basic) Validate() error {
	var errs []error
	switch {
	case b.Username == "":
		errs = append(errs, errors.New("Username is empty"))
	case strings.Contains(b.Username, ":"):
		errs = append(errs, errors.New("Username has a colon, which separates it from the password (RFC 7617 section 2)"))
	case strings.ContainsFunc(b.Username, unicode.IsControl):
		errs = append(errs, errors.New("Username has a control character (RFC 7617 section 2)"))
	}
	return errors.Join(append(errs, validateSource("Password", b.Password), validateOrigins(b.Origins))...)
}

// String is the user name and the password's source.
func (b Basic) String() string { return b.Username + ", password " + sourceName(b.Password) }

// Format prints the step without its secret, whatever the verb.
func (b Basic) Format(f fmt.State, _ rune) { format(f, b) }
