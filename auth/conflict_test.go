package auth_test

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

var (
	basic  = auth.Basic{Username: "user", Password: auth.Static("pass")}
	bearer = auth.Bearer{Token: auth.Static("t0ken")}
)

const (
	basicUser   = "Basic dXNlcjpwYXNz"
	bearerToken = "Bearer t0ken"
)

func TestUseRefusesTwoStepsThatWriteAuthorization(t *testing.T) {
	const want = "bearer: writes Authorization, as basic does: keep one of them, or switch the other off with middleware.Off(\"basic\")"
	require.EqualError(t, middleware.Use(resty.New(), basic, bearer), want)
	c := resty.New()
	require.NoError(t, middleware.Use(c, basic))
	require.ErrorContains(t, middleware.Use(c, bearer), "keep one of them")
	require.ErrorContains(t, middleware.Use(c, &auth.OAuth2{Grant: granting("AT")}), "oauth2: writes Authorization, as basic does")
	require.ErrorContains(t, middleware.Use(c, auth.APIKey{Header: "authorization", Key: auth.Static("k")}), "api-key:authorization: writes Authorization, as basic does")
	require.ErrorContains(t, middleware.Use(c, middleware.Header{Key: "authorization", Value: "k"}), "Authorization is a secret, and this step prints its value")
	require.Len(t, middleware.Of(c), 1)
	require.NoError(t, middleware.Use(c, middleware.Off("basic"), bearer))
	require.NoError(t, middleware.Use(c, auth.APIKey{Header: "X-Api-Key", Key: auth.Static("k")}))
}

// There are several ways to make a resty client authorize each request, and none
// can stand beside a step, whichever came first.
func TestAuthorizationOfTheClientBesideAStepIsRefused(t *testing.T) {
	tests := []struct {
		name string
		set  func(*resty.Client)
		want string
	}{
		{"SetAuthToken", func(c *resty.Client) { c.SetAuthToken("s3cret") }, "the client sets Authorization too (SetAuthToken)"},
		{"SetBasicAuth", func(c *resty.Client) { c.SetBasicAuth("user", "s3cret") }, "the client sets Authorization too (SetBasicAuth)"},
		{"SetHeader", func(c *resty.Client) { c.SetHeader("authorization", "s3cret") }, "the client sets Authorization too (SetHeader)"},
		{"SetHeaderVerbatim", func(c *resty.Client) { c.SetHeaderVerbatim("authorization", "s3cret") }, "the client sets Authorization too (SetHeader)"},
		{"SetHeaders", func(c *resty.Client) { c.SetHeaders(map[string]string{"Authorization": "s3cret"}) }, "the client sets Authorization too (SetHeader)"},
		{"BaseURL", func(c *resty.Client) { c.SetBaseURL("https://user:s3cret@api.home.test") }, "the client sets Authorization too (user and password in its BaseURL)"},
	}
	steps := []middleware.Middleware{basic, bearer, &auth.OAuth2{Grant: granting("AT")}, auth.APIKey{Header: "Authorization", Key: auth.Static("k3y")}}
	for _, tt := range tests {
		for _, step := range steps {
			t.Run(tt.name+" before "+step.Name(), func(t *testing.T) {
				c := resty.New()
				tt.set(c)
				err := middleware.Use(c, step)
				require.ErrorContains(t, err, step.Name()+": "+tt.want)
				require.NotContains(t, err.Error(), "s3cret")
				require.Empty(t, middleware.Of(c))
			})
			t.Run(tt.name+" after "+step.Name(), func(t *testing.T) {
				rt := &api{}
				c := client(t, rt, step)
				tt.set(c)
				_, err := c.R().Get("/")
				require.ErrorContains(t, err, step.Name()+": "+tt.want)
				require.NotContains(t, err.Error(), "s3cret")
				require.Zero(t, rt.count())
			})
		}
	}
}

func TestAKeyThatTheClientSetsTooIsRefused(t *testing.T) {
	key := auth.APIKey{Header: "X-Api-Key", Key: auth.Static("k3y")}
	require.ErrorContains(t, middleware.Use(resty.New().SetHeader("x-api-key", "s3cret"), key), "api-key:x-api-key: the client sets X-Api-Key too (SetHeader)")
	c := resty.New().SetAuthToken("s3cret")
	c.HeaderAuthorizationKey = "X-Api-Key"
	require.ErrorContains(t, middleware.Use(c, key), "api-key:x-api-key: the client sets X-Api-Key too (SetAuthToken)")
	c = resty.New().SetTransport(&api{}).SetAuthToken("s3cret")
	require.NoError(t, middleware.Use(c, key), "the two do not meet")
}

