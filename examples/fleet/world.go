package main

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/restykit/restykit/auth/authtest"
)

// world is all that the processes meet: a provider, an API that takes its tokens, and Redis.
type world struct {
	provider *authtest.Provider
	app      *authtest.Client
	api      *httptest.Server
	redis    *miniredis.Miniredis // nil is one of somebody's
	redisURL string
	prefix   string // of the keys, so that a run finds no tokens of another
}

func newWorld(redisURL string) (*world, error) {
	w := &world{redisURL: redisURL, prefix: "restykit-fleet:" + rand.Text() + ":"}
	if _, err := redis.ParseURL(cmp.Or(redisURL, "redis://")); err != nil {
		return nil, fmt.Errorf("-redis: %w", err)
	}
	var err error
	if w.provider, err = authtest.Start(); err != nil {
		return nil, err
	}
	w.app = w.provider.Client("shop", authtest.Secret(rand.Text()))
	w.api = httptest.NewServer(w.provider.Protect(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	if redisURL != "" {
		return w, nil
	}
	if w.redis, err = miniredis.Run(); err != nil {
		w.close()
		return nil, err
	}
	w.redisURL = "redis://" + w.redis.Addr()
	return w, nil
}

func (w *world) revoke() { w.provider.RevokeAll() }

func (w *world) close() {
	if w.redis != nil {
		w.redis.Close()
	}
	w.api.Close()
	w.provider.Close()
}

// environment is what a process has to know.
func (w *world) environment() []string {
	return []string{
		envAPI + "=" + w.api.URL, envTokenURL + "=" + w.provider.TokenURL(), envID + "=" + w.app.ID, envSecret + "=" + w.app.Secret,
		envRedis + "=" + w.redisURL, envPrefix + "=" + w.prefix,
	}
}
