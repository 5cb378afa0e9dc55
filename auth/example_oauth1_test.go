package auth_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

// photos is a service with OAuth 1.0, of the example in RFC 5849 section 1.2.
func photos() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tokenSecret := map[string]string{"/initiate": "", "/token": "hdhd0244k9j7ao03", "/photos": "pfkkdhi9sl3r4s00"}[r.URL.Path]
		sent := protocol(r.Header.Get("Authorization"))
		if err := checkOAuth1(r, "", "kd94hf93k423kf44", tokenSecret); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		switch r.URL.Path {
		case "/initiate":
			fmt.Fprint(w, "oauth_token=hh5s93j4hdidpola&oauth_token_secret=hdhd0244k9j7ao03&oauth_callback_confirmed=true")
		case "/token":
			fmt.Fprint(w, "oauth_token=nnch734d00sl2jdk&oauth_token_secret=pfkkdhi9sl3r4s00")
		default:
			fmt.Fprintf(w, "%s of the owner of %s", r.URL.Query().Get("file"), sent["oauth_token"])
		}
	}))
}

func ExampleOAuth1() {
	srv := photos()
	defer srv.Close()
	client := resty.New().SetBaseURL(srv.URL)
	err := middleware.Use(client, auth.OAuth1{
		ConsumerKey: "dpf43f3p2l4k3l03", ConsumerSecret: auth.Static("kd94hf93k423kf44"), // in a program auth.Env
		Token: auth.Static("nnch734d00sl2jdk"), TokenSecret: auth.Static("pfkkdhi9sl3r4s00"),
	})
	fmt.Println(err)
	resp, _ := client.R().Get("/photos?file=vacation.jpg")
	fmt.Println(resp)
	// Output:
	// <nil>
	// vacation.jpg of the owner of nnch734d00sl2jdk
}

// A login: a temporary token, the user in a browser, and the token to keep.
func ExampleOAuth1_login() {
	srv := photos()
	defer srv.Close()
	client := resty.New().SetBaseURL(srv.URL)
	err := middleware.Use(client, middleware.RequireStatus{})
	fmt.Println(err)
	app := auth.OAuth1{ConsumerKey: "dpf43f3p2l4k3l03", ConsumerSecret: auth.Static("kd94hf93k423kf44")}
	post := func(path string, step auth.OAuth1) url.Values {
		resp, err := client.R().SetContext(middleware.With(context.Background(), step)).Post(path)
		if err != nil {
			return nil
		}
		answer, _ := url.ParseQuery(resp.String())
		return answer
	}

	first := app
	first.Callback = "http://printer.example.com/ready" // or "oob" where the user types a code
	temporary := post("/initiate", first)
	fmt.Println("open", "https://photos.example.net/authorize?oauth_token="+temporary.Get("oauth_token"))

	second := app
	second.Token, second.TokenSecret = auth.Static(temporary.Get("oauth_token")), auth.Static(temporary.Get("oauth_token_secret"))
	second.Verifier = auth.Static("hfdp7dh39dks9884") // which came to the callback
	kept := post("/token", second)

	user := app
	user.Token, user.TokenSecret = auth.Static(kept.Get("oauth_token")), auth.Static(kept.Get("oauth_token_secret"))
	resp, _ := client.R().SetContext(middleware.With(context.Background(), user)).Get("/photos?file=vacation.jpg")
	fmt.Println(resp)
	// Output:
	// <nil>
	// open https://photos.example.net/authorize?oauth_token=hh5s93j4hdidpola
	// vacation.jpg of the owner of nnch734d00sl2jdk
}
