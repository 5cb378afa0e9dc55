package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/oauth2"

	"github.com/restykit/restykit/internal/perorigin"
)

// DPoP binds the tokens of an [OAuth2] to a key (RFC 9449): whoever steals one cannot use
// it without the key. Its zero value makes a key of its own:
//
//	&auth.OAuth2{Grant: grant, DPoP: &auth.DPoP{}}
//
// Each token request and each request with a token carries a fresh proof in the field DPoP,
// signed with the key, for its method and its URL without the query. Where a server asks
// for a nonce of its own in the proof, the request is sent once more with it, and the nonce
// is kept for the requests after; each answer may bring the next one. A token endpoint and
// an API have nonces of their own, and so has each origin. In one call there is at most one
// replay for a nonce and one for a token that was refused. A body that cannot be read again
// is not sent again: the caller has the 401.
//
// A token that the server does not call DPoP is refused: without the key it would be good
// for anybody (section 5). For a server that binds none, leave DPoP out.
//
// A proof has the time of this machine's clock. Where it is refused and the clocks differ
// by more than 30 s, the error says by how much.
//
// The key is read, or made, once, and stays for the life of the DPoP. What it costs to lose
// it: access tokens are worthless without it, and so are refresh tokens of public clients
// (those without a secret), which a key of its own therefore does not outlive. Give a Key
// where either is kept beyond the process: all clients that share a [TokenStore] have the
// same one, and an [OAuth2] with a Store or a saved refresh token of a public client is
// refused without. A store's token that is bound to another key is not used.
//
// All grants of this package but [GitHubApp] and [FromTokenSource] write proofs, and
// [AuthorizationCode] names the key when the person logs in (dpop_jkt, section 10). A Grant
// of your own does where it calls one of them with the context that it was given.
//
// A DPoP is a pointer, and not copied; several steps may have the same one, and the same
// key. It is safe for concurrent use.
type DPoP struct {
	// Key is the PEM of the private key, as that of [JWT]: ECDSA, Ed25519, or RSA of 2048
	// bits or more. nil makes one for ECDSA on P-256, which nobody else ever sees.
	Key Source
	// Algorithm is alg of the proofs. "" is the key's own, ES256 for one that is made;
	// RS, PS and ES with 256, 384 or 512, and EdDSA may be named.
	Algorithm string

	held  atomic.Pointer[proofKey]
	mints perorigin.Each[nonce] // of token endpoints
	calls perorigin.Each[nonce] // of APIs
}

// nonce is the one that a server has named last (RFC 9449 section 8.2).
type nonce struct{ atomic.Pointer[string] }

func (n *nonce) now() string {
	if s := n.Load(); s != nil {
		return *s
	}
	return ""
}

// hear takes the nonce of an answer, where it has one, and returns it.
func (n *nonce) hear(answer http.Header) string {
	next := readNonce(answer)
	if next != "" && next != n.now() {
		n.Store(&next)
	}
	return next
}

// maxNonce bounds what every request would carry.
const maxNonce = 2 << 10

// readNonce is the nonce of an answer, or "" where there is none, or none that can be
// (section 8.1).
func readNonce(answer http.Header) string {
	values := answer.Values("DPoP-Nonce")
	if len(values) != 1 || len(values[0]) > maxNonce {
		return ""
	}
	if strings.ContainsFunc(values[0], func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
		return ""
	}
	return values[0]
}

func newNonce(string) *nonce { return &nonce{} }

// key is the key, read or made at the first call. Of many first calls one wins.
func (d *DPoP) key(ctx context.Context) (*proofKey, error) {
	if k := d.held.Load(); k != nil {
		return k, nil
	}
	k, err := d.makeKey(ctx)
	if err != nil {
		return nil, fmt.Errorf("DPoP: %w", err)
	}
	d.held.CompareAndSwap(nil, k)
	return d.held.Load(), nil
}

func (d *DPoP) makeKey(ctx context.Context) (*proofKey, error) {
	if d.Key == nil {
		return generatedKey()
	}
	method, err := d.method()
	if err != nil {
		return nil, err
	}
	text, err := keyText(ctx, d.Key)
	if err != nil {
		return nil, prefixed("Key", err)
	}
	k, err := parseProofKey(method, text)
	return k, prefixed("Key", err)
}

