package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/restykit/restykit/internal/origin"
	"github.com/restykit/restykit/middleware"
)

// JWT sends a short-lived token that the client signs itself (RFC 7519, RFC 7515) as a
// Bearer token: to Google APIs as a service account, to App Store Connect, to GitHub as an
// app. Nobody is asked for it. For tokens that a server issues see [OAuth2].
//
//	auth.JWT{
//		Key:      auth.File("/run/secrets/key.p8"),
//		KeyID:    "2X9R4HXF34",
//		Issuer:   "57246542-96fe-1a63-e053-0824d011072a",
//		Audience: "appstoreconnect-v1",
//	}
//
// The token has the claims iat, exp, a random jti, aud, and iss and sub where they are set.
// Its iat is 1 min in the past, or a quarter of Lifetime where that is less, so that a
// server whose clock is behind takes it; from iat to exp it is Lifetime. There is no nbf.
//
// A token is kept for each audience until 10 s before it expires, or a quarter of what it
// had left where that is less, and renewed in the background in its last minute, or half;
// however many callers wait, there is one signature. The key is read for each token, on a
// context of its own, so that a key file may be replaced at any time. A key that cannot be
// read is not read again before a backoff of 100 ms, doubling to 1 min. Up to 4096 origins
// are remembered, those that were used last.
//
// A 401 drops the token that was refused, and the request is sent once more with a fresh
// one, unless the one that was refused was made for this very attempt: then it is not its
// age. Where fresh ones are refused, no further token is dropped for 1 s, doubling to 1 min.
//
// It is a value. What it keeps lives as long as the client has a step of its name: it
// survives a later [middleware.Use] or [middleware.With] that changes nothing about the
// token, with a Key of [Static], [Env] or [File]. Claims is not changed after first use.
type JWT struct {
	// Key is the PEM of the private key: PKCS#8, PKCS#1 or SEC 1, not encrypted, RSA of
	// 2048 bits or more; or the JSON file of a Google service account, which has one. For HS256, HS384 and HS512 it is the shared secret itself, of as
	// many bytes as the hash or more (RFC 7518 section 3.2).
	Key   Source
	KeyID string // kid in the header; "" is none
	// Algorithm is alg in the header. "" is the key's own: RS256, ES256, ES384 or ES512 by
	// the curve, EdDSA. It may be named: RS, PS, ES or HS with 256, 384 or 512, and EdDSA;
	// HS must be. There is no "none".
	Algorithm string
	Issuer    string // iss; "" is none
	Subject   string // sub; "" is none. Google wants the issuer again
	// Audience is aud. "" is the origin of the request and a slash, as Google APIs want
	// it, and so a token for each origin: "https://pubsub.googleapis.com/".
	Audience string
	// Lifetime is the time from iat to exp, from 10 s to 24 h; 0 is 5 min. Services have
	// limits: GitHub takes 10 min, App Store Connect 20 min, Google 1 h. A longer one than
	// its default saves little and costs more when a token is stolen.
	Lifetime time.Duration
	// Claims are further ones: "scope", "bid". Those that the step writes may not be
	// among them; "aud" may where Audience is empty, for a list, and there is one token then.
	// One that is nil is left out of the token.
	Claims  map[string]any
	Origins []string // where else a token may go, like "https://files.example.com"
	// InsecureHTTP lets tokens go over plain http to or through other machines.
	InsecureHTTP bool

	tokens *jwtTokens // of the client; nil where nobody has bound it
}

const (
	defaultLifetime = 5 * time.Minute
	shortestJWT     = 10 * time.Second
	longestJWT      = 24 * time.Hour
	maxBackdate     = time.Minute
)

// Name is "jwt".
func (JWT) Name() string { return "jwt" }

// Layer is [middleware.Auth].
func (JWT) Layer() middleware.Layer { return middleware.Auth }

// Writes is "Authorization".
func (JWT) Writes() string { return authorization }

