package auth_test

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"

	"github.com/go-resty/resty/v2"
	"github.com/mccutchen/go-httpbin/v2/httpbin"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

// The server asks once. What follows carries the credentials from the start, each request
// with the next count of the server's nonce.
func ExampleDigest() {
	bin := httpbin.New()
	count := regexp.MustCompile(`nc=\w+`)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("server:", cmp.Or(count.FindString(r.Header.Get("Authorization")), "no credentials"))
		bin.ServeHTTP(w, r)
	}))
	defer srv.Close()
	_ = os.Setenv("DIGEST_PASSWORD", "s3cret")
	client := resty.New().SetBaseURL(srv.URL)
	_ = middleware.Use(client, &auth.Digest{Username: "ada", Password: auth.Env("DIGEST_PASSWORD")})

	for range 2 {
		resp, err := client.R().Get("/digest-auth/auth/ada/s3cret/SHA-256")
		fmt.Println(resp.StatusCode(), err)
	}
	// Output:
	// server: no credentials
	// server: nc=00000001
	// 200 <nil>
	// server: nc=00000002
	// 200 <nil>
}
