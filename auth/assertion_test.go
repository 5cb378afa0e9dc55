package auth_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

const sharedKey = "0123456789abcdef0123456789abcdef" // 256 bits, as HS256 wants

// claimsOf verifies a token with the shared key, and returns its claims.
func claimsOf(t *testing.T, token string) jwt.MapClaims {
	t.Helper()
	claims := jwt.MapClaims{}
	_, err := jwt.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return []byte(sharedKey), nil }, jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired(), jwt.WithIssuedAt())
	require.NoError(t, err)
	return claims
}

func TestAClientAssertionIsWhatRFC7523Says(t *testing.T) {
	signed := auth.ClientAssertion{JWT: auth.JWT{Key: auth.Static(sharedKey), Algorithm: "HS256"}}
	id := &issuer{}
	seen := map[any]bool{}
	for name, g := range map[string]auth.Grant{
		"client credentials": auth.ClientCredentials{Config: clientcredentials.Config{ClientID: "shop", TokenURL: "https://id.test/token"}, Auth: signed},
		"refresh":            auth.RefreshToken{Config: oauth2.Config{ClientID: "shop", Endpoint: oauth2.Endpoint{TokenURL: "https://id.test/token"}}, Auth: signed, Token: &oauth2.Token{RefreshToken: "R0"}},
	} {
		require.NoError(t, middleware.Use(client(t, &api{}), &auth.OAuth2{Grant: g}), name)
		for range 2 {
			_, err := mint(t, id, g)
			require.NoError(t, err)
			form := id.last(t).form
			require.Equal(t, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", form.Get("client_assertion_type"))
			require.Equal(t, "shop", form.Get("client_id"))
			require.False(t, form.Has("client_secret"))
			require.Empty(t, id.last(t).req.Header.Get("Authorization"))
			claims := claimsOf(t, form.Get("client_assertion"))
			require.Equal(t, []any{"shop", "shop", "https://id.test/token"}, []any{claims["iss"], claims["sub"], claims["aud"]})
			require.NotContains(t, seen, claims["jti"], "it is good once")
			seen[claims["jti"]] = true
		}
	}
	signed.JWT.Audience, signed.JWT.KeyID = "https://id.test", "2026"
	_, err := mint(t, id, auth.ClientCredentials{Config: clientcredentials.Config{ClientID: "shop", TokenURL: "https://id.test/token"}, Auth: signed})
	require.NoError(t, err)
	require.Equal(t, "https://id.test", claimsOf(t, id.last(t).form.Get("client_assertion"))["aud"])
}

func TestAnAssertionThatAPlatformSignsIsReadAnew(t *testing.T) {
	path := t.TempDir() + "/token"
	write(t, path, "workload-1")
	g := auth.ClientCredentials{Config: clientcredentials.Config{ClientID: "shop", TokenURL: "https://id.test/token"}, Auth: auth.ClientAssertion{Token: auth.File(path)}}
	require.Equal(t, "client credentials of shop at https://id.test/token, assertion from "+path, g.String())
	id := &issuer{answer: func(int, url.Values) *http.Response {
		return reply(nil, 401, "application/json", `{"error":"invalid_client","error_description":"workload-1 is unknown"}`)
	}}
	_, err := mint(t, id, g)
	require.ErrorContains(t, err, "invalid_client")
	require.NotContains(t, err.Error(), "workload-1")
	require.Equal(t, 1, id.count(), "there is no second place for it")
	write(t, path, "workload-2")
	_, err = mint(t, id, g)
	require.Error(t, err)
	require.Equal(t, "workload-2", id.last(t).form.Get("client_assertion"))
}

func TestTheJWTBearerGrantIsWhatRFC7523Says(t *testing.T) {
	config := clientcredentials.Config{TokenURL: "https://id.test/token", Scopes: []string{"read"}, EndpointParams: url.Values{"resource": {"https://api.test"}}}
	named := config
	named.ClientID = "shop"
	key := auth.JWT{Key: auth.Static(sharedKey), Algorithm: "HS256"}
	with := func(f func(*auth.JWT)) auth.JWT {
		j := key
		f(&j)
		return j
	}
	tests := []struct {
		name  string
		grant auth.JWTBearer
		want  [3]any // iss, sub, aud
	}{
		{"an account", auth.JWTBearer{Config: config, JWT: with(func(j *auth.JWT) { j.Issuer = "robot" })}, [3]any{"robot", "robot", "https://id.test/token"}},
		{"for a person", auth.JWTBearer{Config: config, JWT: with(func(j *auth.JWT) { j.Issuer, j.Subject = "robot", "mary" })}, [3]any{"robot", "mary", "https://id.test/token"}},
		{"without a subject", auth.JWTBearer{Config: config, JWT: with(func(j *auth.JWT) { j.Issuer, j.Claims = "robot", map[string]any{"sub": nil, "scope": "read"} })}, [3]any{"robot", nil, "https://id.test/token"}},
		{"a client", auth.JWTBearer{Config: named, Secret: auth.Static("s3cret"), JWT: key}, [3]any{"shop", "shop", "https://id.test/token"}},
		{"an audience", auth.JWTBearer{Config: named, Secret: auth.Static("s3cret"), JWT: with(func(j *auth.JWT) { j.Audience = "https://id.test" })}, [3]any{"shop", "shop", "https://id.test"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id := &issuer{}
			require.NoError(t, middleware.Use(client(t, &api{}), &auth.OAuth2{Grant: tt.grant}))
			_, err := mint(t, id, tt.grant)
			require.NoError(t, err)
			form := id.last(t).form
			require.Equal(t, []string{"urn:ietf:params:oauth:grant-type:jwt-bearer", "read", "https://api.test"}, []string{form.Get("grant_type"), form.Get("scope"), form.Get("resource")})
			claims := claimsOf(t, form.Get("assertion"))
			require.Equal(t, tt.want, [3]any{claims["iss"], claims["sub"], claims["aud"]})
			require.InDelta(t, (5 * time.Minute).Seconds(), claims["exp"].(float64)-claims["iat"].(float64), 0)
			_, _, header := id.last(t).req.BasicAuth()
			require.Equal(t, tt.grant.Secret != nil, header)
		})
	}
}

func TestUseRefusesAnAssertionThatCannotBeSigned(t *testing.T) {
	config := clientcredentials.Config{ClientID: "shop", TokenURL: "https://id.test/token"}
	key := auth.JWT{Key: auth.Static(sharedKey), Algorithm: "HS256"}
	for want, g := range map[string]auth.Grant{
		"oauth2: Auth: JWT: Key is nil: give auth.Env, auth.File, auth.Func or auth.Static": auth.ClientCredentials{Config: config, Auth: auth.ClientAssertion{}},
		"oauth2: Auth: both JWT and Token are set: use one":                                 auth.ClientCredentials{Config: config, Auth: auth.ClientAssertion{JWT: key, Token: auth.Static("T")}},
		"oauth2: Auth: Token: the secret is empty":                                          auth.ClientCredentials{Config: config, Auth: auth.ClientAssertion{Token: auth.Static("")}},
		"oauth2: both Auth and a client's secret are set: use one":                          auth.ClientCredentials{Config: config, Secret: auth.Static("s"), Auth: auth.ClientAssertion{JWT: key}},
		"oauth2: both JWT and Token are set: use one":                                       auth.JWTBearer{Config: config, JWT: key, Token: auth.Static("T")},
		"oauth2: JWT: Key is nil: give auth.Env, auth.File, auth.Func or auth.Static":       auth.JWTBearer{Config: config},
	} {
		require.EqualError(t, middleware.Use(client(t, &api{}), &auth.OAuth2{Grant: g}), want)
	}
	id := &issuer{}
	sealed := auth.Func(func(context.Context) (string, error) { return "", nil })
	for want, g := range map[string]auth.Grant{
		"Auth: Token: the secret is empty": auth.ClientCredentials{Config: config, Auth: auth.ClientAssertion{Token: sealed}},
		"Token: the secret is empty":       auth.JWTBearer{Config: config, Token: sealed},
		"Key: the secret is empty":         auth.JWTBearer{Config: config, JWT: auth.JWT{Key: sealed, Algorithm: "HS256"}},
	} {
		_, err := mint(t, id, g)
		require.EqualError(t, err, want)
	}
	require.Zero(t, id.count(), "nothing is asked without a proof")
}
