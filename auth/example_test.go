package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-resty/resty/v2"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

// service is an API that says who asks, with a token endpoint.
func service() *httptest.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("/whoami", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "Authorization: %q, X-API-Key: %q, query: %q", r.Header.Get("Authorization"), r.Header.Get("X-API-Key"), r.URL.RawQuery)
	})
	mux.HandleFunc("/leave", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://localhost:"+strings.Split(r.Host, ":")[1]+"/whoami", http.StatusFound)
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if _, secret, _ := r.BasicAuth(); secret != "s3cret" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error":"invalid_client","error_description":"wrong secret"}`)
			return
		}
		fmt.Fprintf(w, `{"access_token":"token for %s","expires_in":3600,"refresh_token":"R2"}`, r.FormValue("grant_type"))
	})
	return httptest.NewServer(mux)
}

// whoami asks the service who it thinks is asking.
func whoami(client *resty.Client, path string) {
	resp, err := client.R().Get(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resp)
}

func ExampleBasic() {
	srv := service()
	defer srv.Close()
	client := resty.New().SetBaseURL(srv.URL)
	_ = middleware.Use(client, auth.Basic{Username: "Aladdin", Password: auth.Static("open sesame")})

	whoami(client, "/whoami")
	// Output:
	// Authorization: "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", X-API-Key: "", query: ""
}

func ExampleBearer() {
	_ = os.Setenv("EXAMPLE_TOKEN", "t0ken")
	client := resty.New().SetBaseURL("https://api.example.com")

	err := middleware.Use(client, auth.Bearer{Token: auth.Env("EXAMPLE_TOKEN"), Origins: []string{"https://files.example.com"}})
	fmt.Println(err)
	fmt.Println(middleware.Of(client))

	fmt.Println(middleware.Use(client, auth.Bearer{Token: auth.Env("NO_SUCH_VARIABLE")}))
	// Output:
	// <nil>
	// auth  bearer  EXAMPLE_TOKEN, only https://api.example.com, https://files.example.com
	// bearer: Token: the environment variable NO_SUCH_VARIABLE is not set, or empty
}

// A token goes to its origin, and not where a redirect leads. The port is the same here,
// the host is not.
func ExampleBearer_origin() {
	srv := service()
	defer srv.Close()
	client := resty.New().SetBaseURL(srv.URL)
	_ = middleware.Use(client, auth.Bearer{Token: auth.Static("t0ken")})

	whoami(client, "/whoami")
	whoami(client, "/leave")
	// Output:
	// Authorization: "Bearer t0ken", X-API-Key: "", query: ""
	// Authorization: "", X-API-Key: "", query: ""
}

// A request with a user's token, on a client that has its own.
func ExampleBearer_perUser() {
	srv := service()
	defer srv.Close()
	client := resty.New().SetBaseURL(srv.URL)
	_ = middleware.Use(client, auth.Basic{Username: "shop", Password: auth.Static("s3cret")})

	ctx := middleware.With(context.Background(), auth.Bearer{Token: auth.Static("users-own")})
	resp, _ := client.R().SetContext(ctx).Get("/whoami")
	fmt.Println(resp)
	// Output:
	// Authorization: "Bearer users-own", X-API-Key: "", query: ""
}

func ExampleAPIKey() {
	srv := service()
	defer srv.Close()
	client := resty.New().SetBaseURL(srv.URL)
	_ = middleware.Use(client,
		auth.APIKey{Header: "X-API-Key", Key: auth.Static("k3y")},
		auth.APIKey{Query: "app", Key: auth.Static("a&b")},
	)

	whoami(client, "/whoami?page=2")
	// Output:
	// Authorization: "", X-API-Key: "k3y", query: "page=2&app=a%26b"
}

func ExampleOAuth2() {
	srv := service()
	defer srv.Close()
	client := resty.New().SetBaseURL(srv.URL)
	err := middleware.Use(client, &auth.OAuth2{Grant: auth.ClientCredentials{Config: clientcredentials.Config{
		ClientID: "shop", ClientSecret: "s3cret", TokenURL: srv.URL + "/token", Scopes: []string{"orders.read"},
	}}})
	fmt.Println(err)

	whoami(client, "/whoami")
	// Output:
	// <nil>
	// Authorization: "Bearer token for client_credentials", X-API-Key: "", query: ""
}

func ExampleClientCredentials() {
	_ = os.Setenv("SHOP_SECRET", "s3cret")
	client := resty.New().SetBaseURL("https://api.example.com")
	_ = middleware.Use(client, &auth.OAuth2{Grant: auth.ClientCredentials{
		Config: clientcredentials.Config{ClientID: "shop", TokenURL: "https://id.example.com/token"},
		Secret: auth.Env("SHOP_SECRET"),
	}})

	fmt.Println(middleware.Of(client))
	// Output:
	// auth  oauth2  client credentials of shop at https://id.example.com/token, secret SHOP_SECRET, only https://api.example.com
}

