package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"github.com/restykit/restykit/internal/proxy"
)

// mint is mintAlone, of a step that shares nothing.
func (o *OAuth2) mint(last *oauth2.Token) (token *oauth2.Token, trouble, err error) {
	token, err = o.mintAlone(last)
	return token, nil, err
}

// mintShared is mint of a step that shares its token.
func (o *OAuth2) mintShared(last *oauth2.Token) (token *oauth2.Token, trouble, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), defaultMintTimeout)
	defer cancel()
	bound, err := o.DPoP.thumbprint(ctx)
	if err != nil {
		return nil, nil, err
	}
	return share{o.Store, o.Key, bound, o.mintAlone}.obtain(last)
}

// mintAlone obtains one token, with one request, on a context and a client of its own.
func (o *OAuth2) mintAlone(last *oauth2.Token) (*oauth2.Token, error) {
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), styleKey{}, &o.style), o.timeout())
	defer cancel()
	if o.DPoP != nil {
		ctx = context.WithValue(ctx, dpopKey{}, o.DPoP)
	}
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
	if o.OnToken != nil {
		told := *token
		o.OnToken(&told)
	}
	return token, nil
}

func (o *OAuth2) timeout() time.Duration {
	if o.Timeout > 0 {
		return o.Timeout
	}
	if g, ok := o.Grant.(unhurried); ok {
		return g.patience()
	}
	return defaultMintTimeout
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
