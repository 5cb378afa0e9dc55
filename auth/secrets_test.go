package auth_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/observe"
)

// odd is a secret that each encoding spells in its own way.
const odd = `s3cret/"+<b>&=%41\ü-`

// secretive is a step and everything that must not show.
type secretive struct {
	step    middleware.Middleware
	secrets []string
}

// secretives are all schemes there are.
func secretives() map[string]secretive {
	pair := func(user, password string) string {
		return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	}
	idp := func(n int, form url.Values) *http.Response {
		return reply(nil, 200, "application/json", `{"access_token":`+string(quoteJSON(odd+"access"))+`,"refresh_token":`+string(quoteJSON(odd+"refreshed"))+`}`)
	}
	credentials := clientcredentials.Config{ClientID: "shop", ClientSecret: odd + "client", TokenURL: "https://id.test/token?key=" + url.QueryEscape(odd+"url")}
	inForm := credentials
	inForm.AuthStyle = oauth2.AuthStyleInParams
	inForm.EndpointParams = url.Values{"api_secret": {odd + "param"}}
	sourced, refreshed := inForm, oauth2.Config{ClientID: "app", Endpoint: oauth2.Endpoint{TokenURL: "https://id.test/token"}}
	sourced.ClientSecret = ""
	saved := &oauth2.Token{RefreshToken: odd + "refresh"}
	over := func(g auth.Grant) middleware.Middleware {
		return &auth.OAuth2{Grant: g, Client: &http.Client{Transport: &issuer{answer: idp}}}
	}
	all := map[string]secretive{
		"basic":     {auth.Basic{Username: "user", Password: auth.Static(odd + "basic")}, []string{odd + "basic", pair("user", odd+"basic")}},
		"bearer":    {auth.Bearer{Token: auth.Static(odd + "bearer")}, []string{odd + "bearer"}},
		"key":       {auth.APIKey{Header: "X-Api-Key", Key: auth.Static(odd + "key")}, []string{odd + "key"}},
		"query key": {auth.APIKey{Query: "api_key", Key: auth.Static(odd + "query")}, []string{odd + "query"}},
		"client credentials": {over(auth.ClientCredentials{Config: credentials}), []string{
			odd + "client", odd + "access", odd + "refreshed", odd + "url", pair("shop", url.QueryEscape(odd+"client")),
		}},
		"client credentials in the form": {over(auth.ClientCredentials{Config: inForm}), []string{odd + "client", odd + "param", odd + "access", odd + "refreshed"}},
		"refresh token": {over(auth.RefreshToken{Config: oauth2.Config{ClientID: "app", ClientSecret: odd + "client", Endpoint: oauth2.Endpoint{TokenURL: "https://id.test/token"}}, Token: saved}), []string{
			odd + "refresh", odd + "refreshed", odd + "access", odd + "client",
		}},
		"client credentials, from a source": {over(auth.ClientCredentials{Config: sourced, Secret: auth.Static(odd + "source")}), []string{odd + "source", odd + "param", odd + "access", odd + "refreshed"}},
		"refresh token, from a source": {over(auth.RefreshToken{Config: refreshed, Secret: auth.Static(odd + "source"), Token: saved}), []string{
			odd + "refresh", odd + "refreshed", odd + "access", odd + "source", pair("app", url.QueryEscape(odd+"source")),
		}},
	}
	maps.Copy(all, secretiveGrants(over))
	maps.Copy(all, secretiveSignatures())
	return all
}