// The server wants another secret from now on. The next token is asked for with it.
func ExampleClientCredentials_secret() {
	srv := service()
	defer srv.Close()
	dir, _ := os.MkdirTemp("", "secret")
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "client-secret")
	_ = os.WriteFile(path, []byte("old\n"), 0o600)
	grant := auth.ClientCredentials{
		Config: clientcredentials.Config{ClientID: "shop", TokenURL: srv.URL + "/token"},
		Secret: auth.File(path),
	}

	_, err := grant.Mint(context.Background(), srv.Client(), nil)
	fmt.Println(strings.Replace(err.Error(), srv.URL, "https://id.example.com", 1))
	_ = os.WriteFile(path, []byte("s3cret\n"), 0o600) // the orchestrator has the new one
	token, err := grant.Mint(context.Background(), srv.Client(), nil)
	fmt.Println(token.AccessToken, err)
	// Output:
	// token: https://id.example.com/token: 401 invalid_client: wrong secret
	// token for client_credentials <nil>
}

func ExampleRefreshToken() {
	srv := service()
	defer srv.Close()
	saved := &oauth2.Token{RefreshToken: "R1"} // from the login, or the last run
	client := resty.New().SetBaseURL(srv.URL)
	_ = middleware.Use(client, &auth.OAuth2{
		Grant: auth.RefreshToken{
			Config: oauth2.Config{ClientID: "app", Endpoint: oauth2.Endpoint{TokenURL: srv.URL + "/token"}},
			Secret: auth.Static("s3cret"),
			Token:  saved,
		},
		OnToken: func(token *oauth2.Token) { fmt.Println("save", token.RefreshToken) },
	})

	whoami(client, "/whoami")
	// Output:
	// save R2
	// Authorization: "Bearer token for refresh_token", X-API-Key: "", query: ""
}

func ExampleStatic() {
	client := resty.New()
	fmt.Println(middleware.Use(client, auth.Bearer{Token: auth.Static("pasted\n")}))
	fmt.Println(middleware.Use(client, auth.Bearer{Token: auth.Static("pasted")}))
	fmt.Printf("%+v\n", middleware.Of(client))
	// Output:
	// bearer: Token: the secret ends in a line end: strip it, or use auth.File, which does
	// <nil>
	// auth  bearer  static
}

func ExampleEnv() {
	_ = os.Setenv("EXAMPLE_KEY", "k3y")
	key, err := auth.Env("EXAMPLE_KEY").Secret(context.Background())
	fmt.Println(key, err)
	_, err = auth.Env("EXAMPLE_KEYS").Secret(context.Background())
	fmt.Println(err)
	// Output:
	// k3y <nil>
	// the environment variable EXAMPLE_KEYS is not set, or empty
}

func ExampleFile() {
	dir, _ := os.MkdirTemp("", "secret")
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "token")
	source := auth.File(path)

	_ = os.WriteFile(path, []byte("first\n"), 0o600)
	fmt.Println(source.Secret(context.Background()))
	_ = os.WriteFile(path, []byte("other\n"), 0o600) // the orchestrator has a new one
	fmt.Println(source.Secret(context.Background()))
	// Output:
	// first <nil>
	// other <nil>
}

func ExampleFunc() {
	vault := map[string]string{"token": "t0ken"}
	source := auth.Func(func(context.Context) (string, error) {
		token, ok := vault["token"]
		if !ok {
			return "", errors.New("the vault has no token")
		}
		return token, nil
	})
	fmt.Println(source.Secret(context.Background()))
	delete(vault, "token")
	_, err := source.Secret(context.Background())
	fmt.Println(err)
	// Output:
	// t0ken <nil>
	// the vault has no token
}

func ExampleInsecureError() {
	client := resty.New().SetBaseURL("http://api.example.com").SetLogger(silence{})
	_ = middleware.Use(client, auth.Bearer{Token: auth.Static("t0ken")})

	_, err := client.R().Get("/")
	refused, ok := errors.AsType[*auth.InsecureError](err)
	fmt.Println(ok, refused)
	// Output:
	// true bearer: credentials are not sent over plain http to http://api.example.com: use https, or set InsecureHTTP
}

func ExampleTokenError() {
	srv := service()
	defer srv.Close()
	client := resty.New().SetBaseURL(srv.URL).SetLogger(silence{})
	_ = middleware.Use(client, &auth.OAuth2{Grant: auth.ClientCredentials{Config: clientcredentials.Config{
		ClientID: "shop", ClientSecret: "a typo", TokenURL: srv.URL + "/token",
	}}})

	_, err := client.R().Get("/whoami")
	refused, ok := errors.AsType[*auth.TokenError](err)
	fmt.Println(ok, refused.StatusCode, refused.Code, refused.Description, refused.Final())
	// Output:
	// true 401 invalid_client wrong secret true
}