// method is the algorithm that is named, or nil.
func (d *DPoP) method() (jwt.SigningMethod, error) {
	method, err := methodOf(d.Algorithm)
	if _, shared := method.(*jwt.SigningMethodHMAC); shared {
		err = final(fmt.Sprintf("Algorithm %q has a shared secret, and a proof needs a key pair (RFC 9449 section 4.2): name another, or none", d.Algorithm))
	}
	return method, err
}

// thumbprint is that of the key (RFC 7638), or "" where d is nil.
func (d *DPoP) thumbprint(ctx context.Context) (string, error) {
	if d == nil {
		return "", nil
	}
	k, err := d.key(ctx)
	if err != nil {
		return "", err
	}
	return k.thumbprint, nil
}

// dpopOf is the DPoP under whose context a grant asks, or nil.
func dpopOf(ctx context.Context) *DPoP { return mintingOf(ctx).dpop }

// proofOf is the proof for a request to a token endpoint, and the nonce in it. Where d is
// nil there is none.
func (d *DPoP) proofOf(ctx context.Context, endpoint string) (proof, used string, err error) {
	if d == nil {
		return "", "", nil
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", "", final("the URL of the token endpoint is none")
	}
	k, err := d.key(ctx)
	if err != nil {
		return "", "", err
	}
	used = d.mints.Of(u, newNonce).now()
	proof, err = k.proof(&http.Request{Method: http.MethodPost, URL: u}, used, "")
	return proof, used, err
}

// heard takes the nonce of a token endpoint's answer.
func (d *DPoP) heard(endpoint string, answer http.Header) {
	if u, err := url.Parse(endpoint); d != nil && err == nil {
		d.mints.Of(u, newNonce).hear(answer)
	}
}

// Validate refuses a key that cannot sign, where it is known now.
func (d *DPoP) Validate() error {
	method, err := d.method()
	switch own := jwt.SigningMethodES256; {
	case err != nil:
		return err
	case d.Key == nil && method != nil && method != own:
		return fmt.Errorf("Algorithm is %q, and a key that is made is for %s: leave it empty, or give a Key", d.Algorithm, own.Alg())
	case d.Key == nil:
		return nil
	}
	return validateKeyText(d.Key, func(text string) error {
		_, err := parseProofKey(method, text)
		return err
	})
}

// String is where the key comes from.
func (d *DPoP) String() string {
	if d.Key == nil {
		return "DPoP"
	}
	return "DPoP by key " + sourceName(d.Key)
}

// Format prints it without its key, whatever the verb.
func (d *DPoP) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, d.String()) }

// validateDPoP refuses what cannot be bound to the key.
func (o *OAuth2) validateDPoP() error {
	if o.DPoP == nil {
		return nil
	}
	errs := []error{prefixed("DPoP", o.DPoP.Validate())}
	switch g := o.Grant.(type) {
	case tokenSource:
		errs = append(errs, errors.New("DPoP is set, and a token source asks by itself, without proofs: use a grant of this package"))
	case GitHubApp:
		errs = append(errs, errors.New("DPoP is set, which GitHub does not know: leave it out"))
	case RefreshToken:
		if public := g.Auth == nil && g.Secret == nil && g.Config.ClientSecret == ""; public && o.DPoP.Key == nil {
			errs = append(errs, errors.New("DPoP has a key of its own, to which the saved refresh token of a public client cannot be bound (RFC 9449 section 5): give DPoP the Key of the login"))
		}
	}
	if o.Store != nil && o.DPoP.Key == nil {
		errs = append(errs, errors.New("DPoP has a key of its own, and the clients that share a Store need the same: give DPoP a Key"))
	}
	return errors.Join(errs...)
}

const dpopType = "DPoP" // of a token, and the scheme in which it is sent

// fits tells whether a token can be sent: with a proof, where it is bound to a key.
func (o *OAuth2) fits(t *oauth2.Token) bool {
	return (o.DPoP != nil) == strings.EqualFold(t.TokenType, dpopType)
}

// begin is the saved token of a grant, if it may be used. One cannot be bound to a key that
// has just been made.
func (o *OAuth2) begin(saved *oauth2.Token) *oauth2.Token {
	if saved == nil || !o.fits(saved) || (o.DPoP != nil && o.DPoP.Key == nil) {
		return nil
	}
	return saved
}