// secretiveGrants are the other grants of OAuth2.
func secretiveGrants(over func(auth.Grant) middleware.Middleware) map[string]secretive {
	person := oauth2.Config{ClientID: "app", Endpoint: oauth2.Endpoint{AuthURL: "https://id.test/authorize", TokenURL: "https://id.test/token"}}
	machine := clientcredentials.Config{ClientID: "shop", TokenURL: "https://id.test/token"}
	tokens := []string{odd + "access", odd + "refreshed"}
	open := func(ctx context.Context, page string) error {
		u, _ := url.Parse(page)
		back := u.Query().Get("redirect_uri") + "?" + url.Values{"state": {u.Query().Get("state")}, "code": {odd + "code"}}.Encode()
		go func() { _, _ = browse(ctx, back) }()
		return nil
	}
	return map[string]secretive{
		"password":                {over(auth.ResourceOwnerPassword{Config: person, Username: "mary", Password: auth.Static(odd + "password")}), append(tokens, odd+"password")},
		"code":                    {over(auth.AuthorizationCode{Config: person, Secret: auth.Static(odd + "client"), Open: open}), append(tokens, odd+"code", odd+"client")},
		"exchange":                {over(auth.TokenExchange{Config: machine, Subject: auth.Static(odd + "subject"), Actor: auth.Static(odd + "actor")}), append(tokens, odd+"subject", odd+"actor")},
		"assertion of a platform": {over(auth.ClientCredentials{Config: machine, Auth: auth.ClientAssertion{Token: auth.Static(odd + "assertion")}}), append(tokens, odd+"assertion")},
		"assertion of its own":    {over(auth.JWTBearer{Config: machine, JWT: auth.JWT{Key: auth.Static(strings.Repeat(odd, 3)), Algorithm: "HS256"}}), append(tokens, strings.Repeat(odd, 3), beginOfHS256)},
		"token source": {&auth.OAuth2{Grant: auth.FromTokenSource(sourceFunc(func() (*oauth2.Token, error) {
			return &oauth2.Token{AccessToken: odd + "access"}, nil
		}))}, tokens[:1]},
	}
}

// beginOfHS256 is how each token begins that HS256 signs.
const beginOfHS256 = "eyJhbGciOiJIUzI1NiI"

// secretiveSignatures are the schemes that sign.
func secretiveSignatures() map[string]secretive {
	key := strings.Repeat(odd, 3)
	return map[string]secretive{
		"jwt":               {auth.JWT{Key: auth.Static(key), Algorithm: "HS256"}, []string{key, beginOfHS256}},
		"hmac":              {auth.HMAC{Key: auth.Static(key), Header: "X-Api-Key", Parts: []auth.Part{auth.PartText("fixed")}}, []string{key, hexHMAC(key, "fixed")}},
		"hmac in the query": {auth.HMAC{Key: auth.Static(key), Query: "api_key", Parts: []auth.Part{auth.PartText("fixed")}}, []string{key, hexHMAC(key, "fixed")}},
		"oauth1":            {auth.OAuth1{ConsumerKey: "k", ConsumerSecret: auth.Static(odd + "consumer"), Token: auth.Static(odd + "token"), TokenSecret: auth.Static(odd + "secret")}, []string{odd + "consumer", odd + "token", odd + "secret"}},
		"custom": {auth.Custom{Scheme: "acme", Header: "X-Api-Key", Sign: func(req *http.Request) error {
			req.Header.Set("X-Api-Key", "Acme "+odd+"acme")
			return nil
		}}, []string{odd + "acme"}},
		"dpop": {&auth.OAuth2{DPoP: &auth.DPoP{}, Grant: grantFunc(func(context.Context, *http.Client, *oauth2.Token) (*oauth2.Token, error) {
			return &oauth2.Token{AccessToken: odd + "bound", TokenType: "DPoP"}, nil
		})}, []string{odd + "bound", "eyJ"}},
		"signature": {auth.Signature{Key: auth.Static(key), Algorithm: "hmac-sha256"}, []string{key}},
	}
}

