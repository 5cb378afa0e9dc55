package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// TokenExchange is the grant of RFC 8693: a token that somebody has for another one, for
// another service or on somebody's behalf.
//
// Where each request has another Subject, as in a gateway, keep an [OAuth2] for each of
// them, bounded, and bring it along with [middleware.With]: one that is made for a request
// asks for a token for that request alone.
//
// A type is a URI, or the last word of one of the RFC's: "access_token",
// "refresh_token", "id_token", "saml1", "saml2" or "jwt".
type TokenExchange struct {
	// Config may be without a ClientID, where the server does not ask who exchanges.
	// Its EndpointParams are the place of audience and resource.
	Config      clientcredentials.Config
	Secret      Source     // the client's: see [ClientCredentials]
	Auth        ClientAuth // how the client proves itself without a secret: see [ClientCredentials]
	Subject     Source     // the token of whom the new one is about, read anew for each
	SubjectType string     // "" is access_token
	Actor       Source     // the token of who acts for them; nil is nobody
	ActorType   string     // "" is access_token
	Requested   string     // the type of the new token; "" leaves it to the server
}

func (g TokenExchange) client() tokenClient { return machineOf(g.Config, g.Secret, g.Auth) }

// Mint asks for a token.
func (g TokenExchange) Mint(ctx context.Context, client *http.Client, _ *oauth2.Token) (*oauth2.Token, error) {
	c := g.client()
	form := c.grant("urn:ietf:params:oauth:grant-type:token-exchange", g.Config.EndpointParams)
	if err := addToken(ctx, form, "subject_token", g.Subject, g.SubjectType); err != nil {
		return nil, prefixed("Subject", err)
	}
	if g.Actor != nil {
		if err := addToken(ctx, form, "actor_token", g.Actor, g.ActorType); err != nil {
			return nil, prefixed("Actor", err)
		}
	}
	if g.Requested != "" {
		form.Set("requested_token_type", tokenType(g.Requested))
	}
	return c.ask(ctx, client, form)
}

func addToken(ctx context.Context, form url.Values, name string, from Source, kind string) error {
	token, err := secret(ctx, from)
	if err == nil && token == "" {
		err = errEmpty
	}
	form.Set(name, token)
	form.Set(name+"_type", tokenType(kind))
	return err
}

// tokenType is the URI of a type (RFC 8693 section 3).
func tokenType(kind string) string {
	switch {
	case kind == "":
		kind = "access_token"
	case strings.Contains(kind, ":"):
		return kind
	}
	return "urn:ietf:params:oauth:token-type:" + kind
}

func (g TokenExchange) endpoints() []endpoint { return []endpoint{{"TokenURL", g.Config.TokenURL}} }

// Validate refuses a configuration that cannot work.
func (g TokenExchange) Validate() error {
	errs := []error{g.client().validate(), validateFilled("Subject", g.Subject)}
	if g.Actor != nil {
		errs = append(errs, validateFilled("Actor", g.Actor))
	}
	for _, f := range [...]struct{ name, kind string }{{"SubjectType", g.SubjectType}, {"ActorType", g.ActorType}, {"Requested", g.Requested}} {
		switch f.kind {
		case "", "access_token", "refresh_token", "id_token", "saml1", "saml2", "jwt":
		default:
			if !strings.Contains(f.kind, ":") {
				errs = append(errs, fmt.Errorf("%s %q is no type of RFC 8693 section 3, and no URI", f.name, f.kind))
			}
		}
	}
	return errors.Join(errs...)
}

// String is the grant, the token endpoint and where the token comes from.
func (g TokenExchange) String() string {
	return "exchange of " + sourceName(g.Subject) + ", client" + g.client().of()
}

// Format prints the grant without its secrets, whatever the verb.
func (g TokenExchange) Format(f fmt.State, _ rune) { formatGrant(f, g) }
