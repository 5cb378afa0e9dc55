package observe_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/observe"
	"github.com/restykit/restykit/retry"
)

// loud is a server that repeats what it is told, in the answer's header and body.
func loud(t *testing.T, status int) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		if req.URL.Path == "/token" {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"access_token":"s3cret-access","token_type":"Bearer"}`)
			return
		}
		for name, values := range req.Header {
			w.Header().Set("X-Echo-"+name, strings.Join(values, " "))
		}
		w.Header().Set("Content-Language", req.Header.Get("Authorization")+req.Header.Get("X-Api-Key")) // whose values are shown
		w.Header().Set("Set-Cookie", "session=s3cret-cookie")
		w.Header().Set("Location", "/next?"+req.URL.RawQuery)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"echo": %q, "password": "s3cret-field", "body": %q}`, req.Header.Get("Authorization")+req.Header.Get("X-Api-Key")+req.URL.Query().Get("api_key"), body)
	}))
	t.Cleanup(srv.Close)
	return srv
}

func TestNoSecretIsInTheArchiveTheSnapshotOrThePage(t *testing.T) {
	r := &observe.Recorder{Bodies: 10 << 10}
	var out bytes.Buffer
	h := &observe.HAR{Writer: &out, Bodies: 10 << 10}
	for _, status := range []int{200, 401, 500} {
		srv := loud(t, status)
		for _, step := range []middleware.Middleware{
			auth.Basic{Username: "u", Password: auth.Static("s3cret-basic")},
			auth.Bearer{Token: auth.Static("s3cret-bearer")},
			auth.APIKey{Header: "X-Api-Key", Key: auth.Static("s3cret-key")},
			auth.APIKey{Query: "api_key", Key: auth.Static("s3cret-query")},
			&auth.OAuth2{Grant: auth.ClientCredentials{Config: clientcredentials.Config{ClientID: "id", ClientSecret: "s3cret-client", TokenURL: srv.URL + "/token"}}},
		} {
			c := resty.New().SetBaseURL(srv.URL)
			require.NoError(t, middleware.Use(c, r, h, middleware.RequireStatus{}, step, retry.Policy{Attempts: 2, Wait: 1, MaxWait: 1}))
			_, _ = c.R().SetQueryParam("token", "s3cret-param").SetCookie(&http.Cookie{Name: "sid", Value: "s3cret-sid"}).SetHeader("X-Own", "s3cret-own").Get("/a/{id}?s3cret-template")
		}
		c := resty.New().SetTransport(fakeWire(func(req *http.Request) (*http.Response, error) {
			return nil, &url.Error{Op: "Get", URL: req.URL.String(), Err: errors.New("broken")}
		}))
		require.NoError(t, middleware.Use(c, r, h))
		_, _ = c.R().Get(strings.Replace(srv.URL, "http://", "http://user:s3cret-userinfo@", 1) + "/?q=s3cret-url")
	}
	require.NoError(t, h.Close())
	snapshot, err := json.Marshal(r.Snapshot())
	require.NoError(t, err)
	for what, text := range map[string]string{"the archive": out.String(), "the snapshot": string(snapshot), "the page": pageOf(t, r, "").Body.String(), "the step": fmt.Sprintf("%v %+v", r, h)} {
		require.NotContains(t, text, "s3cret", what)
	}
	require.Contains(t, string(snapshot), "REDACTED")
	require.Contains(t, out.String(), "REDACTED")
}

func TestTheRedactorsTextIsHeard(t *testing.T) {
	redactor := &observe.Redactor{Text: func(s string) string { return strings.ReplaceAll(s, "agnes", "somebody") }}
	r := &observe.Recorder{Redactor: redactor}
	var out bytes.Buffer
	h := &observe.HAR{Writer: &out, Redactor: redactor}
	c := recorded(t, r, func(*http.Request) (*http.Response, error) { return nil, errors.New("agnes is not in") }, h)
	_, _ = c.R().Get("/users/agnes")
	snapshot, err := json.Marshal(r.Snapshot())
	require.NoError(t, err)
	require.NoError(t, h.Close())
	for _, text := range []string{string(snapshot), out.String(), pageOf(t, r, "").Body.String()} {
		require.NotContains(t, text, "agnes")
		require.Contains(t, text, "/users/somebody")
	}
}
