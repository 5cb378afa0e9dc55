package auth

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"github.com/restykit/restykit/internal/origin"
	"github.com/restykit/restykit/internal/redact"
)

// Grant says how a token is obtained. [OAuth2] does the rest: it keeps the token, asks
// for one at a time, backs off and replays.
type Grant interface {
	// Mint obtains a token with one request over client, under ctx. last is the token
	// that was minted before, or nil. An error with a method Final() bool that is true
	// is one that asking again cannot help.
	Mint(ctx context.Context, client *http.Client, last *oauth2.Token) (*oauth2.Token, error)
}

// What some grants can say of themselves.
type (
	// asker has endpoints that get secrets.
	asker interface{ endpoints() []endpoint }
	// saver begins with a token.
	saver interface{ saved() *oauth2.Token }
	// unhurried needs longer for a token than a request takes.
	unhurried interface{ patience() time.Duration }
)

// endpoint is a URL, and the field it comes from.
type endpoint struct{ field, url string }

// check refuses what is no URL, and one to which no secret may go.
func (e endpoint) check(insecure bool) error {
	u, err := url.Parse(e.url)
	switch {
	case e.url == "":
		return fmt.Errorf("%s is empty", e.field)
	case err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http"):
		return fmt.Errorf("%s %q is no absolute http(s) URL", e.field, redact.String(e.url))
	case !insecure && !origin.Of(u).Secure():
		return &InsecureError{Step: e.field, Origin: origin.Of(u).String()}
	}
	return nil
}

// formatGrant prints a grant as fmt does with any verb: never by its fields.
func formatGrant(f fmt.State, g fmt.Stringer) { _, _ = fmt.Fprint(f, g.String()) }