func hexHMAC(key, text string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

func quoteJSON(s string) []byte {
	b, _ := json.Marshal(s)
	return b
}

// requireSilent asks that none of the secrets stands in a text, in any spelling.
func (s secretive) requireSilent(t *testing.T, what, text string) {
	t.Helper()
	for _, secret := range s.secrets {
		for _, spelled := range []string{
			secret, url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret),
			strings.Trim(string(quoteJSON(secret)), `"`), strings.Trim(fmt.Sprintf("%q", secret), `"`), strings.Trim(fmt.Sprintf("%+q", secret), `"`),
			fmt.Sprintf("%x", secret), base64.StdEncoding.EncodeToString([]byte(secret)), fmt.Sprintf("%d", []byte(secret)),
		} {
			require.NotContains(t, text, spelled, what)
		}
	}
	require.NotContains(t, text, "s3cret", what)
}

// printed is a value in every way in which fmt prints it.
func printed(v any) string {
	var b strings.Builder
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%t", "%T", "% x", "%+q"} {
		fmt.Fprintf(&b, format+"\n", v)
	}
	return b.String()
}

// shown is an error in every way in which it can be printed, with all that it wraps and
// the fields that the kit's errors have.
func shown(err error) string {
	var b strings.Builder
	var walk func(error)
	walk = func(err error) {
		if err == nil {
			return
		}
		b.WriteString(printed(err))
		switch e := err.(type) { //nolint:errorlint // it walks the chain itself
		case *middleware.StatusError:
			fmt.Fprintf(&b, "%s %s %v %+v %s\n", e.Body, e.URL, e.Header, e.Problem, e.ContentType)
		case *middleware.ContentTypeError:
			fmt.Fprintf(&b, "%s %s %s\n", e.Body, e.URL, e.ContentType)
		case *middleware.DecodeError:
			fmt.Fprintf(&b, "%s %s %s\n", e.Body, e.URL, e.ContentType)
		case *auth.TokenError:
			fmt.Fprintf(&b, "%v\n", *e)
		case *url.Error:
			fmt.Fprintf(&b, "%s\n", e.URL)
		}
		switch e := err.(type) { //nolint:errorlint // it walks the chain itself
		case interface{ Unwrap() error }:
			walk(e.Unwrap())
		case interface{ Unwrap() []error }:
			for _, inner := range e.Unwrap() {
				walk(inner)
			}
		}
	}
	walk(err)
	return b.String()
}

// paper is a resty logger that keeps all that it is told.
type paper struct {
	mu sync.Mutex
	bytes.Buffer
}

func (p *paper) Errorf(format string, v ...any) { p.note(format, v...) }
func (p *paper) Warnf(format string, v ...any)  { p.note(format, v...) }
func (p *paper) Debugf(format string, v ...any) { p.note(format, v...) }

func (p *paper) note(format string, v ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(&p.Buffer, format+"\n", v...)
	for _, arg := range v {
		if err, ok := arg.(error); ok {
			p.WriteString(shown(err))
		}
	}
}

// said is all that a server knows of a request, as it is.
func said(req *http.Request) []string {
	_, password, _ := req.BasicAuth()
	return []string{req.URL.String(), req.Header.Get("Authorization"), req.Header.Get("X-Api-Key"), password, req.URL.Query().Get("api_key"), fmt.Sprint(req.Header)}
}

// echo is what was said, in the spelling of a URL, of JSON and of HTML.
func echo(req *http.Request) string {
	var b strings.Builder
	for i, s := range said(req) {
		b.WriteString(s + "\n")
		if i > 0 {
			fmt.Fprintf(&b, "%s\n%s\n%s\n%q\n%+q\n", url.QueryEscape(s), html.EscapeString(s), quoteJSON(s), s, s)
		}
	}
	return b.String()
}

