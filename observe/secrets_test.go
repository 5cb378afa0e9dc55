package observe_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/observe"
	"github.com/restykit/restykit/retry"
)

// odd is a secret that each encoding spells in its own way.
const odd = `s3cret/"+<b>&=%41\ü-`

// idp answers token requests, and repeats them.
type idp struct{}

func (idp) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		_, _ = io.Copy(io.Discard, req.Body)
		_ = req.Body.Close()
	}
	return answer(200, "application/json", `{"access_token": `+quoted(odd+"access")+`, "refresh_token": `+quoted(odd+"refresh")+`}`), nil
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// schemes are all that there are of auth, with a secret that begins with odd.
func schemes() map[string]middleware.Middleware {
	long := auth.Static(strings.Repeat(odd, 3))
	machine := clientcredentials.Config{ClientID: "shop", ClientSecret: odd, TokenURL: "https://id.test/token"}
	over := func(g auth.Grant) middleware.Middleware {
		return &auth.OAuth2{Grant: g, Client: &http.Client{Transport: idp{}}}
	}
	return map[string]middleware.Middleware{
		"none":               middleware.RequestID{},
		"basic":              auth.Basic{Username: "user", Password: auth.Static(odd)},
		"bearer":             auth.Bearer{Token: auth.Static(odd)},
		"key":                auth.APIKey{Header: "X-Api-Key", Key: auth.Static(odd)},
		"query key":          auth.APIKey{Query: "api_key", Key: auth.Static(odd)},
		"digest":             &auth.Digest{Username: "user", Password: auth.Static(odd)},
		"client credentials": over(auth.ClientCredentials{Config: machine}),
		"refresh":            over(auth.RefreshToken{Config: oauth2.Config{ClientID: "app", ClientSecret: odd, Endpoint: oauth2.Endpoint{TokenURL: "https://id.test/token"}}, Token: &oauth2.Token{RefreshToken: odd}}),
		"password":           over(auth.ResourceOwnerPassword{Config: oauth2.Config{Endpoint: oauth2.Endpoint{TokenURL: "https://id.test/token"}}, Username: "mary", Password: auth.Static(odd)}),
		"exchange":           over(auth.TokenExchange{Config: machine, Subject: auth.Static(odd)}),
		"assertion":          over(auth.JWTBearer{Config: machine, JWT: auth.JWT{Key: long, Algorithm: "HS256"}}),
		"dpop":               &auth.OAuth2{DPoP: &auth.DPoP{}, Grant: auth.ClientCredentials{Config: machine}, Client: &http.Client{Transport: idp{}}},
		"jwt":                auth.JWT{Key: long, Algorithm: "HS256"},
		"hmac":               auth.HMAC{Key: long, Header: "X-Api-Key", Parts: []auth.Part{auth.PartText("fixed")}},
		"hmac in the query":  auth.HMAC{Key: long, Query: "sig", Parts: []auth.Part{auth.PartText("fixed")}},
		"oauth1":             auth.OAuth1{ConsumerKey: "k", ConsumerSecret: auth.Static(odd), Token: auth.Static(odd), TokenSecret: auth.Static(odd)},
		"signature":          auth.Signature{Key: long, Algorithm: "hmac-sha256"},
		"custom": auth.Custom{Scheme: "acme", Header: "X-Api-Key", Sign: func(req *http.Request) error {
			req.Header.Set("X-Api-Key", "Acme "+odd)
			return nil
		}},
	}
}

// credentials are what a request carries: each is a secret too.
func credentialsOf(req *http.Request) []string {
	found := []string{odd, odd[:12]}
	for _, name := range []string{"Authorization", "X-Api-Key", "Signature", "Dpop"} {
		value := req.Header.Get(name)
		found = append(found, value)
		if _, after, ok := strings.Cut(value, " "); ok && !strings.Contains(after, " ") {
			found = append(found, after)
		}
	}
	_, password, _ := req.BasicAuth()
	return append(found, password, req.URL.Query().Get("api_key"), req.URL.Query().Get("sig"))
}

// said is what a server that repeats everything says, in a spelling.
func said(req *http.Request, spelled func(string) string) string {
	var b strings.Builder
	for _, s := range append(credentialsOf(req)[2:], req.URL.String()) {
		if s != "" {
			b.WriteString(spelled(s) + " ")
		}
	}
	return b.String()
}

