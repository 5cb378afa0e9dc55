package middleware_test

import (
	"errors"
	"net/http"
	"strconv"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

// answers is a client that gets a new copy of an answer to every request.
func answers(t *testing.T, answer func(*http.Request) *http.Response, steps ...middleware.Middleware) *resty.Client {
	t.Helper()
	c := resty.New().SetBaseURL("https://api.test").SetLogger(silence{})
	c.SetTransport(newWire(func(_ int, req *http.Request) (*http.Response, error) { return answer(req), nil }))
	require.NoError(t, middleware.Use(c, steps...))
	return c
}

// byPath answers "/404" with 404.
func byPath(req *http.Request) *http.Response {
	code, err := strconv.Atoi(req.URL.Path[1:])
	if err != nil {
		code = http.StatusTeapot
	}
	return reply(code, `{}`)
}

func TestStatusIsAcceptedByCodesAndRanges(t *testing.T) {
	for _, c := range []struct {
		name    string
		step    middleware.RequireStatus
		says    string
		yes, no []int
	}{
		{name: "the default", says: "2xx", yes: []int{200, 201, 204, 226, 299}, no: []int{300, 304, 400, 404, 500, 999}},
		{
			name: "codes", step: middleware.RequireStatus{Codes: []int{200, 404}}, says: "200, 404",
			yes: []int{200, 404}, no: []int{201, 204, 403, 405, 500},
		},
		{
			name: "one range", step: middleware.RequireStatus{Ranges: []middleware.StatusRange{{From: 200, To: 399}}}, says: "200-399",
			yes: []int{200, 204, 304, 399}, no: []int{400, 500},
		},
		{
			name: "both", step: middleware.RequireStatus{Codes: []int{404}, Ranges: []middleware.StatusRange{{From: 200, To: 299}, {From: 500, To: 503}}},
			says: "404, 2xx, 500-503", yes: []int{200, 299, 404, 500, 503}, no: []int{300, 403, 504},
		},
		{name: "a range of one", step: middleware.RequireStatus{Ranges: []middleware.StatusRange{{From: 204, To: 204}}}, says: "204-204", yes: []int{204}, no: []int{200}},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.says, c.step.String())
			client := answers(t, byPath, c.step)
			for _, code := range c.yes {
				resp, err := client.R().Get("/" + strconv.Itoa(code))
				require.NoError(t, err)
				require.Equal(t, code, resp.StatusCode())
			}
			for _, code := range c.no {
				_, err := client.R().Get("/" + strconv.Itoa(code))
				status, ok := errors.AsType[*middleware.StatusError](err)
				require.Truef(t, ok, "%v", err)
				require.Equal(t, code, status.StatusCode)
				require.Equal(t, code, status.HTTPStatus())
			}
		})
	}
}

func TestStatusThatCannotBeIsRefused(t *testing.T) {
	for want, step := range map[string]middleware.RequireStatus{
		"require-status: Codes: 99 is no HTTP status":                           {Codes: []int{200, 99}},
		"require-status: Codes: 1000 is no HTTP status":                         {Codes: []int{1000}},
		"require-status: Codes: -1 is no HTTP status":                           {Codes: []int{-1}},
		"require-status: Ranges: 299 to 200 is no range of HTTP statuses":       {Ranges: []middleware.StatusRange{{From: 299, To: 200}}},
		"require-status: Ranges: 0 to 0 is no range of HTTP statuses":           {Ranges: []middleware.StatusRange{{}}},
		"require-status: Ranges: 200 to 1000 is no range of HTTP statuses: wri": {Ranges: []middleware.StatusRange{{From: 200, To: 1000}}},
	} {
		require.ErrorContains(t, middleware.Use(resty.New(), step), want)
	}
}

// A request may say that a 404 is an answer.
func TestNotFoundIsAnAnswerWhereTheRequestSaysSo(t *testing.T) {
	for mode, get := range modes(t) {
		t.Run(mode, func(t *testing.T) {
			c := answers(t, func(*http.Request) *http.Response { return reply(http.StatusNotFound, `{"found":false}`) }, middleware.RequireStatus{})
			ctx := middleware.With(t.Context(), middleware.RequireStatus{Codes: []int{200, 404}})
			body, err := get(c.R().SetContext(ctx))
			require.NoError(t, err)
			if mode != "saved" {
				require.JSONEq(t, `{"found":false}`, body)
			}
			_, err = get(c.R())
			require.ErrorIs(t, err, middleware.ErrNotFound, "for the others it is not")
			_, err = get(c.R().SetContext(middleware.With(t.Context(), middleware.Off("require-status"))))
			require.NoError(t, err)
		})
	}
}

func TestWrongStatusOfARequestFailsThatRequest(t *testing.T) {
	c := answers(t, byPath, middleware.RequireStatus{})
	_, err := c.R().SetContext(middleware.With(t.Context(), middleware.RequireStatus{Codes: []int{4}})).Get("/200")
	require.ErrorContains(t, err, "Codes: 4 is no HTTP status")
	_, err = c.R().Get("/200")
	require.NoError(t, err)
}

func TestUsualStatusesAreToldByErrorsIs(t *testing.T) {
	kinds := map[string]error{
		"not found": middleware.ErrNotFound, "unauthorized": middleware.ErrUnauthorized,
		"rate limited": middleware.ErrRateLimited, "server error": middleware.ErrServer,
	}
	for _, c := range []struct {
		code   int
		header []string
		kind   string
	}{
		{code: 400},
		{code: 401, kind: "unauthorized"},
		{code: 402},
		{code: 403},
		{code: 404, kind: "not found"},
		{code: 405},
		{code: 408},
		{code: 409},
		{code: 410, kind: "not found"},
		{code: 429, kind: "rate limited"},
		{code: 499},
		{code: 403, header: []string{"Retry-After", "60"}, kind: "rate limited"},
		{code: 403, header: []string{"X-RateLimit-Remaining", "0"}, kind: "rate limited"},
		{code: 403, header: []string{"X-RateLimit-Remaining", "5"}},
		{code: 404, header: []string{"Retry-After", "60"}, kind: "not found"},
		{code: 500, kind: "server error"},
		{code: 503, header: []string{"Retry-After", "60"}, kind: "server error"},
		{code: 599, kind: "server error"},
		{code: 600},
		{code: 304},
	} {
		client := answers(t, func(*http.Request) *http.Response { return reply(c.code, "", c.header...) }, middleware.RequireStatus{})
		_, err := client.R().Get("/")
		require.Error(t, err)
		for name, kind := range kinds {
			require.Equalf(t, name == c.kind, errors.Is(err, kind), "%d %v is %s", c.code, c.header, name)
		}
	}
}
