package authtest_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/restykit/restykit/auth/authtest"
)

const secret = "a s3cret: of 48 bytes or more, & with odd letters %+/"

// raw is a token request, and what comes of it.
type raw struct {
	form    url.Values
	basic   []string
	subject string
	scope   string
	refresh bool
}

// grants are a request for each grant, to a provider that knows "app", "public" and
// "service".
func grants(t *testing.T, p *authtest.Provider) map[string]raw {
	t.Helper()
	key := pairs(t)[jose.ES256]
	confidential := p.Client("app", authtest.Secret(secret), authtest.RedirectURIs("http://127.0.0.1/back"))
	p.Client("public", authtest.RedirectURIs("http://127.0.0.1/back"))
	p.Client("service", authtest.Key(key.Public()))
	p.User("alice", "open sesame")
	verifier := oauth2.GenerateVerifier()
	saved, err := confidential.Token("alice", "read", "write")
	require.NoError(t, err)
	const ats = "urn:ietf:params:oauth:token-type:access_token"
	return map[string]raw{
		"client credentials": {url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}}, []string{"app", secret}, "app", "read", false},
		"refresh token":      {url.Values{"grant_type": {"refresh_token"}, "refresh_token": {saved.RefreshToken}, "scope": {"read"}}, []string{"app", secret}, "alice", "read", false},
		"code, public": {url.Values{
			"grant_type": {"authorization_code"}, "code": {coded(t, p, "public", verifier, "http://127.0.0.1:4711/back")}, "client_id": {"public"},
			"redirect_uri": {"http://127.0.0.1:4711/back"}, "code_verifier": {verifier},
		}, nil, "alice", "openid offline_access read", true},
		"code, confidential": {url.Values{
			"grant_type": {"authorization_code"}, "code": {coded(t, p, "app", verifier, "http://127.0.0.1/back")},
			"redirect_uri": {"http://127.0.0.1/back"}, "code_verifier": {verifier},
		}, []string{"app", secret}, "alice", "openid offline_access read", true},
		"password": {url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"open sesame"}, "scope": {"read"}}, []string{"app", secret}, "alice", "read", true},
		"password, public": {url.Values{
			"grant_type": {"password"}, "username": {"alice"}, "password": {"open sesame"}, "client_id": {"public"},
		}, nil, "alice", "", true},
		"device": {url.Values{
			"grant_type": {authtest.GrantDevice}, "device_code": {approved(t, p, "public")}, "client_id": {"public"},
		}, nil, "alice", "read offline_access", true},
		"JWT bearer": {url.Values{
			"grant_type": {authtest.GrantJWTBearer}, "assertion": {sign(t, jose.ES256, key, claims(p, "service", "urn:user:bob"))}, "scope": {"read"},
		}, nil, "urn:user:bob", "read", false},
		"token exchange": {url.Values{
			"grant_type": {authtest.GrantTokenExchange}, "subject_token": {saved.AccessToken}, "subject_token_type": {ats},
			"audience": {"https://backend.test"}, "scope": {"read"}, "requested_token_type": {ats},
		}, []string{"app", secret}, "alice", "read", false},
		"token exchange of a JWT, with an actor, for a refresh token": {url.Values{
			"grant_type": {authtest.GrantTokenExchange}, "subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"},
			"subject_token": {sign(t, jose.ES256, key, claims(p, "service", "carol"))},
			"actor_token":   {saved.AccessToken}, "actor_token_type": {ats}, "scope": {"read"},
			"requested_token_type": {"urn:ietf:params:oauth:token-type:refresh_token"},
		}, []string{"app", secret}, "carol", "read", true},
	}
}

// coded is a code for a client of which alice approves.
func coded(t *testing.T, p *authtest.Provider, client, verifier, redirect string) string {
	t.Helper()
	config := oauth2.Config{ClientID: client, Endpoint: p.Endpoint(), RedirectURL: redirect, Scopes: []string{"openid", "offline_access", "read"}}
	back, err := p.Authorize("alice", config.AuthCodeURL("st4te", oauth2.S256ChallengeOption(verifier)))
	require.NoError(t, err)
	u, err := url.Parse(back)
	require.NoError(t, err)
	require.Equal(t, "st4te", u.Query().Get("state"))
	require.True(t, strings.HasPrefix(back, redirect), back)
	return u.Query().Get("code")
}

