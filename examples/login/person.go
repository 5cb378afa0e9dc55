package main

import (
	"context"
	"fmt"
	"io"

	"golang.org/x/oauth2"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

// openBrowser opens a page for the person, who does it where the program cannot.
func openBrowser(out io.Writer) func(context.Context, string) error {
	return func(ctx context.Context, page string) error {
		if err := auth.OpenBrowser(ctx, page); err != nil {
			fmt.Fprintf(out, "   no browser can be opened here: please open\n   %s\n", page)
		}
		return nil
	}
}

// showCode tells the person what to do on another device.
func showCode(out io.Writer) func(context.Context, oauth2.DeviceAuthResponse) error {
	return func(_ context.Context, device oauth2.DeviceAuthResponse) error {
		fmt.Fprintf(out, "   on any device, open %s and enter %s\n", device.VerificationURI, device.UserCode)
		return nil
	}
}

// trouble is a step that tells of a file that cannot keep the token. The call goes on, but
// the next run asks the person again.
type trouble struct{ out io.Writer }

// Name is "trouble".
func (trouble) Name() string { return "trouble" }

// Layer is [middleware.Call].
func (trouble) Layer() middleware.Layer { return middleware.Call }

// Observe is told what other steps do.
func (t trouble) Observe(_ *middleware.Info, e middleware.Event) {
	if e.Kind == "store" {
		fmt.Fprintf(t.out, "   the token is not kept: %v\n", e.Err)
	}
}
