package authtest_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/auth/authtest"
	"github.com/restykit/restykit/middleware"
)

// server is a token endpoint, and what it takes to test against it.
type server interface {
	config() oauth2.Config // of a client that has a secret
	saved(t *testing.T) *oauth2.Token
	protect(http.Handler) http.Handler
	revoke(t *testing.T, access string)
	mints() int
	// rejects says whether the server tells a client's wrong secret when it refreshes.
	rejects() bool
}

// ours is the provider, as a server of the table.
type ours struct {
	p   *authtest.Provider
	app *authtest.Client
}

func (o ours) config() oauth2.Config               { return o.app.Config("read") }
func (o ours) protect(h http.Handler) http.Handler { return o.p.Protect(h) }
func (o ours) mints() int                          { return o.p.Mints() }
func (ours) rejects() bool                         { return true }

func (o ours) revoke(t *testing.T, access string) {
	t.Helper()
	require.True(t, o.p.Revoke(access))
}

func (o ours) saved(t *testing.T) *oauth2.Token {
	t.Helper()
	token, err := o.app.Token("alice", "read")
	require.NoError(t, err)
	return token
}

// servers are the provider, and one that others wrote.
func servers() map[string]func(*testing.T) server {
	return map[string]func(*testing.T) server{
		"zitadel/oidc": func(t *testing.T) server {
			t.Helper()
			p := authtest.New(t)
			p.Rotate(true)
			return ours{p, p.Client("app", authtest.Secret("s3cret"))}
		},
		"go-oauth2/oauth2": second,
	}
}

func onEachServer(t *testing.T, test func(*testing.T, server)) {
	t.Helper()
	for name, begin := range servers() {
		t.Run(name, func(t *testing.T) { test(t, begin(t)) })
	}
}

// resource is a protected API that repeats what it was sent, and remembers the tokens.
type resource struct {
	*httptest.Server

	mu     sync.Mutex
	tokens []string
	bodies []string
}

