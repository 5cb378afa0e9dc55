package auth

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/restykit/restykit/internal/ratelimit"
	"github.com/restykit/restykit/internal/redact"
)

// TokenError is the error of a token that could not be obtained: what the token endpoint
// said (RFC 6749 section 5.2), or that of the login, or why it could not be asked. It repeats nothing of the
// request.
type TokenError struct {
	Endpoint    string // the token endpoint, redacted
	StatusCode  int    // 0 where there was no answer
	Header      http.Header
	Code        string // error: invalid_client, invalid_grant, ...
	Description string // error_description
	URI         string // error_uri
	Err         error  // what went wrong on the way, or with the answer; or nil

	rest time.Duration // that nobody be asked again for
}

// Error is one line: "token: https://id.example.com/token: 401 invalid_client: unknown
// client".
func (e *TokenError) Error() string {
	var b strings.Builder
	b.WriteString("token: " + e.Endpoint + ":")
	if e.StatusCode != 0 {
		fmt.Fprintf(&b, " %d", e.StatusCode)
	}
	if e.Code != "" {
		b.WriteString(" " + redact.Excerpt([]byte(e.Code), 100))
	}
	if e.Description != "" {
		b.WriteString(": " + e.Description)
	}
	if e.Err != nil {
		if e.StatusCode != 0 || e.Code != "" {
			b.WriteString(":")
		}
		b.WriteString(" " + e.Err.Error())
	}
	return b.String()
}

// Unwrap is Err.
func (e *TokenError) Unwrap() error { return e.Err }

// ErrorType is "token", or with the code of the server "token.invalid_client": a word for
// telemetry (error.type).
func (e *TokenError) ErrorType() string {
	switch e.Code { // a server may say anything, and words are to be few
	case "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope", "access_denied", "temporarily_unavailable", "slow_down":
		return "token." + e.Code
	}
	return "token"
}

// Unsent is true: the request that needs the token was not sent.
func (*TokenError) Unsent() bool { return true }

// Final tells whether asking again is of no use: the server knows the client or the
// grant and refuses it. Network errors, 5xx, 408, 429 and a 403 that is the refusal of a
// rate limit are not final, unless the server says one of the codes of RFC 6749 that are.
func (e *TokenError) Final() bool {
	switch e.Code {
	case "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope",
		"access_denied", "expired_token", "invalid_target":
		return true
	case "server_error", "temporarily_unavailable", "slow_down", "authorization_pending", nonceAsked:
		return false
	}
	switch {
	case e.StatusCode == 0, e.StatusCode >= 500, e.StatusCode == http.StatusRequestTimeout, ratelimit.Limited(e.StatusCode, e.Header):
		return false
	}
	return true
}
