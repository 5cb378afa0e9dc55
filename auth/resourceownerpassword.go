package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"golang.org/x/oauth2"
)

// ResourceOwnerPassword is the grant of RFC 6749 section 4.3: the person's own name and
// password for a token. It is for servers that offer nothing else: RFC 9700 section 2.4
// forbids it, since the program sees the password, and no second factor can be asked for.
// A refresh token is not used: the password is at hand.
type ResourceOwnerPassword struct {
	Config   oauth2.Config
	Secret   Source     // the client's: see [RefreshToken]
	Auth     ClientAuth // how the client proves itself without a secret: see [ClientCredentials]
	Username string
	Password Source // the person's, read anew for each token
}

func (g ResourceOwnerPassword) client() tokenClient { return clientOf(g.Config, g.Secret, g.Auth) }

// Mint asks for a token.
func (g ResourceOwnerPassword) Mint(ctx context.Context, client *http.Client, _ *oauth2.Token) (*oauth2.Token, error) {
	password, err := secret(ctx, g.Password)
	if err != nil {
		return nil, prefixed("Password", err)
	}
	c := g.client()
	return c.ask(ctx, client, c.grant("password", url.Values{"username": {g.Username}, "password": {password}}))
}

func (g ResourceOwnerPassword) endpoints() []endpoint {
	return []endpoint{{"TokenURL", g.Config.Endpoint.TokenURL}}
}

// Validate refuses a configuration that cannot work.
func (g ResourceOwnerPassword) Validate() error {
	err := g.client().validate()
	if g.Username == "" {
		err = errors.Join(err, errors.New("Username is empty"))
	}
	return errors.Join(err, validateFilled("Password", g.Password))
}

// String is the grant, the user and the token endpoint.
func (g ResourceOwnerPassword) String() string {
	return "password of " + g.Username + ", client" + g.client().of()
}

// Format prints the grant without its secrets, whatever the verb.
func (g ResourceOwnerPassword) Format(f fmt.State, _ rune) { formatGrant(f, g) }
