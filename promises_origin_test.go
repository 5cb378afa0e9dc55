package restykit_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

// redirecting is the URL of a server that sends everybody on.
func redirecting(t *testing.T, to string, status int) string {
	t.Helper()
	return handling(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, status) })
}

// otherHost is the same server by another name.
func otherHost(url string) string { return strings.Replace(url, "127.0.0.1", "localhost", 1) }

// Go drops Authorization on the way to another host, but not what an API key is sent in,
// and the Referer tells the query.
func TestCredentialsAreBoundToAListOfOriginsAndOwnHeadersAndRefererAreStrippedElsewhere(t *testing.T) {
	t.Parallel()
	t.Run("bare resty", func(t *testing.T) {
		there := newElsewhere(t)
		c := bare(redirecting(t, otherHost(there.URL), 302)).SetHeader("X-API-Key", "secret").SetQueryParam("api_key", "secret")
		_, err := c.R().Get("/")
		require.NoError(t, err)
		require.Equal(t, "secret", there.only(t).Header.Get("X-API-Key"))
		require.Contains(t, there.only(t).Header.Get("Referer"), "api_key=secret")
	})
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run("with a stack, "+http.StatusText(status), func(t *testing.T) {
			there := newElsewhere(t)
			home := redirecting(t, otherHost(there.URL), status)
			c := clientOn(t, home, auth.APIKey{Header: "X-API-Key", Key: auth.Static("secret")}, auth.APIKey{Query: "api_key", Key: auth.Static("secret")})
			c.SetHeader("X-Own", "secret").SetQueryParam("own", "secret").SetAuthToken("secret")
			_, err := c.R().Get("/")
			require.NoError(t, err)
			requireStranger(t, there.only(t))
			require.Equal(t, home+"/", there.only(t).Header.Get("Referer"))
		})
	}
	t.Run("with a stack, a listed origin", func(t *testing.T) {
		there := newElsewhere(t)
		c := clientOn(t, redirecting(t, otherHost(there.URL), 302),
			auth.APIKey{Header: "X-API-Key", Key: auth.Static("secret"), Origins: []string{otherHost(there.URL)}},
			auth.APIKey{Header: "X-App-Key", Key: auth.Static("secret")})
		_, err := c.R().Get("/")
		require.NoError(t, err)
		require.Equal(t, "secret", there.only(t).Header.Get("X-API-Key"))
		require.Empty(t, there.only(t).Header.Get("X-App-Key"), "each step has its own list")
	})
}

