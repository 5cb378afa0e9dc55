package auth_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/middleware/middlewaretest"
)

// contracted are the steps, in the company that they may keep.
func contracted() map[string]func() middleware.Middleware {
	vault := auth.Func(func(ctx context.Context) (string, error) {
		select {
		case <-time.After(time.Second):
			return "s3cret", nil
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	})
	sealed := auth.Func(func(context.Context) (string, error) { return "", errors.New("the vault is sealed") })
	over := func(g auth.Grant) func() middleware.Middleware {
		return func() middleware.Middleware { return &auth.OAuth2{Grant: g} }
	}
	slow := grantFunc(func(ctx context.Context, _ *http.Client, _ *oauth2.Token) (*oauth2.Token, error) {
		select {
		case <-time.After(5 * time.Second):
			return &oauth2.Token{AccessToken: "AT"}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	return map[string]func() middleware.Middleware{
		"basic":                  func() middleware.Middleware { return basic },
		"bearer":                 func() middleware.Middleware { return bearer },
		"bearer, a slow vault":   func() middleware.Middleware { return auth.Bearer{Token: vault} },
		"bearer, a sealed vault": func() middleware.Middleware { return auth.Bearer{Token: sealed} },
		"api key in the header":  func() middleware.Middleware { return auth.APIKey{Header: "X-Api-Key", Key: auth.Static("k3y")} },
		"api key in the query":   func() middleware.Middleware { return auth.APIKey{Query: "api_key", Key: auth.Static("k3y")} },
		"basic for another origin": func() middleware.Middleware {
			return auth.Basic{Username: "u", Password: sealed, Origins: []string{"https://x.test"}}
		},
		"oauth2":               func() middleware.Middleware { return (&issuer{}).step() },
		"oauth2, a slow grant": over(slow),
		"oauth2, no grant at all": over(grantFunc(func(context.Context, *http.Client, *oauth2.Token) (*oauth2.Token, error) {
			return nil, errors.New("no")
		})),
		"oauth2, a token for each call": func() middleware.Middleware {
			return (&issuer{answer: func(n int, _ url.Values) *http.Response { return issued(n, 0) }}).step()
		},
		"oauth2, tokens that end soon": func() middleware.Middleware {
			return (&issuer{takes: time.Millisecond, answer: func(n int, _ url.Values) *http.Response { return issued(n, 1) }}).step()
		},
		"oauth2, refresh": func() middleware.Middleware { return newRotator().refreshing(&oauth2.Token{RefreshToken: "R0"}) },
	}
}

func TestEachStepKeepsTheContract(t *testing.T) {
	refused := middlewaretest.Answer("a token that is refused", func(n int) *http.Response {
		status := http.StatusOK
		if n%3 == 1 {
			status = http.StatusUnauthorized
		}
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("who are you?"))}
	})
	plain := middlewaretest.Request(func() *http.Request {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://api.test/", nil)
		if err != nil {
			panic(err)
		}
		return req
	})
	for name, step := range contracted() {
		t.Run(name, func(t *testing.T) { middlewaretest.Run(t, step, refused) })
		if !strings.Contains(name, ",") {
			t.Run(name+", refused over plain http", func(t *testing.T) { middlewaretest.Run(t, step, plain) })
		}
	}
}
