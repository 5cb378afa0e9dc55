package auth_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/internal/origin"
	"github.com/restykit/restykit/middleware"
)

// homes are origins of clients.
var homes = []string{home, "https://[2001:db8::2]:8443", "http://127.0.0.1:8080", "https://xn--hme-sna.test"}

// strangers are targets that look like home and are not, for any home.
func strangers(home string) map[string]string {
	u, err := url.Parse(home)
	if err != nil {
		panic(err)
	}
	other := map[string]string{"https": "http", "http": "https"}[u.Scheme]
	name := u.Hostname()
	bare := strings.NewReplacer("[", "", "]", "", ":", "-").Replace(name)
	out := map[string]string{
		"another host":                u.Scheme + "://evil.test",
		"another host of https":       "https://evil.test",
		"another port":                u.Scheme + "://" + hostPort(name, "9443"),
		"the other scheme":            other + "://" + hostPort(name, ""),
		"the other scheme, this port": other + "://" + u.Host,
		"a port with a zero":          u.Scheme + "://" + hostPort(name, "0"+port(u)),
		"home as a user":              u.Scheme + "://" + bare + "@evil.test",
		"home as user and password":   u.Scheme + "://" + bare + ":" + port(u) + "@evil.test",
		"home as a path":              u.Scheme + "://evil.test/" + bare,
		"home as a prefix":            u.Scheme + "://" + bare + ".evil.test",
		"home as a suffix":            u.Scheme + "://evil-" + bare,
		"no scheme":                   "//evil.test",
		"no scheme, upper case":       "//EVIL.TEST:8443",
		"a name in Unicode":           u.Scheme + "://höme.test",
		"a dotted I":                  u.Scheme + "://apİ.home.test",
		"an IPv6 address":             u.Scheme + "://[2001:db8::1]",
		"this machine":                "http://127.0.0.1:8081",
		"this machine, by IPv6":       "http://[::1]:8080",
		"this machine, in IPv6":       "http://[::ffff:127.0.0.1]:8080",
		"this machine, by name":       "http://localhost:8080",
		"a backslash for a slash":     `/\evil.test`,
		"two backslashes":             `\\evil.test`,
		"a backslash before the user": u.Scheme + `://evil.test\@` + u.Host,
		"a tab in the scheme":         "ht\ttps://evil.test",
		"a scheme of its own":         "ftp://evil.test",
		"one slash":                   u.Scheme + ":/evil.test",
	}
	if strings.Contains(name, ".test") {
		out["a subdomain"] = u.Scheme + "://sub." + u.Host
		out["the domain above"] = u.Scheme + "://" + name[strings.Index(name, ".")+1:]
		out["a trailing dot"] = u.Scheme + "://" + name + "."
	}
	return out
}

func hostPort(name, port string) string {
	if strings.Contains(name, ":") {
		name = "[" + name + "]"
	}
	if port == "" {
		return name
	}
	return name + ":" + port
}

func port(u *url.URL) string { return origin.Of(u).Port }

// leakers are all schemes there are, each with secrets with s3cret in them. What they
// write in fields that they make up is found by the fields' names.
func leakers(t *testing.T) map[string]func() middleware.Middleware {
	t.Helper()
	path := filepath.Join(t.TempDir(), "netrc")
	logins := "default login user password s3cret-default\n"
	for _, machine := range []string{"evil.test", "api.home.test", "2001:db8::2", "127.0.0.1", "xn--hme-sna.test"} {
		logins = "machine " + machine + " login user password s3cret-netrc\n" + logins
	}
	require.NoError(t, os.WriteFile(path, []byte(logins), 0o600))
	const key = "s3cret-0123456789abcdef0123456789abcdef"
	all := schemes()
	maps.Copy(all, map[string]func() middleware.Middleware{
		"digest": func() middleware.Middleware {
			return &auth.Digest{Username: "user", Password: auth.Static("s3cret-digest")}
		},
		"netrc": func() middleware.Middleware { return auth.Netrc{File: path} },
		"jwt":   func() middleware.Middleware { return auth.JWT{Key: auth.Static(key), Algorithm: "HS256"} },
		"hmac in the header": func() middleware.Middleware {
			return auth.HMAC{Key: auth.Static(key), Header: "X-Signature", Parts: []auth.Part{auth.PartMethod}, Fields: map[string]auth.Part{"X-Time": auth.PartUnix}}
		},
		"hmac in the query": func() middleware.Middleware {
			return auth.HMAC{Key: auth.Static(key), Query: "signature", Parts: []auth.Part{auth.PartMethod}, Params: map[string]auth.Part{"time": auth.PartUnix}}
		},
		"oauth1": func() middleware.Middleware {
			return auth.OAuth1{ConsumerKey: "k", ConsumerSecret: auth.Static("s3cret-consumer"), Token: auth.Static("s3cret-oauth1"), TokenSecret: auth.Static("s3cret-token")}
		},
		"custom": func() middleware.Middleware {
			return auth.Custom{Scheme: "acme", Header: "X-Signature", Sign: func(req *http.Request) error {
				req.Header.Set("X-Signature", "s3cret-acme")
				return nil
			}}
		},
		"dpop": func() middleware.Middleware {
			return &auth.OAuth2{DPoP: &auth.DPoP{}, Grant: grantFunc(func(context.Context, *http.Client, *oauth2.Token) (*oauth2.Token, error) {
				return &oauth2.Token{AccessToken: "s3cret-bound", TokenType: "DPoP"}, nil
			})}
		},
		"signature": func() middleware.Middleware {
			return auth.Signature{Key: auth.Static(key), Algorithm: "hmac-sha256", KeyID: "k", Components: []string{"@method"}}
		},
	})
	return all
}