// approved is the code of a device of which alice approves.
func approved(t *testing.T, p *authtest.Provider, client string) string {
	t.Helper()
	asked := post(t, p.HTTPClient(), p.Endpoint().DeviceAuthURL, url.Values{"client_id": {client}, "scope": {"read offline_access"}})
	require.Equal(t, 200, asked.status, asked.body)
	require.NoError(t, p.Approve(asked.text("user_code"), "alice"))
	return asked.text("device_code")
}

func TestEachGrantGivesATokenForARawRequest(t *testing.T) {
	p := authtest.New(t, authtest.DeviceInterval(time.Millisecond))
	tests := grants(t, p)
	api := protected(t, p)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := post(t, p.HTTPClient(), p.TokenURL(), tt.form, tt.basic...)
			require.Equal(t, 200, got.status, got.body)
			require.Equal(t, "no-store", got.header.Get("Cache-Control"))
			require.Equal(t, "Bearer", got.body["token_type"])
			require.InDelta(t, 3600, got.body["expires_in"], 0)
			require.Equal(t, tt.scope, got.text("scope"))
			require.Equal(t, tt.refresh, got.text("refresh_token") != "")
			opened := open(t, api.URL, got.text("access_token"))
			require.Equal(t, 200, opened.status)
			require.Equal(t, tt.subject, opened.text("Subject"))
			if tt.form.Has("actor_token") {
				require.Equal(t, "alice", opened.text("Actor"))
			}
			if tt.form.Has("audience") {
				require.Equal(t, []any{"https://backend.test"}, opened.body["Audience"])
			}
			if tt.form.Has("requested_token_type") {
				require.Equal(t, tt.form.Get("requested_token_type"), got.text("issued_token_type"))
			}
			last := p.Requests(tt.form.Get("grant_type"))
			require.True(t, last[len(last)-1].Minted)
			require.True(t, p.Revoke(got.text("access_token")))
			require.False(t, p.Revoke(got.text("access_token")), "it has ended")
			refused := open(t, api.URL, got.text("access_token"))
			require.Equal(t, 401, refused.status)
			require.Contains(t, refused.header.Get("WWW-Authenticate"), `Bearer realm="authtest", error="invalid_token"`)
			if tt.refresh {
				next := post(t, p.HTTPClient(), p.TokenURL(), with(tt.form, "grant_type", "refresh_token", "refresh_token", got.text("refresh_token")), tt.basic...)
				require.Equal(t, 200, next.status, next.body)
				require.Equal(t, 200, open(t, api.URL, next.text("access_token")).status)
			}
			for _, once := range []string{"code", "device_code", "assertion"} {
				if tt.form.Has(once) {
					again := post(t, p.HTTPClient(), p.TokenURL(), tt.form, tt.basic...)
					require.Equal(t, "invalid_grant", again.text("error"), "it is good once")
				}
			}
		})
	}
	require.Equal(t, len(p.Requests()), p.Mints()+countErrors(p))
}

func countErrors(p *authtest.Provider) int {
	n := 0
	for _, r := range p.Requests() {
		if r.Error != "" {
			n++
		}
	}
	return n
}

// way is how a client proves who it is.
type way struct {
	id     string
	method string
	client *http.Client
	sign   func(url.Values) (url.Values, []string)
}

// ways are clients of a provider, one for each way.
func ways(t *testing.T, p *authtest.Provider) []way {
	t.Helper()
	certificate, err := authtest.NewCertificate("mtls")
	require.NoError(t, err)
	plain := p.HTTPClient()
	none := func(more ...string) func(url.Values) (url.Values, []string) {
		return func(form url.Values) (url.Values, []string) { return with(form, more...), nil }
	}
	p.Client("basic", authtest.Secret(secret))
	p.Client("post", authtest.Secret(secret))
	p.Client("hs", authtest.SecretJWT(secret))
	p.Client("tls", authtest.Certificate(certificate.Leaf))
	all := []way{
		{"basic", authtest.AuthBasic, plain, func(form url.Values) (url.Values, []string) { return form, []string{"basic", secret} }},
		{"post", authtest.AuthPost, plain, none("client_id", "post", "client_secret", secret)},
		{"tls", authtest.AuthTLS, p.HTTPClient(certificate), none("client_id", "tls")},
		{"hs", authtest.AuthSecret, plain, func(form url.Values) (url.Values, []string) {
			return with(form, "client_assertion_type", assertionType, "client_assertion", sign(t, jose.HS256, []byte(secret), claims(p, "hs", "hs"))), nil
		}},
	}
	for alg, key := range pairs(t) {
		id := "key " + string(alg)
		p.Client(id, authtest.Key(key.Public()))
		all = append(all, way{id, authtest.AuthKey, plain, func(form url.Values) (url.Values, []string) {
			return with(form, "client_assertion_type", assertionType, "client_assertion", sign(t, alg, key, claims(p, id, id))), nil
		}})
	}
	return all
}

