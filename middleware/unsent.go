package middleware

import (
	"errors"
	"strings"
)

// isUnsent tells whether an error says that the server has seen nothing of the request.
func isUnsent(err error) bool {
	var never interface{ Unsent() bool }
	return errors.As(err, &never) && never.Unsent()
}

// readError is the error of an attempt of which the server may have read the request,
// whatever a cause of it says: that is of another sending of the attempt, or of another call.
type readError struct{ error }

func (e *readError) Unwrap() error { return e.error }
func (*readError) Unsent() bool    { return false }
func (e *readError) Timeout() bool { return isTimeout(e.error) }

// honest is the error of an attempt that says Unsent only where no connection was ever there.
func (a *attempt) honest(err error) error {
	if never, known := a.unconnected(); known && !never && isUnsent(err) {
		return &readError{err}
	}
	return err
}

// dated is a limit that knows of a connection which came as it fired: the transport then
// takes one or the other, and may have sent the request.
func (a *attempt) dated(t *TimeoutError) *TimeoutError {
	if never, _ := a.unconnected(); never || t.Limit != limitConnect {
		return t
	}
	had := *t
	had.had = true
	return &had
}

// waitedError is the end of a time that a step spent with waiting for something else than the
// server, and what for.
type waitedError struct{ step, end error }

func (e *waitedError) Error() string   { return e.step.Error() + ": " + e.end.Error() }
func (e *waitedError) Unwrap() []error { return []error{e.step, e.end} }
func (e *waitedError) Timeout() bool   { return isTimeout(e.end) }

// waited is the end of a time, with the word of a step that has sent nothing meanwhile.
func waited(err, end error) error {
	_, connecting := errors.AsType[*ConnectError](err)
	_, limited := errors.AsType[*TimeoutError](err)
	switch {
	case connecting || limited || !isUnsent(err):
		return end
	case errors.Is(err, end) && strings.HasSuffix(err.Error(), end.Error()): // it says so already
		return err
	}
	return &waitedError{err, end}
}
