package sigv4_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/auth/sigv4"
	"github.com/restykit/restykit/middleware"
)

// The credentials of a program on AWS are those of its aws.Config, which
// config.LoadDefaultConfig of aws-sdk-go-v2/config makes: Credentials: cfg.Credentials.
func ExampleSignature() {
	client := resty.New().SetBaseURL("https://a1b2c3.execute-api.eu-central-1.amazonaws.com")
	err := middleware.Use(client, sigv4.Signature{
		Region: "eu-central-1", Service: "execute-api",
		Credentials: sigv4.Keys{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: auth.Static("s3cret")}, // in a program auth.Env
	})
	fmt.Println(err)
	fmt.Println(middleware.Of(client))
	// Output:
	// <nil>
	// auth  sigv4  execute-api in eu-central-1, AKIDEXAMPLE, secret static, only https://a1b2c3.execute-api.eu-central-1.amazonaws.com
}

// A store that is like S3. The stream goes out as it comes in, and is not signed.
func ExampleSignature_unsignedPayload() {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, signature, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
		fmt.Fprintln(w, r.Header.Get("X-Amz-Content-Sha256"), len(signature))
	}))
	defer srv.Close()
	client := resty.New().SetBaseURL(srv.URL)
	err := middleware.Use(client, sigv4.Signature{
		Region: "auto", Service: "s3", UnsignedPayload: true,
		Credentials: sigv4.Keys{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: auth.Static("s3cret")},
	})
	fmt.Println(err)
	resp, _ := client.R().SetBody(strings.NewReader("a large file")).Put("/bucket/file")
	fmt.Print(resp)
	// Output:
	// <nil>
	// UNSIGNED-PAYLOAD 64
}
