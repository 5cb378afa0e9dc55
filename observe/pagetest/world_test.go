package pagetest_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/observe"
	"github.com/restykit/restykit/retry"
)

const secret = "s3cret-of-the-world"

// world is a service that has its troubles, and clients of it.
type world struct {
	recorder *observe.Recorder
	shop     *resty.Client
	mail     *resty.Client
}

func newWorld(t *testing.T, more ...middleware.Middleware) *world {
	t.Helper()
	w := &world{recorder: &observe.Recorder{Bodies: 2 << 10}}
	shop, mail := httptest.NewServer(shopHandler()), httptest.NewTLSServer(mailHandler())
	t.Cleanup(shop.Close)
	t.Cleanup(mail.Close)

	w.shop = resty.New().SetBaseURL(shop.URL)
	steps := append(middleware.Stack{
		w.recorder,
		middleware.RequireStatus{},
		middleware.Timeout{Read: 400 * time.Millisecond},
		middleware.Deadline(3 * time.Second),
		retry.Policy{Attempts: 4, Wait: 80 * time.Millisecond, MaxWait: 300 * time.Millisecond, Jitter: retry.EqualJitter},
		&retry.Limit{Concurrent: 12},
		&auth.OAuth2{Grant: auth.ClientCredentials{Config: clientcredentials.Config{ClientID: "shop", ClientSecret: secret, TokenURL: shop.URL + "/token"}}},
	}, more...)
	require.NoError(t, middleware.Use(w.shop, steps...))

	w.mail = resty.New().SetBaseURL(mail.URL).SetTransport(mail.Client().Transport)
	require.NoError(t, middleware.Use(w.mail, w.recorder, middleware.RequireStatus{}, &retry.Breaker{MinAttempts: 10, OpenFor: time.Minute},
		auth.APIKey{Header: "X-Api-Key", Key: auth.Static(secret)}))
	return w
}

func shopHandler() http.Handler {
	mux := http.NewServeMux()
	var n atomic.Int64
	pause := func(least, spread time.Duration) { time.Sleep(least + time.Duration(rand.Int64N(int64(spread)))) }
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":900}`, secret+"token")
	})
	mux.HandleFunc("GET /products/{id}", func(w http.ResponseWriter, r *http.Request) {
		pause(2*time.Millisecond, 9*time.Millisecond)
		if r.PathValue("id") == "13" {
			http.Error(w, `{"title":"there is no product 13","token":"`+secret+`token"}`, http.StatusNotFound)
			return
		}
		_, _ = io.WriteString(w, strings.Repeat("product ", 200))
	})
	mux.HandleFunc("GET /search", func(w http.ResponseWriter, r *http.Request) {
		pause(10*time.Millisecond, 70*time.Millisecond)
		if n.Add(1)%5 == 0 {
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, strings.Repeat("hit ", 2000))
	})
	mux.HandleFunc("PUT /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		pause(15*time.Millisecond, 25*time.Millisecond)
		switch r.PathValue("id") {
		case "503":
			http.Error(w, "no stock service", http.StatusServiceUnavailable)
		case "slow":
			<-r.Context().Done()
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	})
	mux.HandleFunc("GET /old/{id}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/products/"+r.PathValue("id")+"?from="+secret, http.StatusFound)
	})
	return mux
}

func mailHandler() http.Handler {
	var n atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(4 * time.Millisecond)
		if n.Add(1) > 20 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = io.WriteString(w, "sent")
	})
}

// fail is one call that fails after four attempts.
func (w *world) fail(ctx context.Context) {
	_, _ = w.shop.R().SetContext(ctx).SetPathParam("id", "503").SetBody(map[string]string{"item": "7"}).Put("/orders/{id}")
}

// run makes calls of all kinds.
func (w *world) run(ctx context.Context, calls int) {
	get := func(id, path string) {
		_, _ = w.shop.R().SetContext(ctx).SetPathParam("id", id).SetQueryParam("q", secret).Get(path)
	}
	for i := range calls {
		get(fmt.Sprint(i), "/products/{id}")
		switch i % 10 {
		case 1, 4, 8:
			get("", "/search")
		case 2:
			_, _ = w.shop.R().SetContext(ctx).SetPathParam("id", fmt.Sprint(i)).SetBody(map[string]int{"items": i}).Put("/orders/{id}")
		case 3:
			get("7", "/old/{id}")
		case 5:
			_, _ = w.mail.R().SetContext(ctx).SetBody("hello").Post("/messages")
		case 6:
			if i%20 == 6 {
				get("13", "/products/{id}")
			}
		}
	}
}

// mailGoesDown opens the breaker.
func (w *world) mailGoesDown(ctx context.Context) {
	for range 40 {
		_, _ = w.mail.R().SetContext(ctx).SetBody("hello").Post("/messages")
	}
}

func (w *world) slow(ctx context.Context) {
	_, _ = w.shop.R().SetContext(ctx).SetPathParam("id", "slow").SetBody("x").Put("/orders/{id}")
}
