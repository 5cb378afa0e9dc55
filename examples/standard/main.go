// Command standard shows how a team shares a stack: a function returns it, and a service
// overrides a step by its name.
//
//	go run ./examples/standard
//	go run ./examples/standard -url http://127.0.0.1:8088
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
		fmt.Fprintln(os.Stderr, "standard:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, url string) error {
	bin := httpbintest.Start(url)
	defer bin.Close()
	log := logger(out)

	catalog := resty.New().SetBaseURL(bin.URL)
	if err := middleware.Use(catalog, Standard(log)...); err != nil {
		return err
	}
	reports := resty.New().SetBaseURL(bin.URL)
	if err := middleware.Use(reports, append(Standard(log),
		middleware.Deadline(5*time.Minute),  // reports take their time,
		retry.Policy{Attempts: 1},           // cost too much to be made twice,
		middleware.Off("require-json"),      // and are pages for people
		middleware.UserAgent("reports/2.0"), // who like to know who asked
	)...); err != nil {
		return err
	}
	fmt.Fprintf(out, "catalog, the standard:\n%v\n\nreports, overridden by name:\n%v\n\n", middleware.Of(catalog), middleware.Of(reports))

	_, err := catalog.R().Get("/status/503")
	fmt.Fprintf(out, "catalog   %v\n\n", err)
	_, err = reports.R().Get("/status/503")
	fmt.Fprintf(out, "reports   %v\n\n", err)
	page, err := reports.R().Get("/html")
	fmt.Fprintf(out, "reports   a page of %d bytes, %v\n\n", page.Size(), err)
	ctx := middleware.With(context.Background(), middleware.RequireStatus{Codes: []int{200, 404}}) // for this request
	item, err := catalog.R().SetContext(ctx).SetPathParam("item", "404").Get("/status/{item}")
	fmt.Fprintf(out, "catalog   %s, %v\n", item.Status(), err)
	return nil
}
