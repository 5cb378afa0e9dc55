package authtest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/go-resty/resty/v2"
	"golang.org/x/oauth2"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/auth/authtest"
	"github.com/restykit/restykit/middleware"
)

// In a test the first line is p := authtest.New(t), and nothing is to close.
func Example() {
	p, err := authtest.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	app := p.Client("app", authtest.Secret("s3cret"))
	api := httptest.NewServer(p.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, _ := authtest.CallerOf(r.Context())
		fmt.Fprintf(w, "hello %s, who may %v", caller.ClientID, caller.Scopes)
	})))
	defer api.Close()

	client := resty.New().SetBaseURL(api.URL)
	err = middleware.Use(client, &auth.OAuth2{Grant: auth.ClientCredentials{Config: app.Credentials("read")}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		resp, err := client.R().Get("/")
		fmt.Println(resp, err)
	}
	fmt.Println("revoked:", p.RevokeAll())
	resp, err := client.R().Get("/")
	fmt.Println(resp, err)
	fmt.Println("tokens:", p.Mints())
	// Output:
	// hello app, who may [read] <nil>
	// hello app, who may [read] <nil>
	// revoked: 1
	// hello app, who may [read] <nil>
	// tokens: 2
}

func ExampleProvider_Fault() {
	p, err := authtest.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	app := p.Client("app", authtest.Secret("s3cret"))
	p.Fault(1, authtest.RetryAfter(http.StatusServiceUnavailable, 0))
	p.Fault(1, authtest.ExpiresIn(`"3600"`))

	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {app.ID}, "client_secret": {app.Secret}}
	for range 3 {
		resp, err := p.HTTPClient().PostForm(p.TokenURL(), form)
		if err != nil {
			fmt.Println(err)
			return
		}
		_ = resp.Body.Close()
		fmt.Println(resp.StatusCode)
	}
	for _, r := range p.Requests() {
		fmt.Println(r.Grant, r.ClientAuth, r.Status, r.Minted)
	}
	// Output:
	// 503
	// 200
	// 200
	// client_credentials client_secret_post 503 false
	// client_credentials client_secret_post 200 true
	// client_credentials client_secret_post 200 true
}

func ExampleProvider_Login() {
	p, err := authtest.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	codes := make(chan string, 1)
	program := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { codes <- r.FormValue("code") }))
	defer program.Close()
	app := p.Client("app", authtest.RedirectURIs(program.URL))

	config, verifier := app.Config("openid", "offline_access"), oauth2.GenerateVerifier()
	browser := p.Login("alice")
	if err := browser(config.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier))); err != nil {
		fmt.Println(err)
		return
	}
	token, err := config.Exchange(context.Background(), <-codes, oauth2.VerifierOption(verifier))
	if err != nil {
		fmt.Println(err)
		return
	}
	caller, live := p.Live(token.AccessToken)
	fmt.Println(caller.Subject, live, token.RefreshToken != "")
	// Output: alice true true
}

func ExampleProvider_Approve() {
	p, err := authtest.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	tv := p.Client("tv")
	config := tv.Config("read")
	device, err := config.DeviceAuth(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Approve(device.UserCode, "alice"))
	token, err := config.DeviceAccessToken(context.Background(), device)
	fmt.Println(token.Type(), err)
	// Output:
	// <nil>
	// Bearer <nil>
}
