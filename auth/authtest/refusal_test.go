package authtest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/restykit/restykit/auth/authtest"
)

const accessType = "urn:ietf:params:oauth:token-type:access_token"

func TestAClientUsesNoGrantThatIsNotItsOwn(t *testing.T) {
	p := authtest.New(t)
	p.User("alice", "open sesame")
	key := pairs(t)[jose.ES256]
	p.Client("app", authtest.Secret("s3cret"), authtest.Grants(), authtest.RedirectURIs("http://127.0.0.1/back"))
	p.Client("service", authtest.Key(key.Public()), authtest.Grants(authtest.GrantClientCredentials))
	for _, form := range []url.Values{
		{"grant_type": {authtest.GrantClientCredentials}},
		{"grant_type": {authtest.GrantRefreshToken}, "refresh_token": {"RT"}},
		{"grant_type": {authtest.GrantCode}, "code": {"C"}, "redirect_uri": {"http://127.0.0.1/back"}},
		{"grant_type": {authtest.GrantPassword}, "username": {"alice"}, "password": {"open sesame"}},
		{"grant_type": {authtest.GrantDevice}, "device_code": {"D"}},
		{"grant_type": {authtest.GrantTokenExchange}, "subject_token": {"AT"}, "subject_token_type": {accessType}},
		{"grant_type": {authtest.GrantJWTBearer}, "assertion": {sign(t, jose.ES256, key, claims(p, "service", "alice"))}},
	} {
		got := post(t, p.HTTPClient(), p.TokenURL(), form, "app", "s3cret")
		require.Equal(t, "unauthorized_client", got.text("error"), "%v: %v", form, got.body)
	}
	got := post(t, p.HTTPClient(), p.Endpoint().DeviceAuthURL, url.Values{}, "app", "s3cret")
	require.Equal(t, "unauthorized_client", got.text("error"))
	config := oauth2.Config{ClientID: "app", Endpoint: p.Endpoint(), RedirectURL: "http://127.0.0.1/back", Scopes: []string{"openid"}}
	back, err := p.Authorize("alice", config.AuthCodeURL(""))
	require.NoError(t, err)
	require.Contains(t, back, "error=unauthorized_client")
	require.Zero(t, p.Mints())
}

func TestNoRefreshTokenForAClientThatMayNotUseIt(t *testing.T) {
	p := authtest.New(t)
	p.User("alice", "open sesame")
	app := p.Client("app", authtest.Secret("s3cret"), authtest.Grants(authtest.GrantPassword))
	got := post(t, p.HTTPClient(), p.TokenURL(), url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"open sesame"}}, "app", "s3cret")
	require.Equal(t, 200, got.status)
	require.NotContains(t, got.body, "refresh_token")
	token, err := app.Token("alice")
	require.NoError(t, err)
	require.Empty(t, token.RefreshToken)
	_, err = app.Token("")
	require.EqualError(t, err, "the user has no name")
}

func TestASecretThatIsSentSignsNothing(t *testing.T) {
	p := authtest.New(t)
	key := pairs(t)[jose.ES256]
	p.Client("app", authtest.Secret(secret))
	p.Client("both", authtest.Key(key.Public()), authtest.Secret(secret))
	p.Client("private", authtest.Key(key))
	grant := func(text string) string {
		return post(t, p.HTTPClient(), p.TokenURL(), url.Values{"grant_type": {authtest.GrantJWTBearer}, "assertion": {text}}).text("error")
	}
	require.Equal(t, "invalid_grant", grant(sign(t, jose.HS256, []byte(secret), claims(p, "app", "alice"))))
	require.Empty(t, grant(sign(t, jose.ES256, key, claims(p, "both", "alice"))), "the key is one to grant with")
	require.Equal(t, "invalid_grant", grant(sign(t, jose.ES256, key, claims(p, "both", ""))))
	require.Equal(t, "invalid_grant", grant(sign(t, jose.ES256, key, claims(p, "nobody", "alice"))))
	require.Equal(t, "invalid_grant", grant(sign(t, jose.ES256, key, claims(p, "private", "alice"))), "a private key is no public one")
	got := post(t, p.HTTPClient(), p.TokenURL(), url.Values{
		"grant_type": {"client_credentials"}, "client_assertion_type": {assertionType},
		"client_assertion": {sign(t, jose.ES256, key, claims(p, "both", "both"))},
	})
	require.Equal(t, "invalid_client", got.text("error"), "and not to authenticate with: the later option wins")
}

