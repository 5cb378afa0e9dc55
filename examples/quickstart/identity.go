package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"

	"github.com/restykit/restykit/auth"
)

// identityProvider is a token endpoint: it takes the refresh token "refresh-0", and gives
// an access token of the name "fresh-1", "fresh-2", ...
type identityProvider struct {
	*httptest.Server
	minted atomic.Int32
}

func startIdentityProvider() *identityProvider {
	p := &identityProvider{}
	p.Server = httptest.NewServer(p)
	return p
}

// ServeHTTP answers a token request (RFC 6749 section 6).
func (p *identityProvider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if id, secret, _ := r.BasicAuth(); id != "quickstart" || secret != "client-secret" {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error": "invalid_client"}`)
		return
	}
	if r.FormValue("grant_type") != "refresh_token" || r.FormValue("refresh_token") != "refresh-0" {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error": "invalid_grant"}`)
		return
	}
	fmt.Fprintf(w, `{"access_token": "fresh-%d", "token_type": "Bearer", "expires_in": 3600}`, p.minted.Add(1))
}

// expiredGrant is what a program saved yesterday: an access token that has expired since,
// and a refresh token that has not.
func (p *identityProvider) expiredGrant() auth.RefreshToken {
	return auth.RefreshToken{
		Config: oauth2.Config{
			ClientID: "quickstart", ClientSecret: "client-secret",
			Endpoint: oauth2.Endpoint{TokenURL: p.URL + "/token"},
		},
		Token: &oauth2.Token{AccessToken: "stale", RefreshToken: "refresh-0", Expiry: time.Now().Add(-time.Hour)},
	}
}
