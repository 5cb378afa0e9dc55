package middleware_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

// redirects is a network: it answers a URL with a redirect to another, or with 200.
func redirects(from map[string]string) *fakeWire {
	return newWire(func(_ int, req *http.Request) (*http.Response, error) {
		u := *req.URL
		u.RawQuery = ""
		if to := from[u.String()]; to != "" {
			return reply(302, "", "Location", to), nil
		}
		return reply(200, `{}`), nil
	})
}

// secretive is a client with a credential, and with secrets of its own on each request.
func secretive(t *testing.T, wire http.RoundTripper, base string, steps ...middleware.Middleware) *resty.Client {
	t.Helper()
	c := resty.New().SetTransport(wire).SetHeader("X-Client-Key", "client").
		SetCookie(&http.Cookie{Name: "session", Value: "alice"}).SetQueryParam("api_key", "query")
	if base != "" {
		c.SetBaseURL(base)
	}
	require.NoError(t, middleware.Use(c, append([]middleware.Middleware{bearer, middleware.RequestID{}}, steps...)...))
	return c
}

func TestNoCredentialForAnotherOrigin(t *testing.T) {
	const home = "https://api.test"
	for name, tt := range map[string]struct {
		base, url string
		redirect  map[string]string
		foreign   string // the last request, without its query
	}{
		"redirect to another host":        {home, "/x", map[string]string{home + "/x": "https://evil.test/y"}, "https://evil.test/y"},
		"redirect to a subdomain":         {home, "/x", map[string]string{home + "/x": "https://sub.api.test/y"}, "https://sub.api.test/y"},
		"redirect to the parent domain":   {"https://v1.api.test", "/x", map[string]string{"https://v1.api.test/x": "https://api.test/y"}, "https://api.test/y"},
		"redirect to another port":        {home, "/x", map[string]string{home + "/x": "https://api.test:8443/y"}, "https://api.test:8443/y"},
		"redirect from https to http":     {home, "/x", map[string]string{home + "/x": "http://api.test/y"}, "http://api.test/y"},
		"redirect to a look-alike":        {home, "/x", map[string]string{home + "/x": "https://api.test.evil.test/y"}, "https://api.test.evil.test/y"},
		"redirect with the host as user":  {home, "/x", map[string]string{home + "/x": "https://api.test@evil.test/y"}, "https://api.test@evil.test/y"},
		"redirect to a trailing dot":      {home, "/x", map[string]string{home + "/x": "https://api.test./y"}, "https://api.test./y"},
		"absolute URL beside a BaseURL":   {home, "https://evil.test/y", nil, "https://evil.test/y"},
		"absolute URL over plain http":    {home, "http://api.test/y", nil, "http://api.test/y"},
		"two redirects, one of them away": {home, "/x", map[string]string{home + "/x": home + "/z", home + "/z": "https://evil.test/y"}, "https://evil.test/y"},
		"there and back again":            {home, "/x", map[string]string{home + "/x": "https://evil.test/y", "https://evil.test/y": home + "/back"}, home + "/back"},
		"no BaseURL":                      {"", home + "/x", map[string]string{home + "/x": "https://evil.test/y"}, "https://evil.test/y"},
	} {
		t.Run(name, func(t *testing.T) {
			wire := redirects(tt.redirect)
			c := secretive(t, wire, tt.base)
			_, err := c.R().SetHeaders(map[string]string{
				"X-Api-Key": "mine", "Accept": "application/json", "Accept-Language": "de", "If-None-Match": `"v1"`,
				"Range": "bytes=0-9", "User-Agent": "test/1", "X-Custom": "1", "Traceparent": "00-1-2-03",
			}).Get(tt.url)
			require.NoError(t, err)
			sent := wire.requests()
			last := sent[len(sent)-1]
			bare, err := http.NewRequest(http.MethodGet, last.URL, nil)
			require.NoError(t, err)
			bare.URL.RawQuery = ""
			require.Equal(t, tt.foreign, bare.URL.String())

			got := last.Header
			id := got.Get("X-Request-Id")
			require.NotEmpty(t, id, "the request id goes along")
			want := http.Header{
				"Accept": {"application/json"}, "Accept-Language": {"de"}, "If-None-Match": {`"v1"`},
				"Range": {"bytes=0-9"}, "User-Agent": {"test/1"}, "X-Request-Id": {id},
			}
			if referer := got.Get("Referer"); referer != "" {
				require.NotContains(t, referer, "api_key")
				want.Set("Referer", referer)
			}
			require.Equal(t, want, got, "what any stranger may see, and nothing else")
			require.NotContains(t, last.URL, "api_key", "no query parameter of the client's")
		})
	}
}

