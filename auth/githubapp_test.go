package auth_test

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/retry"
)

// gitHub stands in for GitHub: it takes an app's JWT as GitHub does, and knows the
// installation tokens that it gave.
type gitHub struct {
	app    string
	public *rsa.PublicKey
	ahead  time.Duration                                                    // of its clock
	answer func(w http.ResponseWriter, r *http.Request, signed string) bool // first, if any

	mu     sync.Mutex
	given  int
	asked  []*http.Request
	bodies []string
	live   map[string]bool
}

func newGitHub() *gitHub {
	return &gitHub{app: "Iv23liDemo", public: &rsa2048().PublicKey, live: map[string]bool{}}
}

func (g *gitHub) now() time.Time { return time.Now().Add(g.ahead) }

func (g *gitHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Date", g.now().UTC().Format(http.TimeFormat))
	sent, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !strings.HasPrefix(r.URL.Path, "/api/v3/app/") {
		if !g.live[sent] {
			refuse(w, http.StatusUnauthorized, "Bad credentials")
		}
		return
	}
	body, _ := io.ReadAll(r.Body)
	g.asked, g.bodies = append(g.asked, r), append(g.bodies, string(body))
	if g.answer != nil && g.answer(w, r, sent) {
		return
	}
	if said := g.refuses(sent); said != "" {
		refuse(w, http.StatusUnauthorized, said)
		return
	}
	if r.Method != http.MethodPost || r.URL.Path != "/api/v3/app/installations/987/access_tokens" {
		refuse(w, http.StatusNotFound, "Not Found")
		return
	}
	g.given++
	token := fmt.Sprintf("ghs_%d", g.given)
	g.live[token] = true
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, `{"token":%q,"expires_at":%q,"permissions":{"contents":"read"},"repository_selection":"all"}`, token, g.now().Add(time.Hour).UTC().Format(time.RFC3339))
}

func refuse(w http.ResponseWriter, status int, message string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message, "documentation_url": "https://docs.github.com/rest", "status": fmt.Sprint(status)})
}

// refuses says what GitHub says of an app's JWT that it does not take.
func (g *gitHub) refuses(signed string) string {
	claims := jwt.MapClaims{}
	_, err := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithoutClaimsValidation()).
		ParseWithClaims(signed, claims, func(*jwt.Token) (any, error) { return g.public, nil })
	if err != nil {
		return "A JSON web token could not be decoded"
	}
	iat, _ := claims["iat"].(float64)
	exp, _ := claims["exp"].(float64)
	now := float64(g.now().Unix())
	switch {
	case claims["iss"] != g.app:
		return "Integration not found"
	case iat == 0 || iat > now:
		return "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
	case exp > now+600:
		return "'Expiration time' claim ('exp') is too far in the future"
	case exp <= now:
		return "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires"
	}
	return ""
}

// serve starts it, and returns a grant for it.
func (g *gitHub) serve(t *testing.T) (auth.GitHubApp, *httptest.Server) {
	t.Helper()
	srv := httptest.NewServer(g)
	t.Cleanup(srv.Close)
	return auth.GitHubApp{AppID: g.app, InstallationID: 987, Key: auth.Static(pkcs1(rsa2048())), BaseURL: srv.URL + "/api/v3/"}, srv
}

func minted(t *testing.T, g auth.Grant) (*oauth2.Token, error) {
	t.Helper()
	return g.Mint(t.Context(), &http.Client{}, nil)
}

func TestAGitHubAppGetsATokenForItsInstallation(t *testing.T) {
	hub := newGitHub()
	grant, _ := hub.serve(t)
	require.NoError(t, grant.Validate())
	token, err := minted(t, grant)
	require.NoError(t, err)
	require.Equal(t, "ghs_1", token.AccessToken)
	require.Equal(t, "Bearer", token.TokenType)
	require.WithinDuration(t, time.Now().Add(time.Hour), token.Expiry, 5*time.Second)
	asked := hub.asked[0]
	require.Equal(t, "application/vnd.github+json", asked.Header.Get("Accept"))
	require.Equal(t, "2022-11-28", asked.Header.Get("X-GitHub-Api-Version"), "the one that each Enterprise Server knows")
	require.Empty(t, asked.Header.Get("Content-Type"))
	require.Equal(t, []string{""}, hub.bodies)

	grant.Repositories, grant.Permissions = []string{"shop", "till"}, map[string]string{"contents": "read"}
	_, err = minted(t, grant)
	require.NoError(t, err)
	require.JSONEq(t, `{"repositories":["shop","till"],"permissions":{"contents":"read"}}`, hub.bodies[1])
	require.Equal(t, "application/json", hub.asked[1].Header.Get("Content-Type"))
}

