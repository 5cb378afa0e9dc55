package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/auth/redisstore"
	"github.com/restykit/restykit/middleware"
)

// What a process finds in its environment.
const (
	envAPI      = "FLEET_API"
	envTokenURL = "FLEET_TOKEN_URL" //nolint:gosec // a name
	envID       = "FLEET_ID"
	envSecret   = "FLEET_SECRET"
	envRedis    = "FLEET_REDIS"
	envPrefix   = "FLEET_PREFIX"
)

// serve is one process of the fleet, until there is nothing more to read.
func serve(ctx context.Context, orders io.Reader, out io.Writer) error {
	options, err := redis.ParseURL(os.Getenv(envRedis))
	if err != nil {
		return err
	}
	logging.Disable() // a Redis that is down is told by an event, once for each token
	shared := redis.NewClient(options)
	defer func() { _ = shared.Close() }()
	alone := &watch{}
	client := resty.New().SetBaseURL(os.Getenv(envAPI))
	if err := middleware.Use(client,
		&auth.OAuth2{
			Grant: auth.ClientCredentials{
				Config: clientcredentials.Config{ClientID: os.Getenv(envID), TokenURL: os.Getenv(envTokenURL)},
				Secret: auth.Env(envSecret),
			},
			Store: redisstore.Store{Client: shared, Prefix: os.Getenv(envPrefix), TTL: time.Hour},
			Key:   "shop",
		},
		middleware.RequireStatus{},
		alone,
	); err != nil {
		return err
	}
	for lines := bufio.NewScanner(orders); lines.Scan(); {
		answer := call(ctx, client)
		if alone.Swap(false) {
			answer += ", with a token of its own: Redis does not answer"
		}
		if _, err := fmt.Fprintln(out, answer); err != nil {
			return err
		}
	}
	return nil
}

// call calls the API, and is what the caller got.
func call(ctx context.Context, client *resty.Client) string {
	resp, err := client.R().SetContext(ctx).Get("/")
	if err != nil {
		return err.Error()
	}
	return resp.Status()
}

// watch is a step that is told of a token store that does not work.
type watch struct{ atomic.Bool }

// Name is "watch".
func (*watch) Name() string { return "watch" }

// Layer is [middleware.Call].
func (*watch) Layer() middleware.Layer { return middleware.Call }

// Observe is told what other steps do.
func (w *watch) Observe(_ *middleware.Info, e middleware.Event) {
	if e.Kind == "store" {
		w.Store(true)
	}
}
