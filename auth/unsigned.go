package auth

import (
	"time"

	"github.com/restykit/restykit/internal/ratelimit"
)

// unsigned is the error of a request that lacks its credentials, and so was not sent.
type unsigned struct {
	step string
	err  error
}

// Error is "bearer: Token: the secret is empty".
func (e *unsigned) Error() string { return e.step + ": " + e.err.Error() }

// Unwrap is the error of the secret or the token.
func (e *unsigned) Unwrap() error { return e.err }

// Unsent is true: any request may be tried again.
func (*unsigned) Unsent() bool { return true }

// final is an error that no second attempt mends.
type final string

func (e final) Error() string { return string(e) }

// Final is true.
func (final) Final() bool { return true }

// resting is the error of a mint that failed, for as long as no other is tried.
type resting struct {
	error

	until time.Time
}

// Unwrap is the error of the mint.
func (e *resting) Unwrap() error { return e.error }

// RetryAfter is how long that is from now.
func (e *resting) RetryAfter() time.Duration { return max(0, time.Until(e.until)) }

// maxAsked is the longest rest that a token endpoint may ask for.
const maxAsked = time.Hour

// asked is how long a token endpoint wants to be left alone.
func (e *TokenError) asked() time.Duration {
	d, _ := ratelimit.Delay(e.StatusCode, e.Header)
	return max(e.rest, min(d, maxAsked))
}

// rested has a person left alone for a while, who has just refused.
func rested(err error) error {
	if e, ok := err.(*TokenError); ok { //nolint:errorlint // ours alone, as it is made
		e.rest = maxPause
	}
	return err
}
