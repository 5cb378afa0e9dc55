package auth_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/restykit/restykit/auth"
)

// grantFunc is a Grant of a test.
type grantFunc func(ctx context.Context, client *http.Client, last *oauth2.Token) (*oauth2.Token, error)

func (f grantFunc) Mint(ctx context.Context, client *http.Client, last *oauth2.Token) (*oauth2.Token, error) {
	return f(ctx, client, last)
}

// granting grants the same token again and again.
func granting(token string) grantFunc {
	return func(context.Context, *http.Client, *oauth2.Token) (*oauth2.Token, error) {
		return &oauth2.Token{AccessToken: token}, nil
	}
}

// issuer is a token endpoint without sockets: it issues AT1, AT2, ... for an hour each.
type issuer struct {
	takes  time.Duration                               // for an answer
	answer func(n int, form url.Values) *http.Response // of the n-th request; nil is a token

	mu   sync.Mutex
	asks []ask
}

// ask is a request for a token.
type ask struct {
	at   time.Time
	req  *http.Request
	form url.Values
}

// RoundTrip answers a request for a token.
func (i *issuer) RoundTrip(req *http.Request) (*http.Response, error) {
	text, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(text))
	if err != nil {
		return nil, err
	}
	i.mu.Lock()
	i.asks = append(i.asks, ask{time.Now(), req, form})
	n := len(i.asks)
	i.mu.Unlock()
	if i.takes > 0 {
		select {
		case <-time.After(i.takes):
		case <-req.Context().Done():
			return nil, req.Context().Err()
		}
	}
	if i.answer != nil {
		if resp := i.answer(n, form); resp != nil {
			resp.Request = req
			return resp, nil
		}
	}
	return issued(n, 3600), nil
}

// issued is the answer with token n, for some seconds.
func issued(n int, seconds any) *http.Response {
	return reply(nil, http.StatusOK, "application/json", fmt.Sprintf(`{"access_token":"AT%d","token_type":"bearer","expires_in":%v}`, n, seconds))
}

// count is how often it was asked.
func (i *issuer) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.asks)
}

// last is the last request.
func (i *issuer) last(t *testing.T) ask {
	t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	require.NotEmpty(t, i.asks, "no request for a token came")
	return i.asks[len(i.asks)-1]
}

// step is an OAuth2 with its tokens.
func (i *issuer) step() *auth.OAuth2 {
	return &auth.OAuth2{
		Grant: auth.ClientCredentials{Config: clientcredentials.Config{
			ClientID: "shop", ClientSecret: "s3cret-client", TokenURL: "https://id.test/token",
		}},
		Client: &http.Client{Transport: i},
	}
}

// refusing answers with an error of the token endpoint.
func refusing(status int, code string) func(int, url.Values) *http.Response {
	return func(int, url.Values) *http.Response {
		return reply(nil, status, "application/json", fmt.Sprintf(`{"error":%q}`, code))
	}
}
