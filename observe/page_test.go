package observe_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/observe"
	"github.com/restykit/restykit/retry"
)

func pageOf(t *testing.T, r *observe.Recorder, query string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	r.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/debug/http"+query, nil))
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	return w
}

func TestThePolicyLetsNothingInButThePageItself(t *testing.T) {
	w := pageOf(t, &observe.Recorder{}, "")
	policy := w.Header().Get("Content-Security-Policy")
	require.NotContains(t, policy, "unsafe")
	require.True(t, strings.HasPrefix(policy, "default-src 'none'; "), policy)
	for tag, directive := range map[string]string{"style": "style-src ", "script": "script-src "} {
		blocks := regexp.MustCompile(`(?s)<`+tag+`>(.*?)</`+tag+`>`).FindAllStringSubmatch(w.Body.String(), -1)
		require.Len(t, blocks, 1)
		sum := sha256.Sum256([]byte(blocks[0][1]))
		require.Contains(t, policy, directive+"'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"';")
	}
	require.NotRegexp(t, `(?i)<[^>]* (style|on[a-z]+)=`, w.Body.String(), "the policy forbids them")
	require.NotRegexp(t, `(?i)(src|href)="(https?:)?//`, w.Body.String(), "nothing is from elsewhere")
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
}

func TestThePageEscapesWhatItShows(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	r := &observe.Recorder{Bodies: 1000}
	c := recorded(t, r, func(req *http.Request) (*http.Response, error) {
		if req.URL.Path == "/err" {
			return nil, errors.New(evil)
		}
		return canned(req, 500, evil, "Content-Type", evil, "Content-Language", evil), nil
	}, retry.Policy{Attempts: 1})
	_, _ = c.R().SetBody(evil).Post("/a" + strings.ReplaceAll(evil, " ", "") + "?" + "x=" + "'y'")
	_, _ = c.R().SetHeader("Accept", evil).Get("/err")
	tell := middleware.Func(strings.NewReplacer(" ", "").Replace(evil), middleware.Call, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		middleware.Emit(req.Context(), middleware.Event{Step: evil, Kind: evil, Text: evil, Err: errors.New(evil)})
		return next(req)
	})
	c = recorded(t, r, ok, tell)
	_, err := c.R().Get("/")
	require.NoError(t, err)
	text := pageOf(t, r, "").Body.String()
	require.Contains(t, text, "&lt;script&gt;alert(1)&lt;/script&gt;")
	require.Equal(t, 1, strings.Count(text, "<script"), "its own")
	require.NotContains(t, text, "<img")
}

func TestThePageIsThereToBeRead(t *testing.T) {
	h := (&observe.Recorder{}).Handler()
	for method, status := range map[string]int{"GET": 200, "HEAD": 200, "POST": 405, "DELETE": 405} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, "/debug/http", nil))
		require.Equal(t, status, w.Code, method)
		require.Equal(t, method == "HEAD", w.Body.Len() == 0, method)
	}
}

func TestThePageOfNoCallsSaysSo(t *testing.T) {
	require.Contains(t, pageOf(t, &observe.Recorder{}, "").Body.String(), "No calls yet")
}

func TestAPausedPageDoesNotRefreshItself(t *testing.T) {
	r := &observe.Recorder{}
	require.Contains(t, pageOf(t, r, "").Body.String(), `http-equiv="refresh"`)
	require.NotContains(t, pageOf(t, r, "?pause=1").Body.String(), `http-equiv="refresh"`)
}

func TestThePageShowsThreeFailuresOfAKind(t *testing.T) {
	r := &observe.Recorder{}
	c := recorded(t, r, func(req *http.Request) (*http.Response, error) { return canned(req, 500, ""), nil })
	for range 9 {
		_, _ = c.R().Get("/often")
	}
	_, _ = c.R().Get("/once")
	text := pageOf(t, r, "").Body.String()
	require.Equal(t, 4, strings.Count(text, `<details class="call"`))
	require.Contains(t, text, "9 like this")
	require.Contains(t, text, "/once")
}

func TestThePageShowsRoutesWaitsAndPipelines(t *testing.T) {
	r := &observe.Recorder{}
	c := recorded(t, r, func(req *http.Request) (*http.Response, error) { return canned(req, 503, ""), nil }, retry.Policy{Attempts: 2, Wait: 1, MaxWait: 1}, middleware.RequireStatus{})
	_, _ = c.R().SetPathParam("id", "7").Get("/users/{id}")
	text := pageOf(t, r, "").Body.String()
	for _, want := range []string{
		"https://api.test", "/users/{id}", "attempt 1", "attempt 2", "retry, wait", "retry, give-up", `<span class="text">all attempts are used`, `<p class="error">status: GET https://api.test/users/7: 503 Service Unavailable`, "100 %",
		`<rect class="wait"`, "recorder        50 calls of each origin", "budget left",
	} {
		require.Contains(t, text, want)
	}
}
