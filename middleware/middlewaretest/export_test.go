package middlewaretest

import (
	"testing"

	"github.com/restykit/restykit/middleware"
)

// Findings runs the contract test and returns what it would have failed with, by rule,
// or why nothing could be checked.
func Findings(t *testing.T, newStep func() middleware.Middleware, opts ...Option) (found map[Rule][]string, unusable string) {
	t.Helper()
	s := newSuite(t, newStep, opts)
	s.run()
	for rule := range s.without {
		delete(s.found, rule)
	}
	return s.found, s.unusable
}
