package middleware

import (
	"errors"

	"github.com/go-resty/resty/v2"
)

// Check makes a step that judges the answer, for an API that says 200 with an error
// inside. It runs once per call, behind [RequireStatus] and [RequireJSON], in the
// order of the checks' writing; the first error ends it. The error is the caller's,
// as it is; see [Checker] for streamed calls.
func Check(name string, f func(*resty.Response) error) Middleware {
	return checkStep{name: name, f: f}
}

type checkStep struct {
	name string
	f    func(*resty.Response) error
}

func (s checkStep) Name() string                     { return s.name }
func (checkStep) Layer() Layer                       { return Call }
func (s checkStep) Check(resp *resty.Response) error { return s.f(resp) }

func (s checkStep) Validate() error {
	if s.f == nil {
		return errors.New("the function is nil")
	}
	return nil
}