// Go takes another port, and http behind https, for the same host, and resty's
// FlexibleRedirectPolicy puts headers back behind a detour.
func TestOriginIsSchemeHostAndPortAndADowngradeNeverCarriesCredentials(t *testing.T) {
	t.Parallel()
	over := func(t *testing.T, to string) (string, *tls.Config) {
		t.Helper()
		srv := httptest.NewTLSServer(http.RedirectHandler(to, http.StatusFound))
		t.Cleanup(srv.Close)
		roots := x509.NewCertPool()
		roots.AddCert(srv.Certificate())
		return srv.URL, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	own := func(c *resty.Client) *resty.Client {
		return c.SetHeader("X-API-Key", "secret").SetCookie(&http.Cookie{Name: "sid", Value: "secret"})
	}
	bearer := auth.Bearer{Token: auth.Static("secret")}
	t.Run("bare resty", func(t *testing.T) {
		there := newElsewhere(t)
		url, config := over(t, there.URL)
		_, err := own(bare(url)).SetTLSClientConfig(config).SetAuthToken("secret").R().Get("/")
		require.NoError(t, err)
		for _, name := range []string{"Authorization", "X-Api-Key", "Cookie"} {
			require.Contains(t, there.only(t).Header.Get(name), "secret", "in clear text, to another port")
		}
	})
	t.Run("with a stack, a downgrade", func(t *testing.T) {
		there := newElsewhere(t)
		url, config := over(t, there.URL)
		_, err := own(clientOn(t, url, bearer)).SetTLSClientConfig(config).R().Get("/")
		require.NoError(t, err)
		requireStranger(t, there.only(t))
	})
	t.Run("with a stack, another port", func(t *testing.T) {
		there := newElsewhere(t)
		_, err := own(clientOn(t, redirecting(t, there.URL, 302), bearer)).R().Get("/")
		require.NoError(t, err)
		requireStranger(t, there.only(t))
	})
	detour := func(t *testing.T, c *resty.Client) (last *http.Request) {
		t.Helper()
		there := newElsewhere(t)
		home := handling(t, func(w http.ResponseWriter, r *http.Request) {
			if last = r; r.URL.Path != "/back" {
				http.Redirect(w, r, otherHost(there.URL)+"?back="+"http://"+r.Host+"/back", http.StatusFound)
			}
		})
		_, err := own(c.SetBaseURL(home)).SetRedirectPolicy(resty.FlexibleRedirectPolicy(5)).R().Get("/")
		require.NoError(t, err)
		require.Equal(t, "/back", last.URL.Path)
		return last
	}
	t.Run("bare resty, a detour", func(t *testing.T) {
		require.Contains(t, detour(t, bare("").SetAuthToken("secret")).Header.Get("Authorization"), "secret", "where the stranger led to")
	})
	t.Run("with a stack, a detour", func(t *testing.T) {
		requireStranger(t, detour(t, clientOn(t, "", bearer)))
	})
}

// An absolute URL has nothing to do with the BaseURL, and takes all credentials along.
func TestOriginIsCheckedOnTheFirstHopAsOnRedirects(t *testing.T) {
	t.Parallel()
	home := serving(t, 200, "application/json", "{}")
	t.Run("bare resty", func(t *testing.T) {
		there := newElsewhere(t)
		_, err := bare(home).SetAuthToken("secret").SetHeader("X-API-Key", "secret").SetQueryParam("api_key", "secret").R().Get(there.URL)
		require.NoError(t, err)
		require.Equal(t, "Bearer secret", there.only(t).Header.Get("Authorization"))
		require.Equal(t, "secret", there.only(t).Header.Get("X-API-Key"))
		require.Equal(t, "api_key=secret", there.only(t).URL.RawQuery)
	})
	for kind, step := range credentials() {
		t.Run("with a stack, "+kind, func(t *testing.T) {
			there := newElsewhere(t)
			_, err := clientOn(t, home, step).SetHeader("X-Own", "secret").SetQueryParam("own", "secret").R().Get(there.URL)
			require.NoError(t, err)
			requireStranger(t, there.only(t))
		})
	}
	t.Run("with a stack, the 401 says why", func(t *testing.T) {
		there := serving(t, 401, "text/plain", "who are you?")
		_, err := clientOn(t, home, middleware.RequireStatus{}, auth.Bearer{Token: auth.Static("secret")}).R().Get(there)
		require.ErrorContains(t, err, "credentials withheld: "+there+" is not "+home+"; list it in Origins if it may have them")
	})
}

// A client's token silently wins over all that a request or a hook says.
func TestAuthorizationHasOneOwnerARequestsOwnWinsAndAConflictIsRefused(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var seen string
	url := handling(t, func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = r.Header.Get("Authorization")
	})
	sees := func(t *testing.T, r *resty.Request) string {
		t.Helper()
		_, err := r.Get("/")
		require.NoError(t, err)
		mu.Lock()
		defer mu.Unlock()
		return seen
	}
	const ada = "Basic YWRhOmhlcnM="
	t.Run("bare resty", func(t *testing.T) {
		require.Equal(t, "Bearer client", sees(t, bare(url).SetAuthToken("client").R().SetBasicAuth("ada", "hers")))
		require.Equal(t, "Bearer client", sees(t, bare(url).SetAuthToken("client").R().SetHeader("Authorization", ada)))
	})
	t.Run("with a stack", func(t *testing.T) {
		c := clientOn(t, url, auth.Bearer{Token: auth.Static("client")})
		require.Equal(t, "Bearer client", sees(t, c.R()))
		require.Equal(t, ada, sees(t, c.R().SetBasicAuth("ada", "hers")))
		require.Equal(t, ada, sees(t, c.R().SetHeader("Authorization", ada)))
		require.Equal(t, "Bearer hers", sees(t, c.R().SetAuthToken("hers")))
		require.Equal(t, ada, sees(t, c.R().SetContext(middleware.With(t.Context(), auth.Basic{Username: "ada", Password: auth.Static("hers")}))))
	})
	t.Run("with a stack, a conflict", func(t *testing.T) {
		for name, set := range map[string]func(*resty.Client){
			"SetAuthToken": func(c *resty.Client) { c.SetAuthToken("client") },
			"SetBasicAuth": func(c *resty.Client) { c.SetBasicAuth("ada", "hers") },
			"SetHeader":    func(c *resty.Client) { c.SetHeader("Authorization", ada) },
		} {
			c := bare(url)
			set(c)
			require.ErrorContains(t, middleware.Use(c, auth.Bearer{Token: auth.Static("t")}), "bearer: the client sets Authorization too ("+name+")")
			c = clientOn(t, url, auth.Bearer{Token: auth.Static("t")})
			set(c)
			_, err := c.R().Get("/")
			require.ErrorContains(t, err, name, "set after Use")
		}
		err := middleware.Use(bare(url), auth.Bearer{Token: auth.Static("t")}, auth.Basic{Username: "ada", Password: auth.Static("hers")})
		require.ErrorContains(t, err, "writes Authorization")
	})
}

// resty's cookie jar is there by default and shared by all who use a client.
func TestCallsWithCredentialsOfTheirOwnNeitherSendNorFillTheSharedCookieJar(t *testing.T) {
	t.Parallel()
	url := handling(t, func(w http.ResponseWriter, r *http.Request) {
		if who := r.Header.Get("Authorization"); who != "" {
			http.SetCookie(w, &http.Cookie{Name: "session", Value: strings.TrimPrefix(who, "Bearer ")})
		}
		_, _ = io.WriteString(w, r.Header.Get("Cookie"))
	})
	t.Run("bare resty", func(t *testing.T) {
		c := bare(url)
		_, _, err := decoded(t, c.R().SetAuthToken("alice"), "GET", "/")
		require.NoError(t, err)
		_, cookies, err := decoded(t, c.R().SetAuthToken("bob"), "GET", "/")
		require.NoError(t, err)
		require.Equal(t, "session=alice", cookies)
	})
	t.Run("with a stack", func(t *testing.T) {
		c := clientOn(t, url, middleware.RequireStatus{})
		as := func(user string) string {
			ctx := middleware.With(t.Context(), auth.Bearer{Token: auth.Static(user)})
			resp, cookies, err := decoded(t, c.R().SetContext(ctx), "GET", "/")
			require.NoError(t, err)
			require.Equal(t, user, resp.Cookies()[0].Value, "the caller sees what the server set")
			return cookies
		}
		require.Empty(t, as("alice"))
		require.Empty(t, as("bob"))
		require.Empty(t, as("alice"))
		_, cookies, err := decoded(t, c.R(), "GET", "/")
		require.NoError(t, err)
		require.Empty(t, cookies)
	})
}