func TestTheCallersAuthorizationWins(t *testing.T) {
	tests := []struct {
		name string
		set  func(*resty.Request) *resty.Request
		want http.Header
	}{
		{"SetAuthToken", func(r *resty.Request) *resty.Request { return r.SetAuthToken("mine") }, http.Header{"Authorization": {"Bearer mine"}}},
		{"SetAuthToken, another scheme", func(r *resty.Request) *resty.Request { return r.SetAuthToken("mine").SetAuthScheme("Mine") }, http.Header{"Authorization": {"Mine mine"}}},
		{"SetBasicAuth", func(r *resty.Request) *resty.Request { return r.SetBasicAuth("me", "mine") }, http.Header{"Authorization": {"Basic bWU6bWluZQ=="}}},
		{"SetHeader", func(r *resty.Request) *resty.Request { return r.SetHeader("authorization", "mine") }, http.Header{"Authorization": {"mine"}}},
		{"SetHeaderVerbatim", func(r *resty.Request) *resty.Request { return r.SetHeaderVerbatim("authorization", "mine") }, http.Header{"authorization": {"mine"}}},
		{"none", func(r *resty.Request) *resty.Request { return r.SetHeader("Authorization", "") }, http.Header{"Authorization": {""}}},
	}
	for _, tt := range tests {
		for _, step := range []middleware.Middleware{basic, bearer, &auth.OAuth2{Grant: granting("AT")}} {
			t.Run(tt.name+" over "+step.Name(), func(t *testing.T) {
				rt := &api{}
				_, err := tt.set(client(t, rt, step).R()).Get("/")
				require.NoError(t, err)
				got := http.Header{}
				for _, name := range []string{"Authorization", "authorization"} {
					if values, ok := rt.last(t).Header[name]; ok {
						got[name] = values
					}
				}
				require.Equal(t, tt.want, got)
			})
		}
	}
	t.Run("user and password in the URL", func(t *testing.T) {
		rt := &api{}
		_, err := client(t, rt, bearer).R().Get("https://me:mine@api.home.test/")
		require.NoError(t, err)
		require.Equal(t, []string{"Basic bWU6bWluZQ=="}, rt.authorizations())
	})
}

func TestCredentialsOfARequestDisplaceThoseOfTheClient(t *testing.T) {
	key := auth.APIKey{Header: "X-Api-Key", Key: auth.Static("k3y")}
	tests := []struct {
		name string
		with []middleware.Middleware
		want string
		key  string
	}{
		{"nothing", nil, bearerToken, "k3y"},
		{"its namesake", []middleware.Middleware{auth.Bearer{Token: auth.Static("users")}}, "Bearer users", "k3y"},
		{"Basic for Bearer", []middleware.Middleware{basic}, basicUser, "k3y"},
		{"OAuth2 for Bearer", []middleware.Middleware{&auth.OAuth2{Grant: granting("AT")}}, "Bearer AT", "k3y"},
		{"a key in Authorization", []middleware.Middleware{auth.APIKey{Header: "authorization", Key: auth.Static("users")}}, "users", "k3y"},
		{"another key of that name", []middleware.Middleware{auth.APIKey{Header: "X-Api-Key", Key: auth.Static("users")}}, bearerToken, "users"},
		{"the later one", []middleware.Middleware{basic, auth.Bearer{Token: auth.Static("users")}}, "Bearer users", "k3y"},
		{"off", []middleware.Middleware{middleware.Off("bearer")}, "", "k3y"},
		{"off and another", []middleware.Middleware{middleware.Off("bearer"), basic, middleware.Off("api-key:x-api-key")}, basicUser, ""},
	}
	rt := &api{}
	c := client(t, rt, bearer, key)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := c.R().SetContext(middleware.With(t.Context(), tt.with...)).Get("/")
			require.NoError(t, err)
			require.Equal(t, tt.want, rt.last(t).Header.Get("Authorization"))
			require.Equal(t, tt.key, rt.last(t).Header.Get("X-Api-Key"))
		})
	}
	_, err := c.R().Get("/")
	require.NoError(t, err)
	require.Equal(t, bearerToken, rt.last(t).Header.Get("Authorization"), "the client's own are as they were")
}

func TestAStepOfARequestThatIsWrongFailsTheRequest(t *testing.T) {
	rt := &api{}
	c := client(t, rt, bearer)
	_, err := c.R().SetContext(middleware.With(t.Context(), auth.Basic{Username: "a:b", Password: auth.Static("s3cret\n")})).Get("/")
	require.ErrorContains(t, err, "basic: Username has a colon")
	require.ErrorContains(t, err, "basic: Password: the secret ends in a line end")
	require.NotContains(t, err.Error(), "s3cret")
	require.Zero(t, rt.count())
}

// userKey carries a user's name to the fake API.
type userKey struct{}

func TestEachUserHasTheirOwnToken(t *testing.T) {
	rt := &api{answer: func(req *http.Request) (*http.Response, error) {
		want := "Bearer token-of-" + req.Context().Value(userKey{}).(string)
		if got := req.Header.Get("Authorization"); got != want {
			return reply(req, http.StatusForbidden, "text/plain", got+" is not "+want), nil
		}
		return reply(req, http.StatusOK, "text/plain", ""), nil
	}}
	c := client(t, rt, basic, middleware.RequireStatus{})
	var wg sync.WaitGroup
	for i := range 200 {
		user := string(rune('a' + i%20))
		wg.Go(func() {
			ctx := context.WithValue(context.Background(), userKey{}, user)
			ctx = middleware.With(ctx, auth.Bearer{Token: auth.Static("token-of-" + user)})
			if _, err := c.R().SetContext(ctx).Get("/"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