func TestAnExchangeKeepsWhoAndWhat(t *testing.T) {
	p := authtest.New(t)
	app := p.Client("app", authtest.Secret("s3cret"), authtest.JWTAccessTokens())
	alice, err := p.Client("opaque").Token("al:ice", "read", "write")
	require.NoError(t, err)
	bob, err := app.Token("bob")
	require.NoError(t, err)
	exchange := func(more ...string) said {
		return post(t, p.HTTPClient(), p.TokenURL(), with(url.Values{
			"grant_type": {authtest.GrantTokenExchange}, "subject_token": {alice.AccessToken}, "subject_token_type": {accessType},
		}, more...), "app", "s3cret")
	}
	got := exchange("actor_token", bob.AccessToken, "actor_token_type", accessType, "resource", "https://backend.test/")
	require.Equal(t, 200, got.status, got.body)
	require.Equal(t, "read write", got.text("scope"), "those of the subject, where none are asked for")
	require.Equal(t, accessType, got.text("issued_token_type"))
	caller, ok := p.Live(got.text("access_token"))
	require.True(t, ok)
	require.Equal(t, authtest.Caller{
		ClientID: "app", Subject: "al:ice", Scopes: []string{"read", "write"}, Audience: []string{"https://backend.test/"}, Actor: "bob",
	}, caller)
	token, err := jwt.ParseSigned(got.text("access_token"), []jose.SignatureAlgorithm{jose.ES256})
	require.NoError(t, err)
	var claims map[string]any
	require.NoError(t, token.UnsafeClaimsWithoutVerification(&claims))
	require.Equal(t, map[string]any{"sub": "bob"}, claims["act"], "RFC 8693 section 4.1")
	seen := post(t, p.HTTPClient(), p.Issuer+"/oauth/introspect", url.Values{"token": {got.text("access_token")}}, "app", "s3cret")
	require.Equal(t, map[string]any{"sub": "bob"}, seen.body["act"])
	got = exchange("subject_token", alice.RefreshToken, "subject_token_type", "urn:ietf:params:oauth:token-type:refresh_token", "scope", "read")
	require.Equal(t, 200, got.status, got.body)
	require.Equal(t, "read", got.text("scope"))
	got = exchange("requested_token_type", "urn:ietf:params:oauth:token-type:id_token")
	require.Equal(t, "N_A", got.text("token_type"), got.body)
	require.True(t, p.Revoke(alice.RefreshToken))
	got = exchange("subject_token", alice.RefreshToken, "subject_token_type", "urn:ietf:params:oauth:token-type:refresh_token")
	require.Equal(t, "invalid_request", got.text("error"))
}

func TestADeviceCodeIsThatOfOneClient(t *testing.T) {
	p := authtest.New(t)
	p.Client("tv")
	p.Client("radio")
	asked := post(t, p.HTTPClient(), p.Endpoint().DeviceAuthURL, url.Values{"client_id": {"tv"}})
	require.NoError(t, p.Approve(asked.text("user_code"), "alice"))
	form := url.Values{"grant_type": {authtest.GrantDevice}, "device_code": {asked.text("device_code")}}
	require.Equal(t, "invalid_grant", post(t, p.HTTPClient(), p.TokenURL(), with(form, "client_id", "radio")).text("error"))
	require.Equal(t, 200, post(t, p.HTTPClient(), p.TokenURL(), with(form, "client_id", "tv")).status)
}