func TestAGitHubAppAsksGitHubByDefault(t *testing.T) {
	for _, base := range []string{"", "https://api.github.com", "https://api.github.com/"} {
		rt := &api{answer: func(req *http.Request) (*http.Response, error) {
			return reply(req, http.StatusCreated, "application/json", `{"token":"ghs_1","expires_at":"2026-07-11T22:14:10Z"}`), nil
		}}
		grant := auth.GitHubApp{AppID: "1", InstallationID: 987, Key: auth.Static(pkcs1(rsa2048())), BaseURL: base}
		token, err := grant.Mint(t.Context(), &http.Client{Transport: rt}, nil)
		require.NoError(t, err)
		require.True(t, token.Expiry.Equal(time.Date(2026, 7, 11, 22, 14, 10, 0, time.UTC)))
		require.Equal(t, "https://api.github.com/app/installations/987/access_tokens", rt.last(t).URL.String())
		require.Equal(t, "2026-03-10", rt.last(t).Header.Get("X-GitHub-Api-Version"))
	}
}

func TestAGitHubAppToleratesClocksThatDiffer(t *testing.T) {
	for _, ahead := range []time.Duration{-58 * time.Second, -30 * time.Second, 0, 8 * time.Minute} {
		hub := newGitHub()
		hub.ahead = ahead
		grant, _ := hub.serve(t)
		_, err := minted(t, grant)
		require.NoError(t, err, "%v", ahead)
	}
	for ahead, want := range map[time.Duration]string{
		-2 * time.Minute: ": 401: 'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued: the clock here is 2m",
		10 * time.Minute: ": 401: 'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires: the clock here is ",
	} {
		hub := newGitHub()
		hub.ahead = ahead
		grant, _ := hub.serve(t)
		_, err := minted(t, grant)
		require.ErrorContains(t, err, want)
		way := " ahead of the server's"
		if ahead > 0 {
			way = " behind the server's"
		}
		require.ErrorContains(t, err, way)
	}
}

func TestARefusalOfGitHubIsATokenError(t *testing.T) {
	hub := newGitHub()
	hub.app = "another"
	grant, srv := hub.serve(t)
	grant.AppID = "Iv23liDemo"
	_, err := minted(t, grant)
	var failed *auth.TokenError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, "token: "+srv.URL+"/api/v3/app/installations/987/access_tokens: 401: Integration not found", err.Error(), "the clocks agree, and nothing is said of them")
	require.Equal(t, http.StatusUnauthorized, failed.StatusCode)
	require.Equal(t, "Integration not found", failed.Description)
	require.Equal(t, "https://docs.github.com/rest", failed.URI)
	require.True(t, failed.Final())
	require.True(t, failed.Unsent())
}

