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
	// Secret is where the client's secret comes from, in the place of
	// Config.ClientSecret: it is read anew for each token, under the context of that
	// request. Prefer it: a secret in Config is in plain sight of fmt where a struct
	// has the grant in an unexported field.
	Secret Source
}

// Mint asks for a token.
func (g ClientCredentials) Mint(ctx context.Context, client *http.Client, _ *oauth2.Token) (*oauth2.Token, error) {
	own, err := clientSecret(ctx, g.Secret, g.Config.ClientSecret)
	if err != nil {
		return nil, err
	}
	form := url.Values{"grant_type": {"client_credentials"}}
	if len(g.Config.Scopes) > 0 {
		form.Set("scope", strings.Join(g.Config.Scopes, " "))
	}
	for name, values := range g.Config.EndpointParams {
		form[name] = slices.Clone(values)
	}
	return tokenRequest{
		url: g.Config.TokenURL, id: g.Config.ClientID, secret: own,
		inForm: g.Config.AuthStyle == oauth2.AuthStyleInParams, form: form,
	}.send(ctx, client)
}

func (g ClientCredentials) endpoint() string { return g.Config.TokenURL }

// Validate refuses a configuration that cannot work.
func (g ClientCredentials) Validate() error {
	err := validateClient(g.Config.ClientID, g.Secret, g.Config.ClientSecret)
	if g.Secret == nil && g.Config.ClientSecret == "" {
		err = errors.Join(err, errors.New("ClientSecret is empty: give Secret a source, such as auth.Env"))
	}
	return err
}

// String is the grant, its token endpoint and the source of its secret.
func (g ClientCredentials) String() string {
	return "client credentials of " + g.Config.ClientID + " at " + redact.String(g.Config.TokenURL) + from(g.Secret)
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
	// Secret is where the client's secret comes from, in the place of
	// Config.ClientSecret: see [ClientCredentials]. nil and an empty ClientSecret are a
	// public client.
	Secret Source
	Token  *oauth2.Token // the saved one; its AccessToken is used while Expiry says it is good
}

// Mint asks for a token.
func (g RefreshToken) Mint(ctx context.Context, client *http.Client, last *oauth2.Token) (*oauth2.Token, error) {
	own, err := clientSecret(ctx, g.Secret, g.Config.ClientSecret)
	if err != nil {
		return nil, err
	}
	refresh := g.Token.RefreshToken
	if last != nil && last.RefreshToken != "" {
		refresh = last.RefreshToken
	}
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}
	if len(g.Config.Scopes) > 0 {
		form.Set("scope", strings.Join(g.Config.Scopes, " "))
	}
	token, err := tokenRequest{
		url: g.Config.Endpoint.TokenURL, id: g.Config.ClientID, secret: own,
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
	err := validateClient(g.Config.ClientID, g.Secret, g.Config.ClientSecret)
	if g.Token != nil && g.Token.AccessToken != "" {
		err = errors.Join(err, prefixed("Token", checkToken(g.Token)))
	}
	if g.Token == nil || g.Token.RefreshToken == "" {
		return errors.Join(err, errors.New("Token has no RefreshToken: save the one that the login returned (it may need the scope offline_access)"))
	}
	return err
}

// String is the grant, its token endpoint and the source of its secret.
func (g RefreshToken) String() string {
	return "refresh token of " + g.Config.ClientID + " at " + redact.String(g.Config.Endpoint.TokenURL) + from(g.Secret)
}

// Format prints the grant without its secrets, whatever the verb.
func (g RefreshToken) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, g.String()) }

// clientSecret is what the source of a client's secret says now, or else what its
// configuration holds.
func clientSecret(ctx context.Context, s Source, configured string) (string, error) {
	if s == nil {
		return configured, nil
	}
	value, err := secret(ctx, s)
	if err == nil && value == "" {
		err = errEmpty
	}
	return value, prefixed("Secret", err)
}

func validateClient(id string, s Source, configured string) error {
	err := prefixed("ClientSecret", checkSecret(configured))
	switch {
	case s != nil && configured != "":
		err = errors.New("both Secret and Config.ClientSecret are set: use one")
	case s != nil:
		err = validateFilled("Secret", s)
	}
	if id == "" {
		err = errors.Join(errors.New("ClientID is empty"), err)
	}
	return err
}

// from is where a client's secret comes from, as the printed pipeline shows it.
func from(s Source) string {
	if s == nil {
		return ""
	}
	return ", secret " + sourceName(s)
}

func prefixed(field string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", field, err)
}
