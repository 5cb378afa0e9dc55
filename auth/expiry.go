package auth

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"time"
)

// ExpiredError is the error of a [Bearer] token that is a JWT and has expired by its exp
// claim (RFC 7519 section 4.1.4). It was not sent.
type ExpiredError struct {
	Expired time.Time

	ago   time.Duration
	final bool
}

// Error says when, and what to do.
func (e *ExpiredError) Error() string {
	return fmt.Sprintf("the token expired %v ago (at %s, by its exp): give a new one, or let auth.OAuth2 or auth.JWT renew it",
		e.ago.Round(time.Second), e.Expired.UTC().Format(time.RFC3339))
}

// ErrorType is "token_expired": a word for telemetry (error.type).
func (*ExpiredError) ErrorType() string { return "token_expired" }

// Unsent is true.
func (*ExpiredError) Unsent() bool { return true }

// Final tells whether the token is the only one that there is: that of [Static] or [Env].
// A file or a function may bring a new one.
func (e *ExpiredError) Final() bool { return e.final }

// expiryLeeway is how long a token is sent after it has expired: a clock may be wrong, and
// that of the server counts.
const expiryLeeway = 30 * time.Second

// expiries remembers when the last token expires.
type expiries struct{ last atomic.Pointer[expiry] }

type expiry struct {
	token string
	at    time.Time // zero where it is not known
}

// of is when a token expires, or zero. A nil *expiries remembers nothing.
func (e *expiries) of(token string) time.Time {
	if !hasThreeParts(token) {
		return time.Time{}
	}
	if e == nil {
		return expiryOf(token)
	}
	if known := e.last.Load(); known != nil && known.token == token {
		return known.at
	}
	at := expiryOf(token)
	e.last.Store(&expiry{token, at})
	return at
}

// expired is the error of a token that has.
func (e *expiries) expired(token string, final bool) error {
	at := e.of(token)
	if at.IsZero() {
		return nil
	}
	if ago := time.Since(at); ago > expiryLeeway {
		return &ExpiredError{Expired: at, ago: ago, final: final}
	}
	return nil
}

// expiryOf reads exp of a JWS in compact form (RFC 7515 section 3.1), and checks no
// signature. It is zero for what is no such token, or has no exp that can be meant.
func expiryOf(token string) time.Time {
	header, rest, _ := strings.Cut(token, ".")
	claims, signature, _ := strings.Cut(rest, ".")
	if strings.Trim(signature, base64URL) != "" {
		return time.Time{}
	}
	if member[string](header, "alg") == "" {
		return time.Time{}
	}
	exp := member[float64](claims, "exp")
	if exp < 1 || exp > math.MaxInt32*1e3 { // NumericDate, in seconds
		return time.Time{}
	}
	return time.Unix(int64(exp), 0)
}

// hasThreeParts tells whether a token may be a JWS.
func hasThreeParts(token string) bool { return strings.Count(token, ".") == 2 }

const base64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// member reads a member of an object in base64url, where it has one of that very name and
// kind.
func member[T any](part, name string) (value T) {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return value
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(text, &object) == nil {
		_ = json.Unmarshal(object[name], &value)
	}
	return value
}