func TestWhatStaysAtHomeHasItsCredentials(t *testing.T) {
	const home = "https://api.test"
	for name, tt := range map[string]struct {
		base, url string
		redirect  map[string]string
	}{
		"relative":                    {home, "/x", nil},
		"absolute":                    {home, home + "/x", nil},
		"absolute, in other letters":  {home, "HTTPS://API.test:443/x", nil},
		"BaseURL in other letters":    {"HTTPS://Api.Test:443", home + "/x", nil},
		"redirect to the same origin": {home, "/x", map[string]string{home + "/x": "/y"}},
		"no BaseURL":                  {"", home + "/x", map[string]string{home + "/x": home + "/y"}},
	} {
		t.Run(name, func(t *testing.T) {
			wire := redirects(tt.redirect)
			_, err := secretive(t, wire, tt.base).R().SetHeader("X-Api-Key", "mine").Get(tt.url)
			require.NoError(t, err)
			for _, r := range wire.requests() {
				require.Equal(t, "Bearer sesame", r.Header.Get("Authorization"), r.URL)
				require.Equal(t, "mine", r.Header.Get("X-Api-Key"))
				require.Equal(t, "client", r.Header.Get("X-Client-Key"))
				require.Contains(t, r.Header.Get("Cookie"), "session=alice")
			}
			require.Contains(t, wire.requests()[0].URL, "api_key=query")
		})
	}
}

func TestTheRefererIsCutToItsOrigin(t *testing.T) {
	wire := redirects(map[string]string{"https://api.test/private/x": "https://evil.test/y"})
	_, err := secretive(t, wire, "https://api.test").R().SetQueryParam("token", "sesame").Get("/private/x")
	require.NoError(t, err)
	require.Equal(t, "https://api.test/", wire.requests()[1].Header.Get("Referer"))
}

func TestARefererThatIsNoURLIsEmptied(t *testing.T) {
	wire := wireOf(200)
	_, err := secretive(t, wire, "https://api.test").R().SetHeader("Referer", "sesame").Get("https://evil.test/")
	require.NoError(t, err)
	require.Empty(t, wire.requests()[0].Header.Get("Referer"))

	_, err = secretive(t, wire, "https://api.test").R().SetHeader("Referer", "https://api.test/%zz?sesame").Get("https://evil.test/")
	require.NoError(t, err)
	require.Empty(t, wire.requests()[1].Header.Get("Referer"))
}

func TestTheGuardDoesNotWriteIntoTheCallersRequest(t *testing.T) {
	wire := wireOf(200)
	c := resty.New().SetTransport(wire).SetBaseURL("https://api.test")
	require.NoError(t, middleware.Use(c, bearer))
	resp, err := c.R().SetHeader("X-Api-Key", "mine").Get("https://evil.test/")
	require.NoError(t, err)
	require.Equal(t, "mine", resp.RawResponse.Request.Header.Get("X-Api-Key"))
	require.Empty(t, wire.requests()[0].Header.Get("X-Api-Key"))
}

func TestABaseURLMayHaveTheSchemeOfSetScheme(t *testing.T) {
	for name, set := range map[string]func(*resty.Client){
		"SetScheme":      func(c *resty.Client) { c.SetScheme("https").SetBaseURL("//api.test") },
		"the old field":  func(c *resty.Client) { c.HostURL = "https://api.test" },
		"scheme in both": func(c *resty.Client) { c.SetScheme("http").SetBaseURL("https://api.test") },
	} {
		t.Run(name, func(t *testing.T) {
			wire := wireOf(200)
			c := resty.New().SetTransport(wire)
			set(c)
			require.NoError(t, middleware.Use(c, bearer))
			_, err := c.R().Get("/x")
			require.NoError(t, err)
			_, err = c.R().Get("https://evil.test/x")
			require.NoError(t, err)
			require.Equal(t, "https://api.test/x", wire.requests()[0].URL)
			require.Equal(t, "Bearer sesame", wire.requests()[0].Header.Get("Authorization"))
			require.Empty(t, wire.requests()[1].Header.Get("Authorization"))
		})
	}
}

func TestOnlyTheClientsQueryParametersAreDropped(t *testing.T) {
	wire := wireOf(200)
	c := secretive(t, wire, "https://api.test")
	_, err := c.R().SetQueryParam("page", "2").Get("https://evil.test/y?sort=up")
	require.NoError(t, err)
	require.Equal(t, "https://evil.test/y?sort=up&page=2", wire.requests()[0].URL)

	_, err = c.R().SetQueryParam("api_key", "own").Get("https://evil.test/y")
	require.NoError(t, err)
	require.Equal(t, "https://evil.test/y?api_key=own", wire.requests()[1].URL, "what the caller gives this request is the caller's to give")
}

