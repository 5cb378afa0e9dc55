package auth

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/restykit/restykit/internal/field"
	"github.com/restykit/restykit/middleware"
)

// OAuth1 signs requests by OAuth 1.0 (RFC 5849, also known as 1.0a), in the header. Each
// attempt is signed anew, behind the other steps of the Auth layer, with a new timestamp and
// nonce.
//
//	auth.OAuth1{
//		ConsumerKey: "xvz1evFS4wEEPTGEFPHBog", ConsumerSecret: auth.Env("CONSUMER_SECRET"),
//		Token: auth.Env("ACCESS_TOKEN"), TokenSecret: auth.Env("ACCESS_TOKEN_SECRET"),
//	}
//
// For the users of a program, each with a token of their own, such a step goes into
// [middleware.With]. A login is three requests with such steps (section 2): one with a
// Callback and no Token, whose answer is a temporary token and its secret; the user's own,
// in a browser; and one with the temporary Token and the Verifier, whose answer is the token
// to keep. See the example.
//
// Method, URL and query are signed, and a body that is a form, which is read to be signed and
// again to be sent: it has to be one that can be read twice, from bytes or with GetBody. Any
// other body is not, unless the server knows BodyHash. An Authorization that the caller has
// set stays, and so does a query with an oauth_signature.
type OAuth1 struct {
	ConsumerKey    string // the client's identifier; it shows in the printed pipeline
	ConsumerSecret Source // Static("") for an empty one; not used by RSA
	Token          Source // nil is none
	TokenSecret    Source // goes with Token; not used by RSA
	// Method is one of HMAC-SHA1, which "" is, HMAC-SHA256, RSA-SHA1, RSA-SHA256 and
	// PLAINTEXT, which sends the secrets themselves.
	Method string
	// Key is the private key of RSA in PEM, of 2048 bits or more. SHA-1 is broken for
	// signatures: RSA-SHA1 is for servers that know nothing else.
	Key   Source
	Realm string // of the header, which is not signed; "" is none
	// Callback is where the user comes back from the login, or "oob". It goes with the
	// request for a temporary token alone.
	Callback string
	// Verifier is what the user brought from there. It goes with the request for the token.
	Verifier Source
	// BodyHash signs the hash of a body that is no form, and of an empty one: oauth_body_hash,
	// of a draft of 2009 that some servers want. It reads the body as a form is read.
	BodyHash bool
	Nonce    func() string // nil is 130 random bits in letters and digits
	Origins  []string      // where else a signed request may go, like "https://files.example.com"
	// InsecureHTTP lets it go over plain http to or through other machines. It does not go
	// together with PLAINTEXT.
	InsecureHTTP bool
}

const plaintext = "PLAINTEXT"

// Name is "oauth1".
func (OAuth1) Name() string { return "oauth1" }

// Layer is [middleware.Auth].
func (OAuth1) Layer() middleware.Layer { return middleware.Auth }

// Writes is "Authorization".
func (OAuth1) Writes() string { return authorization }

// Trusts is Origins.
func (o OAuth1) Trusts() []string { return o.Origins }

// RoundTrip sends the request with its signature, where it may go.
func (o OAuth1) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	return sender{scheme: o, origins: o.Origins, insecure: o.InsecureHTTP}.send(req, next)
}

func (OAuth1) has(req *http.Request) bool {
	return hasAuthorization(req) || (req.URL.RawQuery != "" && req.URL.Query().Has("oauth_signature"))
}

func (o OAuth1) sign(req *http.Request) error {
	secrets, err := o.read(req)
	if err != nil {
		return err
	}
	nonce := rand.Text
	if o.Nonce != nil {
		nonce = o.Nonce
	}
	parameters := o.parameters(secrets, time.Now(), nonce())
	base := ""
	if o.method() != plaintext {
		form, isForm, err := formOf(req)
		if err != nil {
			return err
		}
		if o.BodyHash && !isForm {
			hash, err := o.bodyHash(req)
			if err != nil {
				return err
			}
			parameters = append(parameters, [2]string{"oauth_body_hash", hash})
		}
		base = oauth1Base(req, form, parameters)
	}
	signature, err := o.signature(base, secrets)
	if err != nil {
		return err
	}
	parameters = append(parameters, [2]string{"oauth_signature", signature})
	hidden := []string{secrets.consumer, secrets.token, secrets.tokenSecret, secrets.verifier, signature}
	for _, s := range hidden {
		hidden = append(hidden, escape(s)) // as it stands in the header
	}
	authorize(req, oauth1Header(o.Realm, parameters), hidden...)
	return nil
}

