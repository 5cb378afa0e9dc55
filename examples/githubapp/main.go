// Command githubapp calls the GitHub API as an installation of an app: the app signs a JWT,
// GitHub gives a token for it, and the client sends that, until it is revoked and another
// takes its place.
//
//	go run ./examples/githubapp
//	go run ./examples/githubapp -url https://api.github.com -app Iv23li... -installation 987 -key app.pem
package main

import (
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

// service is the API to call, and who calls it.
type service struct {
	url, app     string
	installation int64
	key          auth.Source
}

func main() {
	var s service
	flag.StringVar(&s.url, "url", "", "the REST `API` to use; without it, a stand-in inside this program")
	flag.StringVar(&s.app, "app", "", "the app's client `id`, or its number")
	flag.Int64Var(&s.installation, "installation", 0, "the `number` of the installation")
	key := flag.String("key", "", "the `file` of the app's private key")
	flag.Parse()
	s.key = auth.File(*key)
	if err := run(os.Stdout, s); err != nil {
		fmt.Fprintln(os.Stderr, "githubapp:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, s service) error {
	if s.url == "" {
		hub, err := startHub()
		if err != nil {
			return err
		}
		defer hub.Close()
		s = hub.service
	}
	say := &teller{out: out}
	client := resty.New().SetBaseURL(s.url)
	if err := middleware.Use(client,
		&auth.OAuth2{
			Grant: auth.GitHubApp{
				AppID: s.app, InstallationID: s.installation, Key: s.key, BaseURL: s.url,
				Permissions: map[string]string{"metadata": "read"},
			},
			Client: &http.Client{Transport: say},
		},
		middleware.Func("tell", middleware.Wire, say.call),
		middleware.RequireStatus{},
		middleware.RequireJSON{},
	); err != nil {
		return err
	}
	fmt.Fprintf(out, "%v\n\n", middleware.Of(client))

	for _, step := range []struct{ what, method, path string }{
		{"a call: the app signs, and GitHub gives a token", http.MethodGet, "/installation/repositories"},
		{"another call: the token is kept", http.MethodGet, "/installation/repositories"},
		{"the token is revoked, which the client does not know", http.MethodDelete, "/installation/token"},
		{"a call: 401, a new token, and the request once more", http.MethodGet, "/installation/repositories"},
	} {
		fmt.Fprintln(out, step.what)
		resp, err := client.R().Execute(step.method, step.path)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "  the caller got %s\n\n", resp.Status())
	}
	fmt.Fprintln(out, "what GitHub refuses is an error")
	_, err := client.R().Get("/nowhere")
	if _, ok := errors.AsType[*middleware.StatusError](err); !ok {
		return err
	}
	fmt.Fprintf(out, "  the caller got %v\n", strings.ReplaceAll(err.Error(), s.url, "URL"))
	return nil
}

// teller prints what is sent, and no secret: tokens have numbers.
type teller struct {
	out    io.Writer
	tokens []string
}

// RoundTrip sends a token request. It shows the app's JWT without its signature: with it,
// who reads it could use it for nine minutes.
func (t *teller) RoundTrip(req *http.Request) (*http.Response, error) {
	parts := strings.Split(strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer "), ".")
	for i, name := range []string{"header", "claims"} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(t.out, "  the app's JWT, %s: %s\n", name, text)
	}
	return t.send(req, http.DefaultTransport.RoundTrip, "the app's JWT")
}

// call sends a request of the client, below all its steps.
func (t *teller) call(req *http.Request, next middleware.Next) (*http.Response, error) {
	token := req.Header.Get("Authorization")
	if !slices.Contains(t.tokens, token) {
		t.tokens = append(t.tokens, token)
	}
	return t.send(req, next, fmt.Sprintf("token %d", slices.Index(t.tokens, token)+1))
}

func (t *teller) send(req *http.Request, next middleware.Next, with string) (*http.Response, error) {
	resp, err := next(req)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(t.out, "  %s %s with %s: %s\n", req.Method, req.URL.Path, with, resp.Status)
	return resp, nil
}
