package auth_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-resty/resty/v2"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

// authorizationServer is one that agrees to everything, and an API at /whoami.
func authorizationServer() *httptest.Server {
	mux := http.NewServeMux()
	answer := func(pattern string, f func(r *http.Request) string) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, f(r))
		})
	}
	answer("/.well-known/openid-configuration", func(r *http.Request) string {
		return strings.ReplaceAll(`{"issuer":"I","authorization_endpoint":"I/authorize","token_endpoint":"I/token","device_authorization_endpoint":"I/device"}`, "I", "http://"+r.Host)
	})
	answer("/device", func(*http.Request) string {
		return `{"device_code":"d3v1ce","user_code":"WDJB-MJHT","verification_uri":"https://id.example.com/device","interval":1,"expires_in":600}`
	})
	answer("/token", func(r *http.Request) string {
		grant := r.FormValue("grant_type")
		return fmt.Sprintf(`{"access_token":"token for %s","expires_in":3600}`, grant[strings.LastIndex(grant, ":")+1:])
	})
	mux.HandleFunc("/authorize", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"state": q["state"], "code": {"c0de"}}.Encode(), http.StatusFound)
	})
	answer("/whoami", func(r *http.Request) string { return r.Header.Get("Authorization") })
	return httptest.NewServer(mux)
}

// app is a client's configuration at a server.
func app(srv *httptest.Server) oauth2.Config {
	return oauth2.Config{ClientID: "app", Endpoint: oauth2.Endpoint{AuthURL: srv.URL + "/authorize", DeviceAuthURL: srv.URL + "/device", TokenURL: srv.URL + "/token"}}
}

func askWith(srv *httptest.Server, grant auth.Grant) {
	client := resty.New().SetBaseURL(srv.URL)
	if err := middleware.Use(client, &auth.OAuth2{Grant: grant}); err != nil {
		fmt.Println(err)
		return
	}
	whoami(client, "/whoami")
}

func ExampleAuthorizationCode() {
	srv := authorizationServer()
	defer srv.Close()
	askWith(srv, auth.AuthorizationCode{
		Config: app(srv),
		Open: func(_ context.Context, page string) error { // nil opens the system's browser
			go func() { _, _ = http.Get(page) }()
			return nil
		},
	})
	// Output: Bearer token for authorization_code
}

func ExampleDeviceAuthorization() {
	srv := authorizationServer()
	defer srv.Close()
	askWith(srv, auth.DeviceAuthorization{
		Config: app(srv),
		Prompt: func(_ context.Context, d oauth2.DeviceAuthResponse) error {
			fmt.Printf("Open %s and enter %s.\n", d.VerificationURI, d.UserCode)
			return nil
		},
	})
	// Output:
	// Open https://id.example.com/device and enter WDJB-MJHT.
	// Bearer token for device_code
}

func ExampleResourceOwnerPassword() {
	srv := authorizationServer()
	defer srv.Close()
	askWith(srv, auth.ResourceOwnerPassword{Config: app(srv), Username: "mary", Password: auth.Static("open sesame")})
	// Output: Bearer token for password
}

// A gateway has the token of its user, and wants one for the service behind it.
func ExampleTokenExchange() {
	srv := authorizationServer()
	defer srv.Close()
	askWith(srv, auth.TokenExchange{
		Config: clientcredentials.Config{
			ClientID: "gateway", TokenURL: srv.URL + "/token", EndpointParams: url.Values{"audience": {"orders"}},
		},
		Secret:  auth.Static("s3cret"),
		Subject: auth.Static("the token of the user"),
	})
	// Output: Bearer token for token-exchange
}

func ExampleJWTBearer() {
	srv := authorizationServer()
	defer srv.Close()
	askWith(srv, auth.JWTBearer{
		Config: clientcredentials.Config{TokenURL: srv.URL + "/token"},
		JWT:    auth.JWT{Key: auth.Static("a shared secret of 32 bytes, or more"), Algorithm: "HS256", Issuer: "robot"},
	})
	// Output: Bearer token for jwt-bearer
}

