package observe_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/observe"
)

// quiet leaves out what differs from run to run.
func quiet(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && slices.Contains([]string{slog.TimeKey, "duration", "waited", "url", "peer"}, a.Key) {
			return slog.Attr{}
		}
		return a
	}}))
}

// unphased is a text without the phases, which differ too.
func unphased(s string) string {
	return regexp.MustCompile(` phases\.\w+=\S+`).ReplaceAllString(s, "")
}

func server(t *testing.T) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/users/8":
			w.WriteHeader(http.StatusNotFound)
		case "/users/9":
			w.WriteHeader(http.StatusBadGateway)
		default:
			_, _ = io.WriteString(w, "ok")
		}
	}))
	t.Cleanup(srv.Close)
	return srv
}

func TestOneLineForEachCallWithItsLevel(t *testing.T) {
	srv := server(t)
	for _, tt := range []struct {
		id, url, line string
	}{
		{"7", srv.URL, "level=INFO msg=\"http call\" method=GET template=\"/users/{id}?token=REDACTED\" status=200 attempts=1 bytes=2\n"},
		{"8", srv.URL, "level=WARN msg=\"http call\" method=GET template=\"/users/{id}?token=REDACTED\" status=404 attempts=1 bytes=0\n"},
		{"9", srv.URL, "level=ERROR msg=\"http call\" method=GET template=\"/users/{id}?token=REDACTED\" status=502 attempts=1 bytes=0\n"},
	} {
		var out bytes.Buffer
		client := resty.New().SetBaseURL(tt.url)
		require.NoError(t, middleware.Use(client, observe.Log{Logger: quiet(&out, slog.LevelInfo)}))
		_, err := client.R().SetPathParam("id", tt.id).Get("/users/{id}?token=secret")
		require.NoError(t, err)
		require.Equal(t, tt.line, out.String())
	}
}

func TestAStreamIsLoggedWithTheStatusOfItsError(t *testing.T) {
	srv := server(t)
	for id, level := range map[string]string{"8": "WARN", "9": "ERROR"} {
		for mode, set := range map[string]func(*resty.Request){
			"stream": func(r *resty.Request) { r.SetDoNotParseResponse(true) },
			"file":   func(r *resty.Request) { r.SetOutput(t.TempDir() + "/out") },
		} {
			var out bytes.Buffer
			client := resty.New().SetBaseURL(srv.URL)
			require.NoError(t, middleware.Use(client, observe.Log{Logger: quiet(&out, slog.LevelInfo)}, middleware.RequireStatus{}))
			r := client.R()
			set(r)
			_, err := r.Get("/users/" + id)
			require.Error(t, err)
			require.Contains(t, out.String(), "level="+level, mode)
			require.Regexp(t, "status=(404|502)", out.String(), mode)
		}
	}
}

func TestASendThatALimitEndedNamesIt(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer srv.Close()
	var out bytes.Buffer
	client := resty.New().SetBaseURL(srv.URL)
	require.NoError(t, middleware.Use(client, observe.Log{Logger: quiet(&out, slog.LevelDebug)}, middleware.Timeout{Read: 20 * time.Millisecond}))
	_, err := client.R().Get("/")
	require.Error(t, err)
	require.Contains(t, unphased(out.String()), `msg="http send" method=GET attempt=1 reused=false error_type=timeout.read error="timeout: read: nothing came for 20ms"`)
}

func TestALineForACallWithoutAnAnswer(t *testing.T) {
	var out bytes.Buffer
	client := resty.New().SetBaseURL("http://127.0.0.1:1")
	require.NoError(t, middleware.Use(client, observe.Log{Logger: quiet(&out, slog.LevelInfo)}))
	_, err := client.R().Get("/?token=secret")
	require.Error(t, err)
	require.Contains(t, out.String(), "level=ERROR")
	require.Contains(t, out.String(), "connection refused")
	require.NotContains(t, out.String(), "secret")
}

func TestAFailedCheckIsLoggedThoughTheStatusIsFine(t *testing.T) {
	srv := server(t)
	var out bytes.Buffer
	client := resty.New().SetBaseURL(srv.URL)
	require.NoError(t, middleware.Use(client, observe.Log{Logger: quiet(&out, slog.LevelInfo)}, middleware.RequireJSON{}))
	_, err := client.R().Get("/")
	require.Error(t, err)
	require.Contains(t, out.String(), "level=WARN")
	require.Contains(t, out.String(), "not JSON")
}

func TestEachSendIsLoggedAtDebug(t *testing.T) {
	srv := server(t)
	var out bytes.Buffer
	client := resty.New().SetBaseURL(srv.URL)
	require.NoError(t, middleware.Use(client, observe.Log{Logger: quiet(&out, slog.LevelDebug)}))
	_, err := client.R().Get("/")
	require.NoError(t, err)
	_, err = client.R().Get("http://127.0.0.1:1/")
	require.Error(t, err)
	require.Contains(t, unphased(out.String()), "level=DEBUG msg=\"http send\" method=GET attempt=1 status=200 proto=HTTP/1.1 bytes=2 reused=false\n")
	require.Contains(t, unphased(out.String()), "level=DEBUG msg=\"http send\" method=GET attempt=1 error_type=connect.dial error=")
}

func TestALevelThatIsOffCostsNoLine(t *testing.T) {
	srv := server(t)
	var out bytes.Buffer
	client := resty.New().SetBaseURL(srv.URL)
	require.NoError(t, middleware.Use(client, observe.Log{Logger: quiet(&out, slog.LevelError)}))
	_, err := client.R().Get("/")
	require.NoError(t, err)
	require.Empty(t, out.String())
}

func ExampleLog() {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	defer srv.Close()
	client := resty.New().SetBaseURL(srv.URL)
	_ = middleware.Use(client, observe.Log{Logger: quiet(os.Stdout, slog.LevelInfo)})

	_, err := client.R().SetPathParam("id", "7").Get("/users/{id}")
	fmt.Println(err)
	// Output:
	// level=INFO msg="http call" method=GET template=/users/{id} status=200 attempts=1 bytes=2
	// <nil>
}
