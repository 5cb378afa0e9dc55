package auth

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/restykit/restykit/internal/redact"
)

// tokenClient is a client as its token endpoint knows it (RFC 6749 section 2.3).
type tokenClient struct {
	url        string // of the endpoint that is asked
	audience   string // of an assertion: the token endpoint, also where another one is asked
	id         string
	configured string // the secret, where it stands in the configuration
	secret     Source // or where it comes from
	style      oauth2.AuthStyle
	proof      ClientAuth // in the place of a secret
	scopes     []string
	// once writes what is good for one request, anew for each; or nil.
	once func(context.Context, url.Values) error
}

func clientOf(c oauth2.Config, secret Source, proof ClientAuth) tokenClient {
	return tokenClient{c.Endpoint.TokenURL, c.Endpoint.TokenURL, c.ClientID, c.ClientSecret, secret, c.Endpoint.AuthStyle, proof, c.Scopes, nil}
}

func machineOf(c clientcredentials.Config, secret Source, proof ClientAuth) tokenClient {
	return tokenClient{c.TokenURL, c.TokenURL, c.ClientID, c.ClientSecret, secret, c.AuthStyle, proof, c.Scopes, nil}
}

// grant is the form of a token request: its type, the scopes, and names and values.
func (c tokenClient) grant(kind string, more url.Values) url.Values {
	form := url.Values{"grant_type": {kind}}
	if len(c.scopes) > 0 {
		form.Set("scope", strings.Join(c.scopes, " "))
	}
	for name, values := range more {
		form[name] = slices.Clone(values)
	}
	return form
}

// ask asks for a token.
func (c tokenClient) ask(ctx context.Context, client *http.Client, form url.Values) (*oauth2.Token, error) {
	answer, err := c.send(ctx, client, form)
	if err != nil {
		return nil, err
	}
	token, err := answer.token()
	if err != nil {
		return nil, answer.wrong(err)
	}
	return token, nil
}

// send sends one request. Where nobody said how the endpoint takes the secret, that is
// the Basic scheme; and only where the server does not know the client by it, a second
// request has the secret in the form. What the token endpoint took is kept for as long as
// the OAuth2 lives, and until it no longer does.
func (c tokenClient) send(ctx context.Context, client *http.Client, form url.Values) (tokenAnswer, error) {
	style := c.styleOf(ctx)
	before := style.Load()
	answer, err := c.exchange(ctx, client, form, before == int64(oauth2.AuthStyleInParams))
	switch {
	case !c.hasSecret() || c.style != oauth2.AuthStyleAutoDetect:
		return answer, err
	case !unknownClient(err):
		if before == int64(oauth2.AuthStyleAutoDetect) && knownClient(err) {
			style.Store(int64(oauth2.AuthStyleInHeader))
		}
		return answer, err
	case before != int64(oauth2.AuthStyleAutoDetect):
		style.Store(int64(oauth2.AuthStyleAutoDetect))
		return answer, err
	}
	second, errForm := c.exchange(ctx, client, form, true)
	said, ok := errors.AsType[*TokenError](errForm)
	switch {
	case knownClient(errForm):
		style.Store(int64(oauth2.AuthStyleInParams))
	case ok && said.Final():
		return answer, err // the secret is wrong, not its place
	}
	return second, errForm
}

func (c tokenClient) hasSecret() bool {
	return c.proof == nil && (c.secret != nil || c.configured != "")
}

// exchange sends one request, and one more where the server asks for another nonce in its
// proof (RFC 9449 section 8). What is good once is made anew.
func (c tokenClient) exchange(ctx context.Context, client *http.Client, form url.Values, inForm bool) (tokenAnswer, error) {
	for replay := false; ; replay = true {
		r, err := c.request(ctx, form)
		if err != nil {
			return tokenAnswer{}, err
		}
		r.inForm = inForm
		answer, err := r.send(ctx, client)
		if replay || !r.outdated(err) {
			return answer, err
		}
	}
}