func TestThePagesAskWhoIsThere(t *testing.T) {
	p := authtest.New(t)
	app := p.Client("app", authtest.RedirectURIs("http://127.0.0.1/back"))
	config := app.Config("openid")
	client := p.HTTPClient()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	look := func(page string) (int, string) {
		resp, err := client.Get(page)
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return resp.StatusCode, resp.Header.Get("Location")
	}
	status, to := look(config.AuthCodeURL("", oauth2.S256ChallengeOption(oauth2.GenerateVerifier())))
	require.Equal(t, 302, status)
	for query, want := range map[string]int{"": 401, "&user=": 401} {
		status, _ = look(p.Issuer + to + query)
		require.Equal(t, want, status)
	}
	status, _ = look(p.Issuer + to + "&user=alice")
	require.Equal(t, 302, status)
	status, _ = look(p.Issuer + to + "&user=bob")
	require.Equal(t, 404, status, "it is decided")
	for page, want := range map[string]int{"/login?id=no&user=alice": 404, "/login?id=no&decline=yes": 404, "/device?user_code=no": 401, "/device?user_code=no&user=alice": 404} {
		status, _ = look(p.Issuer + page)
		require.Equal(t, want, status, page)
	}
	status, _ = look(p.TokenURL())
	require.Equal(t, 405, status)
	require.Error(t, p.Login("alice")("http://[::1"))
	require.Error(t, p.Login("alice")(p.Issuer+"/nowhere"))
}

func TestALogoutEndsWhatTheUserGave(t *testing.T) {
	p := authtest.New(t)
	app := p.Client("app", authtest.Secret("s3cret"), authtest.RedirectURIs("http://127.0.0.1/back"))
	config := app.Config("openid", "offline_access")
	back, err := p.Authorize("alice", config.AuthCodeURL(""))
	require.NoError(t, err)
	u, err := url.Parse(back)
	require.NoError(t, err)
	token, err := config.Exchange(t.Context(), u.Query().Get("code"))
	require.NoError(t, err)
	other, err := app.Token("bob")
	require.NoError(t, err)
	client := p.HTTPClient()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Get(p.Issuer + "/end_session?id_token_hint=" + token.Extra("id_token").(string))
	require.NoError(t, err)
	_ = resp.Body.Close()
	require.Equal(t, 302, resp.StatusCode)
	_, live := p.Live(token.AccessToken)
	require.False(t, live)
	_, live = p.Live(other.AccessToken)
	require.True(t, live)
}

func TestAFaultOfTheLifetimeLeavesErrorsAlone(t *testing.T) {
	p := authtest.New(t)
	p.Client("app", authtest.Secret("s3cret"))
	p.Fault(1, authtest.ExpiresIn("-1"))
	got := post(t, p.HTTPClient(), p.TokenURL(), url.Values{"grant_type": {"client_credentials"}}, "app", "wr0ng")
	require.Equal(t, "invalid_client", got.text("error"))
	require.NotContains(t, got.body, "expires_in")
}

// Without a network many requests are in the engine at once.
func TestOfManyThatRefreshAtOnceWithOneTokenOneWins(t *testing.T) {
	p := authtest.New(t)
	p.Rotate(true)
	app := p.Client("app", authtest.Secret("s3cret"))
	client := &http.Client{Transport: p.Transport(nil), Timeout: time.Minute}
	for range 50 {
		saved, err := app.Token("alice")
		require.NoError(t, err)
		var wg sync.WaitGroup
		answers := make(chan string, 16)
		for range cap(answers) {
			wg.Go(func() {
				got := post(t, client, p.TokenURL(), url.Values{"grant_type": {"refresh_token"}, "refresh_token": {saved.RefreshToken}}, "app", "s3cret")
				answers <- fmt.Sprint(got.status, got.text("error"))
			})
		}
		wg.Wait()
		close(answers)
		won := 0
		for a := range answers {
			if a == "200" {
				won++
			} else {
				require.Equal(t, "400invalid_grant", a)
			}
		}
		require.Equal(t, 1, won)
		_, live := p.Live(saved.AccessToken)
		require.False(t, live, "the others ended the family")
	}
}
