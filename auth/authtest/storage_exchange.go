package authtest

import (
	"context"
	"slices"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// ValidateTokenExchangeRequest refuses tokens that are not good any more, and scopes that
// the subject's token has not.
func (s *storage) ValidateTokenExchangeRequest(_ context.Context, request op.TokenExchangeRequest) error {
	granted, err := s.exchanged(request.GetExchangeSubjectTokenType(), request.GetExchangeSubjectTokenIDOrToken())
	if err != nil {
		return err
	}
	if request.GetExchangeActor() != "" {
		if _, err := s.exchanged(request.GetExchangeActorTokenType(), request.GetExchangeActorTokenIDOrToken()); err != nil {
			return err
		}
	}
	if request.GetRequestedTokenType() == "" {
		request.SetRequestedTokenType(oidc.AccessTokenType)
	}
	if granted == nil {
		return nil
	}
	request.SetSubject(granted.GetSubject())
	if len(request.GetScopes()) == 0 {
		request.SetCurrentScopes(granted.GetScopes())
	}
	for _, scope := range request.GetScopes() {
		if !slices.Contains(granted.GetScopes(), scope) {
			return oidc.ErrInvalidScope().WithDescription("the subject token has not the scope %q", scope)
		}
	}
	return nil
}

// exchanged is what a token stands for that is exchanged; nil where it is not one of ours.
func (s *storage) exchanged(kind oidc.TokenType, token string) (*consent, error) {
	switch kind {
	case oidc.AccessTokenType:
		a, ok := s.live(token)
		if !ok {
			return nil, oidc.ErrInvalidRequest().WithDescription("the token is unknown, expired or revoked")
		}
		return &consent{family: a.family, scopes: a.scopes}, nil
	case oidc.RefreshTokenType:
		f, ok := s.liveRefresh(token)
		if !ok {
			return nil, oidc.ErrInvalidRequest().WithDescription("the token is unknown, used or revoked")
		}
		return &consent{family: f}, nil
	}
	return nil, nil //nolint:nilnil // an ID token, or another issuer's, is judged by its signature
}

// CreateTokenExchangeRequest has nothing to keep.
func (*storage) CreateTokenExchangeRequest(context.Context, op.TokenExchangeRequest) error {
	return nil
}

// GetPrivateClaimsFromTokenExchangeRequest names the actor (RFC 8693 section 4.1).
func (*storage) GetPrivateClaimsFromTokenExchangeRequest(_ context.Context, request op.TokenExchangeRequest) (map[string]any, error) {
	if actor := request.GetExchangeActor(); actor != "" {
		return map[string]any{"act": map[string]any{"sub": actor}}, nil
	}
	return nil, nil //nolint:nilnil // no claims
}

// SetUserinfoFromTokenExchangeRequest writes the claims of an ID token.
func (*storage) SetUserinfoFromTokenExchangeRequest(_ context.Context, info *oidc.UserInfo, request op.TokenExchangeRequest) error {
	describe(info, request.GetSubject(), request.GetScopes())
	return nil
}

// VerifyExchangeSubjectToken reads a JWT that a client with a [Key] signed.
func (s *storage) VerifyExchangeSubjectToken(ctx context.Context, token string, kind oidc.TokenType) (id, subject string, private map[string]any, err error) {
	if kind != oidc.JWTTokenType {
		return "", "", nil, errUnknown
	}
	claims, _, err := s.verify(ctx, token)
	if err != nil {
		return "", "", nil, err
	}
	return token, claims.Subject, nil, nil
}

// VerifyExchangeActorToken is VerifyExchangeSubjectToken.
func (s *storage) VerifyExchangeActorToken(ctx context.Context, token string, kind oidc.TokenType) (id, subject string, private map[string]any, err error) {
	return s.VerifyExchangeSubjectToken(ctx, token, kind)
}
