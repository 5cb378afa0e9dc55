package auth_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/restykit/restykit/auth"
)

// publishing serves documents at their paths, and tells what was asked.
func publishing(t *testing.T, documents map[string]string) (url string, asked *[]string) {
	asked = &[]string{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.URL.Path)
		text, found := documents[r.URL.Path]
		switch {
		case !found:
			http.NotFound(w, r)
		case strings.HasPrefix(text, "status "):
			w.WriteHeader(int(text[7]-'0') * 100)
		case strings.HasPrefix(text, "to "):
			http.Redirect(w, r, text[3:], http.StatusFound)
		default:
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprint(w, strings.ReplaceAll(text, "SELF", "http://"+r.Host))
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

func TestAServerIsDiscoveredAtItsWellKnownPlaces(t *testing.T) {
	const oidc, rfc8414 = "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"
	tests := []struct {
		name      string
		issuer    string // behind the server's URL
		documents map[string]string
		asked     []string
		want      string // the error, or "" for a server; URL is the server's
	}{
		{"OpenID Connect", "", map[string]string{oidc: `{"issuer":"SELF","token_endpoint":"SELF/token"}`}, []string{oidc}, ""},
		{"OpenID Connect, a path", "/tenant/a", map[string]string{"/tenant/a" + oidc: `{"issuer":"SELF/tenant/a","token_endpoint":"SELF/token"}`}, []string{"/tenant/a" + oidc}, ""},
		{"OpenID Connect, a slash at the end", "/", map[string]string{oidc: `{"issuer":"SELF/","token_endpoint":"SELF/token"}`}, []string{oidc}, ""},
		{"RFC 8414", "", map[string]string{rfc8414: `{"issuer":"SELF","token_endpoint":"SELF/token"}`}, []string{oidc, rfc8414}, ""},
		{"RFC 8414, a path", "/tenant", map[string]string{rfc8414 + "/tenant": `{"issuer":"SELF/tenant","token_endpoint":"SELF/token"}`}, []string{"/tenant" + oidc, rfc8414 + "/tenant"}, ""},
		{"another issuer", "", map[string]string{oidc: `{"issuer":"https://evil.test"}`}, []string{oidc}, `discovery: the document of URL names the issuer "https://evil.test": they must be the same, letter for letter (RFC 8414 section 3.3)`},
		{"the issuer with a slash more", "", map[string]string{oidc: `{"issuer":"SELF/"}`}, []string{oidc}, `discovery: the document of URL names the issuer "URL/": they must be the same, letter for letter (RFC 8414 section 3.3)`},
		{"no issuer", "", map[string]string{oidc: `{}`}, []string{oidc}, `discovery: the document of URL names the issuer "": they must be the same, letter for letter (RFC 8414 section 3.3)`},
		{"no document", "", nil, []string{oidc, rfc8414}, "discovery: URL" + oidc + ": 404: no document there, and URL" + rfc8414 + ": 404: no document there"},
		{"a server that is ill", "", map[string]string{oidc: "status 5", rfc8414: `{"issuer":"SELF"}`}, []string{oidc}, "discovery: URL" + oidc + ": 500, where 200 and the server's endpoints were expected"},
		{"a redirect", "", map[string]string{oidc: "to /elsewhere"}, []string{oidc}, "discovery: URL" + oidc + ": 302, where 200 and the server's endpoints were expected"},
		{"a page", "", map[string]string{oidc: "<html>"}, []string{oidc}, `discovery: URL` + oidc + `: the answer ("application/json") is no JSON object of an authorization server`},
		{"endless", "", map[string]string{oidc: `{"issuer":"SELF"}` + strings.Repeat(" ", 1<<20)}, []string{oidc}, `discovery: URL` + oidc + `: the answer ("application/json") is no JSON object of an authorization server`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			url, asked := publishing(t, tt.documents)
			server, err := auth.Discover(t.Context(), url+tt.issuer)
			require.Equal(t, strings.ReplaceAll(tt.want, "URL", url), text(err))
			require.Equal(t, tt.asked, *asked, "and no keys are fetched")
			if tt.want == "" {
				require.Equal(t, url+"/token", server.Endpoint().TokenURL)
			}
		})
	}
}

func TestWhatAServerSaysOfItselfIsRead(t *testing.T) {
	url, _ := publishing(t, map[string]string{"/.well-known/openid-configuration": `{"issuer":"SELF","authorization_endpoint":"SELF/a","token_endpoint":"SELF/t",
		"device_authorization_endpoint":"SELF/d","jwks_uri":"SELF/jwks","authorization_response_iss_parameter_supported":true,
		"token_endpoint_auth_methods_supported":["private_key_jwt"],"mtls_endpoint_aliases":{"token_endpoint":"SELF/mtls/t"},"more":[1]}`})
	server, err := auth.Discover(t.Context(), url)
	require.NoError(t, err)
	require.Equal(t, oauth2.Endpoint{AuthURL: url + "/a", TokenURL: url + "/t", DeviceAuthURL: url + "/d"}, server.Endpoint())
	require.Equal(t, url, server.AuthorizationIssuer())
	require.Equal(t, url+"/mtls/t", server.MutualTLS.TokenEndpoint)
	require.Equal(t, []string{"private_key_jwt"}, server.TokenEndpointAuthMethods)
	server.NamesIssuer = false
	require.Empty(t, server.AuthorizationIssuer())
}

func TestAnIssuerThatIsNoneIsNotAsked(t *testing.T) {
	for issuer, want := range map[string]string{
		"http://id.test":             `discovery: the issuer "http://id.test" is not of https: whoever is on the way could name endpoints of their own`,
		"":                           `discovery: the issuer "" is no absolute URL without user, query and fragment`,
		"id.test":                    `discovery: the issuer "id.test" is no absolute URL without user, query and fragment`,
		"https://id.test?tenant=a":   `discovery: the issuer "https://id.test?tenant=REDACTED" is no absolute URL without user, query and fragment`,
		"https://u:p4ss@id.test":     `discovery: the issuer "https://REDACTED@id.test" is no absolute URL without user, query and fragment`,
		"https://id.test#fragment":   `discovery: the issuer "https://id.test" is no absolute URL without user, query and fragment`,
		"https://id.test/%zz/tenant": `discovery: the issuer "https://id.test/%zz/tenant" is no absolute URL without user, query and fragment`,
	} {
		_, err := auth.Discover(t.Context(), issuer)
		require.EqualError(t, err, want)
	}
}

func TestDiscoveryGoesOverTheClientOfTheContextAndObeysIt(t *testing.T) {
	rt := &api{answer: func(req *http.Request) (*http.Response, error) {
		return reply(req, 200, "application/json", `{"issuer":"https://id.test","token_endpoint":"https://id.test/t"}`), nil
	}}
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: rt})
	_, err := auth.Discover(ctx, "https://id.test")
	require.NoError(t, err)
	require.Equal(t, 1, rt.count())
	gone, cancel := context.WithCancel(ctx)
	cancel()
	rt.answer = func(req *http.Request) (*http.Response, error) { return nil, req.Context().Err() }
	_, err = auth.Discover(gone, "https://id.test")
	require.ErrorIs(t, err, context.Canceled)
}