// situations are what can become of a call.
func situations() map[string]func(*http.Request) (*http.Response, error) {
	answer := func(status int, contentType string, body func(*http.Request) string) func(*http.Request) (*http.Response, error) {
		return func(req *http.Request) (*http.Response, error) {
			resp := reply(req, status, contentType, body(req))
			if status >= 300 {
				resp.Header.Set("X-Echo", strings.ReplaceAll(echo(req), "\n", " "))
			}
			return resp, nil
		}
	}
	plainly := func(string) func(*http.Request) string { return func(*http.Request) string { return "{}" } }
	asJSON := func(req *http.Request) string {
		all := strings.Join(said(req), " ")
		b, _ := json.Marshal(map[string]any{"title": all, "detail": all, "instance": all, "more": req.Header})
		return string(b)
	}
	to := func(location string) func(*http.Request) (*http.Response, error) {
		return func(req *http.Request) (*http.Response, error) {
			if req.URL.Host == "evil.test" {
				return reply(req, 500, "text/plain", echo(req)), nil
			}
			resp := reply(req, http.StatusFound, "text/plain", "")
			resp.Header.Set("Location", location)
			return resp, nil
		}
	}
	return map[string]func(*http.Request) (*http.Response, error){
		"success":        answer(200, "application/json", plainly("")),
		"401":            answer(401, "text/plain", echo),
		"401 in JSON":    answer(401, "application/json", asJSON),
		"403, a problem": answer(403, "application/problem+json", asJSON),
		"500":            answer(500, "text/plain; charset=utf-8", echo),
		"404 in HTML": answer(404, "text/html", func(req *http.Request) string {
			return "<pre>" + html.EscapeString(strings.Join(said(req), " ")) + "</pre>"
		}),
		"HTML": answer(200, "text/html", echo),
		"JSON that is none": answer(200, "application/json", func(req *http.Request) string {
			return `{"x": ` + string(quoteJSON(strings.Join(said(req), " "))) + `, <` + echo(req)
		}),
		"JSON of other types": answer(200, "application/json", func(req *http.Request) string {
			return `{"id": ` + string(quoteJSON(strings.Join(said(req), " "))) + `}`
		}),
		"no connection": fails(errors.New("connection refused")),
		"an error that repeats the request": func(req *http.Request) (*http.Response, error) {
			return nil, fmt.Errorf("no responder found for %s %s %v", req.Method, req.URL, req.Header)
		},
		"a redirect elsewhere":        to("https://evil.test/"),
		"a redirect without end":      to("/again"),
		"a redirect that is not one":  to("https://evil.test/%zz"),
		"a redirect to another world": to("gopher://evil.test/"),
	}
}

