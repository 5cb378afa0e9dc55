package auth_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/middleware/middlewaretest"
	"github.com/restykit/restykit/observe"
)

// askingForDigest asks for Digest first, and then does what becomes of a call.
func askingForDigest(then func(*http.Request) (*http.Response, error)) func(*http.Request) (*http.Response, error) {
	return func(req *http.Request) (*http.Response, error) {
		if req.Header.Get("Authorization") != "" || req.URL.Host != "api.home.test" {
			return then(req)
		}
		resp := reply(req, http.StatusUnauthorized, "text/plain", "who are you?")
		resp.Header.Set("WWW-Authenticate", `Digest realm="r", nonce="n", qop="auth"`)
		return resp, nil
	}
}

// digested is a Digest step, and all that must not show of it so far.
func digested(rt *api, step middleware.Middleware) secretive {
	s := secretive{step: step, secrets: []string{odd + "digest", fmt.Sprintf("%x", md5.Sum([]byte("ada:r:"+odd+"digest")))}}
	for _, value := range rt.authorizations() {
		if p, err := gateParams(value); err == nil && p["response"] != "" {
			s.secrets = append(s.secrets, strings.Trim(p["response"], `"`))
		}
	}
	return s
}

func TestNoSecretOfDigestShowsWhateverBecomesOfACall(t *testing.T) {
	ha1 := fmt.Sprintf("%x", md5.Sum([]byte("ada:r:"+odd+"digest")))
	all := situations()
	for situation, answer := range situations() {
		all["a server that shows what it knows, and "+situation] = func(req *http.Request) (*http.Response, error) {
			resp, err := answer(req)
			if err == nil && resp.StatusCode >= 400 && resp.Header.Get("Content-Type") == "text/plain" {
				return reply(req, resp.StatusCode, "text/plain", "want "+ha1+" of "+odd+"digest"), nil
			}
			return resp, err
		}
	}
	for situation, answer := range all {
		t.Run(situation, func(t *testing.T) {
			step := &auth.Digest{Username: "ada", Password: auth.Static(odd + "digest")}
			var lines bytes.Buffer
			paper := &paper{}
			log := slog.New(slog.NewJSONHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
			rt := &api{answer: askingForDigest(answer)}
			c := resty.New().SetTransport(rt).SetBaseURL(home).SetLogger(paper)
			if situation == "success" || situation == "no connection" || strings.HasPrefix(situation, "a redirect") {
				c.SetDebug(true).EnableGenerateCurlOnDebug()
			}
			heard := &listener{}
			require.NoError(t, middleware.Use(c, step, heard, middleware.RequireStatus{}, middleware.RequireJSON{}, observe.Log{Logger: log}))
			var ctx context.Context
			c.OnAfterResponse(func(_ *resty.Client, resp *resty.Response) error { ctx = resp.Request.Context(); return nil })
			resp, err := c.R().SetResult(&struct{ ID int }{}).Get("/users/7?page=2")
			s := digested(rt, step)
			require.GreaterOrEqual(t, len(s.secrets), 3, "it was sent")
			s.requireSilent(t, "the error", shown(err))
			s.requireSilent(t, "the log", lines.String())
			s.requireSilent(t, "resty's log and curl line", paper.String())
			s.requireSilent(t, "what observers hear", printed(heard.events))
			if resp != nil {
				s.requireSilent(t, "the caller's request", dump(resp.Request.RawRequest))
				s.requireSilent(t, "the curl line", resp.Request.GenerateCurlCommand())
			}
			if resp != nil && resp.RawResponse != nil {
				s.requireSilent(t, "the request behind the response", dump(resp.RawResponse.Request))
			}
			if ctx != nil {
				s.requireSilent(t, "the context", printed(ctx)+printed(middleware.InfoOf(ctx)))
			}
			stack := middleware.Stack{step}
			for name, v := range map[string]any{
				"step": step, "stack": stack, "pipeline": middleware.Of(c), "client": c, "list": []any{step}, "struct": struct{ D *auth.Digest }{step}, "hidden": struct{ d *auth.Digest }{step},
			} {
				s.requireSilent(t, name, printed(v))
			}
			slog.New(slog.NewTextHandler(&lines, nil)).Info("step", "step", step)
			slog.New(slog.NewJSONHandler(&lines, nil)).Info("step", "step", step)
			text, err := json.Marshal(step)
			require.NoError(t, err)
			s.requireSilent(t, "slog and JSON", lines.String()+string(text))
		})
	}
}

func TestADigestPrintsItsUserAndWhereItsPasswordComesFrom(t *testing.T) {
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X"} {
		require.Equal(t, "digest(ada, password P)", fmt.Sprintf(verb, &auth.Digest{Username: "ada", Password: auth.Env("P")}))
	}
	require.Equal(t, "digest(, password none)", fmt.Sprintf("%+v", &auth.Digest{}))
}

func TestDigestKeepsTheContract(t *testing.T) {
	answers := func(name, challenge string) middlewaretest.Option {
		return middlewaretest.Answer(name, func(n int) *http.Response {
			resp := reply(nil, http.StatusOK, "text/plain", "hello")
			resp.Header.Set("Authentication-Info", fmt.Sprintf(`nextnonce="next %d"`, n))
			if n%3 == 1 {
				resp = reply(nil, http.StatusUnauthorized, "text/plain", "who are you?")
				resp.Header.Set("WWW-Authenticate", fmt.Sprintf(challenge, n))
			}
			return resp
		})
	}
	opts := []middlewaretest.Option{
		answers("a challenge", `Digest realm="r", nonce="%d", qop="auth"`), answers("a challenge for the body", `Digest realm="r", nonce="%d", qop="auth-int"`),
		answers("one that is unknown", `Digest realm="r", nonce="%d", qop="other"`), answers("one that stays", `Digest realm="r", nonce="%.0d", stale=true`),
	}
	middlewaretest.Run(t, func() middleware.Middleware {
		return &auth.Digest{Username: "ada", Password: auth.Static("s3cret")}
	}, opts...)
	middlewaretest.Run(t, func() middleware.Middleware {
		return &auth.Digest{Username: "ada", Password: auth.Func(func(ctx context.Context) (string, error) { return "", ctx.Err() })}
	}, opts...)
}