func TestEachWayOfClientAuthenticationWorksForEachGrant(t *testing.T) {
	p := authtest.New(t, authtest.TLS(), authtest.DeviceInterval(time.Millisecond))
	p.User("alice", "open sesame")
	for _, w := range ways(t, p) {
		t.Run(w.id, func(t *testing.T) {
			send := func(to string, form url.Values) said {
				signed, basic := w.sign(form)
				return post(t, w.client, to, signed, basic...)
			}
			first := send(p.TokenURL(), url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"open sesame"}, "scope": {"read"}})
			require.Equal(t, 200, first.status, first.body)
			asked := send(p.Endpoint().DeviceAuthURL, url.Values{"scope": {"read"}})
			require.Equal(t, 200, asked.status, asked.body)
			require.NoError(t, p.Approve(asked.text("user_code"), "alice"))
			for _, form := range []url.Values{
				{"grant_type": {"client_credentials"}},
				{"grant_type": {"refresh_token"}, "refresh_token": {first.text("refresh_token")}},
				{"grant_type": {authtest.GrantDevice}, "device_code": {asked.text("device_code")}},
				{
					"grant_type": {authtest.GrantTokenExchange}, "subject_token": {first.text("access_token")},
					"subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
				},
			} {
				got := send(p.TokenURL(), form)
				require.Equal(t, 200, got.status, "%s: %v", form.Get("grant_type"), got.body)
				requests := p.Requests()
				require.Equal(t, w.method, requests[len(requests)-1].ClientAuth)
				require.Equal(t, w.id, requests[len(requests)-1].ClientID)
			}
			seen := send(p.Issuer+"/oauth/introspect", url.Values{"token": {first.text("access_token")}})
			if w.method != authtest.AuthTLS { // the engine's introspection knows no certificates
				require.Equal(t, true, seen.body["active"], seen.body)
				require.Equal(t, "alice", seen.text("sub"))
			}
			require.Equal(t, 200, send(p.Issuer+"/revoke", url.Values{"token": {first.text("access_token")}}).status)
			_, live := p.Live(first.text("access_token"))
			require.False(t, live)
		})
	}
}

// impostor is a token request of someone who is not who it says.
type impostor struct {
	form  url.Values
	basic []string
	code  string
	certs []tls.Certificate
}

