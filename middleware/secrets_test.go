package middleware_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

// hides is a step that uses secrets and says so.
func hides(secrets ...string) middleware.Middleware {
	return middleware.Func("hides", middleware.Auth, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		for _, s := range secrets {
			middleware.InfoOf(req.Context()).Hide(s)
		}
		return next(req)
	})
}

// Servers repeat what they were sent, most of all when it was wrong.
func TestSecretThatTheServerRepeatsIsInNoError(t *testing.T) {
	const secret = "open-sesame-0123456789"
	for what, c := range map[string]struct {
		answer func(*http.Request) *http.Response
		steps  middleware.Stack
	}{
		"status": {func(*http.Request) *http.Response {
			return reply(http.StatusUnauthorized, "bad token "+secret+", really: "+secret, "Content-Type", "text/plain")
		}, middleware.Stack{middleware.RequireStatus{}}},
		"problem": {func(*http.Request) *http.Response {
			return reply(http.StatusUnauthorized, `{"title":"`+secret+`","detail":"`+secret+`","type":"x:`+secret+`","more":"`+secret+`"}`, "Content-Type", "application/problem+json")
		}, middleware.Stack{middleware.RequireStatus{}}},
		"content type": {func(*http.Request) *http.Response {
			return reply(http.StatusOK, "<p>"+secret+"</p>", "Content-Type", "text/html")
		}, middleware.Stack{middleware.RequireJSON{}}},
	} {
		for mode, get := range modes(t) {
			t.Run(what+" "+mode, func(t *testing.T) {
				_, err := get(answers(t, c.answer, append(c.steps, hides(secret))...).R())
				require.Error(t, err)
				require.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, bodyOf(err)), secret)
				require.Contains(t, err.Error(), "REDACTED")
			})
		}
	}
}

// bodyOf is what an error of the kit's shows of a body.
func bodyOf(err error) string {
	for err != nil {
		switch e := err.(type) { //nolint:errorlint // it walks the chain itself
		case *middleware.StatusError:
			return string(e.Body) + fmt.Sprintf("%+v", e.Problem)
		case *middleware.ContentTypeError:
			return string(e.Body)
		case *middleware.DecodeError:
			return string(e.Body) + e.Error()
		}
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return ""
		}
		err = u.Unwrap()
	}
	return ""
}

// No cut of an excerpt leaves a part of a secret standing.
func TestSecretAtTheEdgeOfAnExcerptIsHiddenWhole(t *testing.T) {
	secret := strings.Repeat("S3CR3T-", 20)
	kinds := map[string]struct {
		status int
		kind   string
		make   func(before int) string
	}{
		"status": {500, "text/plain", func(n int) string { return strings.Repeat(".", n) + secret + strings.Repeat(".", 1000) }},
		"decode": {200, "application/json", func(n int) string { return `["` + strings.Repeat(".", n) + secret + `", <` + secret + `>]` }},
		"decode, cut by an error before": {200, "application/json", func(n int) string {
			return `["` + strings.Repeat(".", n) + `" <` + strings.Repeat(".", 30) + secret
		}},
		"decode, cut by an error behind": {200, "application/json", func(n int) string {
			return `["` + strings.Repeat(".", n) + secret + strings.Repeat(".", 5) + `" <` + strings.Repeat(".", 60)
		}},
	}
	for what, k := range kinds {
		t.Run(what, func(t *testing.T) {
			for _, before := range []int{0, 10, 150, 190, 4000, 4090, 4095, 4096} {
				c := answers(t, func(*http.Request) *http.Response { return reply(k.status, k.make(before), "Content-Type", k.kind) },
					middleware.RequireStatus{}, middleware.RequireJSON{}, hides(secret))
				_, err := c.R().SetResult(&[]any{}).Get("/")
				require.Error(t, err)
				require.NotContains(t, bodyOf(err)+err.Error(), "S3CR3T", "%d bytes before it", before)
			}
		})
	}
}

func TestSecretThatBeginsLikeAnotherIsHiddenWhole(t *testing.T) {
	for _, secrets := range [][]string{{"sesame", "sesame-open-door"}, {"sesame-open-door", "sesame"}, {"", "sesame-open-door"}} {
		c := answers(t, func(*http.Request) *http.Response {
			return reply(http.StatusUnauthorized, "no sesame-open-door", "Content-Type", "text/plain")
		}, middleware.RequireStatus{}, hides(secrets...))
		_, err := c.R().Get("/")
		require.EqualError(t, err, "status: GET https://api.test/: 401 Unauthorized: no REDACTED")
	}
}

func TestURLOfAnErrorIsRedacted(t *testing.T) {
	for mode, get := range modes(t) {
		t.Run(mode, func(t *testing.T) {
			for code, steps := range map[int]middleware.Stack{404: {middleware.RequireStatus{}}, 200: {middleware.RequireJSON{}}} {
				c := answers(t, func(*http.Request) *http.Response { return reply(code, "<p>", "Content-Type", "text/html") }, steps...)
				c.SetBaseURL("https://user:hunter2@api.test/v1")
				_, err := get(c.R().SetQueryParam("api_key", "sesame").SetQueryParam("page", "7"))
				require.Error(t, err)
				require.Contains(t, err.Error(), "https://REDACTED@api.test/v1/?api_key=REDACTED&page=REDACTED")
				require.NotContains(t, err.Error(), "hunter2")
				require.NotContains(t, err.Error(), "sesame")
			}
		})
	}
}

func TestAnErrorHookFromBeforeUseSeesNoSecret(t *testing.T) {
	var seen error
	c := resty.New().OnError(func(_ *resty.Request, err error) { seen = err })
	require.NoError(t, middleware.Use(c, middleware.RequireStatus{}))
	_, err := c.R().Get("http://127.0.0.1:1/?token=s3cret")
	require.Error(t, err)
	require.ErrorContains(t, seen, "token=REDACTED")
	require.NotContains(t, seen.Error(), "s3cret")
}
