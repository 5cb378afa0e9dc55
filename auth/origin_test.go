package auth_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

const secretPair = "dXNlcjpzM2NyZXQtYmFzaWM=" // user:s3cret-basic

// schemes are all there are, each with a secret with s3cret in it, and where else it
// may go.
func schemes(origins ...string) map[string]func() middleware.Middleware {
	return map[string]func() middleware.Middleware{
		"basic": func() middleware.Middleware {
			return auth.Basic{Username: "user", Password: auth.Static("s3cret-basic"), Origins: origins}
		},
		"bearer": func() middleware.Middleware {
			return auth.Bearer{Token: auth.Static("s3cret-bearer"), Origins: origins}
		},
		"api key in the header": func() middleware.Middleware {
			return auth.APIKey{Header: "X-Api-Key", Key: auth.Static("s3cret-key"), Origins: origins}
		},
		"api key in the query": func() middleware.Middleware {
			return auth.APIKey{Query: "api_key", Key: auth.Static("s3cret-key"), Origins: origins}
		},
		"oauth2": func() middleware.Middleware {
			return &auth.OAuth2{Grant: granting("s3cret-oauth2"), Origins: origins}
		},
	}
}

// carries tells whether the secret of a scheme is in a request.
func carries(h hit) bool {
	for _, secret := range []string{secretPair, "s3cret-bearer", "s3cret-key", "s3cret-oauth2"} {
		if strings.Contains(h.text, secret) {
			return true
		}
	}
	return false
}

// requirePublic asks for a request with nothing in it that a stranger should not see.
func requirePublic(t *testing.T, h hit) {
	t.Helper()
	require.NotContains(t, h.text, "s3cret")
	require.NotContains(t, h.text, secretPair)
	public := []string{"Accept", "Accept-Encoding", "Accept-Language", "Content-Type", "Content-Length", "User-Agent", "Range", "If-None-Match", "X-Request-Id", "Referer"}
	for name := range h.header {
		require.Contains(t, public, name)
	}
	require.NotEmpty(t, h.header.Get("X-Request-Id"))
	require.Equal(t, "de", h.header.Get("Accept-Language"))
	require.Equal(t, `"e"`, h.header.Get("If-None-Match"))
	require.Contains(t, []string{"", home + "/"}, h.header.Get("Referer"))
}

// elsewhere is what looks like home and is not.
var elsewhere = map[string]string{
	"another host":                    "https://evil.test/land",
	"a subdomain":                     "https://sub.api.home.test/land",
	"the domain above":                "https://home.test/land",
	"another port":                    "https://api.home.test:8443/land",
	"a port with a zero before it":    "https://api.home.test:0443/land",
	"http":                            "http://api.home.test/land",
	"http on the port of https":       "http://api.home.test:443/land",
	"home as a user":                  "https://api.home.test@evil.test/land",
	"home as user and password":       "https://api.home.test:443@evil.test/land",
	"home as a path":                  "https://evil.test/api.home.test/land",
	"home as a prefix":                "https://api.home.test.evil.test/land",
	"a trailing dot":                  "https://api.home.test./land",
	"no scheme":                       "//evil.test/land",
	"no scheme, upper case":           "//EVIL.TEST/land",
	"a name in Unicode":               "https://api.höme.test/land",
	"a dotted I, which becomes an i":  "https://apİ.home.test/land",
	"a listed host, another port":     "https://files.home.test:8443/land",
	"a listed host, http":             "http://files.home.test/land",
	"a host below a listed one":       "https://sub.files.home.test/land",
	"an IPv6 address":                 "https://[2001:db8::1]/land",
	"an IPv6 address of this machine": "http://[::1]/land",
}

// backHome is home, written otherwise.
var backHome = map[string]string{
	"a path":             "/land",
	"the same":           "https://api.home.test/land",
	"upper case":         "HTTPS://API.Home.TEST/land",
	"the default port":   "https://api.home.test:443/land",
	"no port, but colon": "https://api.home.test:/land",
	"no scheme":          "//api.home.test/land",
	"dots in the path":   "https://api.home.test/x/../land",
}