func newResource(t *testing.T, s server) *resource {
	t.Helper()
	r := &resource{}
	guarded := s.protect(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"ok":true}`))
	}))
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body := make([]byte, max(0, req.ContentLength))
		_, _ = req.Body.Read(body)
		r.mu.Lock()
		r.tokens = append(r.tokens, req.Header.Get("Authorization"))
		r.bodies = append(r.bodies, string(body))
		r.mu.Unlock()
		guarded.ServeHTTP(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *resource) distinct() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := map[string]bool{}
	for _, token := range r.tokens {
		seen[token] = true
	}
	return len(seen)
}

// using is a client of the resource with a step.
func using(t *testing.T, base string, steps ...middleware.Middleware) *resty.Client {
	t.Helper()
	c := resty.New().SetBaseURL(base)
	require.NoError(t, middleware.Use(c, steps...))
	t.Cleanup(c.GetClient().CloseIdleConnections)
	return c
}

func get(t *testing.T, c *resty.Client) {
	t.Helper()
	resp, err := c.R().SetBody("the body").Put("/")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode(), resp.String())
}

func TestClientCredentialsAreTakenInBothPlacesAndMintOnce(t *testing.T) {
	onEachServer(t, func(t *testing.T, s server) {
		for i, style := range []oauth2.AuthStyle{oauth2.AuthStyleAutoDetect, oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams} {
			api := newResource(t, s)
			c := using(t, api.URL, &auth.OAuth2{Grant: credentials(s, style)})
			for range 3 {
				get(t, c)
			}
			require.Equal(t, i+1, s.mints())
			require.Equal(t, 1, api.distinct())
		}
	})
}

func credentials(s server, style oauth2.AuthStyle) auth.ClientCredentials {
	config := s.config()
	grant := auth.ClientCredentials{Secret: auth.Static(config.ClientSecret)}
	grant.Config.ClientID, grant.Config.TokenURL = config.ClientID, config.Endpoint.TokenURL
	grant.Config.Scopes, grant.Config.AuthStyle = config.Scopes, style
	return grant
}

func TestATokenRevokedInFlightIsReplacedAndTheRequestReplayed(t *testing.T) {
	onEachServer(t, func(t *testing.T, s server) {
		config := s.config()
		for name, grant := range map[string]auth.Grant{
			"client credentials": credentials(s, oauth2.AuthStyleInHeader),
			"refresh token":      auth.RefreshToken{Config: config, Token: &oauth2.Token{RefreshToken: s.saved(t).RefreshToken}},
		} {
			t.Run(name, func(t *testing.T) {
				before := s.mints()
				var mu sync.Mutex
				var told []*oauth2.Token
				step := &auth.OAuth2{Grant: grant, OnToken: func(token *oauth2.Token) {
					mu.Lock()
					defer mu.Unlock()
					told = append(told, token)
				}}
				api := newResource(t, s)
				c := using(t, api.URL, step)
				get(t, c)
				for round := range 3 {
					s.revoke(t, told[len(told)-1].AccessToken)
					var wg sync.WaitGroup
					for range 20 {
						wg.Go(func() {
							resp, err := c.R().SetBody("the body").Put("/")
							if err != nil || resp.StatusCode() != http.StatusOK {
								t.Error(resp, err)
							}
						})
					}
					wg.Wait()
					require.Equal(t, before+round+2, s.mints(), "twenty callers, one new token")
				}
				require.Len(t, told, 4)
				require.Equal(t, 4, api.distinct())
				for _, body := range api.bodies {
					require.Equal(t, "the body", body)
				}
				if name != "refresh token" {
					return
				}
				seen := map[string]bool{}
				for _, token := range told {
					require.False(t, seen[token.RefreshToken], "a rotated refresh token is told once")
					seen[token.RefreshToken] = true
				}
			})
		}
	})
}

func TestASavedTokenIsUsedWhileItIsGood(t *testing.T) {
	onEachServer(t, func(t *testing.T, s server) {
		saved := s.saved(t)
		before := s.mints()
		c := using(t, newResource(t, s).URL, &auth.OAuth2{Grant: auth.RefreshToken{Config: s.config(), Token: saved}})
		get(t, c)
		require.Equal(t, before, s.mints())
		s.revoke(t, saved.AccessToken)
		get(t, c)
		require.Equal(t, before+1, s.mints())
	})
}

func TestWhatTheServerRefusesIsATokenErrorThatIsFinal(t *testing.T) {
	onEachServer(t, func(t *testing.T, s server) {
		wrong := s.config()
		wrong.ClientSecret = "wr0ng"
		byForm, byHeader := credentials(s, oauth2.AuthStyleInParams), credentials(s, oauth2.AuthStyleInHeader)
		byForm.Secret, byHeader.Secret = auth.Static("wr0ng"), auth.Static("wr0ng")
		tests := map[string]struct {
			grant auth.Grant
			code  string
		}{
			"a wrong secret in the form":   {byForm, "invalid_client"},
			"a wrong secret in the header": {byHeader, "invalid_client"},
			"an unknown refresh token":     {auth.RefreshToken{Config: s.config(), Token: &oauth2.Token{RefreshToken: "n0nsense"}}, "invalid_grant"},
		}
		if s.rejects() {
			tests["a wrong secret to refresh with"] = struct {
				grant auth.Grant
				code  string
			}{auth.RefreshToken{Config: wrong, Token: s.saved(t)}, "invalid_client"}
		}
		before := s.mints()
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				if g, ok := tt.grant.(auth.RefreshToken); ok {
					g.Token = &oauth2.Token{RefreshToken: g.Token.RefreshToken}
					tt.grant = g
				}
				api := newResource(t, s)
				_, err := using(t, api.URL, &auth.OAuth2{Grant: tt.grant}).R().Get("/")
				var failed *auth.TokenError
				require.ErrorAs(t, err, &failed)
				require.Equal(t, tt.code, failed.Code)
				require.True(t, failed.Final())
				require.NotContains(t, err.Error(), "wr0ng")
				require.NotContains(t, err.Error(), "n0nsense")
				require.Empty(t, api.tokens, "nothing goes out without a token")
			})
		}
		require.Equal(t, before, s.mints())
	})
}

// TestAStolenRefreshTokenEndsTheSession has a thief use a token that was rotated away.
func TestAStolenRefreshTokenEndsTheSession(t *testing.T) {
	p := authtest.New(t)
	p.Rotate(true)
	s := ours{p, p.Client("app", authtest.Secret("s3cret"))}
	saved := s.saved(t)
	var newest string
	step := &auth.OAuth2{
		Grant:   auth.RefreshToken{Config: s.config(), Token: &oauth2.Token{RefreshToken: saved.RefreshToken}},
		OnToken: func(token *oauth2.Token) { newest = token.RefreshToken },
	}
	c := using(t, newResource(t, s).URL, step)
	get(t, c)
	require.NotEqual(t, saved.RefreshToken, newest)

	thief := post(t, p.HTTPClient(), p.TokenURL(), url.Values{"grant_type": {"refresh_token"}, "refresh_token": {saved.RefreshToken}}, "app", "s3cret")
	require.Equal(t, "invalid_grant", thief.text("error"))

	_, err := c.R().Get("/")
	var failed *auth.TokenError
	require.ErrorAs(t, err, &failed, "the access token has ended, and the refresh token with it")
	require.Equal(t, "invalid_grant", failed.Code)
	require.True(t, failed.Final())
}

func TestWithoutRotationARefreshTokenIsGoodUntilItIsRevoked(t *testing.T) {
	p := authtest.New(t)
	s := ours{p, p.Client("app", authtest.Secret("s3cret"))}
	saved := s.saved(t)
	var told []string
	step := &auth.OAuth2{
		Grant:   auth.RefreshToken{Config: s.config(), Token: &oauth2.Token{RefreshToken: saved.RefreshToken}},
		OnToken: func(token *oauth2.Token) { told = append(told, token.RefreshToken) },
	}
	c := using(t, newResource(t, s).URL, step)
	get(t, c)
	require.Equal(t, 2, p.RevokeAll())
	get(t, c)
	require.Equal(t, []string{saved.RefreshToken, saved.RefreshToken}, told)
	require.True(t, p.Revoke(saved.RefreshToken))
	_, err := c.R().Get("/")
	var failed *auth.TokenError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, "invalid_grant", failed.Code)
}

func TestAnIDAndASecretMayHaveAnyLetters(t *testing.T) {
	p := authtest.New(t)
	s := ours{p, p.Client("the app: 1+1=2 & 100%", authtest.Secret(secret))}
	for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams} {
		get(t, using(t, newResource(t, s).URL, &auth.OAuth2{Grant: credentials(s, style)}))
	}
	require.Equal(t, authtest.AuthBasic, p.Requests()[0].ClientAuth)
	require.Equal(t, authtest.AuthPost, p.Requests()[1].ClientAuth)
	for _, r := range p.Requests() {
		require.Equal(t, s.app.ID, r.ClientID)
	}
}