// proves tells whether a request has credentials of some scheme.
func proves(h hit) bool {
	for _, name := range []string{"Authorization", "X-Api-Key", "X-Signature", "Signature", "Dpop"} {
		if h.header.Get(name) != "" {
			return true
		}
	}
	return strings.Contains(h.text, "api_key=") || strings.Contains(h.text, "signature=")
}

// requireNothing asks for a request to a stranger with nothing in it that is home's.
func requireNothing(t *testing.T, home string, h hit) {
	t.Helper()
	require.False(t, proves(h), h.text)
	require.NotContains(t, h.text, "s3cret")
	require.NotContains(t, h.text, "client_key")
	for name := range h.header {
		require.Contains(t, []string{"Accept", "Accept-Encoding", "Accept-Language", "Content-Type", "Content-Length", "User-Agent", "If-None-Match", "X-Request-Id", "Referer"}, name)
	}
	require.Contains(t, []string{"", home + "/"}, h.header.Get("Referer"))
}

// send makes a call of a client at home, which has secrets of its own, too.
func (n *internet) send(t *testing.T, home, method, target string, step middleware.Middleware) []hit {
	t.Helper()
	c := n.client(t, home, step, middleware.RequestID{})
	c.SetHeader("X-Team", "s3cret-team").SetCookie(&http.Cookie{Name: "sid", Value: "s3cret-cookie"}).SetQueryParam("client_key", "s3cret-query")
	r := c.R().SetHeader("X-Mine", "s3cret-mine").SetHeader("Referer", home+"/private?token=s3cret-referer")
	if method == http.MethodPost {
		r.SetBody("the body")
	}
	_, _ = r.Execute(method, target)
	return n.take()
}

func TestNothingOfHomeReachesAStranger(t *testing.T) {
	n := newInternet(t)
	pairs, reached := map[string]bool{}, 0
	for scheme, step := range leakers(t) {
		n.asks = ""
		if scheme == "digest" {
			n.asks = `Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256`
		}
		for _, home := range homes {
			u, err := url.Parse(home)
			require.NoError(t, err)
			for name, stranger := range strangers(home) {
				pairs[home+" "+name] = true
				targets := map[string]string{"absolute": stranger + "/land"}
				for _, code := range []int{301, 302, 303, 307, 308} {
					targets[fmt.Sprint(code)] = redirect(code, stranger+"/land")
				}
				for way, target := range targets {
					method := http.MethodGet
					if way > "306" && way < "309" {
						method = http.MethodPost
					}
					credentials := 0
					for _, h := range n.send(t, home, method, target, step()) {
						at, err := url.Parse(h.origin)
						require.NoError(t, err)
						if origin.Of(at) == origin.Of(u) {
							if proves(h) {
								credentials++
							}
							continue
						}
						reached++
						requireNothing(t, home, h)
					}
					if way != "absolute" {
						require.NotZero(t, credentials, "%s of %s to %s (%s): home has its own", scheme, home, name, way)
					}
				}
			}
		}
	}
	require.GreaterOrEqual(t, len(pairs), 60)
	require.Greater(t, reached, len(pairs)*len(leakers(t))*4, "most of them were reached")
	t.Logf("%d pairs of an origin and a target, %d requests to strangers", len(pairs), reached)
}

func TestATokenRequestFollowsNoRedirectToAStranger(t *testing.T) {
	for _, target := range strangers("https://id.test") {
		for _, code := range []int{301, 302, 303, 307, 308} {
			id := &issuer{}
			id.answer = func(int, url.Values) *http.Response {
				resp := reply(nil, code, "text/html", "moved")
				resp.Header.Set("Location", target+"/land")
				return resp
			}
			_, err := client(t, &api{}, id.step()).R().Get("/")
			_, failed := errors.AsType[*auth.TokenError](err)
			require.True(t, failed, "%v", err)
			require.Equal(t, 1, id.count(), target)
			require.Equal(t, "id.test", id.last(t).req.URL.Host)
		}
	}
}
