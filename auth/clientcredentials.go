package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// ClientCredentials is the grant of RFC 6749 section 4.4: the client speaks for itself.
//
// The client authenticates with the Basic scheme, its id and secret encoded as RFC 6749
// section 2.3.1 says. Where the server answers invalid_client to that, they are sent
// once more in the form, and what it took is remembered; Config.AuthStyle says which it
// is from the start.
type ClientCredentials struct {
	Config clientcredentials.Config
	// Secret is where the client's secret comes from, in the place of
	// Config.ClientSecret: it is read anew for each token, under the context of that
	// request. Prefer it: a secret in Config is in plain sight of fmt where a struct
	// has the grant in an unexported field.
	Secret Source
	// Auth is how the client proves itself where it has no secret to send:
	// [ClientAssertion] or [MutualTLS].
	Auth ClientAuth
}

func (g ClientCredentials) client() tokenClient { return machineOf(g.Config, g.Secret, g.Auth) }

// Mint asks for a token.
func (g ClientCredentials) Mint(ctx context.Context, client *http.Client, _ *oauth2.Token) (*oauth2.Token, error) {
	c := g.client()
	return c.ask(ctx, client, c.grant("client_credentials", g.Config.EndpointParams))
}

func (g ClientCredentials) endpoints() []endpoint { return []endpoint{{"TokenURL", g.Config.TokenURL}} }

// Validate refuses a configuration that cannot work.
func (g ClientCredentials) Validate() error {
	err := g.client().validateNamed()
	if g.Auth == nil && g.Secret == nil && g.Config.ClientSecret == "" {
		err = errors.Join(err, errors.New("ClientSecret is empty: give Secret a source, such as auth.Env"))
	}
	return err
}

// String is the grant, its token endpoint and the source of its secret.
func (g ClientCredentials) String() string { return "client credentials" + g.client().of() }

// Format prints the grant without its secret, whatever the verb.
func (g ClientCredentials) Format(f fmt.State, _ rune) { formatGrant(f, g) }