func impostors(t *testing.T, p *authtest.Provider) map[string]impostor {
	t.Helper()
	keys := pairs(t)
	mine, err := authtest.NewCertificate("tls")
	require.NoError(t, err)
	other, err := authtest.NewCertificate("tls")
	require.NoError(t, err)
	p.Client("app", authtest.Secret(secret))
	p.Client("only basic", authtest.Secret(secret), authtest.AuthMethods(authtest.AuthBasic))
	p.Client("public")
	p.Client("hs", authtest.SecretJWT(secret))
	p.Client("key", authtest.Key(keys[jose.ES256].Public()))
	p.Client("tls", authtest.Certificate(mine.Leaf))
	p.Client("limited", authtest.Secret(secret), authtest.Grants(authtest.GrantPassword))
	assert := func(text string, more ...string) url.Values {
		return with(url.Values{"client_assertion_type": {assertionType}, "client_assertion": {text}}, more...)
	}
	changed := func(change func(*jwt.Claims)) string {
		c := claims(p, "key", "key")
		change(&c)
		return sign(t, jose.ES256, keys[jose.ES256], c)
	}
	once := sign(t, jose.ES256, keys[jose.ES256], claims(p, "key", "key"))
	require.Equal(t, 200, post(t, p.HTTPClient(), p.TokenURL(), assert(once, "grant_type", "client_credentials")).status)
	return map[string]impostor{
		"a wrong secret":               {nil, []string{"app", "wrong"}, "invalid_client", nil},
		"no secret":                    {url.Values{"client_id": {"app"}}, nil, "invalid_client", nil},
		"nobody":                       {url.Values{"client_id": {"nobody"}}, nil, "invalid_client", nil},
		"nobody at all":                {nil, nil, "invalid_request", nil},
		"a secret in both places":      {url.Values{"client_id": {"app"}, "client_secret": {secret}}, []string{"app", secret}, "invalid_request", nil},
		"a way that is not its own":    {url.Values{"client_id": {"only basic"}, "client_secret": {secret}}, nil, "invalid_client", nil},
		"a public client":              {url.Values{"client_id": {"public"}}, nil, "invalid_client", nil},
		"a secret for a public client": {nil, []string{"public", "any"}, "invalid_client", nil},
		"a secret that should sign":    {nil, []string{"hs", secret}, "invalid_client", nil},
		"signed with another secret":   {assert(sign(t, jose.HS256, []byte(strings.Repeat("x", 48)), claims(p, "hs", "hs"))), nil, "invalid_client", nil},
		"a key's bytes as a secret":    {assert(sign(t, jose.HS256, bytes.Repeat([]byte{1}, 48), claims(p, "key", "key"))), nil, "invalid_client", nil},
		"signed with another key":      {assert(sign(t, jose.RS256, keys[jose.RS256], claims(p, "key", "key"))), nil, "invalid_client", nil},
		"no JWT":                       {assert("nonsense"), nil, "invalid_client", nil},
		"used before":                  {assert(once), nil, "invalid_client", nil},
		"expired":                      {assert(changed(func(c *jwt.Claims) { c.Expiry = jwt.NewNumericDate(time.Now().Add(-time.Minute)) })), nil, "invalid_client", nil},
		"never expires":                {assert(changed(func(c *jwt.Claims) { c.Expiry = nil })), nil, "invalid_client", nil},
		"good for too long":            {assert(changed(func(c *jwt.Claims) { c.Expiry = jwt.NewNumericDate(time.Now().Add(48 * time.Hour)) })), nil, "invalid_client", nil},
		"not yet good":                 {assert(changed(func(c *jwt.Claims) { c.NotBefore = jwt.NewNumericDate(time.Now().Add(time.Minute)) })), nil, "invalid_client", nil},
		"issued in the future":         {assert(changed(func(c *jwt.Claims) { c.IssuedAt = jwt.NewNumericDate(time.Now().Add(time.Minute)) })), nil, "invalid_client", nil},
		"for another server":           {assert(changed(func(c *jwt.Claims) { c.Audience = jwt.Audience{"https://other.test"} })), nil, "invalid_client", nil},
		"about another client":         {assert(changed(func(c *jwt.Claims) { c.Subject = "app" })), nil, "invalid_client", nil},
		"by another client":            {assert(changed(func(*jwt.Claims) {}), "client_id", "app"), nil, "invalid_client", nil},
		"without a jti":                {assert(changed(func(c *jwt.Claims) { c.ID = "" })), nil, "invalid_client", nil},
		"no certificate":               {url.Values{"client_id": {"tls"}}, nil, "invalid_client", nil},
		"another certificate":          {url.Values{"client_id": {"tls"}}, nil, "invalid_client", []tls.Certificate{other}},
		"a grant that is not its own":  {nil, []string{"limited", secret}, "unauthorized_client", nil},
	}
}

func TestWhoDoesNotProveWhoItIsGetsNothing(t *testing.T) {
	p := authtest.New(t, authtest.TLS())
	tests := impostors(t, p)
	before := p.Mints()
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := post(t, p.HTTPClient(tt.certs...), p.TokenURL(), with(tt.form, "grant_type", "client_credentials"), tt.basic...)
			require.Equal(t, tt.code, got.text("error"), got.body)
			if tt.code == "invalid_client" && name != "a public client" {
				require.Equal(t, 401, got.status)
				require.Equal(t, tt.basic != nil, got.header.Get("WWW-Authenticate") != "")
			} else {
				require.Equal(t, 400, got.status)
			}
		})
	}
	require.Equal(t, before, p.Mints())
}

