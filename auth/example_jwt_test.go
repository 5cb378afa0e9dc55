package auth_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

// An API that takes tokens which its clients sign, as App Store Connect does.
func ExampleJWT() {
	api := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		parts := strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), ".")
		header, _ := base64.RawURLEncoding.DecodeString(parts[0])
		payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
		var claims map[string]any
		_ = json.Unmarshal(payload, &claims)
		fmt.Println(string(header))
		fmt.Println("iss", claims["iss"])
		fmt.Println("aud", claims["aud"])
		fmt.Println("seconds from iat to exp", claims["exp"].(float64)-claims["iat"].(float64))
	}))
	defer api.Close()
	dir, _ := os.MkdirTemp("", "key")
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "key.p8")
	_ = os.WriteFile(path, []byte(pkcs8(p256())), 0o600)

	client := resty.New().SetBaseURL(api.URL)
	err := middleware.Use(client, auth.JWT{
		Key:      auth.File(path),
		KeyID:    "2X9R4HXF34",
		Issuer:   "57246542-96fe-1a63-e053-0824d011072a",
		Audience: "appstoreconnect-v1",
	})
	fmt.Println(err)
	_, _ = client.R().Get("/v1/apps")
	// Output:
	// <nil>
	// {"alg":"ES256","kid":"2X9R4HXF34","typ":"JWT"}
	// iss 57246542-96fe-1a63-e053-0824d011072a
	// aud appstoreconnect-v1
	// seconds from iat to exp 300
}

// A Google service account: without an Audience there is a token for each API.
func ExampleJWT_serviceAccount() {
	_ = os.Setenv("EXAMPLE_KEY", pkcs8(rsa2048()))
	const account = "shop@example.iam.gserviceaccount.com"
	client := resty.New().SetBaseURL("https://pubsub.googleapis.com")
	err := middleware.Use(client, auth.JWT{
		Key: auth.Env("EXAMPLE_KEY"), KeyID: "0a1b2c", Issuer: account, Subject: account,
		Origins: []string{"https://storage.googleapis.com"},
	})
	fmt.Println(err)
	fmt.Println(middleware.Of(client))

	fmt.Println(middleware.Use(client, auth.JWT{Key: auth.Env("EXAMPLE_KEY"), Algorithm: "none"}))
	// Output:
	// <nil>
	// auth  jwt  shop@example.iam.gserviceaccount.com, for each origin, key EXAMPLE_KEY, only https://pubsub.googleapis.com, https://storage.googleapis.com
	// jwt: Algorithm "none" signs nothing (RFC 7518 section 3.6): name one that does, or none at all
}

// GitHub gives the app a token for its installation, and the client sends that.
func ExampleGitHubApp() {
	gitHub := http.NewServeMux()
	gitHub.HandleFunc("POST /app/installations/{id}/access_tokens", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"token":"ghs_for_%s","expires_at":"2099-01-01T00:00:00Z"}`, r.PathValue("id"))
	})
	gitHub.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Header.Get("Authorization")) })
	srv := httptest.NewServer(gitHub)
	defer srv.Close()

	client := resty.New().SetBaseURL(srv.URL)
	err := middleware.Use(client, &auth.OAuth2{Grant: auth.GitHubApp{
		AppID:          "Iv23liDemo",
		InstallationID: 987,
		Key:            auth.Static(pkcs8(rsa2048())), // better a file
		BaseURL:        srv.URL,                       // leave it out for github.com
		Permissions:    map[string]string{"contents": "read"},
	}})
	fmt.Println(err)
	whoami(client, "/repos/acme/shop")
	// Output:
	// <nil>
	// Bearer ghs_for_987
}

func ExampleExpiredError() {
	expired := "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	err := middleware.Use(resty.New(), auth.Bearer{Token: auth.Static(expired)})
	_, when, _ := strings.Cut(err.Error(), "ago ")
	fmt.Println(when)
	// Output:
	// (at 2011-03-22T18:43:00Z, by its exp): give a new one, or let auth.OAuth2 or auth.JWT renew it
}
