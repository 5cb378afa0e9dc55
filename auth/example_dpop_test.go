package auth_test

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/go-resty/resty/v2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

// The token is bound to a key that the step has made, and each request proves that it has
// the key. The API wants a nonce of its own in the proof, and names it once.
func ExampleDPoP() {
	proof := func(r *http.Request) (claims struct{ Htm, Nonce string }) {
		text, _ := base64.RawURLEncoding.DecodeString(strings.Split(r.Header.Get("DPoP"), ".")[1])
		_ = json.Unmarshal(text, &claims)
		fmt.Printf("%s %s: a proof for %s, nonce %s\n", r.Method, r.URL.Path, claims.Htm, cmp.Or(claims.Nonce, "none"))
		return claims
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		proof(r)
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, `{"access_token":"AT","token_type":"DPoP","expires_in":600}`)
	})
	mux.HandleFunc("GET /things", func(w http.ResponseWriter, r *http.Request) {
		if proof(r).Nonce != "n1" {
			w.Header().Set("WWW-Authenticate", `DPoP error="use_dpop_nonce"`)
			w.Header().Set("DPoP-Nonce", "n1")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Println(r.Header.Get("Authorization"))
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()

	client := resty.New().SetBaseURL(srv.URL)
	err := middleware.Use(client, &auth.OAuth2{
		Grant: auth.ClientCredentials{
			Config: clientcredentials.Config{ClientID: "shop", TokenURL: srv.URL + "/token"},
			Secret: auth.Static("s3cret"),
		},
		DPoP: &auth.DPoP{},
	})
	fmt.Println(err)
	for range 2 {
		resp, err := client.R().Get("/things")
		fmt.Println(resp.StatusCode(), err)
	}
	// Output:
	// <nil>
	// POST /token: a proof for POST, nonce none
	// GET /things: a proof for GET, nonce none
	// GET /things: a proof for GET, nonce n1
	// DPoP AT
	// 200 <nil>
	// GET /things: a proof for GET, nonce n1
	// DPoP AT
	// 200 <nil>
}
