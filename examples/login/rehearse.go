package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/oauth2"

	"github.com/restykit/restykit/auth/authtest"
)

// rehearse plays several runs of the program, with a provider of its own and a person who
// needs no screen.
func rehearse(ctx context.Context, out io.Writer, device bool) error {
	provider, err := authtest.Start()
	if err != nil {
		return err
	}
	defer provider.Close()
	dir, err := os.MkdirTemp("", "login")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	out = names{out, provider.Issuer}
	app := provider.Client("app", authtest.RedirectURIs("http://127.0.0.1/callback"))
	o := options{
		issuer: provider.Issuer, id: app.ID, file: filepath.Join(dir, "tokens.json"), device: device,
		open: alicesBrowser(out, provider), prompt: alicesPhone(out, provider),
	}
	for _, step := range []struct {
		what   string
		before func()
	}{
		{"The first run: nobody has logged in yet.", func() {}},
		{"The second run: the token is in the file.", func() {}},
		{"The third run: the access token has ended.", func() { provider.RevokeAll() }},
		{"The fourth run: the refresh token has ended too.", func() {
			provider.Revoke(provider.Requests(authtest.GrantRefreshToken)[0].Form.Get("refresh_token"))
		}},
	} {
		fmt.Fprintln(out, step.what)
		step.before()
		asked := len(provider.Requests())
		if err := session(ctx, out, o); err != nil {
			return err
		}
		for _, r := range provider.Requests()[asked:] {
			if r.Error != "authorization_pending" { // a device asks until the person has come
				fmt.Fprintln(out, strings.TrimRight(fmt.Sprintf("   token request: %s, %d %s", r.Grant, r.Status, r.Error), " "))
			}
		}
	}
	return nil
}

// alicesBrowser shows what is in the URL of the login, and logs in.
func alicesBrowser(out io.Writer, provider *authtest.Provider) func(context.Context, string) error {
	logIn := provider.Login("alice")
	return func(_ context.Context, page string) error {
		u, err := url.Parse(page)
		if err != nil {
			return err
		}
		q := u.Query()
		back, err := url.Parse(q.Get("redirect_uri"))
		if err != nil {
			return err
		}
		back.Host = back.Hostname() + ":PORT"
		u.RawQuery = ""
		fmt.Fprintf(out, "   the browser opens %s, and comes back to %s (code_challenge_method %s)\n", u, back, q.Get("code_challenge_method"))
		return logIn(page)
	}
}

// alicesPhone shows what every device shows, and has alice enter the code.
func alicesPhone(out io.Writer, provider *authtest.Provider) func(context.Context, oauth2.DeviceAuthResponse) error {
	show := showCode(out)
	return func(ctx context.Context, device oauth2.DeviceAuthResponse) error {
		if err := show(ctx, device); err != nil {
			return err
		}
		return provider.Approve(device.UserCode, "alice")
	}
}

// names writes ISSUER in the place of a URL whose port differs from run to run.
type names struct {
	io.Writer

	issuer string
}

// Write writes a text.
func (n names) Write(text []byte) (int, error) {
	_, err := io.WriteString(n.Writer, strings.ReplaceAll(string(text), n.issuer, "ISSUER"))
	return len(text), err
}
