package authtest_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/auth/authtest"
	"github.com/restykit/restykit/middleware"
)

// proof is how one client proves who it is, in the fields of a grant.
type proof struct {
	id     string
	method string // as the provider saw it
	style  oauth2.AuthStyle
	secret auth.Source
	auth   auth.ClientAuth
	client *http.Client
}

// proofs are clients of a provider, one for each way of client authentication.
func proofs(t *testing.T, p *authtest.Provider) []proof {
	t.Helper()
	certificate, err := authtest.NewCertificate("mtls")
	require.NoError(t, err)
	plain := p.HTTPClient()
	back := authtest.RedirectURIs("http://127.0.0.1/callback")
	p.Client("basic", authtest.Secret(secret), back)
	p.Client("only post", authtest.Secret(secret), authtest.AuthMethods(authtest.AuthPost), back)
	p.Client("post", authtest.Secret(secret), back)
	p.Client("hs", authtest.SecretJWT(secret), back)
	p.Client("tls", authtest.Certificate(certificate.Leaf), back)
	all := []proof{
		{id: "basic", method: authtest.AuthBasic, secret: auth.Static(secret), client: plain},
		{id: "only post", method: authtest.AuthPost, secret: auth.Static(secret), client: plain},
		{id: "post", method: authtest.AuthPost, style: oauth2.AuthStyleInParams, secret: auth.Static(secret), client: plain},
		{id: "hs", method: authtest.AuthSecret, auth: auth.ClientAssertion{JWT: auth.JWT{Key: auth.Static(secret), Algorithm: "HS256"}}, client: plain},
		{id: "tls", method: authtest.AuthTLS, auth: auth.MutualTLS{}, client: p.HTTPClient(certificate)},
	}
	for alg, key := range pairs(t) {
		id := "key " + string(alg)
		p.Client(id, authtest.Key(key.Public()), back)
		text, err := x509.MarshalPKCS8PrivateKey(key)
		require.NoError(t, err)
		block := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text})
		j := auth.JWT{Key: auth.Static(string(block)), Algorithm: string(alg)}
		all = append(all, proof{id: id, method: authtest.AuthKey, auth: auth.ClientAssertion{JWT: j}, client: plain})
	}
	return all
}

// everyGrant are the grants of package auth for a client, each with whom its token is for.
func everyGrant(t *testing.T, p *authtest.Provider, w proof) map[string]struct {
	grant   auth.Grant
	subject string
} {
	t.Helper()
	machine := clientcredentials.Config{ClientID: w.id, TokenURL: p.TokenURL(), Scopes: []string{"read"}, AuthStyle: w.style}
	person := oauth2.Config{ClientID: w.id, Endpoint: p.Endpoint(), Scopes: []string{"openid", "offline_access", "read"}}
	person.Endpoint.AuthStyle = w.style
	saved, err := p.Client("holder", authtest.Secret(secret)).Token("alice", "read")
	require.NoError(t, err)
	key := pairs(t)[`ES256`]
	p.Client("robot of "+w.id, authtest.Key(key.Public()))
	text, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	block := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text})
	issuer, err := auth.Discover(context.WithValue(t.Context(), oauth2.HTTPClient, w.client), p.Issuer)
	require.NoError(t, err)
	require.Equal(t, p.Endpoint().TokenURL, issuer.Endpoint().TokenURL)
	type tokenFor = struct {
		grant   auth.Grant
		subject string
	}
	return map[string]tokenFor{
		"client credentials": {auth.ClientCredentials{Config: machine, Secret: w.secret, Auth: w.auth}, w.id},
		"password":           {auth.ResourceOwnerPassword{Config: person, Secret: w.secret, Auth: w.auth, Username: "alice", Password: auth.Static("open sesame")}, "alice"},
		"code": {auth.AuthorizationCode{Config: person, Secret: w.secret, Auth: w.auth, Issuer: issuer.AuthorizationIssuer(), Open: func(_ context.Context, page string) error {
			go func() { _ = p.Login("alice")(page) }()
			return nil
		}}, "alice"},
		"device": {auth.DeviceAuthorization{Config: person, Secret: w.secret, Auth: w.auth, Prompt: func(_ context.Context, d oauth2.DeviceAuthResponse) error {
			return p.Approve(d.UserCode, "alice")
		}}, "alice"},
		"exchange":   {auth.TokenExchange{Config: machine, Secret: w.secret, Auth: w.auth, Subject: auth.Static(saved.AccessToken)}, "alice"},
		"JWT bearer": {auth.JWTBearer{Config: machine, Secret: w.secret, Auth: w.auth, JWT: auth.JWT{Key: auth.Static(string(block)), Issuer: "robot of " + w.id, Subject: "bob"}}, "bob"},
	}
}

