package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"golang.org/x/oauth2"
)

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
	Auth   ClientAuth    // how the client proves itself without a secret: see [ClientCredentials]
	Token  *oauth2.Token // the saved one; its AccessToken is used while Expiry says it is good
}

func (g RefreshToken) client() tokenClient { return clientOf(g.Config, g.Secret, g.Auth) }

// Mint asks for a token.
func (g RefreshToken) Mint(ctx context.Context, client *http.Client, last *oauth2.Token) (*oauth2.Token, error) {
	refresh := g.Token.RefreshToken
	if last != nil && last.RefreshToken != "" {
		refresh = last.RefreshToken
	}
	return g.client().refresh(ctx, client, refresh)
}

func (g RefreshToken) saved() *oauth2.Token { return g.Token }

func (g RefreshToken) endpoints() []endpoint {
	return []endpoint{{"TokenURL", g.Config.Endpoint.TokenURL}}
}

// Validate refuses a configuration that cannot work.
func (g RefreshToken) Validate() error {
	err := g.client().validateNamed()
	if g.Token != nil && g.Token.AccessToken != "" {
		err = errors.Join(err, prefixed("Token", checkToken(g.Token)))
	}
	if g.Token == nil || g.Token.RefreshToken == "" {
		return errors.Join(err, errors.New("Token has no RefreshToken: save the one that the login returned (it may need the scope offline_access)"))
	}
	return err
}

// String is the grant, its token endpoint and the source of its secret.
func (g RefreshToken) String() string { return "refresh token" + g.client().of() }

// Format prints the grant without its secrets, whatever the verb.
func (g RefreshToken) Format(f fmt.State, _ rune) { formatGrant(f, g) }
