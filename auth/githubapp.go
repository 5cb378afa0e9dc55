package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/restykit/restykit/internal/redact"
)

// GitHubApp is a grant of GitHub's own: an app, by a token that it signs itself, gets one
// for an installation, which lives an hour.
//
//	&auth.OAuth2{Grant: auth.GitHubApp{AppID: "Iv23liDemo", InstallationID: 987, Key: auth.File("app.pem")}}
//
// The app's own token is signed with RS256, its iat is 1 min in the past, and it expires 9
// min from now. Where GitHub refuses it with a 401 and the clocks differ, the error says by
// how much. For what an app asks as itself (GET /app) there is [JWT].
//
// It is a value, and safe for concurrent use. Repositories and Permissions are not changed
// after first use.
type GitHubApp struct {
	AppID          string // the app's client id, or its number
	InstallationID int64
	// Key is the PEM of the app's private key, as GitHub makes it. It is read for each token.
	Key Source
	// BaseURL is the REST API. "" is https://api.github.com; GitHub Enterprise Server has
	// https://ghe.example.com/api/v3.
	BaseURL      string
	Repositories []string          // names without owner that the token is for; nil is all that the app is installed on
	Permissions  map[string]string // like "contents": "read"; nil is all that the app has
}

const (
	gitHubAPI = "https://api.github.com"
	// GitHub serves a version for two years after the next. Enterprise Server of 2025 and
	// before knows only the first, and answers 400 to others.
	gitHubVersion           = "2026-03-10"
	gitHubEnterpriseVersion = "2022-11-28"

	longestAppJWT = 10 * time.Minute // that GitHub takes
)

// app is the app's own token.
func (g GitHubApp) app() JWT {
	return JWT{Key: g.Key, Algorithm: "RS256", Issuer: g.AppID, Lifetime: longestAppJWT}
}

// Mint asks for a token of the installation.
func (g GitHubApp) Mint(ctx context.Context, client *http.Client, _ *oauth2.Token) (*oauth2.Token, error) {
	signed, err := g.app().assertion(ctx, "", "", "")
	if err != nil {
		return nil, err
	}
	r := tokenRequest{url: g.endpoint(), secret: signed}
	resp, err := g.post(ctx, client, signed)
	if err != nil {
		return nil, r.failed(nil, r.network(ctx, err))
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxTokenBody))
	if err != nil {
		return nil, r.failed(resp, r.network(ctx, err))
	}
	var answer gitHubAnswer
	err = answer.read(text)
	if err == nil && resp.StatusCode <= 299 {
		var token *oauth2.Token
		if token, err = answer.issued(); err == nil {
			return token, nil
		}
	}
	if resp.StatusCode == http.StatusUnauthorized {
		err = clockError(resp.Header, "GitHub takes no token from the future", "the app's token may have expired")
	}
	return nil, r.explained(resp, tokenAnswer{members: map[string]any{"error_description": answer.Message, "error_uri": answer.DocumentationURL}}, err)
}

func (g GitHubApp) post(ctx context.Context, client *http.Client, signed string) (*http.Response, error) {
	var body io.Reader = http.NoBody
	if len(g.Repositories) > 0 || len(g.Permissions) > 0 {
		text, err := json.Marshal(struct {
			Repositories []string          `json:"repositories,omitempty"`
			Permissions  map[string]string `json:"permissions,omitempty"`
		}{g.Repositories, g.Permissions})
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.endpoint(), body)
	if err != nil {
		return nil, err
	}
	if body != http.NoBody {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("X-GitHub-Api-Version", gitHubVersion)
	if g.base() != gitHubAPI {
		req.Header.Set("X-GitHub-Api-Version", gitHubEnterpriseVersion)
	}
	req.Header.Set("Authorization", "Bearer "+signed)
	return client.Do(req)
}

// gitHubAnswer is what GitHub says, a token or an error.
type gitHubAnswer struct {
	Token            string    `json:"token"`
	ExpiresAt        time.Time `json:"expires_at"` // RFC 3339
	Message          string    `json:"message"`
	DocumentationURL string    `json:"documentation_url"`
}

func (a *gitHubAnswer) read(text []byte) error {
	if err := json.Unmarshal(text, a); err != nil {
		return errors.New("the answer is not the JSON of the GitHub API: check BaseURL")
	}
	return nil
}

func (a *gitHubAnswer) issued() (*oauth2.Token, error) {
	if a.Token == "" {
		return nil, errors.New("the answer has no token: check BaseURL")
	}
	return &oauth2.Token{AccessToken: a.Token, TokenType: "Bearer", Expiry: a.ExpiresAt}, nil
}

func (g GitHubApp) base() string {
	if g.BaseURL == "" {
		return gitHubAPI
	}
	return strings.TrimRight(g.BaseURL, "/")
}

func (g GitHubApp) endpoint() string {
	return g.base() + "/app/installations/" + strconv.FormatInt(g.InstallationID, 10) + "/access_tokens"
}

func (g GitHubApp) endpoints() []endpoint { return []endpoint{{"BaseURL", g.endpoint()}} }

// Validate refuses a configuration that cannot work.
func (g GitHubApp) Validate() error {
	var errs []error
	if g.AppID == "" {
		errs = append(errs, errors.New("AppID is empty: give the client id of the app, or its number"))
	}
	if g.InstallationID <= 0 {
		errs = append(errs, fmt.Errorf("InstallationID is %d: give the number that the URL of the installation's settings ends in", g.InstallationID))
	}
	if u, err := url.Parse(g.base()); err != nil || u.Scheme == "" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		errs = append(errs, fmt.Errorf("BaseURL %q is not that of an API: write it like https://ghe.example.com/api/v3", redact.String(g.BaseURL)))
	}
	for _, name := range g.Repositories {
		if name == "" || strings.Contains(name, "/") {
			errs = append(errs, fmt.Errorf("Repositories: %q is no name of a repository: give it without its owner", name))
		}
	}
	for name, access := range g.Permissions {
		if name == "" || access == "" {
			errs = append(errs, fmt.Errorf("Permissions: %q for %q is none: write it like \"contents\": \"read\"", access, name))
		}
	}
	return errors.Join(append(errs, g.app().validateKey())...)
}

// String is the grant, the installation, the API and the source of the key.
func (g GitHubApp) String() string {
	return fmt.Sprintf("GitHub app %s, installation %d at %s, key %s", g.AppID, g.InstallationID, redact.String(g.base()), sourceName(g.Key))
}

// Format prints the grant without its key, whatever the verb.
func (g GitHubApp) Format(f fmt.State, _ rune) { formatGrant(f, g) }
