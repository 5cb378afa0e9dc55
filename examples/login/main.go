// Command login has a person log in to an OpenID provider from a terminal: in the browser of
// this machine (authorization code with PKCE, RFC 8252), or with -device on another one (RFC
// 8628). The token is kept in a file, so that the next run asks nobody, and is renewed when
// it has ended. Without the kit a program writes its own listener on the loopback, forgets
// to check the state of what comes there, or to use PKCE, keeps the token where others can
// read it, or logs the person out when two runs spend the same refresh token.
//
//	go -C examples/login run .
//	go -C examples/login run . -device
//	go -C examples/login run . -issuer https://login.example.com -id app
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/go-resty/resty/v2"
	"golang.org/x/oauth2"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

// options are the provider, the client that it knows, and how a person is asked.
type options struct {
	issuer, id, file string
	secret           auth.Source // nil is a public client
	device           bool
	open             func(context.Context, string) error
	prompt           func(context.Context, oauth2.DeviceAuthResponse) error
}

func main() {
	var o options
	config, _ := os.UserConfigDir()
	flag.StringVar(&o.issuer, "issuer", "", "the `URL` of the provider; without it, a stand-in and a person inside this program")
	flag.StringVar(&o.id, "id", "", "the client's `id` there, a native application with the redirect URI http://127.0.0.1/callback")
	secret := flag.String("secret-env", "", "the environment `variable` with the client's secret, if it has one")
	flag.BoolVar(&o.device, "device", false, "log in on another device")
	flag.StringVar(&o.file, "file", filepath.Join(config, "restykit-login", "tokens.json"), "the `file` that keeps the token; delete it to log out here")
	flag.Parse()
	if *secret != "" {
		o.secret = auth.Env(*secret)
	}
	slog.SetDefault(slog.New(slog.DiscardHandler)) // the stand-in logs there what it refuses
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "login:", err)
		os.Exit(1) //nolint:gocritic // the program ends, and so the watch for signals
	}
}

func run(ctx context.Context, out io.Writer, o options) error {
	if o.issuer == "" {
		return rehearse(ctx, out, o.device)
	}
	o.open, o.prompt = openBrowser(out), showCode(out)
	return session(ctx, out, o)
}

// session is what the program does in one run: it asks the provider who the person is, which
// takes a token, for which there may be a login.
func session(ctx context.Context, out io.Writer, o options) error {
	server, err := auth.Discover(ctx, o.issuer)
	if err != nil {
		return err
	}
	client := resty.New().SetBaseURL(server.UserinfoEndpoint)
	if err := middleware.Use(client,
		&auth.OAuth2{
			Grant: o.grant(server),
			Store: auth.FileStore{Path: o.file},
			Key:   o.issuer + " " + o.id, // whose token it is
		},
		middleware.RequireStatus{},
		middleware.RequireJSON{},
		trouble{out},
	); err != nil {
		return err
	}
	var person struct{ Sub string }
	if _, err := client.R().SetContext(ctx).SetResult(&person).Get(""); err != nil {
		return err
	}
	fmt.Fprintf(out, "   logged in as %s\n", person.Sub)
	return nil
}

// grant is how the person is asked.
func (o options) grant(server *auth.Server) auth.Grant {
	config := oauth2.Config{
		ClientID: o.id, Endpoint: server.Endpoint(),
		Scopes: []string{"openid", "offline_access"}, // for userinfo, and for a refresh token
	}
	if o.device {
		return auth.DeviceAuthorization{Config: config, Secret: o.secret, Prompt: o.prompt}
	}
	return auth.AuthorizationCode{Config: config, Secret: o.secret, Issuer: server.AuthorizationIssuer(), Open: o.open}
}