func TestGrantsAreRefusedThatAreNotGood(t *testing.T) {
	p := authtest.New(t)
	p.User("alice", "open sesame")
	app := p.Client("app", authtest.Secret(secret), authtest.RedirectURIs("http://127.0.0.1/back"))
	p.Client("public", authtest.RedirectURIs("http://127.0.0.1/back"))
	other, err := p.Client("other", authtest.Secret(secret)).Token("alice", "read")
	require.NoError(t, err)
	mine, err := app.Token("alice", "read")
	require.NoError(t, err)
	ended, err := app.Token("alice", "read")
	require.NoError(t, err)
	require.True(t, p.Revoke(ended.RefreshToken))
	code := func(opts ...oauth2.AuthCodeOption) string {
		config := app.Config("openid")
		back, err := p.Authorize("alice", config.AuthCodeURL("", opts...))
		require.NoError(t, err)
		u, err := url.Parse(back)
		require.NoError(t, err)
		return u.Query().Get("code")
	}
	challenged := oauth2.S256ChallengeOption(oauth2.GenerateVerifier())
	exchange := url.Values{"grant_type": {authtest.GrantTokenExchange}, "subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"}}
	coded := url.Values{"grant_type": {"authorization_code"}, "redirect_uri": {"http://127.0.0.1/back"}}
	tests := map[string]struct {
		form url.Values
		code string
	}{
		"no grant at all":              {url.Values{}, "invalid_request"},
		"a grant of its own":           {url.Values{"grant_type": {"magic"}}, "unsupported_grant_type"},
		"a refresh token of another":   {url.Values{"grant_type": {"refresh_token"}, "refresh_token": {other.RefreshToken}}, "invalid_grant"},
		"an unknown refresh token":     {url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"nonsense"}}, "invalid_grant"},
		"a revoked refresh token":      {url.Values{"grant_type": {"refresh_token"}, "refresh_token": {ended.RefreshToken}}, "invalid_grant"},
		"more scopes than granted":     {url.Values{"grant_type": {"refresh_token"}, "refresh_token": {mine.RefreshToken}, "scope": {"read write"}}, "invalid_scope"},
		"a wrong password":             {url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"wrong"}}, "invalid_grant"},
		"nobody":                       {url.Values{"grant_type": {"password"}, "username": {"bob"}}, "invalid_grant"},
		"an unknown code":              {with(coded, "code", "nonsense"), "invalid_grant"},
		"a code without its verifier":  {with(coded, "code", code(challenged)), "invalid_grant"},
		"a code and another verifier":  {with(coded, "code", code(challenged), "code_verifier", oauth2.GenerateVerifier()), "invalid_grant"},
		"a code for another place":     {with(coded, "code", code(), "redirect_uri", "http://127.0.0.1/other"), "invalid_grant"},
		"a verifier out of the blue":   {with(coded, "code", code(), "code_verifier", oauth2.GenerateVerifier()), "invalid_request"},
		"an unknown device":            {url.Values{"grant_type": {authtest.GrantDevice}, "device_code": {"nonsense"}}, "invalid_grant"},
		"no assertion":                 {url.Values{"grant_type": {authtest.GrantJWTBearer}, "assertion": {"nonsense"}}, "invalid_grant"},
		"an exchange of nothing":       {with(exchange, "subject_token", "nonsense"), "invalid_request"},
		"an exchange of what ended":    {with(exchange, "subject_token", ended.AccessToken), "invalid_request"},
		"an exchange for more":         {with(exchange, "subject_token", mine.AccessToken, "scope", "write"), "invalid_scope"},
		"an actor whose token ended":   {with(exchange, "subject_token", mine.AccessToken, "actor_token", ended.AccessToken, "actor_token_type", "urn:ietf:params:oauth:token-type:access_token"), "invalid_request"},
		"an exchange of another's JWT": {with(exchange, "subject_token", "a.b.c", "subject_token_type", "urn:ietf:params:oauth:token-type:jwt"), "invalid_request"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := post(t, p.HTTPClient(), p.TokenURL(), tt.form, "app", secret)
			require.Equal(t, tt.code, got.text("error"), got.body)
			require.Equal(t, 400, got.status)
		})
	}
	require.Zero(t, p.Mints())
	require.Len(t, p.Requests(), len(tests))
}