// servers repeat the credentials that they are sent, each in its way.
func servers() map[string]func(*http.Request) (*http.Response, error) {
	plain := func(s string) string { return s }
	all := map[string]func(*http.Request) (*http.Response, error){
		"JSON": func(r *http.Request) (*http.Response, error) {
			b, _ := json.Marshal(map[string]any{"said": said(r, plain), "headers": r.Header, "url": r.URL.String()})
			return answer(401, "application/json", string(b)), nil
		},
		"text":    func(r *http.Request) (*http.Response, error) { return answer(500, "text/plain", said(r, plain)), nil },
		"no type": func(r *http.Request) (*http.Response, error) { return answer(200, "", said(r, url.QueryEscape)), nil },
		"HTML": func(r *http.Request) (*http.Response, error) {
			return answer(403, "text/html", "<title>"+said(r, html.EscapeString)+"</title>"), nil
		},
		"XML": func(r *http.Request) (*http.Response, error) {
			return answer(404, "text/xml", "<r><m>"+said(r, html.EscapeString)+"</m></r>"), nil
		},
		"form": func(r *http.Request) (*http.Response, error) {
			return answer(400, "application/x-www-form-urlencoded", "m="+url.QueryEscape(said(r, plain))), nil
		},
		"header": func(r *http.Request) (*http.Response, error) {
			resp := answer(302, "text/plain", "")
			resp.Header.Set("Location", "/again?m="+url.QueryEscape(said(r, plain)))
			resp.Header.Set("X-Request-Id", said(r, plain))
			return resp, nil
		},
		"an error": func(r *http.Request) (*http.Response, error) {
			return nil, errors.New("no responder for " + said(r, plain))
		},
		"digest": func(*http.Request) (*http.Response, error) {
			resp := answer(401, "text/plain", "")
			resp.Header.Set("WWW-Authenticate", `Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256`)
			return resp, nil
		},
	}
	return all
}

func TestNoSecretIsLoggedWhateverTheSchemeAndTheServer(t *testing.T) {
	for server, answers := range servers() {
		for scheme, step := range schemes() {
			for _, bodies := range []int{1 << 16, 20, 75} {
				t.Run(fmt.Sprintf("%s/%s/%d", server, scheme, bodies), func(t *testing.T) {
					var (
						out     bytes.Buffer
						secrets []string
					)
					logger := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
					c := clientOf(t, fake(func(r *http.Request) (*http.Response, error) {
						secrets = append(secrets, credentialsOf(r)...)
						return answers(r)
					}), step, middleware.RequireStatus{}, retry.Policy{Attempts: 2, Wait: 1},
						observe.Log{Logger: logger, Bodies: bodies},
						observe.Curl{Func: func(_ context.Context, command string) { out.WriteString(command + "\n") }, Bodies: bodies},
						observe.Curl{Logger: logger})
					_, _ = c.R().SetBody(map[string]string{"password": odd}).SetHeader("X-Secret", odd).SetCookie(&http.Cookie{Name: "sid", Value: "s3cret"}).Put("/a?token=" + url.QueryEscape(odd))
					_, _ = c.R().SetDoNotParseResponse(true).Get("/b")
					require.Contains(t, out.String(), "http call")
					requireSilent(t, out.String(), secrets)
				})
			}
		}
	}
}

func requireSilent(t *testing.T, text string, secrets []string) {
	t.Helper()
	require.NotContains(t, text, "s3cret")
	for _, secret := range secrets {
		if len(secret) < 4 {
			continue
		}
		for _, spelled := range []string{
			secret, url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret), strings.Trim(quoted(secret), `"`),
			strings.Trim(fmt.Sprintf("%q", secret), `"`), base64.StdEncoding.EncodeToString([]byte(secret)),
		} {
			require.NotContains(t, text, spelled)
		}
	}
}

func ExampleRedactor() {
	client := resty.New().SetBaseURL("https://api.example.com").SetTransport(answering(200, "application/json", `{"name": "Ann", "email": "ann@example.com", "session": "s3cret"}`))
	_ = middleware.Use(client, observe.Log{
		Logger:   slog.New(slog.NewTextHandler(example{}, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Redactor: &observe.Redactor{Query: []string{"page"}, Fields: []string{"email"}},
		Bodies:   1 << 10,
	})
	_, _ = client.R().Get("/users?page=2&key=s3cret")
	// Output:
	// url="https://api.example.com/users?page=2&key=REDACTED"
	// response_body="{\"name\":\"Ann\",\"email\":\"REDACTED\",\"session\":\"REDACTED\"}"
}

// example prints the fields of a send that an example is about.
type example struct{}

func (example) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("http send")) {
		for field := range strings.FieldsSeq(string(line)) {
			if strings.HasPrefix(field, "url=") || strings.HasPrefix(field, "response_body=") {
				fmt.Println(field)
			}
		}
	}
	return len(line), nil
}