func TestListedOriginsAreTrusted(t *testing.T) {
	wire := redirects(map[string]string{"https://api.test/x": "https://files.test/y", "https://files.test/y": "https://evil.test/z"})
	step := bearer
	step.origins = []string{"https://files.test"}
	c := resty.New().SetTransport(wire).SetBaseURL("https://api.test")
	require.NoError(t, middleware.Use(c, step, credential{name: "key", field: "X-Key", secret: "k"}))
	_, err := c.R().Get("/x")
	require.NoError(t, err)
	sent := wire.requests()
	require.Equal(t, "Bearer sesame", sent[1].Header.Get("Authorization"))
	require.Empty(t, sent[2].Header.Get("Authorization"))
	require.Equal(t, "k", sent[0].Header.Get("X-Key"))
	require.Empty(t, sent[2].Header.Get("X-Key"))
}

func TestAStackWithoutSecretsChangesNothingAbroad(t *testing.T) {
	wire := redirects(map[string]string{"https://api.test/x": "https://evil.test/y"})
	c := resty.New().SetTransport(wire).SetBaseURL("https://api.test").SetHeader("X-Custom", "1")
	require.NoError(t, middleware.Use(c, middleware.RequestID{}))
	_, err := c.R().Get("/x")
	require.NoError(t, err)
	require.Equal(t, "1", wire.requests()[1].Header.Get("X-Custom"), "as resty does it")
}

func TestTheBaseURLIsTheOneAtTheTimeOfTheRequest(t *testing.T) {
	wire := wireOf(200)
	c := secretive(t, wire, "https://old.test")
	for _, base := range []string{"https://old.test", "https://new.test", "https://old.test"} {
		c.SetBaseURL(base)
		_, err := c.R().Get("/x")
		require.NoError(t, err)
		_, err = c.R().Get("https://third.test/x")
		require.NoError(t, err)
		sent := wire.requests()
		require.Equal(t, "Bearer sesame", sent[len(sent)-2].Header.Get("Authorization"), base)
		require.Empty(t, sent[len(sent)-1].Header.Get("Authorization"))
	}
}

func TestA401AbroadSaysWhyThereWasNoCredential(t *testing.T) {
	wire := wireOf(401)
	h := &hears{}
	c := secretive(t, wire, "https://api.test", middleware.RequireStatus{}, h, tries(3))
	_, err := c.R().Get("https://evil.test/y")
	require.ErrorIs(t, err, middleware.ErrUnauthorized)
	require.ErrorContains(t, err, "credentials withheld: https://evil.test is not https://api.test; list it in Origins")
	require.Len(t, h.got, 1, "said once per call")
	require.Equal(t, "withheld", h.got[0].Kind)

	_, err = c.R().Get("/x")
	require.ErrorIs(t, err, middleware.ErrUnauthorized)
	require.NotContains(t, err.Error(), "withheld")
}

func TestTrustedOutsideOfACallIsFalse(t *testing.T) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.test/", nil)
	require.NoError(t, err)
	require.False(t, middleware.Trusted(req, []string{"https://api.test"}))
}

func TestCredentialsOfOneRequestAreGuardedToo(t *testing.T) {
	wire := redirects(map[string]string{"https://api.test/x": "https://evil.test/y"})
	c := resty.New().SetTransport(wire).SetBaseURL("https://api.test").SetHeader("X-Custom", "1")
	require.NoError(t, middleware.Use(c, middleware.RequestID{}))
	_, err := c.R().SetContext(middleware.With(t.Context(), bearer)).Get("/x")
	require.NoError(t, err)
	require.Equal(t, "Bearer sesame", wire.requests()[0].Header.Get("Authorization"))
	require.Empty(t, wire.requests()[1].Header.Get("Authorization"))
	require.Empty(t, wire.requests()[1].Header.Get("X-Custom"))
}

// TestNoCredentialLeavesOverRealServers: another port, and plain http behind https, over
// sockets.
func TestNoCredentialLeavesOverRealServers(t *testing.T) {
	seen := make(chan http.Header, 1)
	evil := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header.Clone() }))
	t.Cleanup(evil.Close)
	bounce := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, evil.URL+"/y", http.StatusTemporaryRedirect)
	})
	for name, home := range map[string]*httptest.Server{"another port": httptest.NewServer(bounce), "https to http": httptest.NewTLSServer(bounce)} {
		t.Run(name, func(t *testing.T) {
			t.Cleanup(home.Close)
			c := secretive(t, &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, home.URL)
			_, err := c.R().SetHeader("X-Api-Key", "mine").SetBody("payload").Post("/x")
			require.NoError(t, err)
			got := <-seen
			for _, field := range []string{"Authorization", "X-Api-Key", "X-Client-Key", "Cookie"} {
				require.Empty(t, got.Get(field), field)
			}
			require.NotContains(t, got.Get("Referer"), "api_key")
			require.Equal(t, "text/plain; charset=utf-8", got.Get("Content-Type"), "what the body needs goes along")
		})
	}
}