func TestADevicePollsUntilItsUserHasDecided(t *testing.T) {
	p := authtest.New(t)
	p.Client("tv")
	config := oauth2.Config{ClientID: "tv", Endpoint: p.Endpoint(), Scopes: []string{"read"}}
	ask := func() (*oauth2.DeviceAuthResponse, url.Values) {
		d, err := config.DeviceAuth(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 1, d.Interval)
		require.Equal(t, p.Issuer+"/device", d.VerificationURI)
		return d, url.Values{"grant_type": {authtest.GrantDevice}, "device_code": {d.DeviceCode}, "client_id": {"tv"}}
	}
	poll := func(form url.Values) string { return post(t, p.HTTPClient(), p.TokenURL(), form).text("error") }

	d, form := ask()
	require.Equal(t, "authorization_pending", poll(form))
	require.Equal(t, "slow_down", poll(form))
	require.NoError(t, p.Approve(strings.ToLower(strings.ReplaceAll(d.UserCode, "-", " ")), "alice"), "people type as they like")
	require.Error(t, p.Approve(d.UserCode, "bob"), "it is decided")
	require.Empty(t, poll(form))

	d, form = ask()
	require.NoError(t, p.Login("alice")(d.VerificationURIComplete))
	require.Empty(t, poll(form))

	d, form = ask()
	require.NoError(t, p.Deny(d.UserCode))
	require.Equal(t, "access_denied", poll(form))
	require.Equal(t, "invalid_grant", poll(form))

	d, form = ask()
	require.NoError(t, p.Decline()(d.VerificationURIComplete))
	require.Equal(t, "access_denied", poll(form))
	require.EqualError(t, p.Deny("nonsense"), `no device waits for the user code "nonsense"`)
	require.Error(t, p.Login("alice")(p.Issuer+"/device?user_code=nonsense"))
}

func TestALoginReachesTheRedirectURI(t *testing.T) {
	p := authtest.New(t)
	got := make(chan url.Values, 1)
	app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.URL.Query() }))
	t.Cleanup(app.Close)
	p.Client("app", authtest.RedirectURIs("http://127.0.0.1/back"))
	config := oauth2.Config{ClientID: "app", Endpoint: p.Endpoint(), RedirectURL: app.URL + "/back", Scopes: []string{"openid", "profile", "email"}}
	verifier := oauth2.GenerateVerifier()
	page := config.AuthCodeURL("st4te", oauth2.S256ChallengeOption(verifier))

	require.NoError(t, p.Login("alice")(page))
	back := <-got
	require.Equal(t, "st4te", back.Get("state"))
	token, err := config.Exchange(t.Context(), back.Get("code"), oauth2.VerifierOption(verifier))
	require.NoError(t, err)
	who := open(t, p.Issuer+"/userinfo", token.AccessToken)
	require.Equal(t, "alice@example.com", who.text("email"))
	require.Equal(t, "alice", who.text("sub"))
	id, err := jwt.ParseSigned(token.Extra("id_token").(string), []jose.SignatureAlgorithm{jose.ES256})
	require.NoError(t, err)
	var claims map[string]any
	require.NoError(t, id.UnsafeClaimsWithoutVerification(&claims))
	require.Equal(t, p.Issuer, claims["iss"])
	require.Equal(t, "alice", claims["preferred_username"])

	_, err = config.Exchange(t.Context(), back.Get("code"), oauth2.VerifierOption(verifier))
	require.ErrorContains(t, err, "invalid_grant")
	require.Equal(t, 401, open(t, p.Issuer+"/userinfo", token.AccessToken).status, "a code used twice ends what came of it")

	require.NoError(t, p.Decline()(page))
	back = <-got
	require.Equal(t, url.Values{"error": {"access_denied"}, "state": {"st4te"}}, back)

	back = refused(t, p, config.AuthCodeURL("st4te"), got)
	require.Equal(t, "invalid_request", back.Get("error"), "a public client without a challenge")
	config.RedirectURL = app.URL + "/elsewhere"
	require.Error(t, p.Login("alice")(config.AuthCodeURL("", oauth2.S256ChallengeOption(verifier))), "not a place of the client's")
	require.Empty(t, got)
}

func refused(t *testing.T, p *authtest.Provider, page string, got chan url.Values) url.Values {
	t.Helper()
	require.NoError(t, p.Login("alice")(page))
	return <-got
}