// agents are the two ways to make a request: with resty, and a plain http.Client with
// the same stack. Each sets secrets of the caller's own, too.
var agents = map[string]func(*testing.T, *internet, string, string, ...middleware.Middleware) error{
	"resty": func(t *testing.T, n *internet, method, target string, steps ...middleware.Middleware) error {
		c := n.client(t, home, append(steps, middleware.RequestID{})...)
		c.SetHeader("X-Team", "s3cret-team").SetCookie(&http.Cookie{Name: "sid", Value: "s3cret-cookie"})
		c.SetQueryParam("client_key", "s3cret-query").SetHeader("Accept-Language", "de")
		r := c.R().SetHeader("X-Mine", "s3cret-mine").SetHeaderVerbatim("x-mine-too", "s3cret-mine").SetHeader("If-None-Match", `"e"`)
		r.SetCookie(&http.Cookie{Name: "own", Value: "s3cret-own"})
		if _, ok := steps[0].(auth.APIKey); ok {
			r.SetAuthToken("s3cret-caller")
		}
		if method == http.MethodPost {
			r.SetBody("the body")
		}
		_, err := r.Execute(method, target)
		return err
	},
	"net/http": func(t *testing.T, n *internet, method, target string, steps ...middleware.Middleware) error {
		if strings.HasPrefix(target, "/") {
			target = home + target
		}
		stack := middleware.Stack(append(steps, middleware.RequestID{}))
		c := http.Client{Transport: stack.RoundTripper(n.base)}
		req, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader("the body"))
		require.NoError(t, err)
		for name, value := range map[string]string{"X-Team": "s3cret-team", "Cookie": "sid=s3cret-cookie", "Accept-Language": "de", "If-None-Match": `"e"`} {
			req.Header.Set(name, value)
		}
		resp, err := c.Do(req)
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		return err
	},
}

func redirect(code int, to string) string {
	return fmt.Sprintf("/go?code=%d&to=%s", code, url.QueryEscape(to))
}

func TestNoCredentialForTheTargetOfARedirectElsewhere(t *testing.T) {
	n := newInternet(t)
	for agent, send := range agents {
		for scheme, step := range schemes("https://files.home.test") {
			for name, target := range elsewhere {
				for _, code := range []int{301, 302, 303, 307, 308} {
					method := http.MethodGet
					if code > 306 {
						method = http.MethodPost
					}
					t.Run(fmt.Sprintf("%s/%s/%d to %s", agent, scheme, code, name), func(t *testing.T) {
						require.NoError(t, send(t, n, method, redirect(code, target), step()))
						hits := n.take()
						require.Len(t, hits, 2)
						require.True(t, carries(hits[0]), hits[0].text)
						require.Contains(t, hits[0].text, "s3cret-team")
						requirePublic(t, hits[1])
					})
				}
			}
		}
	}
}

func TestCredentialsGoAlongWithARedirectAtHome(t *testing.T) {
	n := newInternet(t)
	for agent, send := range agents {
		for scheme, step := range schemes() {
			for name, target := range backHome {
				for _, code := range []int{301, 302, 303, 307, 308} {
					t.Run(fmt.Sprintf("%s/%s/%d to %s", agent, scheme, code, name), func(t *testing.T) {
						require.NoError(t, send(t, n, http.MethodPost, redirect(code, target), step()))
						hits := n.take()
						require.Len(t, hits, 2)
						for _, h := range hits {
							require.True(t, carries(h), h.text)
							require.Contains(t, h.text, "s3cret-team")
							require.NotContains(t, h.header.Get("Referer"), "s3cret-key")
						}
						if code > 306 {
							require.Equal(t, "the body", hits[1].body)
						}
					})
				}
			}
		}
	}
}

func TestNoCredentialForAnAbsoluteURLElsewhere(t *testing.T) {
	n := newInternet(t)
	for scheme, step := range schemes() {
		for name, target := range elsewhere {
			if strings.HasPrefix(target, "//") {
				continue // resty takes it for a path
			}
			t.Run(scheme+"/"+name, func(t *testing.T) {
				require.NoError(t, agents["resty"](t, n, http.MethodGet, target, step()))
				hits := n.take()
				require.Len(t, hits, 1)
				requirePublic(t, hits[0])
			})
		}
		for name, target := range backHome {
			t.Run(scheme+"/home as "+name, func(t *testing.T) {
				require.NoError(t, agents["resty"](t, n, http.MethodGet, target, step()))
				hits := n.take()
				require.Len(t, hits, 1)
				require.True(t, carries(hits[0]), hits[0].text)
			})
		}
	}
}

