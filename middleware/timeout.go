package middleware

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Timeout sets the limits of one attempt.
//
// They are kept by watching the request, so they hold on every transport that
// supports package net/http/httptrace, over HTTP/1 and HTTP/2; on another one
// Connect does nothing and Read starts at the send. A limit that fires is a
// [*TimeoutError]. Streams (SetDoNotParseResponse) stay under Read and Attempt
// until EOF or Close.
//
// With [With], a Timeout replaces the client's as a whole.
type Timeout struct {
	// Connect is the longest time from asking for a connection to having one:
	// DNS, TCP, TLS, and the wait for a free one where the transport limits
	// their number. 0 is 3 s.
	Connect time.Duration
	// Read is the longest silence while the request is sent, and while the
	// response is waited for or read; an interim answer (1xx) ends a silence. A slow download of any length passes, a
	// stalled one does not; the time between two reads of the caller's does not
	// count. 0 is 10 s.
	Read time.Duration
	// Attempt is the longest time for one attempt in all, with the reading of
	// its body. 0 is none.
	Attempt time.Duration
}

const (
	defaultConnect = 3 * time.Second
	defaultRead    = 10 * time.Second
)

// Name is "timeout".
func (Timeout) Name() string { return "timeout" }

// Layer is [Wire].
func (Timeout) Layer() Layer { return Wire }

func (t Timeout) limit(l *limits) {
	l.connect, l.read, l.attempt = or(t.Connect, defaultConnect), or(t.Read, defaultRead), or(t.Attempt, 0)
}

// Validate refuses negative limits but [NoLimit].
func (t Timeout) Validate() error {
	return errors.Join(checkDuration("Connect", t.Connect), checkDuration("Read", t.Read), checkDuration("Attempt", t.Attempt))
}

// Fit refuses an Attempt that is longer than the Deadline: it could never fire.
func (t Timeout) Fit(s Stack) error {
	for _, step := range s {
		d, ok := step.(Deadline)
		if !ok {
			continue
		}
		if total := or(time.Duration(d), defaultDeadline); total > 0 && t.Attempt > total {
			return fmt.Errorf("Attempt (%v) is longer than the Deadline of the whole call (%v): shorten one or lengthen the other", t.Attempt, total)
		}
	}
	return nil
}

// String is "connect 3s, read 10s".
func (t Timeout) String() string {
	var l limits
	t.limit(&l)
	var parts []string
	for _, p := range []struct {
		name string
		d    time.Duration
	}{{limitConnect, l.connect}, {limitRead, l.read}, {limitAttempt, l.attempt}} {
		if p.d > 0 {
			parts = append(parts, p.name+" "+p.d.String())
		}
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// The limits that a [TimeoutError] names.
const (
	limitConnect  = "connect"
	limitRead     = "read"
	limitAttempt  = "attempt"
	limitDeadline = "deadline"
)

// TimeoutError is the error of a limit of the kit's that fired. A deadline or a
// cancellation of the caller's own is never one, nor is resty's SetTimeout. It unwraps to
// [context.DeadlineExceeded].
type TimeoutError struct {
	Limit string        // connect, read, attempt or deadline
	Value time.Duration // what it was set to

	had bool // a connection was there, before it or as it fired
}

// Error is "timeout: read: nothing came for 10s".
func (e *TimeoutError) Error() string {
	switch e.Limit {
	case limitConnect:
		s := fmt.Sprintf("timeout: connect: no connection within %v", e.Value)
		if e.had {
			s += ", and yet the request may have been sent"
		}
		return s
	case limitRead:
		return fmt.Sprintf("timeout: read: nothing came for %v", e.Value)
	case limitAttempt:
		return fmt.Sprintf("timeout: attempt: not done within %v", e.Value)
	default:
		return fmt.Sprintf("timeout: %s: the call was not done within %v", e.Limit, e.Value)
	}
}

// Unsent tells whether there was no connection: none came as the limit fired, and none was
// there earlier in the attempt.
func (e *TimeoutError) Unsent() bool { return e.Limit == limitConnect && !e.had }

// Timeout is true.
func (*TimeoutError) Timeout() bool { return true }

// Temporary is true; [net.Error] asks for it.
func (*TimeoutError) Temporary() bool { return true }

// Unwrap is [context.DeadlineExceeded].
func (*TimeoutError) Unwrap() error { return context.DeadlineExceeded }
