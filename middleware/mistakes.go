package middleware

import (
	"fmt"
	"strings"

	"github.com/restykit/restykit/internal/redact"
)

// mistakes are all that is wrong with a stack, as one error in one line.
type mistakes []error

// Error joins them.
func (m mistakes) Error() string {
	lines := make([]string, len(m))
	for i, err := range m {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "; ")
}

// Unwrap is the list.
func (m mistakes) Unwrap() []error { return m }

// named puts the step's name before each of the errors that it joined.
func named(step Middleware, err error) []error {
	var out []error
	for _, e := range flat(err) {
		out = append(out, fmt.Errorf("%s: %w", redact.Excerpt([]byte(step.Name()), 100), e)) // a wrong name in one line
	}
	return out
}

func flat(err error) []error {
	list, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var out []error
	for _, e := range list.Unwrap() {
		out = append(out, flat(e)...)
	}
	return out
}
