package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestServiceOverridesTheTeamsStackByName(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(&out, os.Getenv("HTTPBIN_URL")))
	head, calls, _ := strings.Cut(out.String(), "reports, overridden by name:")
	for _, line := range []string{"call   deadline        20s", "call   require-json\n", "call   user-agent      shop/1.0", "retry  retry           3 attempts"} {
		require.Contains(t, head, line)
	}
	for _, line := range []string{
		"call   deadline        5m0s", "call   user-agent      reports/2.0", "retry  retry           1 attempt\n",
		"/status/503: 503 Service Unavailable after 3 attempts\n",
		"/status/503: 503 Service Unavailable\n",
		"reports   a page of ",
		"template=/status/503 status=503 attempts=3",
		"template=/html status=200 attempts=1",
		"level=WARN msg=\"http call\" method=GET url=", "template=/status/{item} status=404 attempts=1",
	} {
		require.Contains(t, calls, line)
	}
	require.NotContains(t, calls, "require-json")
}
