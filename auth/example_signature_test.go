package auth_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

func ExampleSignature() {
	times := regexp.MustCompile(`=\d{10}`)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, r.Header.Get("Content-Digest"))
		fmt.Fprintln(w, times.ReplaceAllString(r.Header.Get("Signature-Input"), "=..."))
	}))
	defer srv.Close()

	client := resty.New().SetBaseURL(srv.URL)
	err := middleware.Use(client, auth.Signature{
		Key:        auth.Static(rfcKeyEd25519), // in a program auth.File("/run/secrets/key.pem")
		KeyID:      "key-1",
		Components: []string{"@method", "@target-uri", "content-type", "content-digest"},
		Expires:    5 * time.Minute,
	})
	fmt.Println(err)
	resp, _ := client.R().SetHeader("Content-Type", "application/json").SetBody("{\"hello\": \"world\"}\n").Post("/")
	fmt.Print(resp)
	// Output:
	// <nil>
	// sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:
	// sig1=("@method" "@target-uri" "content-type" "content-digest");created=...;keyid="key-1";expires=...
}

// What web-bot-auth asks of a crawler: who it is, for a short time, once.
func ExampleSignature_parameters() {
	client := resty.New().SetBaseURL("https://shop.example.com")
	err := middleware.Use(client, auth.Signature{
		Key: auth.Static(rfcKeyEd25519), KeyID: "poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U",
		Components: []string{"@authority"}, Expires: time.Minute, Nonce: rand.Text, Tag: "web-bot-auth", SendAlgorithm: true,
	})
	fmt.Println(err)
	fmt.Println(middleware.Of(client))
	// Output:
	// <nil>
	// auth  signature  as the key is, key poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U, static, only https://shop.example.com
}
