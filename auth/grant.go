package auth

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/oauth2"
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
	// asker has an endpoint that gets secrets.
	asker interface{ endpoint() string }
	// saver begins with a token.
	saver interface{ saved() *oauth2.Token }
	// patient needs longer for a token than a request takes.
	patient interface{ patience() time.Duration }
)

// formatGrant prints a grant as fmt does with any verb: never by its fields.
func formatGrant(f fmt.State, g fmt.Stringer) { _, _ = fmt.Fprint(f, g.String()) }
