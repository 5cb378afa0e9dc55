package auth_test

import (
	"context"
	"net/http"

	"golang.org/x/oauth2"
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
