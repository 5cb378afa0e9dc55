package authtest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// storage is the state as the engine asks for it.
type storage struct {
	*state

	keys keys
}

var errUnknown = errors.New("unknown, used or revoked")

// consent is what a token is made for: a [family], with the scopes asked for this time.
// The engine gives a refresh token with it.
type consent struct {
	family *family
	scopes []string
}

func (c *consent) GetAMR() []string { return []string{"pwd"} }
func (c *consent) GetAudience() []string {
	return slices.Concat(c.family.audience, []string{c.family.client})
}
func (c *consent) GetAuthTime() time.Time { return c.family.at }
func (c *consent) GetClientID() string    { return c.family.client }
func (c *consent) GetSubject() string     { return c.family.subject }

func (c *consent) GetScopes() []string {
	if c.scopes != nil {
		return c.scopes
	}
	return c.family.scopes
}

// SetCurrentScopes narrows the scopes.
func (c *consent) SetCurrentScopes(scopes []string) { c.scopes = scopes }

// single is a consent of which no refresh token comes.
type single struct{ consent consent }

func (s single) GetAudience() []string { return s.consent.GetAudience() }
func (s single) GetScopes() []string   { return s.consent.GetScopes() }
func (s single) GetSubject() string    { return s.consent.GetSubject() }

// familyOf is what a token belongs to that the engine makes for a request.
func familyOf(request op.TokenRequest) *family {
	switch r := request.(type) {
	case *login:
		return r.family
	case *consent:
		return r.family
	case single:
		return r.consent.family
	case op.TokenExchangeRequest:
		f := newFamily(r.GetClientID(), r.GetSubject(), r.GetScopes())
		f.audience, f.actor = slices.Concat(r.GetAudience(), r.GetResourses()), r.GetExchangeActor()
		return f
	case *op.DeviceAuthorizationState:
		return newFamily(r.ClientID, r.Subject, r.Scopes)
	}
	return newFamily("", request.GetSubject(), request.GetScopes())
}

// CreateAccessToken makes an access token.
func (s *storage) CreateAccessToken(ctx context.Context, request op.TokenRequest) (string, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.issue(familyOf(request), request.GetScopes(), skewOf(ctx))
	return a.id, s.told(a), nil
}

// told is when an access token expires by what the answer says. The engine cuts it to
// whole seconds.
func (s *storage) told(a *access) time.Time { return a.issued.Add(s.lifetime + time.Second/2) }

// CreateAccessAndRefreshTokens makes an access token, and the refresh token that follows
// the current one.
func (s *storage) CreateAccessAndRefreshTokens(ctx context.Context, request op.TokenRequest, current string) (id, token string, told time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := familyOf(request)
	if current != "" {
		var ok bool
		if f, ok = s.useLocked(current); !ok {
			return "", "", time.Time{}, oidc.ErrInvalidGrant().WithDescription("the refresh token was used meanwhile")
		}
	}
	token = s.next(f, current)
	a := s.issue(f, request.GetScopes(), skewOf(ctx))
	return a.id, token, s.told(a), nil
}

// TokenRequestByRefreshToken is what a refresh token stands for.
func (s *storage) TokenRequestByRefreshToken(_ context.Context, token string) (op.RefreshTokenRequest, error) {
	f, ok := s.useRefresh(token)
	if !ok {
		return nil, errUnknown
	}
	return &consent{family: f}, nil
}

// GetRefreshTokenInfo tells whether a token to revoke is a refresh token.
func (s *storage) GetRefreshTokenInfo(_ context.Context, client, token string) (user, id string, err error) {
	f, ok := s.liveRefresh(token)
	if !ok || f.client != client {
		return "", "", op.ErrInvalidRefreshToken
	}
	return f.subject, token, nil
}

// RevokeToken ends a token of the client's. That of another stays (RFC 7009 section 2.1).
func (s *storage) RevokeToken(_ context.Context, token, _, client string) *oidc.Error {
	if f, ok := s.liveRefresh(token); ok {
		if f.client != client {
			return oidc.ErrInvalidClient().WithDescription("the token is that of another client")
		}
		s.revokeRefresh(token)
		return nil
	}
	if a, ok := s.live(token); ok {
		if a.family.client != client {
			return oidc.ErrInvalidClient().WithDescription("the token is that of another client")
		}
		s.revokeAccess(token)
	}
	return nil
}

// TerminateSession ends all that a user gave to a client.
func (s *storage) TerminateSession(_ context.Context, user, client string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.refresh {
		if r.family.subject == user && r.family.client == client {
			r.family.revoked = true
		}
	}
	return nil
}

// Health is always well.
func (*storage) Health(context.Context) error { return nil }

// skewKey finds in a context how far the provider's clock is ahead of ours.
type skewKey struct{}

func skewOf(ctx context.Context) time.Duration {
	d, _ := ctx.Value(skewKey{}).(time.Duration)
	return d
}