func TestAnswersOfGitHubThatAreNoToken(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		want   string
		final  bool
	}{
		{"no installation", 404, `{"message":"Not Found"}`, ": 404: Not Found", true},
		{"suspended", 403, `{"message":"This installation has been suspended"}`, ": 403: This installation has been suspended", true},
		{"too many permissions", 422, `{"message":"The permissions requested are not granted to this installation."}`, ": 422: The permissions", true},
		{"down", 502, "<html>Unicorn!</html>", ": 502: the answer is not the JSON of the GitHub API: check BaseURL", false},
		{"another server", 200, "<html>Welcome</html>", ": 200: the answer is not the JSON of the GitHub API: check BaseURL", true},
		{"no token", 201, `{"expires_at":"2026-07-11T22:14:10Z"}`, ": 201: the answer has no token: check BaseURL", true},
		{"a date of another kind", 201, `{"token":"ghs_s3cret","expires_at":"tomorrow"}`, ": 201: the answer is not the JSON of the GitHub API", true},
		{"an error with a token", 500, `{"token":"ghs_s3cret"}`, ": 500", false},
		{"a redirect", 307, `{"message":"Moved"}`, ": 307: Moved", true},
		{"nothing", 204, "", ": 204: the answer is not the JSON", true},
		{"a long answer", 500, `{"message":"` + strings.Repeat("x", 2<<20) + `"}`, ": 500: the answer is not the JSON", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			hub := newGitHub()
			hub.answer = func(w http.ResponseWriter, _ *http.Request, _ string) bool {
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
				return true
			}
			grant, _ := hub.serve(t)
			_, err := minted(t, grant)
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "s3cret")
			var failed *auth.TokenError
			require.ErrorAs(t, err, &failed)
			require.Equal(t, tt.final, failed.Final())
		})
	}
}

func TestATokenWithoutAnEndIsKept(t *testing.T) {
	rt := &api{answer: func(req *http.Request) (*http.Response, error) {
		return reply(req, 201, "application/json", `{"token":"ghs_1"}`), nil
	}}
	token, err := auth.GitHubApp{AppID: "1", InstallationID: 1, Key: auth.Static(pkcs1(rsa2048()))}.Mint(t.Context(), &http.Client{Transport: rt}, nil)
	require.NoError(t, err)
	require.True(t, token.Expiry.IsZero())
}

func TestARateLimitOfGitHubIsHeeded(t *testing.T) {
	for name, limit := range map[string]struct {
		status int
		header func(http.Header)
	}{
		"primary, 403": {403, func(h http.Header) {
			h.Set("X-RateLimit-Remaining", "0")
			h.Set("X-RateLimit-Reset", fmt.Sprint(time.Now().Add(90*time.Second).Unix()))
		}},
		"secondary, 403": {403, func(h http.Header) { h.Set("Retry-After", "90") }},
		"secondary, 429": {429, func(h http.Header) { h.Set("Retry-After", "90") }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(10 * 365 * 24 * time.Hour) // from the year 2000: a Unix time has ten digits
				n := 0
				id := &api{answer: func(req *http.Request) (*http.Response, error) {
					n++
					if n > 1 {
						return reply(req, 201, "application/json", `{"token":"ghs_1"}`), nil
					}
					resp := reply(req, limit.status, "application/json", `{"message":"API rate limit exceeded"}`)
					limit.header(resp.Header)
					return resp, nil
				}}
				step := &auth.OAuth2{
					Grant:  auth.GitHubApp{AppID: "1", InstallationID: 1, Key: auth.Static(pkcs1(rsa2048()))},
					Client: &http.Client{Transport: id},
				}
				c := client(t, &api{}, step, retry.Policy{MaxRetryAfter: time.Millisecond}) // which waits for none of it
				begun := time.Now()
				for time.Since(begun) < 90*time.Second {
					_, err := c.R().Get("/")
					var failed *auth.TokenError
					require.ErrorAs(t, err, &failed)
					require.False(t, failed.Final())
					later, ok := errors.AsType[interface {
						error
						RetryAfter() time.Duration
					}](err)
					require.True(t, ok)
					require.Equal(t, begun.Add(90*time.Second), time.Now().Add(later.RetryAfter()))
					time.Sleep(time.Second)
				}
				require.Equal(t, 1, n, "it is left alone until then")
				takes(t, c)
				require.Equal(t, 2, n)
			})
		})
	}
}

func TestNothingOfAnAppIsToldByAnError(t *testing.T) {
	hub := newGitHub()
	var signed string
	hub.answer = func(w http.ResponseWriter, _ *http.Request, s string) bool {
		signed = s
		w.Header().Set("X-Echo", "Bearer "+s)
		refuse(w, http.StatusUnauthorized, "bad token "+s)
		return true
	}
	grant, _ := hub.serve(t)
	_, err := minted(t, grant)
	silent := secretive{secrets: []string{signed}}
	require.NotEmpty(t, signed)
	silent.requireSilent(t, "the error", shown(err))
	require.ErrorContains(t, err, "bad token REDACTED")

	broken := func(req *http.Request) (*http.Response, error) {
		signed = strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
		return nil, fmt.Errorf("no way for %v", req.Header)
	}
	_, err = grant.Mint(t.Context(), &http.Client{Transport: &api{answer: broken}}, nil)
	require.ErrorContains(t, err, "no way for")
	silent.secrets[0] = signed
	silent.requireSilent(t, "the error of a transport", shown(err))
}

func TestAMintOfAnAppEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	rt := &api{answer: func(req *http.Request) (*http.Response, error) {
		cancel(errors.New("enough"))
		<-req.Context().Done()
		return nil, req.Context().Err()
	}}
	_, err := auth.GitHubApp{AppID: "1", InstallationID: 1, Key: auth.Static(pkcs1(rsa2048()))}.Mint(ctx, &http.Client{Transport: rt}, nil)
	require.ErrorIs(t, err, context.Canceled)
	sealed := errors.New("the vault is sealed")
	_, err = auth.GitHubApp{AppID: "1", InstallationID: 1, Key: auth.Func(func(context.Context) (string, error) { return "", sealed })}.Mint(t.Context(), &http.Client{Transport: rt}, nil)
	require.ErrorIs(t, err, sealed)
	require.ErrorContains(t, err, "Key: ")
}

func TestARevokedInstallationTokenIsReplaced(t *testing.T) {
	hub := newGitHub()
	grant, srv := hub.serve(t)
	c := client(t, http.DefaultTransport, &auth.OAuth2{Grant: grant}).SetBaseURL(srv.URL + "/api/v3")
	for range 3 {
		resp, err := c.R().Get("/repos")
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, resp.StatusCode())
	}
	require.Equal(t, 1, hub.given)
	hub.mu.Lock()
	delete(hub.live, "ghs_1")
	hub.mu.Unlock()
	resp, err := c.R().Get("/repos")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode())
	require.Equal(t, 2, hub.given)
}

func TestUseRefusesAnAppThatCannotBe(t *testing.T) {
	good := auth.GitHubApp{AppID: "1", InstallationID: 987, Key: auth.Static(pkcs1(rsa2048()))}
	require.NoError(t, (&auth.OAuth2{Grant: good}).Validate())
	tests := []struct {
		name   string
		change func(*auth.GitHubApp)
		want   string
	}{
		{"no app", func(g *auth.GitHubApp) { g.AppID = "" }, "AppID is empty: give the client id of the app, or its number"},
		{"no installation", func(g *auth.GitHubApp) { g.InstallationID = 0 }, "InstallationID is 0: give the number"},
		{"no key", func(g *auth.GitHubApp) { g.Key = nil }, "Key is nil: give auth.Env"},
		{"a key that is not RSA", func(g *auth.GitHubApp) { g.Key = auth.Static(pkcs8(ed25())) }, "Key: the key is Ed25519: RS256 needs RSA"},
		{"no URL", func(g *auth.GitHubApp) { g.BaseURL = "ghe.example.com" }, `BaseURL "ghe.example.com" is not that of an API: write it like https://ghe.example.com/api/v3`},
		{"a password in the URL", func(g *auth.GitHubApp) { g.BaseURL = "https://u:s3cret@ghe.example.com" }, `BaseURL "https://REDACTED@ghe.example.com" is not`},
		{"a query", func(g *auth.GitHubApp) { g.BaseURL = "https://ghe.example.com?k=s3cret" }, `BaseURL "https://ghe.example.com?k=REDACTED" is not`},
		{"plain http", func(g *auth.GitHubApp) { g.BaseURL = "http://ghe.example.com/api/v3" }, "credentials are not sent over plain http to http://ghe.example.com"},
		{"a repository with its owner", func(g *auth.GitHubApp) { g.Repositories = []string{"acme/shop"} }, `Repositories: "acme/shop" is no name of a repository: give it without its owner`},
		{"an empty permission", func(g *auth.GitHubApp) { g.Permissions = map[string]string{"contents": ""} }, `Permissions: "" for "contents" is none: write it like "contents": "read"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			grant := good
			tt.change(&grant)
			err := (&auth.OAuth2{Grant: grant}).Validate()
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
}
