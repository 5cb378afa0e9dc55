package observe_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/observe"
	"github.com/restykit/restykit/retry"
)

// told keeps commands.
type told []string

func (c *told) step(r *observe.Redactor) observe.Curl {
	return observe.Curl{Redactor: r, Func: func(_ context.Context, command string) { *c = append(*c, command) }}
}

// ran is what curl would be given by a shell that runs a command, with variables set.
func ran(t *testing.T, command string, variables ...string) ([]string, error) {
	t.Helper()
	dir := t.TempDir()
	fake := "#!/bin/sh\nfor arg; do printf '%s\\0' \"$arg\"; done\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "curl"), []byte(fake), 0o755))
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", command)
	cmd.Env = append([]string{"PATH=" + dir + ":/bin:/usr/bin", "HOME=/home/sesame"}, variables...)
	out, err := cmd.Output()
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"), err
}

func TestTheCommandIsWhatAShellReads(t *testing.T) {
	for _, nasty := range []string{
		"plain", "it's", `"double"`, "$HOME", "`id`", "$(id)", "a\\b", "a;b", "a&&b", "a|b", "*", "~", "#x", "!x", "a b", "", "-x", "@file", "ü", "line\nline\n", "\ttab", "'", "''", "%s", "{a,b}", "[1-3]", "<x>", "REDACTE", "\\'",
	} {
		var commands told
		c := clientOf(t, answering(500, "text/plain", ""), commands.step(&observe.Redactor{Headers: []string{"X-Nasty"}}))
		header := strings.Map(func(r rune) rune {
			if r < ' ' {
				return -1
			}
			return r
		}, nasty)
		_, err := c.R().SetHeader("X-Nasty", header).SetHeader("Content-Type", "text/plain").SetBody("body " + nasty).Put("/x")
		require.NoError(t, err)
		require.Len(t, commands, 1)
		args, err := ran(t, commands[0])
		require.NoError(t, err, commands[0])
		field := "X-Nasty: " + header
		if header == "" {
			field = "X-Nasty;"
		}
		require.Contains(t, args, field)
		require.Equal(t, []string{"--data-raw", "body " + nasty}, args[len(args)-2:])
		require.Equal(t, []string{"-X", "PUT", "https://api.test/x"}, args[:3])
	}
}

func TestASecretIsAVariableThatTheShellMissesLoudly(t *testing.T) {
	var commands told
	c := clientOf(t, answering(401, "text/plain", ""), commands.step(nil), auth.Bearer{Token: auth.Static("sesame")})
	_, err := c.R().SetQueryParam("path", "a b").SetHeader("X-Api-Key", "sesame").SetCookie(&http.Cookie{Name: "sid", Value: "sesame"}).
		SetBody(map[string]any{"user": "it's mary", "password": "sesame"}).Post("/x")
	require.NoError(t, err)
	require.NotContains(t, commands[0], "sesame")
	_, err = ran(t, commands[0])
	exit, ok := errors.AsType[*exec.ExitError](err)
	require.True(t, ok, "nothing is sent without what was hidden")
	require.Contains(t, string(exit.Stderr), "REDACTED_PATH")
	args, err := ran(t, commands[0], "REDACTED_PATH=1%20$x", "REDACTED_AUTHORIZATION=to ken", "REDACTED_X_API_KEY=k'y", "REDACTED_SID=s\"id", "REDACTED_PASSWORD=p*w")
	require.NoError(t, err)
	require.Equal(t, "https://api.test/x?path=1%20$x", args[0])
	for _, want := range []string{"Authorization: Bearer to ken", "X-Api-Key: k'y", `Cookie: sid=s"id`, "Content-Type: application/json", `{"password":"p*w","user":"it's mary"}`} {
		require.Contains(t, args, want)
	}
}

