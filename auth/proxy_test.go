package auth_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

// forwarder is a proxy for plain http, which answers by itself: with a token where it is
// asked for one. Whatever name it has in a transport's settings, the transport finds it.
type forwarder struct {
	url string

	mu   sync.Mutex
	seen []string // the URLs of the requests, and their secrets
}

func newForwarder(t *testing.T) *forwarder {
	t.Helper()
	f := &forwarder{}
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	f.url = srv.URL
	return f
}

// ServeHTTP remembers the request.
func (f *forwarder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.seen = append(f.seen, r.RequestURI+" "+r.Header.Get("Authorization")+r.Header.Get("X-Api-Key"))
	f.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"access_token":"s3cret-minted"}`))
}

// take are the requests since the last time.
func (f *forwarder) take() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	seen := f.seen
	f.seen = nil
	return seen
}

// transport goes to the forwarder for any name.
func (f *forwarder) transport(t *testing.T) *http.Transport {
	t.Helper()
	u, err := url.Parse(f.url)
	require.NoError(t, err)
	tr := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, u.Host)
	}}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// insecure are the schemes that may go over plain http.
func insecure() []middleware.Middleware {
	return []middleware.Middleware{
		auth.Basic{Username: "user", Password: auth.Static("s3cret-basic"), InsecureHTTP: true},
		auth.Bearer{Token: auth.Static("s3cret-bearer"), InsecureHTTP: true},
		auth.APIKey{Header: "X-Api-Key", Key: auth.Static("s3cret-key"), InsecureHTTP: true},
		auth.APIKey{Query: "api_key", Key: auth.Static("s3cret-key"), InsecureHTTP: true},
		&auth.OAuth2{Grant: granting("s3cret-oauth2"), InsecureHTTP: true},
	}
}

// There localhost is the machine of the proxy, and the secret crosses the network.
func TestNoCredentialToThisMachineThroughAProxyElsewhere(t *testing.T) {
	f := newForwarder(t)
	proxies := map[string]string{
		"http://proxy.test:8080":             "http://proxy.test:8080",
		"http://user:s3cret@192.0.2.1:3128/": "http://192.0.2.1:3128",
		"https://proxy.test":                 "https://proxy.test",
		"socks5://proxy.test:1080":           "socks5://proxy.test:1080",
		"http://localhost.proxy.test":        "http://localhost.proxy.test",
	}
	for scheme, step := range schemes() {
		for proxy, shown := range proxies {
			t.Run(scheme+"/"+shown, func(t *testing.T) {
				for _, base := range []string{"http://localhost:8080", "http://127.0.0.1", "http://[::1]:8080", "http://api.localhost"} {
					c := resty.New().SetTransport(f.transport(t)).SetProxy(proxy).SetBaseURL(base).SetLogger(silence{}).SetTimeout(2 * time.Second)
					require.NoError(t, middleware.Use(c, step()))
					_, err := c.R().Get("/")
					var refused *auth.InsecureError
					require.ErrorAs(t, err, &refused)
					require.Equal(t, auth.InsecureError{Step: step().Name(), Origin: base, Proxy: shown}, *refused)
					require.ErrorContains(t, err, step().Name()+": credentials are not sent over plain http to "+base+" through the proxy "+shown+": use https, or set InsecureHTTP")
					require.NotContains(t, err.Error(), "s3cret")
					require.Empty(t, f.take())
				}
			})
		}
	}
}

func TestAProxyOnThisMachineMayHaveTheCredentials(t *testing.T) {
	f := newForwarder(t)
	for scheme, step := range schemes() {
		t.Run(scheme, func(t *testing.T) {
			for _, proxy := range []string{f.url, "http://localhost:3128", "http://[::1]:3128", "http://proxy.localhost"} {
				c := resty.New().SetTransport(f.transport(t)).SetProxy(proxy).SetBaseURL("http://localhost:8080")
				require.NoError(t, middleware.Use(c, step()))
				_, err := c.R().Get("/orders")
				require.NoError(t, err, proxy)
				requireForwarded(t, f, "http://localhost:8080/orders")
			}
		})
	}
}

func TestInsecureHTTPIsAskedForAProxyToo(t *testing.T) {
	f := newForwarder(t)
	for _, step := range insecure() {
		t.Run(step.Name(), func(t *testing.T) {
			c := resty.New().SetTransport(f.transport(t)).SetProxy("http://proxy.test:8080").SetBaseURL("http://localhost:8080")
			require.NoError(t, middleware.Use(c, step))
			_, err := c.R().Get("/orders")
			require.NoError(t, err)
			requireForwarded(t, f, "http://localhost:8080/orders")
		})
	}
}

// requireForwarded asks for one request, with a secret, as a client sends it to a proxy.
func requireForwarded(t *testing.T, f *forwarder, target string) {
	t.Helper()
	seen := f.take()
	require.Len(t, seen, 1)
	require.Contains(t, seen[0], target, "it came as to a proxy")
	require.True(t, carries(hit{text: seen[0]}), seen[0])
}

func TestAProxyIsFoundInEachPlaceThatItIsSetIn(t *testing.T) {
	f := newForwarder(t)
	elsewhere := http.ProxyURL(&url.URL{Scheme: "http", Host: "proxy.test:8080"})
	transport := func(proxy func(*http.Request) (*url.URL, error)) *http.Transport {
		tr := f.transport(t)
		tr.Proxy = proxy
		return tr
	}
	get := func(c *resty.Client, target string, steps ...middleware.Middleware) error {
		require.NoError(t, middleware.Use(c, append(steps, bearer)...))
		_, err := c.R().Get(target)
		return err
	}
	const local = "http://127.0.0.1:8080/"
	var refused *auth.InsecureError
	require.ErrorAs(t, get(resty.New().SetTransport(transport(elsewhere)), local), &refused)
	require.ErrorAs(t, get(resty.New().SetTransport(transport(elsewhere)), local, middleware.Pool{}), &refused, "in the transport that a pool is cloned from")
	resp, err := (&http.Client{Transport: middleware.Stack{bearer}.RoundTripper(transport(elsewhere))}).Get(local)
	require.Nil(t, resp)
	require.ErrorAs(t, err, &refused, "in the base of a stack")
	c := resty.New().SetTransport(transport(nil))
	require.NoError(t, middleware.Use(c, bearer))
	c.SetProxy("http://proxy.test:8080")
	_, err = c.R().Get(local)
	require.ErrorAs(t, err, &refused, "where it is set behind Use")
	require.Empty(t, f.take())

	only := func(req *http.Request) (*url.URL, error) { // as NO_PROXY does
		if req.URL.Hostname() == "127.0.0.1" {
			return nil, nil
		}
		return elsewhere(req)
	}
	require.NoError(t, get(resty.New().SetTransport(transport(only)), local))
	require.ErrorAs(t, get(resty.New().SetTransport(transport(only)), "http://api.localhost/"), &refused)
	require.Len(t, f.take(), 1)
}

func TestABrokenProxySettingIsTheTransportsError(t *testing.T) {
	broken := errors.New("no such proxy")
	c := resty.New().SetTransport(&http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return nil, broken }}).SetLogger(silence{})
	require.NoError(t, middleware.Use(c, bearer))
	_, err := c.R().Get("http://localhost:8080/")
	require.ErrorIs(t, err, broken)
}

func TestTheProxyIsAskedForOnlyWhereItMatters(t *testing.T) {
	n := newInternet(t)
	asked := 0
	n.base.Proxy = func(*http.Request) (*url.URL, error) { asked++; return nil, nil }
	insecurely := auth.Bearer{Token: auth.Static("s3cret-bearer"), InsecureHTTP: true}
	for _, tt := range []struct {
		target string
		step   middleware.Middleware
		want   int // the transport asks once
	}{
		{"https://api.home.test", bearer, 1},
		{"https://localhost:8080", bearer, 1},
		{"http://localhost:8080", bearer, 2},
		{"http://localhost:8080", insecurely, 1},
		{"http://api.home.test", insecurely, 1},
	} {
		asked = 0
		_, err := n.client(t, tt.target, tt.step).R().Get("/land")
		require.NoError(t, err)
		require.Equal(t, tt.want, asked, tt.target)
	}
}

func TestNoTokenRequestToThisMachineThroughAProxyElsewhere(t *testing.T) {
	f := newForwarder(t)
	through := func(proxy string) *http.Client {
		u, err := url.Parse(proxy)
		require.NoError(t, err)
		tr := f.transport(t)
		tr.Proxy = http.ProxyURL(u)
		return &http.Client{Transport: tr}
	}
	ask := func(step *auth.OAuth2) (*api, error) {
		step.Grant = auth.ClientCredentials{
			Config: clientcredentials.Config{ClientID: "shop", TokenURL: "http://localhost:8080/token"},
			Secret: auth.Static("s3cret-client"),
		}
		rt := &api{}
		_, err := client(t, rt, step).R().Get("/")
		return rt, err
	}
	rt, err := ask(&auth.OAuth2{Client: through("http://proxy.test:8080")})
	var refused *auth.InsecureError
	require.ErrorAs(t, err, &refused)
	require.ErrorContains(t, err, "oauth2: TokenURL: credentials are not sent over plain http to http://localhost:8080 through the proxy http://proxy.test:8080: use https, or set InsecureHTTP")
	require.Empty(t, f.take())
	require.Zero(t, rt.count())

	for _, fine := range []*auth.OAuth2{
		{Client: through("http://proxy.test:8080"), InsecureHTTP: true},
		{Client: through(f.url)},
	} {
		rt, err = ask(fine)
		require.NoError(t, err)
		require.Equal(t, []string{"Bearer s3cret-minted"}, rt.authorizations())
		require.Len(t, f.take(), 1)
	}
}
