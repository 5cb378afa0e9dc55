package authtest

import (
	"context"
	"crypto/subtle"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// VerifyClient tells who a client is. The engine's own knows neither a secret that signs nor
// a certificate, and no key for client credentials.
func (e *engine) VerifyClient(ctx context.Context, r *op.Request[op.ClientCredentials]) (op.Client, error) {
	c, err := e.authenticate(ctx, r.Data, r.Header)
	if err != nil {
		return nil, op.NewStatusError(oidc.ErrInvalidClient().WithDescription("%s", err.Error()), http.StatusUnauthorized)
	}
	return known{c}, nil
}

func (e *engine) authenticate(ctx context.Context, said *op.ClientCredentials, h http.Header) (*Client, error) {
	if said.ClientAssertion != "" {
		return e.asserted(ctx, said)
	}
	c := e.storage.client(said.ClientID)
	if c == nil {
		return nil, clientError("the client is not known")
	}
	method := presented(h.Get("Authorization"), url.Values{"client_secret": {said.ClientSecret}})
	if method == AuthNone && slices.Contains(c.methods, AuthTLS) {
		if c.shows(ctx) {
			return c, nil
		}
		return nil, clientError("the client shows no certificate, or another")
	}
	if !slices.Contains(c.methods, method) {
		return nil, clientError("the client may not use " + method + ", but " + strings.Join(c.methods, " or "))
	}
	if method != AuthNone && subtle.ConstantTimeCompare([]byte(c.Secret), []byte(said.ClientSecret)) != 1 {
		return nil, clientError("the secret is wrong")
	}
	return c, nil
}

// clientError is why a client is not the one it says it is.
type clientError string

func (e clientError) Error() string { return string(e) }

// asserted is the client that signed an assertion for itself (RFC 7523 section 2.2).
func (e *engine) asserted(ctx context.Context, said *op.ClientCredentials) (*Client, error) {
	claims, c, err := e.storage.verify(ctx, said.ClientAssertion)
	switch {
	case err != nil:
		return nil, err
	case claims.Subject != claims.Issuer:
		return nil, clientError("iss and sub of the assertion are not the same client")
	case said.ClientID != "" && said.ClientID != c.ID:
		return nil, clientError("the client_id is not that of the assertion")
	case claims.ID == "":
		return nil, clientError("the assertion has no jti")
	case !slices.Contains(c.methods, AuthKey) && !slices.Contains(c.methods, AuthSecret):
		return nil, clientError("the client may not use an assertion, but " + strings.Join(c.methods, " or "))
	}
	return c, nil
}

// shows tells whether the connection has the client's certificate.
func (c *Client) shows(ctx context.Context) bool {
	certificates := certificatesOf(ctx)
	return c.certificate != nil && len(certificates) > 0 && certificates[0].Equal(c.certificate)
}

// JWTProfile is the JWT bearer grant (RFC 7523 section 2.1). The engine's wants the issuer
// for a subject, and the provider's name for an audience.
func (e *engine) JWTProfile(ctx context.Context, r *op.Request[oidc.JWTProfileGrantRequest]) (*op.Response, error) {
	claims, c, err := e.storage.verify(ctx, r.Data.Assertion)
	if err != nil {
		return nil, oidc.ErrInvalidGrant().WithDescription("%s", err.Error())
	}
	if !c.may(GrantJWTBearer) {
		return nil, oidc.ErrUnauthorizedClient().WithDescription("the client may not use %s", GrantJWTBearer)
	}
	family := newFamily(c.ID, claims.Subject, r.Data.Scope)
	answer, err := e.token(ctx, single{consent{family: family}}, c)
	if err != nil {
		return nil, err
	}
	return op.NewResponse(answer), nil
}

// password is the grant of RFC 6749 section 4.3, which the engine has not.
func (e *engine) password(ctx context.Context, r *http.Request) (*oidc.AccessTokenResponse, error) {
	said := &op.ClientCredentials{
		ClientID: r.PostForm.Get("client_id"), ClientSecret: r.PostForm.Get("client_secret"), ClientAssertion: r.PostForm.Get("client_assertion"),
	}
	if id, secret, ok := r.BasicAuth(); ok {
		id, err := url.QueryUnescape(id)
		if err != nil {
			return nil, oidc.ErrInvalidRequest().WithDescription("the id is not encoded")
		}
		if secret, err = url.QueryUnescape(secret); err != nil {
			return nil, oidc.ErrInvalidRequest().WithDescription("the secret is not encoded")
		}
		said.ClientID, said.ClientSecret = id, secret
	}
	c, err := e.VerifyClient(ctx, &op.Request[op.ClientCredentials]{Header: r.Header, Form: r.Form, Data: said})
	if err != nil {
		return nil, err
	}
	if !op.ValidateGrantType(c, GrantPassword) {
		return nil, oidc.ErrUnauthorizedClient().WithDescription("the client may not use %s", GrantPassword)
	}
	user, word := r.PostForm.Get("username"), r.PostForm.Get("password")
	if !e.storage.knows(user, word) {
		return nil, oidc.ErrInvalidGrant().WithDescription("the user is not known, or the password is wrong")
	}
	scopes := strings.Fields(r.PostForm.Get("scope"))
	family := newFamily(c.GetID(), user, scopes)
	return e.tokens(ctx, &consent{family: family}, c.(known).Client)
}

// knows compares a password.
func (s *state) knows(user, word string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept, ok := s.users[user]
	return ok && subtle.ConstantTimeCompare([]byte(kept), []byte(word)) == 1
}

// tokens makes an access token, and a refresh token for a client that may use one.
func (e *engine) tokens(ctx context.Context, c *consent, client *Client) (*oidc.AccessTokenResponse, error) {
	if !client.may(GrantRefreshToken) {
		return e.token(ctx, single{*c}, client)
	}
	return e.token(ctx, c, client)
}

func (e *engine) token(ctx context.Context, request op.TokenRequest, client *Client) (*oidc.AccessTokenResponse, error) {
	c := known{client}
	text, next, life, err := op.CreateAccessToken(ctx, request, c.AccessTokenType(), e.provider, c, "")
	if err != nil {
		return nil, err
	}
	return &oidc.AccessTokenResponse{
		AccessToken: text, RefreshToken: next, TokenType: oidc.BearerToken, ExpiresIn: uint64(max(0, life.Seconds())), Scope: request.GetScopes(),
	}, nil
}
