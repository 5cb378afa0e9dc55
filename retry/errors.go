package retry

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/restykit/restykit/middleware"
)

// Why a retry was not made, in [ExhaustedError.GaveUp].
var (
	ErrAttempts = errors.New("all attempts are used")
	ErrBudget   = errors.New("the budget for retries is spent: too many were made of late")
)

// DelayError is why a retry was not made: the server, or an error such as that of a token
// endpoint, asked for a longer wait than Policy.MaxRetryAfter.
type DelayError struct{ Asked, Max time.Duration }

// Error says both.
func (e *DelayError) Error() string {
	return fmt.Sprintf("the server asks to wait %v, and %v is the most that is waited", e.Asked, e.Max)
}

// ErrorType is "retry_after_too_long": a word for telemetry (error.type).
func (*DelayError) ErrorType() string { return "retry_after_too_long" }

// ExhaustedError is what became of a call that was, or would have been, tried again. It is
// the call's error where there is no answer. Where there is one, a
// [middleware.StatusError] wraps it.
type ExhaustedError struct {
	History []Attempt // the newest 16
	Err     error     // of the last attempt, or nil where that has an answer
	// GaveUp is why no further attempt was made: [ErrAttempts], [ErrBudget], a
	// [*DelayError], an error that wraps [context.DeadlineExceeded]. It is nil where the
	// last error is one that no retry mends.
	GaveUp error
}

// Error is one line: "retry given up after 3 attempts (503, timeout, connection refused):
// the budget for retries is spent: dial tcp ...".
func (e *ExhaustedError) Error() string {
	var b strings.Builder
	b.WriteString("retry given up")
	if len(e.History) > 0 {
		after(&b, e.History)
	}
	if why := e.Reason(); why != "" {
		b.WriteString(": " + why)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Reason is GaveUp in words. That all attempts are used goes without saying.
func (e *ExhaustedError) Reason() string {
	if e.GaveUp == nil || errors.Is(e.GaveUp, ErrAttempts) {
		return ""
	}
	return e.GaveUp.Error()
}

// after prints " after 2 attempts (503, timeout)".
func after(b *strings.Builder, history []Attempt) {
	last := history[len(history)-1].Number
	fmt.Fprintf(b, " after %d attempt", last)
	if last == 1 {
		return
	}
	b.WriteString("s (")
	if len(history) < last {
		b.WriteString("..., ")
	}
	for i, a := range history {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(a.brief())
	}
	b.WriteString(")")
}

// brief is an attempt in a word or two.
func (a Attempt) brief() string {
	var errno syscall.Errno
	var phase *middleware.ConnectError
	var dns *net.DNSError
	switch {
	case a.Err == nil:
		return strconv.Itoa(a.StatusCode)
	case errors.Is(a.Err, ErrOutrun):
		return "outrun"
	case isTimeout(a.Err):
		return "timeout"
	case errors.As(a.Err, &errno):
		return errno.Error()
	case errors.As(a.Err, &dns):
		return "dns"
	case errors.As(a.Err, &phase):
		return "no connection: " + phase.Phase
	case errors.Is(a.Err, io.ErrUnexpectedEOF):
		return "cut short"
	case errors.Is(a.Err, io.EOF):
		return "connection closed"
	case unsent(a.Err):
		return "not sent"
	}
	return "error"
}

// Unwrap is the last error, and why there was no further attempt.
func (e *ExhaustedError) Unwrap() []error {
	var errs []error
	for _, err := range []error{e.Err, e.GaveUp} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// Timeout tells whether the last attempt ended because nobody answered in time.
func (e *ExhaustedError) Timeout() bool { return e.Err != nil && isTimeout(e.Err) }
