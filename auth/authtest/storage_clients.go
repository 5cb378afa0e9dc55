package authtest

import (
	"context"
	"crypto/subtle"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// GetClientByClientID finds a client.
func (s *storage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	c := s.client(id)
	if c == nil {
		return nil, oidc.ErrInvalidClient().WithDescription("the client is not known")
	}
	return known{c}, nil
}

// AuthorizeClientIDSecret compares a secret.
func (s *storage) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	if c := s.client(id); c != nil && c.Secret != "" && subtle.ConstantTimeCompare([]byte(c.Secret), []byte(secret)) == 1 {
		return nil
	}
	return oidc.ErrInvalidClient().WithDescription("the secret is wrong")
}

// ClientCredentials is never asked: the engine's own way of telling a client is replaced.
func (s *storage) ClientCredentials(ctx context.Context, id, secret string) (op.Client, error) {
	if err := s.AuthorizeClientIDSecret(ctx, id, secret); err != nil {
		return nil, err
	}
	return s.GetClientByClientID(ctx, id)
}

// ClientCredentialsTokenRequest is a token for the client itself.
func (s *storage) ClientCredentialsTokenRequest(_ context.Context, id string, scopes []string) (op.TokenRequest, error) {
	return single{consent{family: newFamily(id, id, scopes)}}, nil
}

// SetUserinfoFromScopes has nothing to add: see SetUserinfoFromRequest.
func (*storage) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return nil
}

// SetUserinfoFromRequest writes the claims of an ID token.
func (*storage) SetUserinfoFromRequest(_ context.Context, info *oidc.UserInfo, request op.IDTokenRequest, scopes []string) error {
	describe(info, request.GetSubject(), scopes)
	return nil
}

// SetUserinfoFromToken writes the answer of userinfo.
func (s *storage) SetUserinfoFromToken(_ context.Context, info *oidc.UserInfo, id, _, _ string) error {
	a, ok := s.live(id)
	if !ok {
		return errUnknown
	}
	describe(info, a.family.subject, a.scopes)
	return nil
}

func describe(info *oidc.UserInfo, user string, scopes []string) {
	info.Subject = user
	if slices.Contains(scopes, oidc.ScopeProfile) {
		info.PreferredUsername, info.Name = user, user
	}
	if slices.Contains(scopes, oidc.ScopeEmail) {
		info.Email, info.EmailVerified = user+"@example.com", true
	}
}

// SetIntrospectionFromToken writes what a token is.
func (s *storage) SetIntrospectionFromToken(_ context.Context, to *oidc.IntrospectionResponse, id, _, _ string) error {
	a, ok := s.live(id)
	if !ok {
		return errUnknown
	}
	f := a.family
	to.Scope, to.ClientID, to.TokenType, to.Subject, to.JWTID = a.scopes, f.client, oidc.BearerToken, f.subject, a.id
	to.Expiration, to.IssuedAt, to.Audience = oidc.FromTime(a.expires), oidc.FromTime(a.issued), f.audience
	if f.actor != "" {
		to.Actor = &oidc.ActorClaims{Subject: f.actor}
	}
	return nil
}

// GetPrivateClaimsFromScopes has none.
func (*storage) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return nil, nil //nolint:nilnil // no claims
}

// GetKeyByIDAndClientID is the key of a client.
func (s *storage) GetKeyByIDAndClientID(_ context.Context, id, client string) (*jose.JSONWebKey, error) {
	c := s.client(client)
	if c == nil || c.key == nil {
		return nil, errUnknown
	}
	return &jose.JSONWebKey{KeyID: id, Key: c.key}, nil
}

// ValidateJWTProfileScopes lets all scopes be.
func (*storage) ValidateJWTProfileScopes(_ context.Context, _ string, scopes []string) ([]string, error) {
	return scopes, nil
}