func TestNoCredentialOnceACallHasLeftHome(t *testing.T) {
	n := newInternet(t)
	const files = "https://files.home.test"
	land := home + "/land"
	tests := []struct {
		name  string
		first string
		want  []bool
	}{
		{"home, elsewhere, home", redirect(302, "https://evil.test"+redirect(302, land)), []bool{true, false, false}},
		{"home, elsewhere, home, home", redirect(302, "https://evil.test"+redirect(302, home+redirect(302, land))), []bool{true, false, false, false}},
		{"elsewhere, home", "https://evil.test" + redirect(302, land), []bool{false, false}},
		{"home, listed, home", redirect(302, files+redirect(302, land)), []bool{true, true, true}},
		{"listed, home", files + redirect(302, land), []bool{true, true}},
		{"home, listed, elsewhere, listed", redirect(302, files+redirect(302, "https://evil.test"+redirect(302, files+"/land"))), []bool{true, true, false, false}},
	}
	for scheme, step := range schemes(files) {
		for _, tt := range tests {
			t.Run(scheme+"/"+tt.name, func(t *testing.T) {
				require.NoError(t, agents["resty"](t, n, http.MethodGet, tt.first, step()))
				hits := n.take()
				require.Len(t, hits, len(tt.want))
				for i, want := range tt.want {
					require.Equal(t, want, carries(hits[i]), "hop %d: %s", i+1, hits[i].text)
					if !want {
						require.NotContains(t, hits[i].text, "s3cret")
					}
				}
			})
		}
	}
}

func TestOriginsWidensForItsStepAlone(t *testing.T) {
	n := newInternet(t)
	const files = "https://files.home.test:8443"
	c := n.client(t, home, auth.Bearer{Token: auth.Static("s3cret-bearer"), Origins: []string{files + "/"}}, auth.APIKey{Header: "X-Api-Key", Key: auth.Static("s3cret-key")})
	require.Equal(t, "auth  bearer             static, only https://api.home.test, https://files.home.test:8443/\nauth  api-key:x-api-key  static, only https://api.home.test", middleware.Of(c).String())
	for _, target := range []string{files + "/land", redirect(307, files+"/land")} {
		_, err := c.R().Get(target)
		require.NoError(t, err)
		hits := n.take()
		there := hits[len(hits)-1]
		require.Equal(t, files, there.origin)
		require.Equal(t, "Bearer s3cret-bearer", there.header.Get("Authorization"))
		require.Empty(t, there.header.Get("X-Api-Key"))
	}
}

func TestWithoutABaseURLHomeIsWhatTheCallerAskedFor(t *testing.T) {
	n := newInternet(t)
	for scheme, step := range schemes() {
		t.Run(scheme, func(t *testing.T) {
			c := n.client(t, "", step())
			for _, first := range []string{"https://one.test", "https://two.test:8443", "https://[2001:db8::1]:8443", "http://[::1]:8080", "http://127.1.2.3", "http://localhost:8080", "http://api.localhost"} {
				_, err := c.R().Get(first + redirect(307, first+"/land"))
				require.NoError(t, err)
				_, err = c.R().Get(first + redirect(307, "https://evil.test/land"))
				require.NoError(t, err)
				hits := n.take()
				require.Len(t, hits, 4)
				require.Equal(t, []bool{true, true, true, false}, []bool{carries(hits[0]), carries(hits[1]), carries(hits[2]), carries(hits[3])})
			}
		})
	}
}

func TestHomeIsTheBaseURLAtTheTimeOfTheRequest(t *testing.T) {
	n := newInternet(t)
	c := n.client(t, "https://one.test", auth.Bearer{Token: auth.Static("s3cret-bearer")})
	for _, base := range []string{"https://one.test", "https://two.test", "https://three.test:8443/v1/"} {
		c.SetBaseURL(base)
		for _, target := range []string{"/land", "https://one.test/land", "https://two.test/land", "https://three.test:8443/land"} {
			_, err := c.R().Get(target)
			require.NoError(t, err)
			h := n.take()[0]
			require.Equal(t, strings.HasPrefix(base, h.origin), carries(h), "BaseURL %s, %s", base, h.origin)
		}
	}
}

// A name of Unicode is asked for as its A-label, and that is another spelling: what is
// withheld by mistake is safe.
func TestANameInUnicodeIsItsOwnOrigin(t *testing.T) {
	n := newInternet(t)
	c := n.client(t, "https://höme.test", auth.Bearer{Token: auth.Static("s3cret-bearer")})
	for target, want := range map[string]bool{"/land": true, "https://höme.test/land": true, "https://xn--hme-sna.test/land": false, "https://HÖME.test/land": false} {
		_, err := c.R().Get(target)
		require.NoError(t, err)
		require.Equal(t, want, carries(n.take()[0]), target)
	}
}

func TestTheAnswerOfAStrangerSaysThatCredentialsWereWithheld(t *testing.T) {
	rt := &api{answer: func(req *http.Request) (*http.Response, error) {
		return reply(req, http.StatusUnauthorized, "text/plain", "who are you?"), nil
	}}
	_, err := client(t, rt, bearer, middleware.RequireStatus{}).R().Get("https://files.home.test/")
	require.EqualError(t, err, "status: GET https://files.home.test/: 401 Unauthorized (credentials withheld: https://files.home.test is not https://api.home.test; list it in Origins if it may have them): who are you?")
}

