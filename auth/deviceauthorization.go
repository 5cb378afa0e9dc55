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

// DeviceAuthorization is the grant of RFC 8628, for a program where there is no browser:
// the person opens a page on another device, and enters a code there. Meanwhile the
// server is asked at the interval that it names, 5 s longer after each slow_down, until
// the person has agreed, or refused, or the code has expired. An answer that does not
// come, or is 5xx, doubles the interval (section 3.5).
//
// A token that came with a refresh token is renewed by it; see [AuthorizationCode], also
// for a login ahead of the first request.
type DeviceAuthorization struct {
	Config oauth2.Config // ClientID, Scopes, Endpoint.DeviceAuthURL and TokenURL
	Secret Source        // nil for a public client, which such programs are
	Auth   ClientAuth    // how the client proves itself without a secret: see [ClientCredentials]
	// Prompt shows the person the page (VerificationURI) and the UserCode, or
	// VerificationURIComplete, which has both. It does not wait for the person. It is
	// not told the device code, which is a secret.
	Prompt func(context.Context, oauth2.DeviceAuthResponse) error
	// Params are further ones of the device authorization request, such as audience.
	Params url.Values
}

const (
	defaultInterval = 5 * time.Second  // RFC 8628 section 3.2
	slowDown        = 5 * time.Second  // section 3.5
	maxDeviceTime   = 30 * time.Minute // whatever expires_in says
)

func (g DeviceAuthorization) client() tokenClient { return clientOf(g.Config, g.Secret, g.Auth) }

// Mint renews the last token, or else has the person log in.
func (g DeviceAuthorization) Mint(ctx context.Context, client *http.Client, last *oauth2.Token) (*oauth2.Token, error) {
	return g.client().refreshOr(ctx, client, last, g.login)
}

func (g DeviceAuthorization) login(ctx context.Context, client *http.Client) (*oauth2.Token, error) {
	device, err := g.begin(ctx, client)
	if err != nil {
		return nil, err
	}
	shown := *device
	shown.DeviceCode = ""
	if err := g.Prompt(ctx, shown); err != nil {
		return nil, prefixed("Prompt", err)
	}
	return g.poll(ctx, client, device)
}

// begin is the device authorization request (section 3.1).
func (g DeviceAuthorization) begin(ctx context.Context, client *http.Client) (*oauth2.DeviceAuthResponse, error) {
	c := g.client()
	c.url = g.Config.Endpoint.DeviceAuthURL
	form := c.grant("", g.Params)
	form.Del("grant_type")
	answer, err := c.send(ctx, client, form)
	if err != nil {
		return nil, err
	}
	device := &oauth2.DeviceAuthResponse{
		DeviceCode: answer.text("device_code"), UserCode: answer.text("user_code"),
		VerificationURI:         cmp.Or(answer.text("verification_uri"), answer.text("verification_url")), // Google's
		VerificationURIComplete: answer.text("verification_uri_complete"),
		Expiry:                  answer.begun.Add(maxDeviceTime),
	}
	if device.DeviceCode == "" || device.UserCode == "" || device.VerificationURI == "" {
		return nil, answer.wrong(errors.New("the answer lacks a device_code, a user_code or a verification_uri"))
	}
	if life, known := lifetime(answer.members["expires_in"]); known && life < maxDeviceTime {
		device.Expiry = answer.begun.Add(life)
	}
	interval, _ := lifetime(answer.members["interval"])
	device.Interval = int64(max(cmp.Or(interval, defaultInterval), time.Second).Seconds())
	return device, nil
}

// poll asks for the token until there is an answer of the person.
func (g DeviceAuthorization) poll(ctx context.Context, client *http.Client, device *oauth2.DeviceAuthResponse) (*oauth2.Token, error) {
	ctx, cancel := context.WithDeadlineCause(ctx, device.Expiry, errors.New("nobody entered the code before it expired"))
	defer cancel()
	c := g.client()
	c.scopes = nil // they are part of the code
	form := c.grant("urn:ietf:params:oauth:grant-type:device_code", url.Values{"device_code": {device.DeviceCode}})
	var rest time.Duration // that the server asks for
	for interval := time.Duration(device.Interval) * time.Second; ; {
		select {
		case <-time.After(max(interval, rest)):
		case <-ctx.Done():
			return nil, &TokenError{Endpoint: redact.String(c.url), Err: context.Cause(ctx), rest: maxPause}
		}
		token, err := c.ask(ctx, client, form)
		said, ok := errors.AsType[*TokenError](err)
		if !ok || said.Final() {
			return token, rested(err)
		}
		switch rest = said.asked(); said.Code {
		case "authorization_pending":
		case "slow_down":
			interval += slowDown
		default:
			interval *= 2
		}
	}
}

func (g DeviceAuthorization) patience() time.Duration { return maxDeviceTime + time.Minute }

func (g DeviceAuthorization) endpoints() []endpoint {
	return []endpoint{{"TokenURL", g.Config.Endpoint.TokenURL}, {"DeviceAuthURL", g.Config.Endpoint.DeviceAuthURL}}
}

// Validate refuses a configuration that cannot work.
func (g DeviceAuthorization) Validate() error {
	err := g.client().validateNamed()
	if g.Prompt == nil {
		err = errors.Join(err, errors.New("Prompt is nil: give a function that shows the person the page and the code"))
	}
	return err
}

// String is the grant and its token endpoint.
func (g DeviceAuthorization) String() string { return "device authorization" + g.client().of() }

// Format prints the grant without its secrets, whatever the verb.
func (g DeviceAuthorization) Format(f fmt.State, _ rune) { formatGrant(f, g) }
