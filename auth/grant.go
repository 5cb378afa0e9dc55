package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/restykit/restykit/internal/redact"
)

// Grant says how a token is obtained. [OAuth2] does the rest: it keeps the token, asks
// for one at a time, backs off and replays.
type Grant interface {
	// Mint obtains a token with one request over client, under ctx. last is the token
	// that was minted before, or nil. An error with a method Final() bool that is true
	// is one that asking again cannot help.
	Mint(ctx context.Context, client *http.Client, last *oauth2.Token) (*oauth2.Token, error)
}

// ClientCredentials is the grant of RFC 6749 section 4.4: the client speaks for itself.
//
// The client authenticates with the Basic scheme, its id and secret encoded as RFC 6749
// section 2.3.1 says, or in the form where Config.AuthStyle is AuthStyleInParams.
type ClientCredentials struct {
	Config clientcredentials.Config
}

// Mint asks for a token.
func (g ClientCredentials) Mint(ctx context.Context, client *http.Client, _ *oauth2.Token) (*oauth2.Token, error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if len(g.Config.Scopes) > 0 {
		form.Set("scope", strings.Join(g.Config.Scopes, " "))
	}
	for name, values := range g.Config.EndpointParams {
		form[name] = slices.Clone(values)
	}
	return tokenRequest{
		url: g.Config.TokenURL, id: g.Config.ClientID, secret: g.Config.ClientSecret,
		inForm: g.Config.AuthStyle == oauth2.AuthStyleInParams, form: form,
	}.send(ctx, client)
}

func (g ClientCredentials) endpoint() string { return g.Config.TokenURL }

// Validate refuses a configuration that cannot work.
func (g ClientCredentials) Validate() error {
	return errors.Join(validateClient(g.Config.ClientID, g.Config.ClientSecret), needs("ClientSecret", g.Config.ClientSecret))
}

// String is the grant and its token endpoint.
func (g ClientCredentials) String() string {
	return "client credentials of " + g.Config.ClientID + " at " + redact.String(g.Config.TokenURL)
}

// Format prints the grant without its secret, whatever the verb.
func (g ClientCredentials) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, g.String()) }

// RefreshToken is the grant of RFC 6749 section 6: a token that a user once granted, and
// its successors. Where the server rotates the refresh token the newest is kept and told
// to OAuth2.OnToken, which saves it; the old one is worthless then.
//
// A client without a secret (a public one) sends its id in the form.
type RefreshToken struct {
	Config oauth2.Config
	Token  *oauth2.Token // the saved one; its AccessToken is used while Expiry says it is good
}

// Mint asks for a token.
func (g RefreshToken) Mint(ctx context.Context, client *http.Client, last *oauth2.Token) (*oauth2.Token, error) {
	refresh := g.Token.RefreshToken
	if last != nil && last.RefreshToken != "" {
		refresh = last.RefreshToken
	}
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}
	if len(g.Config.Scopes) > 0 {
		form.Set("scope", strings.Join(g.Config.Scopes, " "))
	}
	token, err := tokenRequest{
		url: g.Config.Endpoint.TokenURL, id: g.Config.ClientID, secret: g.Config.ClientSecret,
		inForm: g.Config.Endpoint.AuthStyle == oauth2.AuthStyleInParams, form: form,
	}.send(ctx, client)
	if err != nil {
		return nil, err
	}
	if token.RefreshToken == "" {
		token.RefreshToken = refresh
	}
	return token, nil
}

func (g RefreshToken) saved() *oauth2.Token { return g.Token }

func (g RefreshToken) endpoint() string { return g.Config.Endpoint.TokenURL }

// Validate refuses a configuration that cannot work.
func (g RefreshToken) Validate() error {
	err := validateClient(g.Config.ClientID, g.Config.ClientSecret)
	if g.Token != nil && g.Token.AccessToken != "" {
		err = errors.Join(err, prefixed("Token", checkToken(g.Token)))
	}
	if g.Token == nil || g.Token.RefreshToken == "" {
		return errors.Join(err, errors.New("Token has no RefreshToken: save the one that the login returned (it may need the scope offline_access)"))
	}
	return err
}

// String is the grant and its token endpoint.
func (g RefreshToken) String() string {
	return "refresh token of " + g.Config.ClientID + " at " + redact.String(g.Config.Endpoint.TokenURL)
}

// Format prints the grant without its secrets, whatever the verb.
func (g RefreshToken) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, g.String()) }

func validateClient(id, secret string) error {
	return errors.Join(needs("ClientID", id), prefixed("ClientSecret", checkSecret(secret)))
}

func prefixed(field string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", field, err)
}

func needs(field, value string) error {
	if value == "" {
		return errors.New(field + " is empty")
	}
	return nil
}
