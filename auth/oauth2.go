package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/oauth2"

	"github.com/restykit/restykit/middleware"
)

// OAuth2 sends a token that its Grant obtains (RFC 6749), as a Bearer token (RFC 6750) or,
// with [DPoP], bound to a key:
//
//	&auth.OAuth2{Grant: auth.ClientCredentials{Config: clientcredentials.Config{...}}}
//
// The token is kept until it is within a leeway of its expiry, the smaller of 10 s and a
// quarter of its lifetime, and renewed in the background before that, while the old one
// still works. However many callers wait, there is one request for a token at a time;
// each caller leaves on its own context, and the request goes on. A failure is shared by
// all who waited, and not tried again before a backoff of 100 ms, doubling to 1 min, or
// what the server asks for, up to 1 h. Its error has a method RetryAfter() time.Duration.
//
// A 401 drops exactly the token that was refused; the request is sent once more, with
// its body, and a new token. Where that is refused too, the caller has the 401, and
// for 1 s, doubling to 1 min, no further token is dropped.
//
// A token with a lifetime of zero or less is good for the calls that waited for it. One
// without a lifetime is kept until it is refused.
//
// An OAuth2 is a pointer, shared by all requests of the clients that have it. It is not
// copied, and its fields are not changed after first use.
type OAuth2 struct {
	Grant   Grant
	Origins []string // where else the token may go, like "https://files.example.com"
	// InsecureHTTP lets the token, and the secrets of the grant, go over plain http to or
	// through other machines.
	InsecureHTTP bool
	// OnToken is told each new token before it is used, one at a time: the place to
	// save a refresh token that the server rotates. Callers wait for it, so it must not
	// send through a client that this step is on.
	OnToken func(*oauth2.Token)
	// Client sends the token requests; it follows no redirects, whatever it says. nil
	// is a plain one. It must not be a client that this step is on.
	Client *http.Client
	// Timeout is the longest time for one token request. 0 is 10 s. A person who has to
	// log in may take longer: that is the grant's.
	Timeout time.Duration
	// DPoP binds the tokens to a key (RFC 9449). nil is off; &DPoP{} makes a key of its own.
	DPoP *DPoP
	// Store is where clients that share the token find it, by Key: one of them asks for
	// a token, and the others wait for what it gets, which OnToken is not told. They trust
	// each other, and have the same Grant: Key names all that makes a token another one,
	// the server, the client, the person and the scopes. A store that does not answer within
	// 2 s makes each ask for itself, and fails no call; a refresh token that the server
	// rotates does not survive that for long. Where a token is refused, and the one that
	// others have put there by then as well, the call has the 401, and the next one asks. Of the answer's members, id_token and scope go
	// along. nil shares nothing.
	Store TokenStore
	Key   string
	// OnStoreError is told that the Store does not work, and a token was minted without.
	// So is an [middleware.Observer], by an event of the kind "store".
	OnStoreError func(error)

	minter minter
	style  clientStyle // what the token endpoint took
}

const defaultMintTimeout = 10 * time.Second

// Name is "oauth2".
func (*OAuth2) Name() string { return "oauth2" }

// Layer is [middleware.Auth].
func (*OAuth2) Layer() middleware.Layer { return middleware.Auth }

// Writes is "Authorization".
func (*OAuth2) Writes() string { return authorization }

// Trusts is Origins.
func (o *OAuth2) Trusts() []string { return o.Origins }

// RoundTrip sends the request with the token, where it may go.
func (o *OAuth2) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	s := sender{scheme: o, origins: o.Origins, insecure: o.InsecureHTTP}
	if o.DPoP != nil {
		s.then = &proving{OAuth2: o}
	}
	return s.send(req, next)
}

// Token is the token that a request would have now: for what does not go through the
// client, and for a login ahead of the first request. It waits as a request does. With
// DPoP it is of no use without the key.
func (o *OAuth2) Token(ctx context.Context) (*oauth2.Token, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("oauth2: %w", err)
	}
	token, err := o.get(ctx, &used{})
	if err != nil {
		return nil, &unsigned{o.Name(), err}
	}
	told := *token
	return &told, nil
}

func (o *OAuth2) has(req *http.Request) bool {
	return hasAuthorization(req) || (o.DPoP != nil && hasField(req, dpopField))
}

// usedKey finds the token that a call has to itself. A pipeline has one OAuth2.
type usedKey struct{}

func (o *OAuth2) sign(req *http.Request) error {
	token, err := o.get(req.Context(), usedBy(req))
	if err != nil {
		return err
	}
	authorize(req, header(token), token.AccessToken)
	return nil
}

func (o *OAuth2) get(ctx context.Context, by *used) (*oauth2.Token, error) {
	if g, ok := o.Grant.(saver); ok {
		o.minter.seed(func() *oauth2.Token { return o.begin(g.saved()) })
	}
	return o.minter.get(ctx, o.mint, by)
}

// again tells whether a 401 came for a token that can be renewed.
func (o *OAuth2) again(signed *http.Request, answer *http.Response) bool {
	if answer.StatusCode != http.StatusUnauthorized || o.wantsNonce(answer) {
		return false
	}
	by := usedBy(signed)
	return o.minter.refuse(by, signed.Header.Get(authorization)) && by.replays()
}

// settled hears how the replay ended. What is about a nonce says nothing of the token.
func (o *OAuth2) settled(replay *http.Request, answer *http.Response) {
	usedBy(replay).settled()
	if answer != nil && !o.wantsNonce(answer) {
		o.minter.settle(replay.Header.Get(authorization), answer.StatusCode == http.StatusUnauthorized)
	}
}

func usedBy(req *http.Request) *used {
	return middleware.InfoOf(req.Context()).Memo(usedKey{}, func() any { return &used{} }).(*used)
}

// Validate refuses a grant that cannot work.
func (o *OAuth2) Validate() error {
	errs := []error{validateOrigins(o.Origins), o.validateDPoP()}
	if o.Timeout < 0 {
		errs = append(errs, fmt.Errorf("Timeout is %v: give a positive duration, or 0 for %v", o.Timeout, defaultMintTimeout))
	}
	if (o.Store == nil) != (o.Key == "") {
		errs = append(errs, errors.New("Store and Key belong together: Key is the name of the token in the Store, for all who share it"))
	}
	if v, ok := o.Store.(interface{ Validate() error }); ok {
		errs = append(errs, prefixed("Store", v.Validate()))
	}
	if o.Grant == nil {
		return errors.Join(append(errs, errors.New("Grant is nil: give one, such as auth.ClientCredentials"))...)
	}
	if v, ok := o.Grant.(interface{ Validate() error }); ok {
		errs = append(errs, v.Validate())
	}
	if e, ok := o.Grant.(asker); ok {
		for _, e := range e.endpoints() {
			errs = append(errs, e.check(o.InsecureHTTP))
		}
	}
	return errors.Join(append(errs, o.validateCertificate())...)
}

// String is what the grant says of itself, and DPoP.
func (o *OAuth2) String() string {
	text := fmt.Sprintf("%T", o.Grant)
	if s, ok := o.Grant.(fmt.Stringer); ok {
		text = s.String()
	}
	if o.DPoP != nil {
		text += ", " + o.DPoP.String()
	}
	return text
}

// Format prints the step without its secrets, whatever the verb.
func (o *OAuth2) Format(f fmt.State, _ rune) { format(f, o) }
