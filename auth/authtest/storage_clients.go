package authtest

import (
	"context"
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

// The engine's own way of telling a client is replaced, by VerifyClient. What it would ask
// lets nobody in.

// AuthorizeClientIDSecret refuses.
func (*storage) AuthorizeClientIDSecret(context.Context, string, string) error { return errUnknown }

// ClientCredentials refuses.
func (*storage) ClientCredentials(context.Context, string, string) (op.Client, error) {
	return nil, errUnknown
}

// GetKeyByIDAndClientID refuses.
func (*storage) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, errUnknown
}

// ValidateJWTProfileScopes refuses.
func (*storage) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, errUnknown
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