func TestTheCommandOfEachKindOfRequest(t *testing.T) {
	once := middleware.Func("once", middleware.Auth, func(r *http.Request, next middleware.Next) (*http.Response, error) {
		if r.Header.Get("X-Once") != "" {
			r = middleware.Mutable(r)
			r.Header.Del("X-Once")
			r.GetBody = nil
		}
		return next(r)
	})
	for name, tt := range map[string]struct {
		call func(*resty.Request) error
		want string
	}{
		"GET":            {func(r *resty.Request) error { _, err := r.Get("/a?b"); return err }, `curl 'https://api.test/a?'"${REDACTED:?}"`},
		"HEAD":           {func(r *resty.Request) error { _, err := r.Head("/a"); return err }, `curl -I https://api.test/a`},
		"DELETE":         {func(r *resty.Request) error { _, err := r.Delete("/a"); return err }, `curl -X DELETE https://api.test/a`},
		"POST":           {func(r *resty.Request) error { _, err := r.Post("/a"); return err }, `curl -X POST https://api.test/a`},
		"brackets, dots": {func(r *resty.Request) error { _, err := r.Get("/a/../[1]"); return err }, `curl -g --path-as-is 'https://api.test/a/../[1]'`},
		"form": {func(r *resty.Request) error {
			_, err := r.SetFormData(map[string]string{"a": "1", "token": "sesame"}).Post("/a")
			return err
		}, `curl https://api.test/a -H 'Content-Type: application/x-www-form-urlencoded' --data-raw 'a=1&token='"${REDACTED_TOKEN:?}"`},
		"multipart": {func(r *resty.Request) error {
			_, err := r.SetMultipartFormData(map[string]string{"a": "@b"}).SetFileReader("f", "sesame.txt", strings.NewReader("sesame")).Post("/a")
			return err
		}, `curl https://api.test/a -F 'f=@file;type=text/plain' --form-string a=@b`},
		"multipart token": {func(r *resty.Request) error {
			_, err := r.SetMultipartFormData(map[string]string{"token": "sesame"}).Post("/a")
			return err
		}, `curl https://api.test/a --form-string token="${REDACTED_TOKEN:?}"`},
		"stream": {func(r *resty.Request) error {
			_, err := r.SetBody("sesame").SetHeader("Content-Type", "text/plain").SetHeader("X-Once", "1").Put("/a")
			return err
		}, `curl -X PUT https://api.test/a -H 'Content-Type: text/plain' --data-binary @body`},
		"long": {func(r *resty.Request) error { _, err := r.SetBody(strings.Repeat("x", 4097)).Post("/a"); return err }, `curl https://api.test/a -H 'Content-Type: text/plain; charset=utf-8' --data-binary @body`},
		"bytes": {func(r *resty.Request) error {
			_, err := r.SetBody([]byte{0, 1}).SetHeader("Content-Type", "image/png").Post("/a")
			return err
		}, `curl https://api.test/a -H 'Content-Type: image/png' --data-binary @body`},
		"HTML": {func(r *resty.Request) error {
			_, err := r.SetBody("<title>x</title>").SetHeader("Content-Type", "text/html").Post("/a")
			return err
		}, `curl https://api.test/a -H 'Content-Type: text/html' --data-binary @body`},
		"broken JSON": {func(r *resty.Request) error {
			_, err := r.SetBody("{sesame").SetHeader("Content-Type", "application/json").Post("/a")
			return err
		}, `curl https://api.test/a -H 'Accept: application/json' -H 'Content-Type: application/json' --data-binary @body`},
	} {
		t.Run(name, func(t *testing.T) {
			var commands told
			c := clientOf(t, answering(500, "text/plain", ""), commands.step(nil), once)
			require.NoError(t, tt.call(c.R()))
			got := strings.Replace(commands[0], ` -H 'User-Agent: go-resty/2.17.2 (https://github.com/go-resty/resty)'`, "", 1)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestACommandForFailuresOnly(t *testing.T) {
	var commands told
	c := clientOf(t, answering(200, "text/plain", "ok"), commands.step(nil), middleware.RequireJSON{})
	_, err := c.R().Get("/")
	require.Error(t, err)
	require.Len(t, commands, 1, "a failed check is a failure")

	commands = nil
	c = clientOf(t, answering(204, "text/plain", ""), commands.step(nil))
	_, err = c.R().Get("/")
	require.NoError(t, err)
	require.Empty(t, commands)

	c = clientOf(t, fake(func(r *http.Request) (*http.Response, error) { return nil, r.Context().Err() }), commands.step(nil))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.R().SetContext(ctx).Get("/")
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, commands, "its caller cancelled it")

	refuse := middleware.Func("refuse", middleware.Limit, func(*http.Request, middleware.Next) (*http.Response, error) { return nil, errors.New("no") })
	c = clientOf(t, answering(200, "text/plain", ""), commands.step(nil), refuse)
	_, err = c.R().Get("/")
	require.Error(t, err)
	require.Empty(t, commands, "nothing was sent")
	require.ErrorContains(t, middleware.Use(c, observe.Curl{Bodies: -1}), "Bodies: -1 is no number of bytes")
}

func TestTheCommandIsThatOfTheLastRequest(t *testing.T) {
	n := 0
	var commands told
	c := clientOf(t, fake(func(r *http.Request) (*http.Response, error) {
		n++
		if n == 1 {
			return answer(503, "text/plain", ""), nil
		}
		if r.URL.Path == "/a" {
			resp := answer(307, "text/plain", "")
			resp.Header.Set("Location", "https://other.test/b")
			return resp, nil
		}
		return answer(500, "text/plain", ""), nil
	}), commands.step(nil), retry.Policy{Attempts: 2, Wait: 1}, auth.Bearer{Token: auth.Static("sesame")})
	_, err := c.R().SetBody("x").Put("/a")
	require.NoError(t, err)
	require.Len(t, commands, 1)
	require.Contains(t, commands[0], "https://other.test/b")
	require.NotContains(t, commands[0], "Authorization", "as it was sent")
	require.Contains(t, commands[0], "--data-raw x")
}

func TestARealCurlSendsWhatWasSent(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("there is no curl")
	}
	var got []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		note := r.ParseMultipartForm(1 << 20)
		body, _ := io.ReadAll(r.Body)
		got = append(got, fmt.Sprint(r.Method, r.RequestURI, r.Host, r.Header.Get("Content-Type") == "", note == nil, r.Header["X-A"], r.Header.Get("Authorization"), string(body), r.MultipartForm != nil && r.MultipartForm.Value["a"][0] == "it's; type=x"))
		w.WriteHeader(500)
	}))
	defer srv.Close()
	for name, call := range map[string]func(*resty.Request) error{
		"get":  func(r *resty.Request) error { _, err := r.Get("/a/../b?x=1"); return err },
		"head": func(r *resty.Request) error { _, err := r.Head("/[1]"); return err },
		"json": func(r *resty.Request) error {
			_, err := r.SetBody(map[string]string{"a": "it's $x"}).Patch("/")
			return err
		},
		"multipart": func(r *resty.Request) error {
			_, err := r.SetMultipartFormData(map[string]string{"a": "it's; type=x"}).Post("/")
			return err
		},
		"no type": func(r *resty.Request) error {
			_, err := r.SetBody("x").SetHeader("Content-Type", "text/plain").SetHeader("X-Untyped", "1").Put("/")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			got = nil
			var commands told
			c := resty.New().SetBaseURL(srv.URL).SetAuthToken("sesame")
			untyped := middleware.Func("untyped", middleware.Auth, func(r *http.Request, next middleware.Next) (*http.Response, error) {
				if r.Header.Get("X-Untyped") != "" {
					r = middleware.Mutable(r)
					r.Header.Del("X-Untyped")
					r.Header.Del("Content-Type")
				}
				return next(r)
			})
			require.NoError(t, middleware.Use(c, untyped, commands.step(&observe.Redactor{Query: []string{"x"}, Headers: []string{"X-A"}})))
			require.NoError(t, call(c.R().SetHeader("X-A", "1").SetHeader("X-Empty", "")))
			cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", strings.Replace(commands[0], "curl", "'"+curl+"' -sS --noproxy '*'", 1))
			cmd.Env = []string{"REDACTED_AUTHORIZATION=sesame"}
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s: %s", commands[0], out)
			require.Len(t, got, 2)
			require.Equal(t, got[0], got[1], commands[0])
		})
	}
}

