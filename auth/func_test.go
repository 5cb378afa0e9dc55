package auth_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

// A vault that a Func asks is another service.
func TestAUsersTokenDoesNotReachTheServiceThatASourceAsks(t *testing.T) {
	var vaultSaw []string
	vault := resty.New().SetBaseURL("https://vault.test").SetTransport(middleware.Next(func(req *http.Request) (*http.Response, error) {
		vaultSaw = append(vaultSaw, req.Header.Get("Authorization"))
		return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
	}))
	require.NoError(t, middleware.Use(vault, auth.Bearer{Token: auth.Static("vaults-own")}))
	client := resty.New().SetBaseURL("https://api.test").SetTransport(middleware.Next(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
	}))
	require.NoError(t, middleware.Use(client, auth.APIKey{Header: "X-Key", Key: auth.Func(func(ctx context.Context) (string, error) {
		_, err := vault.R().SetContext(ctx).Get("/secret")
		return "key", err
	})}))
	ctx := middleware.With(t.Context(), auth.Bearer{Token: auth.Static("users")})
	_, err := client.R().SetContext(ctx).Get("/")
	require.NoError(t, err)
	require.Equal(t, []string{"Bearer vaults-own"}, vaultSaw)
}

func TestAQueryParameterOfTheClientsConflictsWithTheKey(t *testing.T) {
	client := resty.New().SetQueryParam("api_key", "old")
	require.ErrorContains(t, middleware.Use(client, auth.APIKey{Query: "api_key", Key: auth.Static("new")}), "the client sets the query parameter api_key too (SetQueryParam)")
}

func TestAURLWithoutAHostSaysWhatToDo(t *testing.T) {
	client := resty.New()
	require.NoError(t, middleware.Use(client, auth.Bearer{Token: auth.Static("t")}))
	_, err := client.R().Get("/headers")
	require.ErrorContains(t, err, `the URL "/headers" has no host: set a BaseURL, or ask for an absolute URL`)
}
