// Command existing puts a stack onto a resty client that has been in use for years: with
// hooks, headers, retries and TLS settings of its own. All of them stay, but for one:
// resty's own retries would multiply with the stack's.
//
//	go run ./examples/existing
//	go run ./examples/existing -url https://httpbin.example.com
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/internal/httpbintest"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/retry"
)

func main() {
	url := flag.String("url", "", "the `httpbin` to use; without it, one inside this program, over TLS")
	flag.Parse()
	if err := run(os.Stdout, *url); err != nil {
		fmt.Fprintln(os.Stderr, "existing:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, url string) error {
	bin := httpbintest.StartTLS(url)
	defer bin.Close()
	client := billing(bin.URL, out) // as it has been, with SetRetryCount(3)

	stack := middleware.Stack{
		auth.Bearer{Token: auth.Static("token-of-billing"), InsecureHTTP: !bin.Inside()}, // no secret: any httpbin may have it
		middleware.RequireStatus{},
		middleware.RequireJSON{},
		middleware.Timeout{},
		retry.Policy{Attempts: 2},
	}
	fmt.Fprintln(out, "Use says all that is wrong, and changes nothing:")
	fmt.Fprintf(out, "  %v\n\n", middleware.Use(client, stack...))

	client.SetRetryCount(0)
	if err := middleware.Use(client, stack...); err != nil {
		return err
	}
	client.SetTLSClientConfig(trust(bin.Roots)) // settings of the transport work after Use too
	fmt.Fprintf(out, "With SetRetryCount(0) it takes the stack:\n%v\n\n", middleware.Of(client))

	var echo httpbintest.Echo
	if _, err := client.R().SetResult(&echo).Get("/get"); err != nil {
		return err
	}
	fmt.Fprintf(out, "the server saw   %s, X-Team %s, tenant %s\n",
		echo.Headers.Get("Authorization"), echo.Headers.Get("X-Team"), echo.Args.Get("tenant"))
	_, err := client.R().Get("/status/503")
	fmt.Fprintf(out, "the caller got   %v\n", err)
	return nil
}
