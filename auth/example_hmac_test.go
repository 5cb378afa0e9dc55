package auth_test

import (
	"crypto"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

// signs is a service that says what signs a request.
func signs(fields ...string) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		for _, name := range fields {
			fmt.Fprintf(w, "%s: %s\n", name, r.Header.Get(name))
		}
		fmt.Fprintf(w, "%s", body)
	}))
}

// GitHub signs the body of a webhook, and so does who tests a receiver of it.
func ExampleHMAC() {
	srv := signs("X-Hub-Signature-256")
	defer srv.Close()
	client := resty.New().SetBaseURL(srv.URL)
	err := middleware.Use(client, auth.HMAC{
		Key:    auth.Static("It's a Secret to Everybody"),
		Parts:  []auth.Part{auth.PartBody},
		Header: "X-Hub-Signature-256",
		Value:  []auth.Part{auth.PartText("sha256="), auth.PartMAC},
	})
	fmt.Println(err)
	resp, _ := client.R().SetBody("Hello, World!").Post("/")
	fmt.Println(resp)
	// Output:
	// <nil>
	// X-Hub-Signature-256: sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17
	// Hello, World!
}

// Azure App Configuration signs method, target and three fields, two of which it asks for.
func ExampleHMAC_azureAppConfiguration() {
	client := resty.New().SetBaseURL("https://shop.azconfig.io")
	err := middleware.Use(client, auth.HMAC{
		KeyID: "0-l8-s0:abc", Key: auth.Static("c2VjcmV0"), KeyEncoding: auth.Base64, Encoding: auth.Base64,
		Fields: map[string]auth.Part{
			"X-Ms-Date":           auth.PartTime(http.TimeFormat),
			"X-Ms-Content-Sha256": auth.PartDigest(crypto.SHA256, auth.Base64, auth.PartBody),
		},
		Parts: []auth.Part{auth.PartMethod, auth.PartTarget, auth.PartJoin(";",
			auth.PartHeader("X-Ms-Date"), auth.PartHost, auth.PartHeader("X-Ms-Content-Sha256"))},
		Separator: "\n",
		Header:    "Authorization",
		Value: []auth.Part{
			auth.PartText("HMAC-SHA256 Credential="), auth.PartKeyID,
			auth.PartText("&SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature="), auth.PartMAC,
		},
	})
	fmt.Println(err)
	fmt.Println(middleware.Of(client))
	// Output:
	// <nil>
	// auth  hmac  Authorization by SHA-256, key static, only https://shop.azconfig.io
}