func ExampleClientAssertion() {
	client := resty.New().SetBaseURL("https://api.example.com")
	_ = middleware.Use(client, &auth.OAuth2{Grant: auth.ClientCredentials{
		Config: clientcredentials.Config{ClientID: "shop", TokenURL: "https://id.example.com/token"},
		Auth:   auth.ClientAssertion{Token: auth.Func(tokenOfThisWorkload)},
	}})
	fmt.Println(middleware.Of(client))
	// Output: auth  oauth2  client credentials of shop at https://id.example.com/token, assertion from func, only https://api.example.com
}

func tokenOfThisWorkload(context.Context) (string, error) { return "eyJ...", nil }

func ExampleMutualTLS() {
	err := middleware.Use(resty.New(), &auth.OAuth2{
		Grant: auth.ClientCredentials{
			Config: clientcredentials.Config{ClientID: "shop", TokenURL: "https://id.example.com/token"},
			Auth:   auth.MutualTLS{},
		},
		Client: &http.Client{Transport: &http.Transport{}}, // which should have a certificate
	})
	fmt.Println(err)
	// Output: oauth2: Client shows no certificate: set one in the TLSClientConfig of its transport (RFC 8705)
}

func ExampleDiscover() {
	srv := authorizationServer()
	defer srv.Close()
	server, err := auth.Discover(context.Background(), srv.URL)
	fmt.Println(strings.ReplaceAll(server.Endpoint().TokenURL, srv.URL, "https://id.example.com"), err)
	// Output: https://id.example.com/token <nil>
}

func ExampleFromTokenSource() {
	srv := authorizationServer()
	defer srv.Close()
	source := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "of a cloud's library"})
	askWith(srv, auth.FromTokenSource(source))
	// Output: Bearer of a cloud's library
}

// The log in comes before the first request, which then need not wait for a person.
func ExampleOAuth2_Token() {
	srv := authorizationServer()
	defer srv.Close()
	login := &auth.OAuth2{Grant: auth.ResourceOwnerPassword{Config: app(srv), Username: "mary", Password: auth.Static("open sesame")}}
	token, err := login.Token(context.Background())
	fmt.Println(token.AccessToken, err)
	// Output: token for password <nil>
}

// The second program finds the token of the first.
func ExampleFileStore() {
	srv := authorizationServer()
	defer srv.Close()
	dir, _ := os.MkdirTemp("", "tokens")
	defer func() { _ = os.RemoveAll(dir) }()
	for range 2 {
		program := &auth.OAuth2{
			Grant: auth.DeviceAuthorization{Config: app(srv), Prompt: func(context.Context, oauth2.DeviceAuthResponse) error {
				fmt.Println("a person is asked")
				return nil
			}},
			Store: auth.FileStore{Path: filepath.Join(dir, "tokens.json")},
			Key:   "app",
		}
		token, err := program.Token(context.Background())
		fmt.Println(token.AccessToken, err)
	}
	// Output:
	// a person is asked
	// token for device_code <nil>
	// token for device_code <nil>
}

// Two clients of one program share a token.
func ExampleMemoryStore() {
	mints := 0
	store := &auth.MemoryStore{}
	for range 2 {
		step := &auth.OAuth2{
			Grant: auth.FromTokenSource(countingSource(&mints)),
			Store: store,
			Key:   "shop",
		}
		token, err := step.Token(context.Background())
		fmt.Println(token.AccessToken, err)
	}
	fmt.Println(mints, "mint")
	// Output:
	// AT1 <nil>
	// AT1 <nil>
	// 1 mint
}

func countingSource(n *int) oauth2.TokenSource {
	return sourceFunc(func() (*oauth2.Token, error) {
		*n++
		return &oauth2.Token{AccessToken: fmt.Sprint("AT", *n)}, nil
	})
}