func TestNoSecretShowsWhateverBecomesOfACall(t *testing.T) {
	for situation, answer := range situations() {
		for scheme := range secretives() {
			t.Run(situation+"/"+scheme, func(t *testing.T) {
				s := secretives()[scheme]
				var lines bytes.Buffer
				paper := &paper{}
				log := slog.New(slog.NewJSONHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
				rt := &api{answer: answer}
				c := resty.New().SetTransport(rt).SetBaseURL(home).SetLogger(paper)
				if situation == "success" || situation == "no connection" || strings.HasPrefix(situation, "a redirect") {
					c.SetDebug(true).EnableGenerateCurlOnDebug() // which print the body that a server sends
				}
				heard := &listener{}
				require.NoError(t, middleware.Use(c, s.step, heard, middleware.RequireStatus{}, middleware.RequireJSON{}, middleware.RequestID{}, observe.Log{Logger: log}))
				var ctx context.Context
				c.OnAfterResponse(func(_ *resty.Client, resp *resty.Response) error { ctx = resp.Request.Context(); return nil })
				c.OnError(func(r *resty.Request, err error) {
					ctx = r.Context()
					s.requireSilent(t, "what OnError is told", shown(err))
				})
				resp, err := c.R().SetResult(&struct{ ID int }{}).SetHeader("X-Team", "red").Get("/users/7?page=2")
				if situation != "success" {
					require.Error(t, err)
				}
				s.requireSilent(t, "the error", shown(err))
				s.requireSilent(t, "the log", lines.String())
				s.requireSilent(t, "resty's log and curl line", paper.String())
				require.Equal(t, c.Debug, strings.Contains(paper.String(), "curl -X GET"), "resty's debug log is on")
				s.requireSilent(t, "what observers hear", printed(heard.events))
				if resp != nil {
					s.requireSilent(t, "the caller's request", dump(resp.Request.RawRequest))
					s.requireSilent(t, "the curl line", resp.Request.GenerateCurlCommand())
				}
				if resp != nil && resp.RawResponse != nil {
					s.requireSilent(t, "the request behind the response", dump(resp.RawResponse.Request))
				}
				if ctx != nil {
					s.requireSilent(t, "the context", printed(ctx))
					require.Equal(t, "context.Background.WithCall", fmt.Sprintf("%+v", ctx))
					s.requireSilent(t, "the call", printed(middleware.InfoOf(ctx)))
				}
				s.requireSilent(t, "the client", printed(c)+printed(middleware.Of(c)))
			})
		}
	}
}

func TestNoSecretShowsInAnErrorOfAStreamedCall(t *testing.T) {
	for situation, answer := range situations() {
		for scheme := range secretives() {
			t.Run(situation+"/"+scheme, func(t *testing.T) {
				s := secretives()[scheme]
				stack := middleware.Stack{s.step, middleware.RequireStatus{}, middleware.RequireJSON{}}
				c := client(t, &api{answer: answer}, stack...)
				resp, err := c.R().SetDoNotParseResponse(true).Get("/users/7")
				s.requireSilent(t, "the error", shown(err))
				if err == nil {
					require.NoError(t, resp.RawBody().Close())
				}
				hc := http.Client{Transport: stack.RoundTripper(&api{answer: answer})}
				plain, err := hc.Get(home)
				s.requireSilent(t, "the error of http.Client", shown(err))
				if err == nil {
					s.requireSilent(t, "the request behind the response", dump(plain.Request))
					require.NoError(t, plain.Body.Close())
				}
			})
		}
	}
}

func TestNoSecretShowsInAStepHoweverItIsPrinted(t *testing.T) {
	for scheme, s := range secretives() {
		t.Run(scheme, func(t *testing.T) {
			c := client(t, &api{}, s.step)
			_, err := c.R().Get("/")
			require.NoError(t, err)
			stack := middleware.Stack{s.step}
			for name, v := range map[string]any{
				"step": s.step, "stack": stack, "pipeline": middleware.Of(c), "round tripper": stack.RoundTripper(nil), "list": []any{s.step}, "map": map[string]any{"step": s.step},
				"struct": struct{ Step middleware.Middleware }{s.step}, "context": middleware.With(t.Context(), s.step), "off": middleware.Off(s.step.Name()),
			} {
				s.requireSilent(t, name, printed(v))
			}
			var lines bytes.Buffer
			slog.New(slog.NewTextHandler(&lines, nil)).Info("step", "step", s.step, "stack", stack)
			slog.New(slog.NewJSONHandler(&lines, nil)).Info("step", "stack", stack.String())
			s.requireSilent(t, "slog", lines.String())
			if step, ok := s.step.(*auth.OAuth2); ok {
				s.requireSilent(t, "grant", printed(step.Grant))
			}
			require.NotEmpty(t, fmt.Sprint(s.step))
		})
	}
}

func TestAStepPrintsItsNameAndWhereItsSecretComesFrom(t *testing.T) {
	all := secretives()
	for scheme, want := range map[string]string{
		"basic":              "basic(user, password static)",
		"bearer":             "bearer(static)",
		"key":                "api-key:x-api-key(static)",
		"query key":          "api-key:api_key(query api_key, static)",
		"client credentials": "oauth2(client credentials of shop at https://id.test/token?key=REDACTED)",
		"refresh token":      "oauth2(refresh token of app at https://id.test/token)",

		"client credentials, from a source": "oauth2(client credentials of shop at https://id.test/token?key=REDACTED, secret static)",
		"refresh token, from a source":      "oauth2(refresh token of app at https://id.test/token, secret static)",
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X"} {
			require.Equal(t, want, fmt.Sprintf(verb, all[scheme].step))
		}
	}
	for want, step := range map[string]middleware.Middleware{
		"bearer(/run/secrets/token)":  auth.Bearer{Token: auth.File("/run/secrets/token")},
		"bearer(TOKEN)":               auth.Bearer{Token: auth.Env("TOKEN")},
		"bearer(func)":                auth.Bearer{Token: auth.Func(nil)},
		"bearer(none)":                auth.Bearer{},
		"oauth2(auth_test.grantFunc)": &auth.OAuth2{Grant: granting("AT")},
	} {
		require.Equal(t, want, fmt.Sprint(step))
	}
}

