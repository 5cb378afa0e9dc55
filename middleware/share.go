package middleware

import (
	"context"
	"net/http"
	"time"
)

type shareKey struct{}

// Within returns a request like req whose attempt has to have the headers of its answer
// within a time, for a step at [Retry] that divides what is left of the deadline. Beyond
// them the answer has all the time that the other limits leave. It is a [*TimeoutError] of
// the limit "attempt".
func Within(req *http.Request, d time.Duration) *http.Request {
	return req.WithContext(context.WithValue(req.Context(), shareKey{}, d))
}

// shareOf is what Within has given the attempt of a context, or 0.
func shareOf(ctx context.Context) time.Duration {
	d, _ := ctx.Value(shareKey{}).(time.Duration)
	return d
}