func TestTheCommandIsLogged(t *testing.T) {
	l := &lines{}
	c := clientOf(t, answering(500, "text/plain", ""), observe.Curl{Logger: l.logger(slog.LevelInfo)})
	_, err := c.R().SetHeader("User-Agent", "x").Get("/a")
	require.NoError(t, err)
	line := l.of(t, "http curl")[0]
	require.Equal(t, "WARN", line["level"])
	require.Equal(t, `curl https://api.test/a -H 'User-Agent: x'`, line["command"])
}

func FuzzShell(f *testing.F) {
	for _, seed := range []string{"", "'", `'\''`, "$(id)", "REDACTED_HOME", "\n", "a\\", "`", "!"} {
		f.Add(seed)
	}
	dir := f.TempDir()
	require.NoError(f, os.WriteFile(filepath.Join(dir, "curl"), []byte("#!/bin/sh\nfor arg; do printf '%s\\0' \"$arg\"; done\n"), 0o755))
	f.Fuzz(func(t *testing.T, s string) {
		if strings.Contains(s, "REDACTED") || s == "" {
			t.Skip()
		}
		var commands told
		c := clientOf(t, answering(500, "text/plain", ""), commands.step(nil))
		_, err := c.R().SetHeader("Content-Type", "text/plain").SetBody(s).Post("/x")
		require.NoError(t, err)
		cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", commands[0])
		cmd.Env = []string{"PATH=" + dir + ":/bin", "HOME=/home/sesame"}
		out, err := cmd.CombinedOutput()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok && strings.Contains(string(out), "REDACTED") {
			require.Equal(t, 2, exit.ExitCode())
			return // more than that is hidden
		}
		require.NoError(t, err, "%s: %s", commands[0], out)
		require.Regexp(t, "^https://api.test/x\x00-H\x00", string(out), commands[0])
		require.NotContains(t, strings.ReplaceAll(string(out), s, ""), "/home/sesame")
	})
}

func ExampleCurl() {
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	client := resty.New().SetBaseURL(srv.URL)
	_ = middleware.Use(client,
		auth.Bearer{Token: auth.Static("s3cret")},
		observe.Curl{Func: func(_ context.Context, command string) {
			fmt.Println(strings.ReplaceAll(command, srv.URL, "https://api.example.com"))
		}},
	)
	_, err := client.R().SetHeader("User-Agent", "shop/1.0").SetBody(map[string]any{"name": "Ann's", "password": "s3cret"}).Put("/users/7")
	fmt.Println(err)
	// Output:
	// curl -X PUT https://api.example.com/users/7 -H 'Authorization: Bearer '"${REDACTED_AUTHORIZATION:?}" -H 'Content-Type: application/json' -H 'User-Agent: shop/1.0' --data-raw '{"name":"Ann'\''s","password":"'"${REDACTED_PASSWORD:?}"'"}'
	// <nil>
}
