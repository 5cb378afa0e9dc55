package authtest

import (
	"context"
	"net/http"
	"slices"
	"strings"
)

// Caller is who a request to a protected handler comes from.
type Caller struct {
	ClientID string
	Subject  string // the user, or the client where it speaks for itself
	Scopes   []string
	Audience []string // of a token exchange: audience and resource
	Actor    string   // of a token exchange: who acts for Subject (RFC 8693 section 4.1)
}

// callerKey finds the caller in a context.
type callerKey struct{}

// CallerOf is who a request comes from that [Provider.Protect] let through.
func CallerOf(ctx context.Context) (Caller, bool) {
	c, ok := ctx.Value(callerKey{}).(Caller)
	return c, ok
}

// Protect is a resource server: it lets a request through that has a live access token of
// this provider in its field Authorization, and answers others with 401 and the challenge
// of RFC 6750 section 3, which says error="invalid_token" where there was a token.
func (p *Provider) Protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := bearer(r)
		if !ok {
			refuse(w, "")
			return
		}
		caller, ok := p.Live(token)
		if !ok {
			refuse(w, `, error="invalid_token", error_description="the token is unknown, expired or revoked"`)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, caller)))
	})
}

func refuse(w http.ResponseWriter, why string) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="authtest"`+why)
	http.Error(w, "no live access token", http.StatusUnauthorized)
}

func bearer(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer")
}

// Live tells whether an access token is good now, and whose it is.
func (p *Provider) Live(token string) (Caller, bool) {
	id := p.engine.id(p.context(context.Background()), token)
	a, ok := p.state.live(id)
	if !ok {
		return Caller{}, false
	}
	return Caller{
		ClientID: a.family.client, Subject: a.family.subject, Scopes: slices.Clone(a.scopes),
		Audience: slices.Clone(a.family.audience), Actor: a.family.actor,
	}, true
}
