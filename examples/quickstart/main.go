// Command quickstart stacks seven features onto one resty client, and shows each of them
// at work on an httpbin: Basic, Bearer, API key, OAuth2 token refresh, status codes, JSON
// content types and timeouts.
//
//	go run ./examples/quickstart
//	go run ./examples/quickstart -url http://127.0.0.1:8088
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/internal/httpbintest"
	"github.com/restykit/restykit/middleware"
)

func main() {
	url := flag.String("url", "", "the `httpbin` to use; without it, one inside this program")
	flag.Parse()
	if err := run(os.Stdout, *url); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, url string) error {
	bin := httpbintest.Start(url)
	defer bin.Close()
	id := startIdentityProvider()
	defer id.Close()
	toys := !bin.Inside() // the secrets here are none: any httpbin may have them, over plain http too

	client := resty.New().SetBaseURL(bin.URL)
	err := middleware.Use(client,
		&auth.OAuth2{Grant: id.expiredGrant(), InsecureHTTP: toys},
		auth.APIKey{Header: "X-API-Key", Key: auth.Static("key-42"), InsecureHTTP: toys},
		middleware.RequireStatus{}, // 2xx, or a *middleware.StatusError
		middleware.RequireJSON{},   // JSON, or a *middleware.ContentTypeError
		middleware.Timeout{},       // 3s and 10s, or a *middleware.TimeoutError
		middleware.Deadline(0),     // 30s for the whole call
	)
	if err != nil {
		return err
	}

	fmt.Fprintf(out, "The pipeline of a resty client on %s:\n\n%v\n\n", bin.URL, middleware.Of(client))
	fmt.Fprint(out, "Basic and Bearer write the same header as OAuth2, so here they come with single\n"+
		"requests: SetContext(middleware.With(ctx, auth.Basic{...})).\n\n")
	return show(out, client, append(credentials(toys), answers()...))
}
