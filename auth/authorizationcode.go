package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"github.com/restykit/restykit/internal/redact"
)

// AuthorizationCode is the grant of RFC 6749 section 4.1 for a program on a person's
// machine (RFC 8252): it opens the browser, in which the person logs in and agrees, and
// listens on a loopback port for the answer. It always uses PKCE (RFC 7636, S256), and
// checks state and, with Issuer, iss (RFC 9207).
//
// A token that came with a refresh token is renewed by it; the person is asked again where
// the server no longer takes that one. A first token is asked for by the first request that
// needs it, which waits, and whose deadline the person may exceed: call [OAuth2.Token]
// first. With a [TokenStore] the next program finds the token. A login that failed is not
// begun anew within a minute by the same OAuth2.
//
// For programs on a server see [ClientCredentials]; where there is no browser, see
// [DeviceAuthorization].
type AuthorizationCode struct {
	// Config has the ClientID, the Endpoint and the Scopes. An empty RedirectURL is
	// http://127.0.0.1/callback on a free port: register that. One with a port of its own
	// is for servers that do not let the port vary, as RFC 8252 section 7.3 asks of them.
	Config oauth2.Config
	Secret Source     // nil for a public client, which such programs are
	Auth   ClientAuth // how the client proves itself without a secret: see [ClientCredentials]
	// Issuer is who must have answered. An answer that does not name it is refused. ""
	// checks nothing: see [Server.AuthorizationIssuer].
	Issuer string
	// Open brings the person to the page of a URL. nil is [OpenBrowser]. It
	// need not wait for the person, and ctx ends with the login: a browser that is bound
	// to it would be closed then.
	Open func(ctx context.Context, url string) error
	// Params are further ones of the authorization request, such as prompt or audience.
	Params url.Values
	// Patience is how long the person has. 0 is 5 min.
	Patience time.Duration
}

const defaultPatience = 5 * time.Minute

func (g AuthorizationCode) client() tokenClient { return clientOf(g.Config, g.Secret, g.Auth) }

// Mint renews the last token, or else has the person log in.
func (g AuthorizationCode) Mint(ctx context.Context, client *http.Client, last *oauth2.Token) (*oauth2.Token, error) {
	return g.client().refreshOr(ctx, client, last, g.login)
}

// login has the person log in, and exchanges the code for a token.
func (g AuthorizationCode) login(ctx context.Context, client *http.Client) (*oauth2.Token, error) {
	door, err := openDoor(ctx, g.Config.RedirectURL)
	if err != nil {
		return nil, err
	}
	defer door.close()
	verifier := oauth2.GenerateVerifier()
	g.Config.RedirectURL = door.redirectURL()
	bound, err := dpopOf(ctx).thumbprint(ctx)
	if err != nil {
		return nil, err
	}
	code, err := g.code(ctx, door, g.page(door.state, verifier, bound))
	if err != nil {
		return nil, err
	}
	c := g.client()
	c.scopes = nil // they are part of the code
	return c.ask(ctx, client, c.grant("authorization_code", url.Values{
		"code": {code}, "redirect_uri": {g.Config.RedirectURL}, "code_verifier": {verifier},
	}))
}

// code brings the person to the page, and waits.
func (g AuthorizationCode) code(ctx context.Context, door *door, page string) (string, error) {
	patience := cmp.Or(g.Patience, defaultPatience)
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("nobody logged in within %v, and came back to %s", patience, door.url))
	defer cancel()
	answer, err := door.wait(ctx, g.open(ctx, page))
	switch {
	case err == nil:
	case ctx.Err() == nil:
		return "", err
	default:
		return "", &TokenError{Endpoint: redact.String(g.Config.Endpoint.AuthURL), Err: err, rest: maxPause}
	}
	return answer.Get("code"), g.judge(answer)
}

// page is the URL of the authorization request, whose code is bound to a key where there is
// one (RFC 9449 section 10).
func (g AuthorizationCode) page(state, verifier, bound string) string {
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(verifier)}
	if bound != "" {
		options = append(options, oauth2.SetAuthURLParam("dpop_jkt", bound))
	}
	for name, values := range g.Params {
		for _, v := range values {
			options = append(options, oauth2.SetAuthURLParam(name, v))
		}
	}
	return g.Config.AuthCodeURL(state, options...)
}

// open brings the person to the page, and tells where that fails.
func (g AuthorizationCode) open(ctx context.Context, page string) <-chan error {
	failed := make(chan error, 1)
	go func() {
		if g.Open != nil {
			err := errNoReturn
			defer func() {
				if err != nil {
					failed <- prefixed("Open", err)
				}
			}()
			err = g.Open(ctx, page)
			return
		}
		if err := OpenBrowser(ctx, page); err != nil {
			failed <- fmt.Errorf("%w: set Open to a function that shows the URL, or use DeviceAuthorization", err)
		}
	}()
	return failed
}

// judge refuses what is no code, or not from the issuer.
func (g AuthorizationCode) judge(answer url.Values) error {
	refused := &TokenError{Endpoint: redact.String(g.Config.Endpoint.AuthURL), rest: maxPause}
	switch iss := answer.Get("iss"); {
	case g.Issuer != "" && iss == "":
		refused.Err = fmt.Errorf("the answer does not say whose it is (iss): it must be that of %q; leave Issuer empty where the server does not know RFC 9207", g.Issuer)
	case g.Issuer != "" && iss != g.Issuer:
		refused.Err = fmt.Errorf("the answer is that of the issuer %q, and not of %q", redact.Excerpt([]byte(iss), 100), g.Issuer)
	case answer.Get("error") != "":
		refused.Code = redact.Excerpt([]byte(answer.Get("error")), 100)
		refused.Description = redact.Excerpt([]byte(answer.Get("error_description")), 300)
		refused.URI = redact.Excerpt([]byte(answer.Get("error_uri")), 300)
	case answer.Get("code") == "":
		refused.Err = errors.New("the answer has no code")
	default:
		return nil
	}
	return refused
}

func (g AuthorizationCode) patience() time.Duration {
	return cmp.Or(g.Patience, defaultPatience) + time.Minute // for its requests
}

func (g AuthorizationCode) endpoints() []endpoint {
	return []endpoint{{"TokenURL", g.Config.Endpoint.TokenURL}, {"AuthURL", g.Config.Endpoint.AuthURL}}
}

// Validate refuses a configuration that cannot work.
func (g AuthorizationCode) Validate() error {
	err := g.client().validateNamed()
	if g.Patience < 0 {
		err = errors.Join(err, fmt.Errorf("Patience is %v: give a positive duration, or 0 for %v", g.Patience, defaultPatience))
	}
	for _, name := range [...]string{"state", "response_type", "client_id", "redirect_uri", "scope", "code_challenge", "code_challenge_method", "dpop_jkt"} {
		if g.Params.Has(name) {
			err = errors.Join(err, fmt.Errorf("Params has %s, which the login itself writes", name))
		}
	}
	_, errRedirect := redirectTo(g.Config.RedirectURL)
	return errors.Join(err, errRedirect)
}

// String is the grant and its token endpoint.
func (g AuthorizationCode) String() string { return "authorization code" + g.client().of() }

// Format prints the grant without its secrets, whatever the verb.
func (g AuthorizationCode) Format(f fmt.State, _ rune) { formatGrant(f, g) }
