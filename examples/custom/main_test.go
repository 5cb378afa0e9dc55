package main

import (
	"os"
	"strings"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

func TestOwnStepAndDecoratorRunAtTheirLayers(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(&out, os.Getenv("HTTPBIN_URL")))
	for _, line := range []string{
		"call   tenant          in X-Tenant\n",
		"wire   tally\n",
		"the server saw       X-Tenant: acme\n",
		"tenant: the request's context has none: use WithTenant\n",
		"503 Service Unavailable after 3 attempts\n",
		"the decorator saw    map[200:1 503:3]\n",
	} {
		require.Contains(t, out.String(), line)
	}
}

func TestOwnStepThatIsWrongIsAnErrorOfUse(t *testing.T) {
	require.EqualError(t, middleware.Use(resty.New(), Tenant{}), "tenant: Header is empty: name the field, like X-Tenant")
}
