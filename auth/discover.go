package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"

	"github.com/restykit/restykit/internal/origin"
	"github.com/restykit/restykit/internal/redact"
)

// Server is what an authorization server publishes of itself (RFC 8414 section 2, OpenID
// Connect Discovery 1.0 section 3), as far as a client needs it. The URL of its keys is
// there; they are not fetched, since a client that sends tokens does not read them.
type Server struct {
	Issuer                      string   `json:"issuer"`
	AuthorizationEndpoint       string   `json:"authorization_endpoint"`
	TokenEndpoint               string   `json:"token_endpoint"`
	DeviceAuthorizationEndpoint string   `json:"device_authorization_endpoint"`
	IntrospectionEndpoint       string   `json:"introspection_endpoint"`
	RevocationEndpoint          string   `json:"revocation_endpoint"`
	EndSessionEndpoint          string   `json:"end_session_endpoint"`
	UserinfoEndpoint            string   `json:"userinfo_endpoint"`
	JWKSURI                     string   `json:"jwks_uri"`
	ScopesSupported             []string `json:"scopes_supported"`
	GrantTypesSupported         []string `json:"grant_types_supported"`
	// TokenEndpointAuthMethods are how clients may authenticate: client_secret_basic,
	// private_key_jwt, tls_client_auth and others.
	TokenEndpointAuthMethods []string `json:"token_endpoint_auth_methods_supported"`
	CodeChallengeMethods     []string `json:"code_challenge_methods_supported"`
	DPoPSigningAlgs          []string `json:"dpop_signing_alg_values_supported"`
	// NamesIssuer tells whether its authorization responses say whose they are (RFC 9207).
	NamesIssuer bool `json:"authorization_response_iss_parameter_supported"`
	// MutualTLS are the endpoints for clients with a certificate (RFC 8705 section 5).
	MutualTLS struct {
		TokenEndpoint               string `json:"token_endpoint"`
		DeviceAuthorizationEndpoint string `json:"device_authorization_endpoint"`
	} `json:"mtls_endpoint_aliases"`
}

// Endpoint is the server's, for [oauth2.Config].
func (s *Server) Endpoint() oauth2.Endpoint {
	return oauth2.Endpoint{AuthURL: s.AuthorizationEndpoint, TokenURL: s.TokenEndpoint, DeviceAuthURL: s.DeviceAuthorizationEndpoint}
}

// AuthorizationIssuer is the Issuer of an [AuthorizationCode]: "" where the server does
// not name itself in its answers.
func (s *Server) AuthorizationIssuer() string {
	if !s.NamesIssuer {
		return ""
	}
	return s.Issuer
}

// Discover asks an authorization server, or OpenID provider, for its endpoints: at
// .well-known/openid-configuration behind the issuer's URL, and where that is not found,
// at the place of RFC 8414. The document must name the same issuer, letter for letter, or
// it is refused. The issuer is an https URL, or on this machine.
//
// It follows no redirect, waits for 10 s at most, and asks with the client of
// [oauth2.HTTPClient] in ctx, or else a plain one. Nothing is kept: ask once, as the
// program starts.
func Discover(ctx context.Context, issuer string) (*Server, error) {
	places, err := wellKnown(issuer)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, defaultMintTimeout)
	defer cancel()
	given, _ := ctx.Value(oauth2.HTTPClient).(*http.Client)
	client := unredirected(given)
	s, err := discoverAt(ctx, client, places[0])
	if errors.Is(err, errNoDocument) {
		first := err
		if s, err = discoverAt(ctx, client, places[1]); err != nil {
			err = fmt.Errorf("%w, and %w", first, err)
		}
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("discovery: %w", err)
	case s.Issuer != issuer:
		return nil, fmt.Errorf("discovery: the document of %s names the issuer %q: they must be the same, letter for letter (RFC 8414 section 3.3)",
			issuer, redact.Excerpt([]byte(s.Issuer), 200))
	}
	return s, nil
}

// wellKnown are the places of the document.
func wellKnown(issuer string) ([2]string, error) {
	u, err := url.Parse(issuer)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return [2]string{}, fmt.Errorf("discovery: the issuer %q is no absolute URL without user, query and fragment", redact.String(issuer))
	case !origin.Of(u).Secure():
		return [2]string{}, fmt.Errorf("discovery: the issuer %q is not of https: whoever is on the way could name endpoints of their own", issuer)
	}
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	root := u.Scheme + "://" + u.Host
	return [2]string{root + path + "/.well-known/openid-configuration", root + "/.well-known/oauth-authorization-server" + path}, nil
}

// errNoDocument is the error of a place that has none.
var errNoDocument = errors.New("no document there")

func discoverAt(ctx context.Context, client *http.Client, place string) (*Server, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, place, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return nil, fmt.Errorf("%s: 404: %w", place, errNoDocument)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s: %d, where 200 and the server's endpoints were expected", place, resp.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxTokenBody+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", place, err)
	}
	s := &Server{}
	if err := json.Unmarshal(text, s); err != nil || len(text) > maxTokenBody {
		return nil, fmt.Errorf("%s: the answer (%q) is no JSON object of an authorization server", place, resp.Header.Get("Content-Type"))
	}
	return s, nil
}

// unredirected is a client that follows no redirect, whatever it says.
func unredirected(given *http.Client) *http.Client {
	client := http.Client{}
	if given != nil {
		client = *given
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}