func (c tokenClient) request(ctx context.Context, form url.Values) (tokenRequest, error) {
	r := tokenRequest{url: c.url, audience: c.audience, id: c.id, form: maps.Clone(form)}
	if c.once != nil {
		if err := c.once(ctx, r.form); err != nil {
			return r, err
		}
	}
	var err error
	if c.proof != nil {
		err = prefixed("Auth", c.proof.prove(ctx, &r))
	} else {
		r.secret, err = clientSecret(ctx, c.secret, c.configured)
	}
	if err == nil {
		r.proof, r.nonce, err = dpopOf(ctx).proofOf(ctx, c.url)
	}
	return r, err
}

// refresh asks for the successor of a token (RFC 6749 section 6).
func (c tokenClient) refresh(ctx context.Context, client *http.Client, refresh string) (*oauth2.Token, error) {
	token, err := c.ask(ctx, client, c.grant("refresh_token", url.Values{"refresh_token": {refresh}}))
	if err == nil && token.RefreshToken == "" {
		token.RefreshToken = refresh
	}
	return token, err
}

// refreshOr renews a token, and has a person log in where that cannot be.
func (c tokenClient) refreshOr(ctx context.Context, client *http.Client, last *oauth2.Token, login func(context.Context, *http.Client) (*oauth2.Token, error)) (*oauth2.Token, error) {
	if last == nil || last.RefreshToken == "" {
		return login(ctx, client)
	}
	token, err := c.refresh(ctx, client, last.RefreshToken)
	if said, ok := errors.AsType[*TokenError](err); ok && said.Code == "invalid_grant" {
		return login(ctx, client)
	}
	return token, err
}

// unknownClient tells whether the server did not know the client by what it was shown.
func unknownClient(err error) bool {
	said, ok := errors.AsType[*TokenError](err)
	return ok && said.Code == "invalid_client"
}

// clientStyle is how a token endpoint takes the secret: an [oauth2.AuthStyle].
type clientStyle struct{ atomic.Int64 }

// styleOf is what is known of the token endpoint. What is learnt elsewhere is forgotten:
// another endpoint may not look at the client.
func (c tokenClient) styleOf(ctx context.Context) *clientStyle {
	if learnt := mintingOf(ctx).style; learnt != nil && c.style == oauth2.AuthStyleAutoDetect && c.url == c.audience {
		return learnt
	}
	s := &clientStyle{}
	s.Store(int64(c.style))
	return s
}

// knownClient tells whether the server knew the client: it gave a token, or refused it in
// words that come behind that.
func knownClient(err error) bool {
	said, ok := errors.AsType[*TokenError](err)
	if !ok {
		return err == nil
	}
	switch said.Code {
	case "invalid_grant", "unauthorized_client", "authorization_pending", "slow_down":
		return said.StatusCode == http.StatusBadRequest
	}
	return false
}

// clientSecret is what the source of a client's secret says now, or else what its
// configuration holds.
func clientSecret(ctx context.Context, s Source, configured string) (string, error) {
	if s == nil {
		return configured, nil
	}
	value, err := secret(ctx, s)
	if err == nil && value == "" {
		err = errEmpty
	}
	return value, prefixed("Secret", err)
}

// validate refuses a client that cannot be told, or has two secrets.
func (c tokenClient) validate() error {
	err := prefixed("ClientSecret", checkSecret(c.configured))
	switch {
	case c.proof != nil && (c.secret != nil || c.configured != ""):
		err = errors.New("both Auth and a client's secret are set: use one")
	case c.proof != nil:
		err = prefixed("Auth", c.proof.Validate())
	case c.secret != nil && c.configured != "":
		err = errors.New("both Secret and Config.ClientSecret are set: use one")
	case c.secret != nil:
		err = validateFilled("Secret", c.secret)
	}
	return err
}

// validateNamed is validate for a client that must have an id.
func (c tokenClient) validateNamed() error {
	if c.id == "" {
		return errors.Join(errors.New("ClientID is empty"), c.validate())
	}
	return c.validate()
}

// of is "of shop at https://id.example.com/token, secret SHOP_SECRET".
func (c tokenClient) of() string {
	var b strings.Builder
	if c.id != "" {
		b.WriteString(" of " + c.id)
	}
	b.WriteString(" at " + redact.String(c.url))
	switch {
	case c.proof != nil:
		b.WriteString(", " + c.proof.String())
	case c.secret != nil:
		b.WriteString(", secret " + sourceName(c.secret))
	}
	return b.String()
}

func prefixed(field string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", field, err)
}
