package main

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/auth/authtest"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	m.Run()
}

const want = `1. Discovery: the provider names its endpoints.
   tokens are at ISSUER/oauth/token
   clients prove themselves by none, client_secret_basic, client_secret_post, client_secret_jwt, private_key_jwt, self_signed_tls_client_auth

call  require-status  2xx
auth  oauth2          client credentials of shop at ISSUER/oauth/token, secret static, only API

2. 100 calls at once, and there is no token yet.
   100 x 200 OK; token requests: 1
3. The provider revokes the token while a request with it is on its way.
   POST /orders with token 1: 401 Unauthorized
   POST /orders with token 2: 201 Created
   the caller got 201 Created, and the API the whole body, {"order":42}; token requests: 1
4. The token endpoint is down, and wants a minute. 100 calls of a new client want a token.
   100 x *auth.TokenError: StatusCode 503, Retry-After 60; token requests: 1
   and the next call: Get "API/stock": oauth2: token: ISSUER/oauth/token: 503
   which nobody was asked for; token requests: 1
`

func TestOneTokenRequestForEachNeed(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out, service{}))
	require.Equal(t, want, out.String())
}

func TestARealProviderIsAskedForOneToken(t *testing.T) {
	p := authtest.New(t)
	p.Client("app", authtest.Secret("s3cret"))
	t.Setenv("SECRET_OF_APP", "s3cret")
	var out strings.Builder
	s := service{issuer: p.Issuer, id: "app", secret: auth.Env("SECRET_OF_APP"), scopes: []string{"read"}}
	require.NoError(t, run(t.Context(), &out, s))
	require.Contains(t, out.String(), "   tokens are at "+p.TokenURL()+"\n")
	require.Contains(t, out.String(), "   100 x the same Bearer token; token requests: 1\n")
	require.Len(t, p.Requests(), 1)
	require.Equal(t, "read", p.Requests()[0].Form.Get("scope"))
}

func TestWhatIsWrongIsSaid(t *testing.T) {
	p := authtest.New(t)
	p.Client("app", authtest.Secret("s3cret"))
	for want, s := range map[string]service{
		"the name of the environment variable is empty": {issuer: p.Issuer, id: "app", secret: auth.Env("")},
		"ClientID is empty":                             {issuer: p.Issuer, secret: auth.Static("s3cret")},
		"401 invalid_client":                            {issuer: p.Issuer, id: "app", secret: auth.Static("wr0ng")},
		"discovery: ":                                   {issuer: p.Issuer + "/"},
		"is no absolute URL without":                    {issuer: "login.example.com"},
	} {
		err := run(t.Context(), &strings.Builder{}, s)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "wr0ng")
	}
}

// TestWithoutTheKitEachCallerAsks is what README.md says of the client of x/oauth2.
func TestWithoutTheKitEachCallerAsks(t *testing.T) {
	l, err := startLab()
	require.NoError(t, err)
	defer l.close()
	config := l.provider.Client("shop", authtest.Secret("s3cret")).Credentials()
	config.AuthStyle = oauth2.AuthStyleInHeader
	get := func(client *http.Client) func() string {
		return func() string {
			resp, err := client.Get(l.api.URL + "/stock")
			if err != nil {
				return "an error"
			}
			_ = resp.Body.Close()
			return resp.Status
		}
	}
	client := config.Client(context.Background())
	require.Equal(t, "200 OK", get(client)())
	l.revoke.Store(true)
	require.Equal(t, "401 Unauthorized", get(client)())
	require.Equal(t, "401 Unauthorized", get(client)(), "for as long as the token would have lived")

	before := len(l.provider.Requests())
	l.provider.Fault(callers, authtest.RetryAfter(http.StatusServiceUnavailable, 0))
	require.Equal(t, "100 x an error", crowd(get(config.Client(context.Background()))))
	require.Len(t, l.provider.Requests(), before+callers)
}
