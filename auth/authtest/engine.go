package authtest

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const (
	pathAuthorize           = "/authorize"
	pathToken               = "/oauth/token" //nolint:gosec // a path
	pathDeviceAuthorization = "/device_authorization"
	pathUserinfo            = "/userinfo"
	pathLogin               = "/login"
	pathDevice              = "/device"
	pathOAuthDiscovery      = "/.well-known/oauth-authorization-server"
)

// engine is the provider of zitadel/oidc, with what it lacks.
type engine struct {
	*op.LegacyServer

	provider *op.Provider
	storage  *storage
	handler  http.Handler
}

func newEngine(p *Provider, o options) (*engine, error) {
	k, err := newKeys()
	if err != nil {
		return nil, err
	}
	config := &op.Config{
		CodeMethodS256: true, AuthMethodPost: true, AuthMethodPrivateKeyJWT: true, GrantTypeRefreshToken: true,
		DeviceAuthorization: op.DeviceAuthorizationConfig{
			Lifetime: defaultLifetime, PollInterval: o.interval, UserFormPath: pathDevice, UserCode: op.UserCodeBase20,
		},
	}
	var secret [32]byte
	_, _ = rand.Read(secret[:])
	e := &engine{storage: &storage{p.state, k}}
	e.provider, err = op.NewProvider(
		config, e.storage, op.StaticIssuer(p.Issuer), op.WithAllowInsecure(),
		op.WithCrypto(escaping{op.NewAES256GCMCrypto(secret, k.id)}),
	)
	if err != nil {
		return nil, err
	}
	e.LegacyServer = op.NewLegacyServer(e.provider, *op.DefaultEndpoints)
	e.handler = op.RegisterLegacyServer(e, op.AuthorizeCallbackHandler(e.provider))
	return e, nil
}

// escaping lets the name of a user have a colon, by which the engine takes an opaque token
// apart.
type escaping struct{ op.Crypto }

// Encrypt makes an opaque token.
func (c escaping) Encrypt(text string) (string, error) {
	if id, subject, ok := strings.Cut(text, ":"); ok {
		text = id + ":" + url.QueryEscape(subject)
	}
	return c.Crypto.Encrypt(text)
}

// id is the id of an access token, or "".
func (e *engine) id(ctx context.Context, token string) string {
	id, _, _, _ := op.GetTokenIDAndSubjectFromToken(ctx, e.provider, token, oidc.AccessTokenType, false)
	return id
}

// Discovery adds what the engine does not know of.
func (e *engine) Discovery(ctx context.Context, r *op.Request[struct{}]) (*op.Response, error) {
	resp, err := e.LegacyServer.Discovery(ctx, r)
	if err != nil {
		return nil, err
	}
	if d, ok := resp.Data.(*oidc.DiscoveryConfiguration); ok {
		d.ResponseTypesSupported = []string{string(oidc.ResponseTypeCode)}
		d.GrantTypesSupported = []oidc.GrantType{
			GrantClientCredentials, GrantRefreshToken, GrantCode, GrantPassword, GrantDevice, GrantJWTBearer, GrantTokenExchange,
		}
		d.TokenEndpointAuthMethodsSupported = []oidc.AuthMethod{AuthNone, AuthBasic, AuthPost, AuthSecret, AuthKey, AuthTLS}
		d.TokenEndpointAuthSigningAlgValuesSupported = nil
		for _, alg := range slices.Concat(asymmetric(), symmetric()) {
			d.TokenEndpointAuthSigningAlgValuesSupported = append(d.TokenEndpointAuthSigningAlgValuesSupported, string(alg))
		}
		d.IntrospectionEndpointAuthMethodsSupported = d.TokenEndpointAuthMethodsSupported[1:]
		d.IntrospectionEndpointAuthSigningAlgValuesSupported = d.TokenEndpointAuthSigningAlgValuesSupported
		d.RevocationEndpointAuthMethodsSupported = d.TokenEndpointAuthMethodsSupported
		d.RevocationEndpointAuthSigningAlgValuesSupported = d.TokenEndpointAuthSigningAlgValuesSupported
	}
	return resp, nil
}

// Authorize wants a challenge of a public client (RFC 9700 section 2.1.1).
func (e *engine) Authorize(ctx context.Context, r *op.ClientRequest[oidc.AuthRequest]) (*op.Redirect, error) {
	if !op.ValidateGrantType(r.Client, GrantCode) {
		return nil, oidc.ErrUnauthorizedClient().WithDescription("the client may not use %s", GrantCode)
	}
	if r.Client.AuthMethod() == oidc.AuthMethodNone && r.Data.CodeChallenge == "" {
		return nil, oidc.ErrInvalidRequest().WithDescription("a public client must send a code_challenge (RFC 7636)")
	}
	return e.LegacyServer.Authorize(ctx, r)
}

// CodeExchange wants the verifier wherever there was a challenge.
func (e *engine) CodeExchange(ctx context.Context, r *op.ClientRequest[oidc.AccessTokenRequest]) (*op.Response, error) {
	if r.Data.CodeVerifier == "" && e.storage.challenged(r.Data.Code) {
		return nil, oidc.ErrInvalidGrant().WithDescription("code_verifier missing")
	}
	return e.LegacyServer.CodeExchange(ctx, r)
}

// DeviceAuthorization is for the clients that may.
func (e *engine) DeviceAuthorization(ctx context.Context, r *op.ClientRequest[oidc.DeviceAuthorizationRequest]) (*op.Response, error) {
	if !op.ValidateGrantType(r.Client, GrantDevice) {
		return nil, oidc.ErrUnauthorizedClient().WithDescription("the client may not use %s", GrantDevice)
	}
	return e.LegacyServer.DeviceAuthorization(ctx, r)
}

// DeviceToken says invalid_grant for a code that is not known, or spent, where the engine
// says access_denied (RFC 8628 section 3.5).
func (e *engine) DeviceToken(ctx context.Context, r *op.ClientRequest[oidc.DeviceAccessTokenRequest]) (*op.Response, error) {
	if !e.storage.holds(r.Client.GetID(), r.Data.DeviceCode) {
		return nil, oidc.ErrInvalidGrant().WithDescription("the device code is unknown or used")
	}
	return e.LegacyServer.DeviceToken(ctx, r)
}

// Introspect says what a token is, to a client that proves who it is.
func (e *engine) Introspect(ctx context.Context, r *op.Request[op.IntrospectionRequest]) (*op.Response, error) {
	_, err := e.VerifyClient(ctx, &op.Request[op.ClientCredentials]{Header: r.Header, Form: r.Form, Data: r.Data.ClientCredentials})
	if err != nil {
		return nil, err
	}
	answer := &oidc.IntrospectionResponse{}
	if f, ok := e.storage.liveRefresh(r.Data.Token); ok {
		answer.Active, answer.ClientID, answer.Subject, answer.Scope = true, f.client, f.subject, f.scopes
	} else if id := e.id(ctx, r.Data.Token); id != "" {
		answer.Active = e.storage.SetIntrospectionFromToken(ctx, answer, id, "", "") == nil
	}
	return op.NewResponse(answer), nil
}
