package middleware

import "time"

// Deadline is the longest time for the whole call: its attempts, waits, redirects,
// and the reading of the body. 0 is 30 s. A shorter deadline of the caller's context
// wins. A limit that fires is a [*TimeoutError].
//
// A stream (SetDoNotParseResponse) stays under it until EOF or Close. One that is
// meant to be long says so: With(ctx, Off("deadline")).
type Deadline time.Duration

const defaultDeadline = 30 * time.Second

// Name is "deadline".
func (Deadline) Name() string { return "deadline" }

// Layer is [Call].
func (Deadline) Layer() Layer { return Call }

func (d Deadline) limit(l *limits) { l.deadline = or(time.Duration(d), defaultDeadline) }

// Validate refuses a negative duration but [NoLimit].
func (d Deadline) Validate() error { return checkDuration("Deadline", time.Duration(d)) }

// String is the duration.
func (d Deadline) String() string {
	if total := or(time.Duration(d), defaultDeadline); total > 0 {
		return total.String()
	}
	return "none"
}
