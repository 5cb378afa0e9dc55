package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// JWTBearer is the grant of RFC 7523 section 2.1: a signed token for an access token.
// Google's service accounts have such keys:
//
//	auth.JWTBearer{
//		Config: clientcredentials.Config{TokenURL: "https://oauth2.googleapis.com/token"},
//		JWT: auth.JWT{
//			Key: auth.File("key.pem"), Issuer: "robot@project.iam.gserviceaccount.com",
//			Claims: map[string]any{"scope": "https://www.googleapis.com/auth/pubsub", "sub": nil},
//		},
//	}
//
// The assertion is signed anew for each token. Its sub, which RFC 7523 demands, is the
// Issuer where nothing else is said; Google wants one only where the account acts for a
// person, so that it is left out there (a claim that is nil). It is the grant; a client that proves
// itself by one while it uses another grant has a [ClientAssertion].
type JWTBearer struct {
	// Config may be without a ClientID and a secret: the assertion says who asks.
	Config clientcredentials.Config
	Secret Source     // the client's, where it needs one: see [ClientCredentials]
	Auth   ClientAuth // how the client proves itself without a secret: see [ClientCredentials]
	// JWT says how the assertion is signed: Issuer is who signs, and Subject whom the
	// token is for, "" being the Issuer. An empty Audience is the token endpoint.
	JWT JWT
	// Token is an assertion that somebody else signs, in the place of JWT.
	Token Source
}

func (g JWTBearer) client() tokenClient { return machineOf(g.Config, g.Secret, g.Auth) }

// Mint asks for a token.
func (g JWTBearer) Mint(ctx context.Context, client *http.Client, _ *oauth2.Token) (*oauth2.Token, error) {
	c := g.client()
	c.once = func(ctx context.Context, form url.Values) error {
		assertion, err := assertionOf(ctx, g.JWT, g.Token, g.Config.ClientID, cmp.Or(g.JWT.Issuer, g.Config.ClientID), g.Config.TokenURL)
		form.Set("assertion", assertion)
		return err
	}
	return c.ask(ctx, client, c.grant("urn:ietf:params:oauth:grant-type:jwt-bearer", g.Config.EndpointParams))
}

func (g JWTBearer) endpoints() []endpoint { return []endpoint{{"TokenURL", g.Config.TokenURL}} }

// Validate refuses a configuration that cannot work.
func (g JWTBearer) Validate() error {
	return errors.Join(g.client().validate(), validateAssertion(g.JWT, g.Token))
}

// String is the grant, the token endpoint and where the key comes from.
func (g JWTBearer) String() string {
	return "assertion " + assertionName(g.JWT, g.Token) + g.client().of()
}

// Format prints the grant without its secrets, whatever the verb.
func (g JWTBearer) Format(f fmt.State, _ rune) { formatGrant(f, g) }