func TestAQueryParameterOfTheClientStaysAtHome(t *testing.T) {
	rt := &api{}
	c := client(t, rt, bearer).SetQueryParam("key", "s3cret").SetQueryParam("tenant", "7")
	tests := map[string]string{
		"https://evil.test/land":                  "",
		"https://evil.test/land?page=2":           "page=2",
		"https://evil.test/land?key=mine":         "key=mine",
		"https://evil.test/land?key=mine&key=too": "key=mine&key=too",
		"https://evil.test/land?z=1&a=%41&z;y&b":  "z=1&a=%41&z;y&b",
		"https://evil.test/land?k%65y=mine&b":     "k%65y=mine&b",
	}
	for target, want := range tests {
		_, err := c.R().Get(target)
		require.NoError(t, err)
		require.Equal(t, want, rt.last(t).URL.RawQuery, target)
	}
}

// A server that moves to another host or to http sends the whole query there, with the
// key that it found in it.
func TestAKeyThatARedirectRepeatsStaysAtHome(t *testing.T) {
	for _, to := range []string{"https://www.home.test", "http://api.home.test"} {
		t.Run(to, func(t *testing.T) {
			var there []string
			rt := &api{answer: func(req *http.Request) (*http.Response, error) {
				if req.URL.Scheme+"://"+req.URL.Host != home {
					there = append(there, req.URL.RawQuery)
					return reply(req, http.StatusOK, "text/plain", ""), nil
				}
				resp := reply(req, http.StatusMovedPermanently, "text/plain", "")
				resp.Header.Set("Location", to+req.URL.RequestURI())
				return resp, nil
			}}
			c := client(t, rt, auth.APIKey{Query: "api_key", Key: auth.Static("s3cret+/=&")})
			_, err := c.R().Get("/users?page=2")
			require.NoError(t, err)
			hc := http.Client{Transport: middleware.Of(c).RoundTripper(rt)}
			resp, err := hc.Get(home + "/users?page=2")
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, []string{"page=2", "page=2"}, there)
		})
	}
}

func TestNoCredentialOverPlainHTTP(t *testing.T) {
	for scheme, step := range schemes() {
		t.Run(scheme, func(t *testing.T) {
			for _, base := range []string{"http://api.home.test", "http://api.home.test:443", "http://192.0.2.1", "http://[2001:db8::1]:8080", "http://localhost.home.test", "http://127.0.0.1.nip.io", "http://localhost."} {
				rt := &api{}
				c := resty.New().SetTransport(rt).SetBaseURL(base).SetLogger(silence{})
				require.NoError(t, middleware.Use(c, step()))
				_, err := c.R().Get("/")
				var refused *auth.InsecureError
				require.ErrorAs(t, err, &refused)
				require.Equal(t, auth.InsecureError{Step: step().Name(), Origin: base}, *refused)
				require.True(t, refused.Final())
				require.ErrorContains(t, err, step().Name()+": credentials are not sent over plain http to "+base+": use https, or set InsecureHTTP")
				require.Zero(t, rt.count())
			}
			for _, base := range []string{"http://127.0.0.1:8080", "http://127.255.0.1", "http://[::1]:8080", "http://[::ffff:127.0.0.1]", "http://localhost", "http://LOCALHOST:8080", "http://api.localhost"} {
				rt := &api{}
				c := resty.New().SetTransport(rt).SetBaseURL(base)
				require.NoError(t, middleware.Use(c, step()))
				_, err := c.R().Get("/")
				require.NoError(t, err, base)
				require.Equal(t, 1, rt.count())
			}
		})
	}
}

func TestInsecureHTTPIsAsked(t *testing.T) {
	for _, step := range insecure() {
		t.Run(step.Name(), func(t *testing.T) {
			n := newInternet(t)
			c := n.client(t, "http://api.home.test", step)
			_, err := c.R().Get(redirect(302, "http://evil.test/land"))
			require.NoError(t, err)
			hits := n.take()
			require.True(t, carries(hits[0]))
			require.False(t, carries(hits[1]), "and only there")
		})
	}
}

func TestTheCallersOwnCredentialsNeedNoHTTPS(t *testing.T) {
	rt := &api{}
	c := resty.New().SetTransport(rt).SetBaseURL("http://api.home.test")
	require.NoError(t, middleware.Use(c, bearer))
	_, err := c.R().SetAuthToken("mine").Get("/")
	require.NoError(t, err)
	require.Equal(t, []string{"Bearer mine"}, rt.authorizations())
}
