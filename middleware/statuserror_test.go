package middleware_test

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

// statusError is the *StatusError in err.
func statusError(t *testing.T, err error) *middleware.StatusError {
	t.Helper()
	status, ok := errors.AsType[*middleware.StatusError](err)
	require.Truef(t, ok, "%v", err)
	return status
}

func TestStatusErrorSaysWhatCameFromWhereInEveryMode(t *testing.T) {
	for mode, get := range modes(t) {
		t.Run(mode, func(t *testing.T) {
			c := answers(t, func(*http.Request) *http.Response {
				return reply(http.StatusConflict, "it is taken\n", "Content-Type", "text/plain; charset=utf-8", "X-Trace", "7")
			}, middleware.RequireStatus{})
			_, err := get(c.R())
			got := statusError(t, err)
			require.Equal(t, &middleware.StatusError{
				Method: "GET", URL: "https://api.test/", StatusCode: 409,
				Header:      http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "X-Trace": {"7"}},
				ContentType: "text/plain; charset=utf-8", Body: []byte("it is taken\n"), Attempts: 1,
			}, got)
			require.EqualError(t, got, "status: GET https://api.test/: 409 Conflict: it is taken")
			require.NoError(t, errors.Unwrap(got))
		})
	}
}

func TestResponseStaysUsableBesideTheStatusError(t *testing.T) {
	type problem struct{ Code string }
	c := answers(t, func(*http.Request) *http.Response { return reply(http.StatusConflict, `{"code":"taken"}`) }, middleware.RequireStatus{})
	resp, err := c.R().SetError(&problem{}).SetResult(&problem{}).SetBody("x").Post("/names")
	require.Equal(t, "POST", statusError(t, err).Method)
	require.Equal(t, http.StatusConflict, resp.StatusCode())
	require.JSONEq(t, `{"code":"taken"}`, resp.String())
	require.Equal(t, &problem{Code: "taken"}, resp.Error())
}

// resty fills in a SetError with nothing, and without a word, where an HTML page comes.
func TestHTMLOfAGatewayIsAStatusErrorThoughSetErrorWaitsForJSON(t *testing.T) {
	page := "<html><h1>502 Bad Gateway</h1></html>"
	c := answers(t, func(*http.Request) *http.Response {
		return reply(http.StatusBadGateway, page, "Content-Type", "text/html")
	}, middleware.RequireJSON{}, middleware.RequireStatus{})
	_, err := c.R().SetError(&struct{ Code string }{}).Get("/")
	got := statusError(t, err)
	require.ErrorIs(t, err, middleware.ErrServer)
	require.Equal(t, "text/html", got.ContentType)
	require.Equal(t, page, string(got.Body))
	require.Nil(t, got.Problem)
	require.EqualError(t, got, "status: GET https://api.test/: 502 Bad Gateway: "+page)
}

func TestExcerptOfAnErrorIsBounded(t *testing.T) {
	for mode, get := range modes(t) {
		t.Run(mode, func(t *testing.T) {
			big := bytes.Repeat([]byte("0123456789\r\n\x00\x1b[31m"), 1<<16)
			c := answers(t, func(*http.Request) *http.Response {
				return reply(http.StatusInternalServerError, string(big), "Content-Type", "text/plain")
			}, middleware.RequireStatus{})
			_, err := get(c.R())
			got := statusError(t, err)
			require.Equal(t, big[:4<<10], got.Body)
			require.LessOrEqual(t, cap(got.Body), 8<<10, "and does not hold on to the rest")
			require.Less(t, len(got.Error()), 400)
			require.NotContains(t, got.Error(), "\n", "it is one line")
			require.NotContains(t, got.Error(), "\x1b", "that drives no terminal")
			require.True(t, strings.HasSuffix(got.Error(), "..."))
		})
	}
}

// The body of an error need never end.
func TestErrorStreamThatNeverEndsIsNotReadForEver(t *testing.T) {
	endless := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.WriteHeader(http.StatusServiceUnavailable)
		drip(1<<20, 200*time.Millisecond)(w, r)
	}
	for _, mode := range []string{"streamed", "saved"} {
		t.Run(mode, func(t *testing.T) {
			overBoth(t, endless, func(t *testing.T, w *world) {
				_, err := modes(t)[mode](w.client(middleware.RequireStatus{}).R())
				got := statusError(t, err)
				require.LessOrEqual(t, w.past(), time.Second)
				require.True(t, bytes.HasPrefix(got.Body, []byte("drop drop ")), "what came in time is shown")
			})
		})
	}
}

func TestBinaryBodyIsNoTextOfAnError(t *testing.T) {
	for _, kind := range []string{"image/png", "application/octet-stream", ""} {
		c := answers(t, func(*http.Request) *http.Response {
			return reply(http.StatusInternalServerError, "\x89PNG", "Content-Type", kind)
		}, middleware.RequireStatus{})
		_, err := c.R().Get("/")
		got := statusError(t, err)
		require.EqualError(t, got, "status: GET https://api.test/: 500 Internal Server Error")
		require.Equal(t, "\x89PNG", string(got.Body))
	}
}

func TestStatusWithoutANameIsANumber(t *testing.T) {
	c := answers(t, func(*http.Request) *http.Response { return reply(599, "") }, middleware.RequireStatus{})
	_, err := c.R().Get("/")
	require.EqualError(t, statusError(t, err), "status: GET https://api.test/: 599")
}

func TestStatusErrorIsOfTheLastRedirect(t *testing.T) {
	c := answers(t, func(req *http.Request) *http.Response {
		if req.URL.Path == "/old" {
			return reply(http.StatusSeeOther, "", "Location", "/new?token=sesame")
		}
		return reply(http.StatusNotFound, "")
	}, middleware.RequireStatus{})
	_, err := c.R().Post("/old")
	got := statusError(t, err)
	require.Equal(t, "GET", got.Method)
	require.Equal(t, "https://api.test/new?token=REDACTED", got.URL)
	require.Equal(t, 1, got.Attempts, "a redirect is no attempt")
}

func TestAttemptsAreCountedOverTheWholeCall(t *testing.T) {
	for mode, get := range modes(t) {
		t.Run(mode, func(t *testing.T) {
			c := answers(t, func(*http.Request) *http.Response { return reply(http.StatusServiceUnavailable, "") }, middleware.RequireStatus{}, again(3, 0))
			_, err := get(c.R())
			got := statusError(t, err)
			require.Equal(t, 3, got.Attempts)
			require.EqualError(t, got, "status: GET https://api.test/: 503 Service Unavailable after 3 attempts")
		})
	}
}

func TestStatusErrorWrapsWhyARetryWasGivenUp(t *testing.T) {
	why := errors.New("budget spent")
	gives := middleware.Func("gives-up", middleware.Retry, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		middleware.InfoOf(req.Context()).GiveUp(why)
		return next(req)
	})
	c := answers(t, func(*http.Request) *http.Response { return reply(http.StatusServiceUnavailable, "") }, middleware.RequireStatus{}, gives)
	_, err := c.R().Get("/")
	require.ErrorIs(t, err, why)
	require.EqualError(t, statusError(t, err), "status: GET https://api.test/: 503 Service Unavailable (retry given up: budget spent)")
}
