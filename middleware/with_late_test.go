package middleware_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

func missing(*http.Request) *http.Response { return reply(http.StatusNotFound, "{}") }

// accepting404 is what a request brings along.
func accepting404(ctx context.Context) context.Context {
	return middleware.With(ctx, middleware.RequireStatus{Codes: []int{404}}, middleware.Off("deadline"))
}

func TestWithInAHookBehindUseHolds(t *testing.T) {
	c := answers(t, missing, middleware.RequireStatus{}, middleware.Deadline(0))
	c.OnBeforeRequest(func(_ *resty.Client, r *resty.Request) error {
		r.SetContext(accepting404(r.Context()))
		return nil
	})
	resp, err := c.R().Get("/")
	require.NoError(t, err)
	_, limited := resp.Request.Context().Deadline()
	require.False(t, limited)
}

func TestAWrongStepFromAHookBehindUseFailsTheRequest(t *testing.T) {
	c := answers(t, missing, middleware.RequireStatus{})
	c.OnBeforeRequest(func(_ *resty.Client, r *resty.Request) error {
		r.SetContext(middleware.With(r.Context(), middleware.Deadline(3)))
		return nil
	})
	_, err := c.R().Get("/")
	require.EqualError(t, err, "deadline: Deadline is 3ns, which nothing can keep: write the unit, like 3*time.Second")
}

func TestWithThatComesTooLateIsAnErrorAndNotSilence(t *testing.T) {
	sent := 0
	counted := func(req *http.Request) *http.Response { sent++; return missing(req) }
	for name, spoil := range map[string]func(*resty.Client){
		"in a PreRequestHook": func(c *resty.Client) {
			c.SetPreRequestHook(func(_ *resty.Client, req *http.Request) error {
				*req = *req.WithContext(accepting404(req.Context()))
				return nil
			})
		},
		"in a step": func(c *resty.Client) {
			require.NoError(t, middleware.Use(c, middleware.Func("late", middleware.Call, func(req *http.Request, next middleware.Next) (*http.Response, error) {
				return next(req.WithContext(accepting404(req.Context())))
			})))
		},
	} {
		c := answers(t, counted, middleware.RequireStatus{})
		spoil(c)
		_, err := c.R().Get("/")
		require.ErrorContains(t, err, "middleware.With came too late", name)
	}
	require.Zero(t, sent)
}

func TestARequestThatAStepSendsOnTheWayIsWithoutTheStepsOfTheCaller(t *testing.T) {
	other := answers(t, missing, middleware.RequireStatus{})
	var nested error
	c := answers(t, missing, middleware.RequireStatus{}, middleware.Func("asks", middleware.Auth, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		_, nested = other.R().SetContext(req.Context()).Get("/")
		return next(req)
	}))
	_, err := c.R().SetContext(accepting404(t.Context())).Get("/")
	require.NoError(t, err)
	require.ErrorIs(t, nested, middleware.ErrNotFound)
}

func TestWithoutAContextThereIsTheBackground(t *testing.T) {
	c := answers(t, missing, middleware.RequireStatus{})
	_, err := c.R().SetContext(accepting404(nil)).Get("/") //nolint:staticcheck // what a user may do
	require.NoError(t, err)
}

func TestADurationWithoutAUnitIsRefused(t *testing.T) {
	err := middleware.Use(resty.New(), middleware.Timeout{Connect: 3, Read: 10, Attempt: 999 * time.Microsecond}, middleware.Deadline(30))
	require.ErrorContains(t, err, "Connect is 3ns, which nothing can keep: write the unit, like 3*time.Second")
	require.ErrorContains(t, err, "Read is 10ns")
	require.ErrorContains(t, err, "Attempt is 999µs")
	require.ErrorContains(t, err, "Deadline is 30ns")
}

func TestAnOffForNothingIsAnErrorOfARoundTripperToo(t *testing.T) {
	hc := &http.Client{Transport: middleware.Stack{middleware.RequireStatus{}, middleware.Off("nope")}.RoundTripper(nil)}
	_, err := hc.Get("http://api.test/")
	require.ErrorContains(t, err, `off: there is no step "nope" to switch off before it, only: require-status`)
}

func TestTheTypeThatTheCallerForcesCounts(t *testing.T) {
	c := answers(t, func(*http.Request) *http.Response {
		return reply(200, `{"A":7}`, "Content-Type", "text/plain")
	}, middleware.RequireJSON{})
	var got struct{ A int }
	_, err := c.R().SetResult(&got).ForceContentType("application/json").Get("/")
	require.NoError(t, err)
	require.Equal(t, 7, got.A)
	_, err = c.R().ExpectContentType("application/json").Get("/")
	require.ErrorContains(t, err, "text/plain, not JSON", "an expectation is for answers without a type")
}

func TestAHeaderStepIsNotForSecrets(t *testing.T) {
	for _, key := range []string{"authorization", "Cookie", "Proxy-Authorization"} {
		require.ErrorContains(t, middleware.Use(resty.New(), middleware.Header{Key: key, Value: "x"}), "use auth.Bearer")
	}
}
