package authtest

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// Client is a client that the provider knows. It is made by [Provider.Client].
type Client struct {
	// ID and Secret are what the client says of itself.
	ID, Secret string

	provider    *Provider
	methods     []string
	key         crypto.PublicKey
	certificate *x509.Certificate
	grants      []oidc.GrantType
	redirects   []string
	jwt         bool
}

// ClientOption is a property of a client.
type ClientOption func(*Client)

// The ways in which a client proves who it is, by their registered names (RFC 7591 section
// 2 and RFC 8705 section 2.2), as [Request.ClientAuth] has them.
const (
	AuthNone   = "none"
	AuthBasic  = "client_secret_basic"
	AuthPost   = "client_secret_post"
	AuthSecret = "client_secret_jwt"
	AuthKey    = "private_key_jwt"
	AuthTLS    = "self_signed_tls_client_auth"
)

// The names of the grants, as grant_type has them.
const (
	GrantClientCredentials = "client_credentials"
	GrantRefreshToken      = "refresh_token"
	GrantCode              = "authorization_code"
	GrantPassword          = "password"
	GrantDevice            = "urn:ietf:params:oauth:grant-type:device_code"
	GrantJWTBearer         = "urn:ietf:params:oauth:grant-type:jwt-bearer"     //nolint:gosec // a name
	GrantTokenExchange     = "urn:ietf:params:oauth:grant-type:token-exchange" //nolint:gosec // a name
)

// Secret makes a client confidential: it sends its secret, by the Basic scheme or in the
// form.
func Secret(secret string) ClientOption {
	return func(c *Client) { c.Secret, c.methods = secret, []string{AuthBasic, AuthPost} }
}

// SecretJWT makes a client one that signs a JWT with its secret (client_secret_jwt), by
// HS256, HS384 or HS512, which want a secret of 32, 48 or 64 bytes or more.
func SecretJWT(secret string) ClientOption {
	return func(c *Client) { c.Secret, c.methods = secret, []string{AuthSecret} }
}

// Key makes a client one that signs a JWT with the key to which this is the public one:
// for itself (private_key_jwt), or as a grant (RFC 7523 section 2.1). It is an
// *rsa.PublicKey, an *ecdsa.PublicKey or an ed25519.PublicKey.
func Key(public crypto.PublicKey) ClientOption {
	return func(c *Client) { c.key, c.methods = public, []string{AuthKey} }
}

// Certificate makes a client one that shows exactly this certificate (RFC 8705 section
// 2.2). The provider needs the option [TLS].
func Certificate(certificate *x509.Certificate) ClientOption {
	return func(c *Client) { c.certificate, c.methods = certificate, []string{AuthTLS} }
}

// AuthMethods narrows the ways in which a client may prove who it is, or adds one to them.
func AuthMethods(names ...string) ClientOption { return func(c *Client) { c.methods = names } }

// Grants are the grants that a client may use. Without it these are all.
func Grants(names ...string) ClientOption {
	return func(c *Client) {
		c.grants = nil
		for _, name := range names {
			c.grants = append(c.grants, oidc.GrantType(name))
		}
	}
}

// RedirectURIs are where the browser may bring a code. On this machine the port does not
// matter (RFC 8252 section 7.3). Without it a code can go nowhere.
func RedirectURIs(uris ...string) ClientOption { return func(c *Client) { c.redirects = uris } }

// JWTAccessTokens makes the access tokens of a client JWTs (RFC 9068). Without it they are
// opaque.
func JWTAccessTokens() ClientOption { return func(c *Client) { c.jwt = true } }

// Client makes a client known to the provider, or replaces the one of that id. Without
// [Secret], [SecretJWT], [Key] or [Certificate] it is a public one. The later option wins.
func (p *Provider) Client(id string, opts ...ClientOption) *Client {
	c := &Client{ID: id, provider: p, methods: []string{AuthNone}}
	Grants(
		GrantClientCredentials, GrantRefreshToken, GrantCode, GrantPassword, GrantDevice, GrantJWTBearer, GrantTokenExchange,
	)(c)
	for _, opt := range opts {
		opt(c)
	}
	p.state.mu.Lock()
	defer p.state.mu.Unlock()
	p.state.clients[id] = c
	return c
}

// Config is the client as x/oauth2 wants it. Its RedirectURL is the first of the
// RedirectURIs.
func (c *Client) Config(scopes ...string) oauth2.Config {
	config := oauth2.Config{ClientID: c.ID, ClientSecret: c.Secret, Endpoint: c.provider.Endpoint(), Scopes: scopes}
	if len(c.redirects) > 0 {
		config.RedirectURL = c.redirects[0]
	}
	return config
}

// Credentials is the client as x/oauth2 wants it for the client credentials grant.
func (c *Client) Credentials(scopes ...string) clientcredentials.Config {
	return clientcredentials.Config{ClientID: c.ID, ClientSecret: c.Secret, TokenURL: c.provider.TokenURL(), Scopes: scopes}
}

// Token is an access token and a refresh token, as a user's login gives them to the
// client, without the login: what a program saved the last time it ran.
func (c *Client) Token(user string, scopes ...string) (*oauth2.Token, error) {
	if user == "" {
		return nil, errors.New("the user has no name")
	}
	p := c.provider
	ctx := p.context(context.Background())
	answer, err := p.engine.tokens(ctx, &consent{family: newFamily(c.ID, user, scopes)}, c)
	if err != nil {
		return nil, err
	}
	return &oauth2.Token{
		AccessToken: answer.AccessToken, TokenType: answer.TokenType, RefreshToken: answer.RefreshToken,
		Expiry: time.Now().Add(time.Duration(answer.ExpiresIn) * time.Second), ExpiresIn: int64(answer.ExpiresIn), //nolint:gosec // a lifetime
	}, nil
}

func (c *Client) may(grant string) bool { return slices.Contains(c.grants, oidc.GrantType(grant)) }

// known is a client as the engine sees it.
type known struct{ *Client }

func (k known) GetID() string                      { return k.ID }
func (k known) RedirectURIs() []string             { return k.redirects }
func (known) PostLogoutRedirectURIs() []string     { return nil }
func (known) ApplicationType() op.ApplicationType  { return op.ApplicationTypeNative }
func (known) ResponseTypes() []oidc.ResponseType   { return []oidc.ResponseType{oidc.ResponseTypeCode} }
func (k known) GrantTypes() []oidc.GrantType       { return k.grants }
func (known) LoginURL(id string) string            { return pathLogin + "?id=" + id }
func (known) IDTokenLifetime() time.Duration       { return defaultLifetime }
func (known) DevMode() bool                        { return true }
func (known) IsScopeAllowed(string) bool           { return true }
func (known) IDTokenUserinfoClaimsAssertion() bool { return true }
func (known) ClockSkew() time.Duration             { return 0 }

//nolint:revive,staticcheck // so the engine names it
func (known) RestrictAdditionalIdTokenScopes() func([]string) []string {
	return slices.Clone[[]string]
}

func (known) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return slices.Clone[[]string]
}

// AuthMethod tells the engine no more than whether the client is a public one.
func (k known) AuthMethod() oidc.AuthMethod {
	if slices.Contains(k.methods, AuthNone) {
		return oidc.AuthMethodNone
	}
	return oidc.AuthMethodBasic
}

func (k known) AccessTokenType() op.AccessTokenType {
	if k.jwt {
		return op.AccessTokenTypeJWT
	}
	return op.AccessTokenTypeBearer
}