func TestDiscoveryTellsWhereAllIs(t *testing.T) {
	p := authtest.New(t, authtest.TLS())
	for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
		req, err := http.NewRequest(http.MethodGet, p.Issuer+path, http.NoBody)
		require.NoError(t, err)
		d := do(t, p.HTTPClient(), req)
		require.Equal(t, p.Issuer, d.text("issuer"))
		require.Equal(t, oauth2.Endpoint{
			AuthURL: d.text("authorization_endpoint"), TokenURL: d.text("token_endpoint"), DeviceAuthURL: d.text("device_authorization_endpoint"),
		}, p.Endpoint())
		require.Contains(t, d.body["grant_types_supported"], authtest.GrantTokenExchange)
		require.Contains(t, d.body["token_endpoint_auth_methods_supported"], authtest.AuthSecret)
		require.Contains(t, d.body["token_endpoint_auth_methods_supported"], authtest.AuthTLS)
		require.Equal(t, []any{"S256"}, d.body["code_challenge_methods_supported"])
		req, err = http.NewRequest(http.MethodGet, d.text("jwks_uri"), http.NoBody)
		require.NoError(t, err)
		require.Len(t, do(t, p.HTTPClient(), req).body["keys"], 1)
	}
}

func TestAccessTokensAreJWTsForAClientThatWantsThem(t *testing.T) {
	p := authtest.New(t)
	p.Client("app", authtest.Secret(secret), authtest.JWTAccessTokens())
	config := url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}}
	got := post(t, p.HTTPClient(), p.TokenURL(), config, "app", secret).text("access_token")
	token, err := jwt.ParseSigned(got, []jose.SignatureAlgorithm{jose.ES256})
	require.NoError(t, err)
	resp, err := p.HTTPClient().Get(p.Issuer + "/keys")
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	var keys jose.JSONWebKeySet
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&keys))
	var claims jwt.Claims
	require.NoError(t, token.Claims(keys.Key(token.Headers[0].KeyID)[0].Key, &claims), "signed with a key of jwks_uri")
	require.Equal(t, p.Issuer, claims.Issuer)
	require.Equal(t, "app", claims.Subject)
	require.Equal(t, 200, open(t, protected(t, p).URL, got).status)
	require.Equal(t, 1, p.RevokeAll())
	require.Equal(t, 401, open(t, protected(t, p).URL, got).status)
	require.Equal(t, 401, open(t, protected(t, p).URL, got[:len(got)-3]+"AAA").status, "signed by nobody")
}

func TestIntrospectionTellsWhatATokenIs(t *testing.T) {
	p := authtest.New(t)
	app := p.Client("app", authtest.Secret("s3cret"))
	p.Client("other", authtest.Secret("s3cret"))
	token, err := app.Token("alice", "read", "write")
	require.NoError(t, err)
	ask := func(text string, who ...string) said {
		return post(t, p.HTTPClient(), p.Issuer+"/oauth/introspect", url.Values{"token": {text}}, who...)
	}
	got := ask(token.AccessToken, "app", "s3cret")
	require.Equal(t, true, got.body["active"])
	require.Equal(t, "read write", got.text("scope"))
	require.Equal(t, "alice", got.text("sub"))
	require.Equal(t, "app", got.text("client_id"))
	require.InDelta(t, time.Now().Add(time.Hour).Unix(), got.body["exp"], 2)
	require.Equal(t, true, ask(token.RefreshToken, "app", "s3cret").body["active"])
	require.Equal(t, false, ask("n0nsense", "app", "s3cret").body["active"])
	require.Equal(t, "invalid_client", ask(token.AccessToken, "app", "wr0ng").text("error"))
	require.Equal(t, 400, ask(token.AccessToken).status, "whoever asks says who it is")

	revoke := func(who string) said {
		return post(t, p.HTTPClient(), p.Issuer+"/revoke", url.Values{"token": {token.RefreshToken}, "token_type_hint": {"refresh_token"}}, who, "s3cret")
	}
	require.Equal(t, 200, revoke("app").status)
	require.Equal(t, false, ask(token.RefreshToken, "app", "s3cret").body["active"])
	require.Equal(t, false, ask(token.AccessToken, "app", "s3cret").body["active"], "it came of the same login")
	require.Equal(t, 200, revoke("app").status, "RFC 7009 section 2.2: unknown tokens are no error")

	token, err = app.Token("alice")
	require.NoError(t, err)
	revoke("other")
	require.Equal(t, true, ask(token.RefreshToken, "app", "s3cret").body["active"], "that of another client stays")
	got = post(t, p.HTTPClient(), p.Issuer+"/revoke", url.Values{"token": {token.AccessToken}}, "other", "s3cret")
	require.Equal(t, 401, got.status, got.body)
	require.Equal(t, true, ask(token.AccessToken, "app", "s3cret").body["active"])
}
