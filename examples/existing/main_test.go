package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClientKeepsWhatItHadAndTakesTheStack(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(&out, os.Getenv("HTTPBIN_URL")))
	for _, line := range []string{
		"retry: the client retries by itself (RetryCount 3), and the two would multiply: SetRetryCount(0)\n",
		"auth   bearer          static, only http",
		"retry  retry           2 attempts",
		"the own hook saw 200\n",
		"the server saw   Bearer token-of-billing, X-Team billing, tenant acme\n",
		"the own hook saw 503\n",
		"/status/503?tenant=REDACTED: 503 Service Unavailable after 2 attempts",
	} {
		require.Contains(t, out.String(), line)
	}
}
