package auth_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/middleware/middlewaretest"
	"github.com/restykit/restykit/observe"
)

func TestAJWTKeepsTheContract(t *testing.T) {
	slow, _ := counted(pkcs8(ed25()))
	for name, step := range map[string]func() middleware.Middleware{
		"a key that is known": func() middleware.Middleware { return auth.JWT{Key: auth.Static(pkcs8(ed25()))} },
		"one audience":        func() middleware.Middleware { return auth.JWT{Key: slow, Audience: "them"} },
		"a key that is none":  func() middleware.Middleware { return auth.JWT{Key: auth.Func(sealed)} },
		"a bearer that is a JWT": func() middleware.Middleware {
			return auth.Bearer{Token: auth.Static(unsigned(`{"exp":%d}`, time.Now().Add(time.Hour).Unix()))}
		},
	} {
		t.Run(name, func(t *testing.T) {
			middlewaretest.Run(t, step, middlewaretest.Answer("a token that is refused", func(n int) *http.Response {
				status := http.StatusOK
				if n%3 == 1 {
					status = http.StatusUnauthorized
				}
				return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("who are you?"))}
			}))
		})
	}
}

func TestAJWTPrintsWhoseItIsAndWhereItsKeyComesFrom(t *testing.T) {
	key := auth.File("/run/secrets/key.p8")
	for want, step := range map[string]fmt.Formatter{
		"jwt(for each origin, key /run/secrets/key.p8)":            auth.JWT{Key: key},
		"jwt(me, for appstoreconnect-v1, key /run/secrets/key.p8)": auth.JWT{Key: key, Issuer: "me", Audience: "appstoreconnect-v1"},
		"jwt(me, key KEY)": auth.JWT{Key: auth.Env("KEY"), Issuer: "me", Claims: map[string]any{"aud": "x"}},
		"GitHub app 1, installation 2 at https://api.github.com, key static": auth.GitHubApp{AppID: "1", InstallationID: 2, Key: auth.Static("s3cret")},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
			require.Equal(t, want, fmt.Sprintf(verb, step))
		}
	}
}

func TestNoSecretOfAJWTShows(t *testing.T) {
	for name, tt := range map[string]struct {
		step   middleware.Middleware
		status int
	}{
		"private key":            {auth.JWT{Key: auth.Static(pkcs8(ed25())), Issuer: "me"}, http.StatusOK},
		"secret":                 {auth.JWT{Key: auth.Static(shared), Algorithm: "HS256"}, http.StatusOK},
		"refused":                {auth.JWT{Key: auth.Static(pkcs8(rsa2048()))}, http.StatusUnauthorized},
		"a bearer that is a JWT": {auth.Bearer{Token: auth.Static(unsigned(`{"exp":%d}`, time.Now().Add(time.Hour).Unix()))}, http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			var lines bytes.Buffer
			log := slog.New(slog.NewJSONHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
			rt, heard, paper := &api{}, &listener{}, &paper{}
			rt.answer = func(req *http.Request) (*http.Response, error) {
				resp := reply(req, tt.status, "application/json", `{"you sent": "`+req.Header.Get("Authorization")+`"}`)
				resp.Header.Set("X-Echo", req.Header.Get("Authorization"))
				return resp, nil
			}
			c := client(t, rt, tt.step, heard, middleware.RequireStatus{}, observe.Log{Logger: log}).SetLogger(paper)
			resp, err := c.R().Get("/")
			require.Equal(t, tt.status == http.StatusOK, err == nil)
			token := rt.bearers()[0]
			s := secretive{secrets: []string{token, shared, strings.Split(pkcs8(ed25()), "\n")[1]}}
			s.requireSilent(t, "the error", shown(err))
			s.requireSilent(t, "the log", lines.String()+paper.String())
			s.requireSilent(t, "what observers hear", printed(heard.events))
			s.requireSilent(t, "the caller's request", dump(resp.Request.RawRequest)+dump(resp.RawResponse.Request)+resp.Request.GenerateCurlCommand())
			s.requireSilent(t, "the client", printed(c)+printed(middleware.Of(c)))
			for _, step := range append(middleware.Of(c), tt.step) {
				s.requireSilent(t, "the step", printed(step)+printed(struct{ hidden any }{step}))
				text, _ := json.Marshal(step)
				s.requireSilent(t, "as JSON", string(text))
			}
			lines.Reset()
			log.Info("step", "step", tt.step, "stack", middleware.Of(c))
			s.requireSilent(t, "slog", lines.String())
		})
	}
}
