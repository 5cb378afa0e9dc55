package middlewaretest_test

import (
	"net/http"
	"testing"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/middleware/middlewaretest"
)

// stamp is a step that tells the server which service is calling.
type stamp struct{ service string }

func (stamp) Name() string            { return "stamp" }
func (stamp) Layer() middleware.Layer { return middleware.Call }
func (s stamp) String() string        { return s.service }

func (s stamp) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	req = middleware.Mutable(req)
	req.Header.Set("X-Service", s.service)
	return next(req)
}

// The test file of a step holds one such test.
func ExampleRun() {
	testStampKeepsTheContract := func(t *testing.T) {
		middlewaretest.Run(t, func() middleware.Middleware { return stamp{service: "billing"} })
	}
	_ = testStampKeepsTheContract // go test runs it, under its name with a capital T
}