func TestNoSecretShowsInASource(t *testing.T) {
	s := secretive{secrets: []string{odd}}
	path := t.TempDir() + "/secret"
	write(t, path, odd)
	t.Setenv("RESTYKIT_SECRET", odd)
	for _, source := range []auth.Source{auth.Static(odd), auth.Env("RESTYKIT_SECRET"), auth.File(path), auth.Func(func(context.Context) (string, error) { return odd, nil })} {
		_, err := source.Secret(t.Context())
		require.NoError(t, err)
		s.requireSilent(t, fmt.Sprintf("%T", source), printed(source)+printed([]any{source})+printed(struct{ S auth.Source }{source}))
	}
}

func TestNoSecretShowsInAPanic(t *testing.T) {
	for scheme := range secretives() {
		for _, layer := range []middleware.Layer{middleware.Call, middleware.Limit, middleware.Wire} {
			t.Run(scheme+"/"+layer.String(), func(t *testing.T) {
				s := secretives()[scheme]
				boom := middleware.Func("boom", layer, func(*http.Request, middleware.Next) (*http.Response, error) { panic("boom") })
				paper := &paper{}
				c := client(t, &api{}, s.step, boom).SetLogger(paper).SetDebug(true)
				c.OnPanic(func(_ *resty.Request, err error) { s.requireSilent(t, "what OnPanic is told", shown(err)) })
				func() {
					defer func() {
						r := recover()
						require.Equal(t, "boom", r)
						s.requireSilent(t, "the panic", printed(r))
					}()
					_, _ = c.R().Get("/")
				}()
				s.requireSilent(t, "resty's log", paper.String())
			})
		}
	}
}

func TestNoSecretShowsInAnErrorOfTheTokenEndpoint(t *testing.T) {
	for scheme := range secretives() {
		for _, status := range []int{200, 307, 400, 401, 500} {
			s := secretives()[scheme]
			step, ok := s.step.(*auth.OAuth2)
			if !ok || step.Client == nil {
				continue
			}
			t.Run(fmt.Sprintf("%s/%d", scheme, status), func(t *testing.T) {
				id := &issuer{}
				id.answer = func(_ int, form url.Values) *http.Response {
					all := fmt.Sprint(said(id.asks[len(id.asks)-1].req), form.Encode(), form)
					resp := reply(nil, status, "application/json", fmt.Sprintf(`{"error":%s,"error_description":%[1]s,"error_uri":%[1]s}`, quoteJSON(all)))
					resp.Header.Set("Location", "https://evil.test/?"+form.Encode())
					return resp
				}
				step.Client.Transport = id
				var lines bytes.Buffer
				log := slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
				heard, paper := &listener{}, &paper{}
				c := client(t, &api{}, step, observe.Log{Logger: log}, heard).SetLogger(paper)
				_, err := c.R().Get("/")
				var failed *auth.TokenError
				require.ErrorAs(t, err, &failed)
				s.requireSilent(t, "the error", shown(err))
				s.requireSilent(t, "the logs", lines.String()+paper.String())
				s.requireSilent(t, "what observers hear", printed(heard.events)+shown(heard.events[0].Err))
			})
		}
	}
}
