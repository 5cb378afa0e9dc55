package auth

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"

	"github.com/restykit/restykit/internal/perorigin"
	"github.com/restykit/restykit/middleware"
)

// Digest is the Digest scheme (RFC 7616), which proves that the client knows a password
// and does not send it:
//
//	&auth.Digest{Username: "u", Password: auth.Env("DIGEST_PASSWORD")}
//
// The server has to ask first: a request to an origin that has not asked yet goes without
// credentials, and after a 401 once more with them. From then on requests carry them at
// once, each with the next count of the server's nonce. A nonce that is used up costs one
// more request, and none where the server names the next one (Authentication-Info). Where
// credentials are refused, the caller has the 401. A 401 to a nonce that the server keeps
// and does not call stale is final, and nothing is sent again.
//
// A request that is sent twice has its body sent twice. Before a large upload ask for
// something small, or set "Expect: 100-continue", which withholds a body until the server
// wants it, where the server and the transport (ExpectContinueTimeout) know that. A body
// that cannot be read again is not sent again: the caller has the 401.
//
// It knows MD5, SHA-256 and SHA-512-256, each with -sess too, and answers the strongest
// challenge; qop auth, auth-int where there is no auth (it reads the body once more, and
// needs one that can be read again), and none (RFC 2069); userhash; and a user name in any
// language, which goes as username* to a server that says charset=UTF-8. Where the answer
// has no challenge that it knows, the caller has the 401, a "give-up" event says why, and
// so does a [middleware.StatusError].
//
// It does not verify that the server knows the password as well (rspauth), answers no
// proxy (407), and takes no notice of the challenge's domain: credentials never leave their
// origin, and are for all of it. Text is sent as it is: give a user name and a password with
// accents in the normal form C (NFC). It is no encryption, and MD5 is broken: use TLS.
//
// A Digest is a pointer, shared by all requests of the clients that have it. It is not
// copied, and its fields are not changed after first use.
type Digest struct {
	Username string   // not empty; it shows in the printed pipeline
	Password Source   // Static("") for an empty one
	Origins  []string // where else it may go, like "https://files.example.com"
	// InsecureHTTP lets it go over plain http to or through other machines, where
	// whoever listens can try passwords until one fits.
	InsecureHTTP bool

	origins perorigin.Each[sessions]
}

// Name is "digest".
func (*Digest) Name() string { return "digest" }

// Layer is [middleware.Auth].
func (*Digest) Layer() middleware.Layer { return middleware.Auth }

// Writes is "Authorization".
func (*Digest) Writes() string { return authorization }

// Trusts is Origins.
func (d *Digest) Trusts() []string { return d.Origins }

// RoundTrip sends the request with the credentials, where they may go and the server has
// asked for them.
func (d *Digest) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	return sender{scheme: &exchange{Digest: d}, origins: d.Origins, insecure: d.InsecureHTTP}.send(req, next)
}

// Validate refuses a user name that cannot be sent, and a password that is not there.
func (d *Digest) Validate() error {
	var errs []error
	switch {
	case d.Username == "":
		errs = append(errs, errors.New("Username is empty"))
	case strings.ContainsFunc(d.Username, unicode.IsControl):
		errs = append(errs, errors.New("Username has a control character"))
	}
	return errors.Join(append(errs, validateSource("Password", d.Password), validateOrigins(d.Origins))...)
}

// String is the user name and the password's source.
func (d *Digest) String() string { return d.Username + ", password " + sourceName(d.Password) }

// Format prints the step without its secret, whatever the verb.
func (d *Digest) Format(f fmt.State, _ rune) { format(f, d) }

// exchange is a request, and its replay where the server asks for one.
type exchange struct {
	*Digest

	at    *sessions // of the request's origin
	used  *session  // what the request was signed with, or nil
	fresh *session  // what its replay is signed with
}

func (*exchange) has(req *http.Request) bool { return hasAuthorization(req) }

func (e *exchange) sign(req *http.Request) error {
	s := e.fresh
	if s == nil {
		e.at = e.origins.Of(req.URL, func(string) *sessions { return &sessions{} })
		e.used = e.at.current()
		s = e.used
	}
	if s == nil {
		return nil // the server has to ask first
	}
	password, err := secret(req.Context(), e.Password)
	if err != nil {
		return fmt.Errorf("Password: %w", err)
	}
	c := credentials{session: s, username: e.Username, password: password, method: req.Method, uri: req.URL.RequestURI()}
	if s.qop == qopAuthInt {
		if c.body, err = hashBody(req, s.algorithm); err != nil {
			return err
		}
	}
	c.count = e.at.count(s) // at the last moment, so that counts arrive in order
	value, secrets := c.header()
	authorize(req, value, secrets...)
	return nil
}

// again tells whether a 401 has a challenge that the request has not answered yet.
func (e *exchange) again(signed *http.Request, answer *http.Response) bool {
	if answer.StatusCode != http.StatusUnauthorized {
		if e.used != nil {
			e.at.replace(e.used, e.used.after(answer))
		}
		return false
	}
	c, stale, err := readChallenges(answer.Header.Values("WWW-Authenticate"))
	if err != nil {
		ctx := signed.Context()
		middleware.InfoOf(ctx).GiveUp(&unsigned{e.Name(), err})
		middleware.Emit(ctx, middleware.Event{Step: e.Name(), Kind: "give-up", Err: err})
		return false
	}
	if u := e.used; u != nil && !stale && u.nonce == c.nonce && u.realm == c.realm {
		return false
	}
	e.fresh = e.at.enter(c)
	return true
}

// settled hears how the replay ended. Only then others use its nonce: there are servers
// that refuse a count which arrives behind a higher one, and the replay is the last try.
func (e *exchange) settled(_ *http.Request, answer *http.Response) {
	if answer != nil && answer.StatusCode != http.StatusUnauthorized {
		e.at.replace(e.used, e.fresh.after(answer))
	}
	e.at.leave(e.fresh)
}
