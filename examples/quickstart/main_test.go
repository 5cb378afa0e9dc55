package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryFeatureIsOK(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(&out, os.Getenv("HTTPBIN_URL")))
	for _, line := range []string{
		"call  require-status     2xx",
		"call  require-json",
		"auth  oauth2             refresh token of quickstart at http://127.0.0.1:",
		"auth  api-key:x-api-key  static, only http",
		"wire  timeout            connect 3s, read 10s",
		"user ada",
		"Bearer token-of-ada",
		"X-API-Key: key-42",
		"Bearer fresh-1",
		"*StatusError: 404",
		"*ContentTypeError: text/html",
		"Content-Type: application/json",
		"*TimeoutError: read 200ms",
		"All 10 are ok.",
	} {
		require.Contains(t, out.String(), line)
	}
	require.NotContains(t, out.String(), "NOT OK")
	require.NotContains(t, out.String(), "stale", "the token that has expired is never sent")
	for line := range strings.Lines(out.String()) {
		require.LessOrEqual(t, len(line), 120, line)
	}
}

func TestServerThatSeesNothingIsNotOK(t *testing.T) {
	blind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte("{}"))
	}))
	defer blind.Close()
	var out strings.Builder
	require.EqualError(t, run(&out, blind.URL), "10 of 10 are not ok")
	require.Equal(t, 10, strings.Count(out.String(), "NOT OK"))
}