func TestEachGrantWithEachProofOfTheClientGetsATokenThatOpens(t *testing.T) {
	p := authtest.New(t, authtest.TLS(), authtest.DeviceInterval(time.Second))
	p.User("alice", "open sesame")
	api := protected(t, p)
	for _, w := range proofs(t, p) {
		for name, tt := range everyGrant(t, p, w) {
			t.Run(w.id+"/"+name, func(t *testing.T) {
				t.Parallel()
				step := &auth.OAuth2{Grant: tt.grant, Client: w.client}
				c := resty.New().SetBaseURL(api.URL)
				require.NoError(t, middleware.Use(c, step, middleware.RequireStatus{}))
				var caller struct{ Subject string }
				_, err := c.R().SetResult(&caller).Get("/")
				require.NoError(t, err)
				require.Equal(t, tt.subject, caller.Subject)
				token, err := step.Token(t.Context())
				require.NoError(t, err)
				require.True(t, p.Revoke(token.AccessToken))
				_, err = c.R().SetResult(&caller).Get("/")
				require.NoError(t, err, "a token that is revoked is replaced")
				for _, r := range p.Requests() {
					if r.ClientID == w.id && r.Minted && r.Grant != authtest.GrantJWTBearer { // the assertion proves enough
						require.Equal(t, w.method, r.ClientAuth)
					}
				}
			})
		}
	}
}

func TestAPersonIsAskedOnceAndThenRefreshed(t *testing.T) {
	p := authtest.New(t)
	p.Rotate(true)
	p.User("alice", "open sesame")
	p.Lifetime(time.Second)
	p.Client("cli", authtest.RedirectURIs("http://127.0.0.1/callback"))
	logins := 0
	step := &auth.OAuth2{Grant: auth.AuthorizationCode{
		Config: oauth2.Config{ClientID: "cli", Endpoint: p.Endpoint(), Scopes: []string{"openid", "offline_access"}},
		Open: func(_ context.Context, page string) error {
			logins++
			go func() { _ = p.Login("alice")(page) }()
			return nil
		},
	}, Store: &auth.MemoryStore{}, Key: "cli"}
	c := using(t, protected(t, p).URL, step)
	for range 3 {
		resp, err := c.R().Get("/")
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, resp.StatusCode())
		<-time.After(1100 * time.Millisecond)
	}
	require.Equal(t, 1, logins)
	require.Equal(t, 2, p.Mints(authtest.GrantRefreshToken))
}

func TestAPersonWhoRefusesIsToldOf(t *testing.T) {
	p := authtest.New(t)
	p.User("alice", "open sesame")
	p.Client("cli", authtest.RedirectURIs("http://127.0.0.1/callback"))
	config := oauth2.Config{ClientID: "cli", Endpoint: p.Endpoint(), Scopes: []string{"openid"}}
	for name, grant := range map[string]auth.Grant{
		"code": auth.AuthorizationCode{Config: config, Open: func(_ context.Context, page string) error {
			go func() { _ = p.Decline()(page) }()
			return nil
		}},
		"device": auth.DeviceAuthorization{Config: config, Prompt: func(_ context.Context, d oauth2.DeviceAuthResponse) error { return p.Deny(d.UserCode) }},
	} {
		_, err := (&auth.OAuth2{Grant: grant}).Token(t.Context())
		require.ErrorContains(t, err, "access_denied", name)
	}
}
