package restykit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/observe"
)

func TestRequestIDIsTheSameInEachAttemptAndHopAndNewInEachCall(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var ids []string
	url := inFront(t, func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		ids = append(ids, r.Header.Get("X-Request-Id"))
		switch len(ids) {
		case 1:
			w.WriteHeader(503)
		case 2:
			http.Redirect(w, r, "/get", http.StatusFound)
		default:
			return false
		}
		return true
	})
	c := clientOn(t, url, middleware.RequestID{}, quick(), middleware.RequireStatus{})
	for range 2 {
		_, err := c.R().Get("/anything")
		require.NoError(t, err)
	}
	_, err := c.R().SetHeader("X-Request-Id", "the caller's").Get("/get")
	require.NoError(t, err)
	require.Len(t, ids, 5)
	require.Equal(t, "the caller's", ids[4])
	require.Len(t, ids[0], 26)
	require.Equal(t, []string{ids[0], ids[0]}, ids[1:3])
	require.NotEqual(t, ids[0], ids[3])
}

func TestUserAgentAndHeadersAreSetWhereTheCallerHasNone(t *testing.T) {
	t.Parallel()
	c := client(t, middleware.UserAgent("shop/1.0"), middleware.Header{Key: "X-Team", Value: "shop"}, middleware.Header{Key: "X-Site", Value: "b"})
	inEachMode(t, func(t *testing.T, do send) {
		_, body, err := do(t, c.R(), "GET", "/headers")
		require.NoError(t, err)
		saw := echo(t, body).Headers
		require.Equal(t, []string{"shop/1.0", "shop", "b"}, []string{saw.Get("User-Agent"), saw.Get("X-Team"), saw.Get("X-Site")})
		_, body, err = do(t, c.R().SetHeader("User-Agent", "mine").SetHeader("X-Team", "mine"), "GET", "/headers")
		require.NoError(t, err)
		saw = echo(t, body).Headers
		require.Equal(t, []string{"mine", "mine", "b"}, []string{saw.Get("User-Agent"), saw.Get("X-Team"), saw.Get("X-Site")})
	})
}

func TestLogWritesOneLineForEachCallWithWhatTheCallerGot(t *testing.T) {
	t.Parallel()
	inEachMode(t, func(t *testing.T, do send) {
		var out bytes.Buffer
		c := client(t, append(seven(), observe.Log{Logger: slog.New(slog.NewJSONHandler(&out, nil))})...)
		line := func() map[string]any {
			var m map[string]any
			require.Equal(t, 1, bytes.Count(out.Bytes(), []byte("\n")), out.String())
			require.NoError(t, json.Unmarshal(out.Bytes(), &m))
			out.Reset()
			return m
		}
		_, _, err := do(t, c.R().SetPathParam("n", "503").SetQueryParam("k", "secret"), "GET", "/status/{n}")
		require.Error(t, err)
		got := line()
		require.Contains(t, err.Error(), got["error"])
		for key, want := range map[string]any{
			"level": "ERROR", "msg": "http call", "template": "/status/{n}", "attempts": 3.0, "method": "GET",
			"url": c.BaseURL + "/status/503?k=REDACTED",
		} {
			require.Equal(t, want, got[key], key)
		}
		_, _, err = do(t, c.R(), "GET", "/get")
		require.NoError(t, err)
		got = line()
		require.Equal(t, []any{"INFO", 200.0, nil}, []any{got["level"], got["status"], got["error"]})
	})
}

func TestStepOfOnesOwnRunsAtItsLayer(t *testing.T) {
	t.Parallel()
	var calls, sends int
	count := func(n *int) func(http.RoundTripper) http.RoundTripper {
		return func(next http.RoundTripper) http.RoundTripper {
			return middleware.Next(func(r *http.Request) (*http.Response, error) { *n++; return next.RoundTrip(r) })
		}
	}
	c := client(t, quick(), middleware.RequireStatus{},
		middleware.Wrap("calls", middleware.Call, count(&calls)),
		middleware.Wrap("sends", middleware.Wire, count(&sends)),
		middleware.Func("tenant", middleware.Call, func(r *http.Request, next middleware.Next) (*http.Response, error) {
			r = middleware.Mutable(r)
			r.Header.Set("X-Tenant", r.Context().Value(tenantKey{}).(string))
			return next(r)
		}))
	ctx := context.WithValue(t.Context(), tenantKey{}, "acme")
	_, body, err := decoded(t, c.R().SetContext(ctx), "GET", "/headers")
	require.NoError(t, err)
	require.Equal(t, "acme", echo(t, body).Headers.Get("X-Tenant"))
	_, err = c.R().SetContext(ctx).Get("/status/503")
	require.ErrorIs(t, err, middleware.ErrServer)
	require.Equal(t, []int{2, 4}, []int{calls, sends})
}

type tenantKey struct{}
