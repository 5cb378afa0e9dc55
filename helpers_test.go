package restykit_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/internal/httpbintest"
	"github.com/restykit/restykit/middleware"
)

// httpbin is the server that the promises are kept against: go-httpbin inside the test,
// or any other at HTTPBIN_URL, which is on this machine or speaks https.
func httpbin(t *testing.T) string {
	t.Helper()
	bin := httpbintest.Start(os.Getenv("HTTPBIN_URL"))
	t.Cleanup(bin.Close)
	return bin.URL
}

// client is a resty client on httpbin, with a stack.
func client(t *testing.T, steps ...middleware.Middleware) *resty.Client {
	t.Helper()
	return clientOn(t, httpbin(t), steps...)
}

func clientOn(t *testing.T, url string, steps ...middleware.Middleware) *resty.Client {
	t.Helper()
	c := bare(url)
	require.NoError(t, middleware.Use(c, steps...))
	return c
}

// bare is a resty client as resty makes it, but for the log.
func bare(url string) *resty.Client { return resty.New().SetBaseURL(url).SetLogger(quiet{}) }

// quiet is a resty logger.
type quiet struct{}

func (quiet) Errorf(string, ...any) {}
func (quiet) Warnf(string, ...any)  {}
func (quiet) Debugf(string, ...any) {}

// send sends a request in one of the modes in which a caller may take the answer, and
// returns the body that the caller has in the end.
type send func(t *testing.T, r *resty.Request, method, path string) (*resty.Response, string, error)

// untouched is what is in a file before a call that saves its answer there.
const untouched = "the last good answer"

// inEachMode runs a test decoded, streamed and saved.
func inEachMode(t *testing.T, f func(*testing.T, send)) {
	t.Helper()
	for mode, do := range map[string]send{"decoded": decoded, "streamed": streamed, "saved": saved} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			f(t, do)
		})
	}
}

func decoded(_ *testing.T, r *resty.Request, method, path string) (*resty.Response, string, error) {
	resp, err := r.Execute(method, path)
	if resp == nil { // a hook failed before the request was made
		return nil, "", err
	}
	return resp, string(resp.Body()), err
}

func streamed(_ *testing.T, r *resty.Request, method, path string) (*resty.Response, string, error) {
	resp, err := r.SetDoNotParseResponse(true).Execute(method, path)
	if err != nil {
		return resp, "", err
	}
	body, err := io.ReadAll(resp.RawBody())
	_ = resp.RawBody().Close()
	return resp, string(body), err
}

func saved(t *testing.T, r *resty.Request, method, path string) (*resty.Response, string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "answer")
	require.NoError(t, os.WriteFile(file, []byte(untouched), 0o600))
	resp, err := r.SetOutput(file).Execute(method, path)
	body, readErr := os.ReadFile(file)
	require.NoError(t, readErr)
	return resp, string(body), err
}

// echo is the request as httpbin saw it.
func echo(t *testing.T, body string) httpbintest.Echo {
	t.Helper()
	var e httpbintest.Echo
	require.NoError(t, json.Unmarshal([]byte(body), &e), body)
	return e
}

// elsewhere is a server that nobody listed: it remembers the requests that it gets.
type elsewhere struct {
	*httptest.Server
	mu  sync.Mutex
	got []*http.Request
}

func newElsewhere(t *testing.T) *elsewhere {
	t.Helper()
	e := &elsewhere{}
	e.Server = httptest.NewServer(e)
	t.Cleanup(e.Close)
	return e
}

func (e *elsewhere) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	e.mu.Lock()
	e.got = append(e.got, r)
	e.mu.Unlock()
	if back := r.URL.Query().Get("back"); back != "" {
		http.Redirect(w, r, back, http.StatusFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, "{}")
}

// only is the one request that was made there.
func (e *elsewhere) only(t *testing.T) *http.Request {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	require.Len(t, e.got, 1)
	return e.got[0]
}

// inFront puts a handler in front of httpbin, for what httpbin cannot do: to have state,
// or Retry-After. The handler tells whether it has answered.
func inFront(t *testing.T, answers func(http.ResponseWriter, *http.Request) bool) string {
	t.Helper()
	target, err := url.Parse(httpbin(t))
	require.NoError(t, err)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !answers(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(front.Close)
	return front.URL
}

// isGo tells a go-httpbin, which can answer with any body, from the original.
func isGo(t *testing.T, url string) bool {
	t.Helper()
	resp, err := http.Get(url + "/base64/e30=?content-type=application/json")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.Header.Get("Content-Type") == "application/json"
}

// tokenURL is a token endpoint on httpbin: a POST there is answered with these members.
func tokenURL(t *testing.T, bin string, members map[string]string) string {
	t.Helper()
	if isGo(t, bin) {
		text, err := json.Marshal(members)
		require.NoError(t, err)
		return bin + "/base64/" + base64.URLEncoding.EncodeToString(text) + "?content-type=application%2Fjson"
	}
	query := url.Values{}
	for name, value := range members {
		query.Set(name, value)
	}
	return bin + "/response-headers?" + query.Encode()
}

// redirect is a path of httpbin that redirects to a URL.
func redirect(to string) string { return "/redirect-to?" + url.Values{"url": {to}}.Encode() }

// credentials are one step of each kind, with the word secret in what they send.
func credentials() map[string]middleware.Middleware {
	return map[string]middleware.Middleware{
		"Basic":  auth.Basic{Username: "ada", Password: auth.Static("secret")},
		"Bearer": auth.Bearer{Token: auth.Static("secret")},
		"header": auth.APIKey{Header: "X-API-Key", Key: auth.Static("secret")},
		"query":  auth.APIKey{Query: "api_key", Key: auth.Static("secret")},
		"OAuth2": &auth.OAuth2{Grant: grant(func() string { return "secret" })},
	}
}

// requireStranger asks that a request shows nothing of whom it is from.
func requireStranger(t *testing.T, r *http.Request) {
	t.Helper()
	for name := range r.Header {
		known := name == "User-Agent" || name == "Referer" || strings.HasPrefix(name, "Accept") || strings.HasPrefix(name, "Content-")
		require.True(t, known, "%s: %s", name, r.Header[name])
	}
	require.Empty(t, r.URL.RawQuery)
	if referer := r.Header.Get("Referer"); referer != "" {
		require.Equal(t, 3, strings.Count(referer, "/"), referer)
	}
}
