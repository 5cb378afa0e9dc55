package middleware_test

import (
	"net/http"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

// resty hands its retry conditions a nil response when a hook fails, and its own
// AddRetryAfterErrorCondition does not expect that.
func TestARefusalIsAnErrorAlsoWhereRestyRetriesByItself(t *testing.T) {
	again := middleware.Func("again", middleware.Retry, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		return next(req)
	})
	for name, tt := range map[string]struct {
		step  middleware.Middleware
		spoil func(*resty.Client, *resty.Request)
		says  string
	}{
		"a retry step": {again, func(*resty.Client, *resty.Request) {}, "again: the client retries by itself (RetryCount 2)"},
		"a deadline":   {middleware.Deadline(0), func(*resty.Client, *resty.Request) {}, "deadline: the client retries by itself (RetryCount 2)"},
		"a wrong step of the request's": {middleware.RequireStatus{}, func(_ *resty.Client, r *resty.Request) {
			r.SetContext(middleware.With(t.Context(), middleware.Deadline(-7)))
		}, "deadline: Deadline is -7ns"},
		"a lost pipeline": {middleware.RequireStatus{}, func(c *resty.Client, _ *resty.Request) { c.RetryHooks = nil }, "client.RetryHooks was replaced"},
		"SetOutput beside SetResult": {middleware.RequireJSON{}, func(_ *resty.Client, r *resty.Request) {
			r.SetOutput(t.TempDir() + "/out").SetResult(&struct{}{})
		}, "use one of the two"},
	} {
		t.Run(name, func(t *testing.T) {
			sent := 0
			client := resty.New().SetTransport(middleware.Next(func(*http.Request) (*http.Response, error) {
				sent++
				return &http.Response{StatusCode: http.StatusTooManyRequests, Body: http.NoBody}, nil
			}))
			require.NoError(t, middleware.Use(client, tt.step))
			client.SetRetryCount(2).AddRetryAfterErrorCondition().SetLogger(silence{})
			r := client.R()
			tt.spoil(client, r)
			_, err := r.Get("https://api.example.com/")
			require.ErrorContains(t, err, tt.says)
			require.Zero(t, sent)
		})
	}
}
