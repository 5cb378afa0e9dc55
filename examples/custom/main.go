// Command custom has a step of its own, and adopts a decorator of the ecosystem.
//
//	go run ./examples/custom
//	go run ./examples/custom -url http://127.0.0.1:8088
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/internal/httpbintest"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/retry"
)

func main() {
	url := flag.String("url", "", "the `httpbin` to use; without it, one inside this program")
	flag.Parse()
	if err := run(os.Stdout, *url); err != nil {
		fmt.Fprintln(os.Stderr, "custom:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, url string) error {
	bin := httpbintest.Start(url)
	defer bin.Close()
	sent := newTally()

	client := resty.New().SetBaseURL(bin.URL)
	if err := middleware.Use(client,
		Tenant{Header: "X-Tenant"},
		middleware.Wrap("tally", middleware.Wire, sent.decorate),
		middleware.RequireStatus{},
		retry.Policy{Attempts: 3, Wait: 10 * time.Millisecond},
	); err != nil {
		return err
	}
	fmt.Fprintf(out, "%v\n\n", middleware.Of(client))

	var echo httpbintest.Echo
	ctx := WithTenant(context.Background(), "acme")
	if _, err := client.R().SetContext(ctx).SetResult(&echo).Get("/headers"); err != nil {
		return err
	}
	fmt.Fprintf(out, "the server saw       X-Tenant: %s\n", echo.Headers.Get("X-Tenant"))
	_, err := client.R().Get("/headers")
	fmt.Fprintf(out, "without a tenant     %v\n", err)
	_, err = client.R().SetContext(ctx).Get("/status/503")
	fmt.Fprintf(out, "a server that fails  %v\n", err)
	fmt.Fprintf(out, "the decorator saw    %v\n", sent)
	return nil
}