// Trusts is Origins.
func (j JWT) Trusts() []string { return j.Origins }

// Bind goes on with the tokens of the step before, where it would make the same.
func (j JWT) Bind(old middleware.Middleware) middleware.Middleware {
	if before, ok := old.(JWT); ok && before.tokens != nil && before.makes(j) {
		j.tokens = before.tokens
	} else {
		j.tokens = newJWTTokens()
	}
	return j
}

// makes tells whether two steps make the same tokens.
func (j JWT) makes(k JWT) bool {
	return sameSource(j.Key, k.Key) && j.KeyID == k.KeyID && j.Algorithm == k.Algorithm &&
		j.Issuer == k.Issuer && j.Subject == k.Subject && j.Audience == k.Audience &&
		j.Lifetime == k.Lifetime && reflect.DeepEqual(j.Claims, k.Claims)
}

// RoundTrip sends the request with a token, where it may go.
func (j JWT) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	if j.tokens == nil {
		j.tokens = newJWTTokens()
	}
	return sender{scheme: &selfSigned{JWT: j}, origins: j.Origins, insecure: j.InsecureHTTP}.send(req, next)
}

func (JWT) has(req *http.Request) bool { return hasAuthorization(req) }

// audience is whom a token for a URL is for; "" where Claims says it.
func (j JWT) audience(target *url.URL) string {
	if _, ok := j.Claims["aud"]; ok || j.Audience != "" {
		return j.Audience
	}
	return origin.Of(target).String() + "/"
}

// Validate refuses a key that cannot sign, where it is known now, and claims and times that
// cannot be meant.
func (j JWT) Validate() error {
	return errors.Join(j.validateKey(), validateOrigins(j.Origins))
}

// validateKey is Validate without what concerns the way of the token, for those that put
// it elsewhere.
func (j JWT) validateKey() error {
	var errs []error
	method, err := methodOf(j.Algorithm)
	if err != nil {
		errs = append(errs, err)
	} else {
		errs = append(errs, validateKeyText(j.Key, func(text string) error {
			_, err := newSigningKey(method, text)
			return err
		}))
	}
	if j.Lifetime < 0 || j.Lifetime > longestJWT || (j.Lifetime > 0 && j.Lifetime < shortestJWT) {
		errs = append(errs, fmt.Errorf("Lifetime is %v: give %v to %v, or 0 for %v", j.Lifetime, shortestJWT, longestJWT, defaultLifetime))
	}
	return errors.Join(append(errs, j.validateClaims())...)
}

func (j JWT) validateClaims() error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(j.Claims)) {
		field := ""
		switch {
		case name == "iat" || name == "exp" || name == "jti":
			errs = append(errs, fmt.Errorf("Claims has %s, which the step writes: leave it out", name))
		case name == "iss" && j.Issuer != "":
			field = "Issuer"
		case name == "sub" && j.Subject != "":
			field = "Subject"
		case name == "aud" && j.Audience != "":
			field = "Audience"
		}
		if field != "" {
			errs = append(errs, fmt.Errorf("Claims has %s, and so has %s: use one", name, field))
		}
	}
	if _, err := json.Marshal(j.Claims); err != nil {
		errs = append(errs, fmt.Errorf("Claims cannot be written as JSON: %w", err))
	}
	return errors.Join(errs...)
}

// String is the issuer, the audience and the key's source.
func (j JWT) String() string {
	var parts []string
	if j.Issuer != "" {
		parts = append(parts, j.Issuer)
	}
	switch _, ok := j.Claims["aud"]; {
	case j.Audience != "":
		parts = append(parts, "for "+j.Audience)
	case !ok:
		parts = append(parts, "for each origin")
	}
	return strings.Join(append(parts, "key "+sourceName(j.Key)), ", ")
}

// Format prints the step without its secret, whatever the verb.
func (j JWT) Format(f fmt.State, _ rune) { format(f, j) }
