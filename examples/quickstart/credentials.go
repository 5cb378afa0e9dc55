package main

import (
	"context"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/internal/httpbintest"
	"github.com/restykit/restykit/middleware"
)

// credentials are the features that say who is asking. httpbin tells whom it saw.
func credentials(toys bool) []feature {
	basic := auth.Basic{Username: "ada", Password: auth.Static("lovelace"), InsecureHTTP: toys}
	bearer := auth.Bearer{Token: auth.Static("token-of-ada"), InsecureHTTP: toys}
	return []feature{
		{"Basic auth", "GET /basic-auth/ada/lovelace", func(c *resty.Client) result {
			ctx := middleware.With(context.Background(), basic)
			var who struct{ User string }
			resp, err := c.R().SetContext(ctx).SetResult(&who).Get("/basic-auth/ada/lovelace")
			return result{saw: seen("user ", who.User), got: outcome(resp, err), ok: err == nil && who.User == "ada"}
		}},
		{"Bearer auth", "GET /bearer", func(c *resty.Client) result {
			return bearing(middleware.With(context.Background(), bearer), c, "token-of-ada")
		}},
		{"API key", "GET /headers", func(c *resty.Client) result {
			var echo httpbintest.Echo
			resp, err := c.R().SetResult(&echo).Get("/headers")
			key := echo.Headers.Get("X-API-Key")
			return result{saw: seen("X-API-Key: ", key), got: outcome(resp, err), ok: err == nil && key == "key-42"}
		}},
		{"OAuth2: token expired", "GET /bearer", func(c *resty.Client) result {
			return bearing(context.Background(), c, "fresh-1")
		}},
		{"... and kept", "GET /bearer", func(c *resty.Client) result {
			return bearing(context.Background(), c, "fresh-1")
		}},
	}
}

// bearing asks httpbin which token came with a request.
func bearing(ctx context.Context, c *resty.Client, token string) result {
	var who struct{ Token string }
	resp, err := c.R().SetContext(ctx).SetResult(&who).Get("/bearer")
	return result{saw: seen("Bearer ", who.Token), got: outcome(resp, err), ok: err == nil && who.Token == token}
}