// parameters are the protocol parameters (section 3.1) without the signature.
func (o OAuth1) parameters(s oauth1Secrets, now time.Time, nonce string) [][2]string {
	list := [][2]string{{"oauth_consumer_key", o.ConsumerKey}}
	if o.Token != nil {
		list = append(list, [2]string{"oauth_token", s.token})
	}
	list = append(list,
		[2]string{"oauth_signature_method", o.method()},
		[2]string{"oauth_timestamp", strconv.FormatInt(now.Unix(), 10)},
		[2]string{"oauth_nonce", nonce},
		[2]string{"oauth_version", "1.0"},
	)
	if o.Callback != "" {
		list = append(list, [2]string{"oauth_callback", o.Callback})
	}
	if o.Verifier != nil {
		list = append(list, [2]string{"oauth_verifier", s.verifier})
	}
	return list
}

func (o OAuth1) method() string { return cmp.Or(o.Method, "HMAC-SHA1") }

func (o OAuth1) isRSA() bool { return strings.HasPrefix(o.method(), "RSA-") }

// hash is that of the method; PLAINTEXT has none.
func (o OAuth1) hash() crypto.Hash {
	switch o.method() {
	case "HMAC-SHA1", "RSA-SHA1":
		return crypto.SHA1
	case "HMAC-SHA256", "RSA-SHA256":
		return crypto.SHA256
	}
	return 0
}

// Validate refuses a signature that cannot be made. A key of auth.Env, auth.File and
// auth.Static is read.
func (o OAuth1) Validate() error {
	errs := []error{validateOrigins(o.Origins), prefixed("Realm", field.CheckValue(o.Realm))}
	switch {
	case o.ConsumerKey == "":
		errs = append(errs, errors.New("ConsumerKey is empty"))
	case strings.ContainsFunc(o.ConsumerKey, unicode.IsControl):
		errs = append(errs, errors.New("ConsumerKey has a control character, such as a line end"))
	}
	switch {
	case o.hash() == 0 && o.method() != plaintext:
		errs = append(errs, fmt.Errorf("Method is %q: use HMAC-SHA1, HMAC-SHA256, RSA-SHA1, RSA-SHA256 or PLAINTEXT", o.Method))
	case o.isRSA():
		errs = append(errs, validateKeyText(o.Key, func(text string) error { _, err := parseRSA(text); return err }))
	default:
		if o.Key != nil {
			errs = append(errs, fmt.Errorf("Key is not used by %s: leave it out, or set Method to RSA-SHA256", o.method()))
		}
		errs = append(errs, validateSource("ConsumerSecret", o.ConsumerSecret))
		if o.Token != nil {
			errs = append(errs, validateSource("TokenSecret", o.TokenSecret))
		}
	}
	if o.method() == plaintext && o.InsecureHTTP {
		errs = append(errs, errors.New("PLAINTEXT and InsecureHTTP would send the secrets in the clear: keep one of them (RFC 5849 section 3.4.4)"))
	}
	if o.method() == plaintext && o.BodyHash {
		errs = append(errs, errors.New("BodyHash is not signed by PLAINTEXT: leave it out"))
	}
	switch {
	case o.Token != nil:
		errs = append(errs, validateFilled("Token", o.Token))
	case o.TokenSecret != nil:
		errs = append(errs, errors.New("TokenSecret has no Token: give both, or none"))
	case o.Verifier != nil:
		errs = append(errs, errors.New("Verifier has no Token: give the temporary one"))
	}
	if o.Verifier != nil {
		errs = append(errs, validateFilled("Verifier", o.Verifier))
	}
	return errors.Join(errs...)
}

// String is the method, the consumer key, and where the token comes from.
func (o OAuth1) String() string {
	text := o.method() + ", consumer key " + o.ConsumerKey
	if o.Token != nil {
		text += ", token " + sourceName(o.Token)
	}
	return text
}

// Format prints the step without its secrets, whatever the verb.
func (o OAuth1) Format(f fmt.State, _ rune) { format(f, o) }
