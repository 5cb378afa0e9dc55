// Command oauth2 calls an API that takes the tokens of an OpenID provider, as a service that
// speaks for itself (client credentials): it asks the provider for its endpoints, shares one
// token among a hundred callers, gets another when that one is revoked on the way, and asks
// once, not a hundred times, when the provider is down. Without the kit the revoked token is
// an error of the caller's, and the provider that is down has a hundred requests to answer.
//
//	go -C examples/oauth2 run .
//	SECRET=... go -C examples/oauth2 run . -issuer https://login.example.com -id app -secret-env SECRET
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync/atomic"

	"golang.org/x/oauth2/clientcredentials"

	"github.com/restykit/restykit/auth"
)

// service is the provider to ask, and who asks it.
type service struct {
	issuer, id string
	secret     auth.Source
	scopes     []string
	lab        *lab // the stand-in with its switches; nil is a real provider
}

func main() {
	var s service
	flag.StringVar(&s.issuer, "issuer", "", "the `URL` of the provider; without it, a stand-in inside this program")
	flag.StringVar(&s.id, "id", "", "the client's `id` there")
	secret := flag.String("secret-env", "", "the environment `variable` with the client's secret")
	scopes := flag.String("scopes", "", "the `scopes` to ask for, with spaces between them")
	flag.Parse()
	s.scopes = strings.Fields(*scopes)
	s.secret = auth.Env(*secret)
	slog.SetDefault(slog.New(slog.DiscardHandler)) // the stand-in logs there what it refuses
	if err := run(context.Background(), os.Stdout, s); err != nil {
		fmt.Fprintln(os.Stderr, "oauth2:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, s service) error {
	if s.issuer == "" {
		lab, err := startLab()
		if err != nil {
			return err
		}
		defer lab.close()
		s, out = lab.service, lab.names(out)
	}
	fmt.Fprintln(out, "1. Discovery: the provider names its endpoints.")
	server, err := auth.Discover(ctx, s.issuer)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "   tokens are at %s\n   clients prove themselves by %s\n", server.TokenEndpoint,
		cmp.Or(strings.Join(server.TokenEndpointAuthMethods, ", "), "client_secret_basic")) // RFC 8414 section 2
	if s.lab == nil {
		return shareToken(ctx, out, s, server)
	}
	return s.lab.show(ctx, out, server)
}

// shareToken is what a real provider can be asked for: no API is known that takes its tokens.
func shareToken(ctx context.Context, out io.Writer, s service, server *auth.Server) error {
	asked := &counter{}
	step := s.step(server, asked)
	fmt.Fprintf(out, "2. %d callers want a token at once, and there is none yet.\n", callers)
	token, err := step.Token(ctx)
	if err != nil {
		return err
	}
	same := crowd(func() string {
		again, err := step.Token(ctx)
		switch {
		case err != nil:
			return err.Error()
		case again.AccessToken != token.AccessToken:
			return "another token"
		}
		return "the same " + again.Type() + " token"
	})
	fmt.Fprintf(out, "   %s; token requests: %d\n", same, asked.n.Load())
	return nil
}

// step is what proves to an API who calls.
func (s service) step(server *auth.Server, asked *counter) *auth.OAuth2 {
	return &auth.OAuth2{
		Grant: auth.ClientCredentials{
			Config: clientcredentials.Config{ClientID: s.id, TokenURL: server.TokenEndpoint, Scopes: s.scopes},
			Secret: s.secret,
		},
		Client: &http.Client{Transport: asked},
	}
}

// counter counts the token requests.
type counter struct{ n atomic.Int64 }

// RoundTrip sends one.
func (c *counter) RoundTrip(req *http.Request) (*http.Response, error) {
	c.n.Add(1)
	return http.DefaultTransport.RoundTrip(req)
}
