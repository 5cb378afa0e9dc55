package main

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/middleware/middlewaretest"
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

func TestOwnStepKeepsTheContract(t *testing.T) {
	acme := func(req *http.Request, next middleware.Next) (*http.Response, error) {
		return next(req.WithContext(WithTenant(req.Context(), "acme")))
	}
	middlewaretest.Run(t, func() middleware.Middleware { return Tenant{Header: "X-Tenant"} },
		middlewaretest.Beside(func() middleware.Stack { return middleware.Stack{middleware.Func("acme", middleware.Call, acme)} }))
}

func TestDecoratorKeepsTheContractOfAStep(t *testing.T) {
	middlewaretest.Run(t, func() middleware.Middleware {
		return middleware.Wrap("tally", middleware.Wire, newTally().decorate)
	})
}

func TestOwnStepThatIsWrongIsAnErrorOfUse(t *testing.T) {
	require.EqualError(t, middleware.Use(resty.New(), Tenant{}), "tenant: Header is empty: name the field, like X-Tenant")
}
