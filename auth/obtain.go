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

	"github.com/restykit/restykit/internal/proxy"
)

// mint obtains a token, and tells it.
func (o *OAuth2) mint(w wish) (made, error) {
	m, err := o.obtain(w)
	if err == nil && !m.shared && o.OnToken != nil {
		told := *m.token
		o.OnToken(&told)
	}
	if m.trouble != nil && o.OnStoreError != nil {
		o.OnStoreError(m.trouble)
	}
	return m, err
}

func (o *OAuth2) obtain(w wish) (made, error) {
	if o.Store == nil {
		token, err := o.mintAlone(w.last)
		return made{token: token}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), defaultMintTimeout)
	defer cancel()
	bound, err := o.DPoP.thumbprint(ctx)
	if err != nil {
		return made{}, err
	}
	return share{o.Store, o.Key, bound, o.ownRefreshToken(), o.patience(), o.mintAlone}.obtain(w)
}

// ownRefreshToken is the one that the grant was given.
func (o *OAuth2) ownRefreshToken() string {
	if g, ok := o.Grant.(saver); ok && g.saved() != nil {
		return g.saved().RefreshToken
	}
	return ""
}

// mintAlone obtains one token, on a context and a client of its own.
func (o *OAuth2) mintAlone(last *oauth2.Token) (*oauth2.Token, error) {
	ctx := context.WithValue(context.Background(), mintKey{}, &minting{&o.style, o.DPoP, o.timeout()})
	ctx, cancel := context.WithTimeout(ctx, o.patience())
	defer cancel()
	client := unredirected(o.Client)
	if err := o.checkProxy(ctx, client.Transport); err != nil {
		return nil, err
	}
	token, err := o.Grant.Mint(ctx, client, last)
	if err == nil {
		err = checkToken(token)
	}
	if err == nil && o.DPoP != nil && !o.fits(token) {
		err = notBound(token.TokenType)
	}
	if err != nil {
		return nil, err
	}
	return token, nil
}

// minting is what a grant need not know of the OAuth2 that it mints for.
type minting struct {
	style   *clientStyle
	dpop    *DPoP
	timeout time.Duration // of one request
}

type mintKey struct{}

// mintingOf is what OAuth2 gave to a grant, or what is good without one.
func mintingOf(ctx context.Context) *minting {
	if m, ok := ctx.Value(mintKey{}).(*minting); ok {
		return m
	}
	return &minting{timeout: defaultMintTimeout}
}

// timeout is the longest time for one request.
func (o *OAuth2) timeout() time.Duration { return cmp.Or(o.Timeout, defaultMintTimeout) }

// patience is the longest time for all that a token takes: a person who has to log in
// takes longer than a request.
func (o *OAuth2) patience() time.Duration {
	if g, ok := o.Grant.(unhurried); ok {
		return g.patience()
	}
	return o.timeout()
}

// checkProxy refuses to ask for a token by way of a proxy that may not see the secrets.
func (o *OAuth2) checkProxy(ctx context.Context, rt http.RoundTripper) error {
	g, ok := o.Grant.(asker)
	if !ok || o.InsecureHTTP {
		return nil
	}
	for _, e := range g.endpoints() {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, http.NoBody)
		if err != nil {
			return e.check(false) // without what the URL may have in it
		}
		if rt == nil {
			rt = http.DefaultTransport
		}
		if err := checkWay(e.field, req.URL, func() *url.URL { return proxy.Of(rt, req) }); err != nil {
			return err
		}
	}
	return nil
}

// notBound is the error of a token that anybody could use (RFC 9449 section 5).
func notBound(kind string) error {
	return final(fmt.Sprintf("the token is of the type %q, and so not bound to the key of DPoP (RFC 9449 section 5): have the server bind it, or leave DPoP out", kind))
}

// checkToken says what is wrong with a token that a grant returned.
func checkToken(token *oauth2.Token) error {
	switch {
	case token == nil:
		return errors.New("the grant returned neither a token nor an error")
	case token.AccessToken == "":
		return errors.New("the grant returned a token without an AccessToken")
	}
	if err := checkSecret(header(token)); err != nil {
		return fmt.Errorf("the token cannot be sent: %w", err)
	}
	return nil
}
