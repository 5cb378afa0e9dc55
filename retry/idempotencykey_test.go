package retry_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/internal/faultserver"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/retry"
)

func TestAKeyIsOfOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, client := inBubble(t, faults{faultserver.Hangup, faultserver.Answer(503, ""), fine}, retry.Policy{}, retry.IdempotencyKey{})
		for range 2 {
			_, err := client.R().SetBody("pay").Post("/")
			require.NoError(t, err)
		}
		seen := s.Requests()
		require.Len(t, seen, 4)
		key := func(i int) string { return seen[i].Header.Get("Idempotency-Key") }
		require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, key(0))
		require.Equal(t, key(0), key(1))
		require.Equal(t, key(0), key(2))
		require.NotEqual(t, key(0), key(3), "the next call is another")
	})
}

func TestWhoGetsAKey(t *testing.T) {
	for _, tt := range []struct {
		name, method string
		step         retry.IdempotencyKey
		own, field   string
		want         string
	}{
		{"a POST", "POST", retry.IdempotencyKey{}, "", "Idempotency-Key", "made"},
		{"a PATCH", "PATCH", retry.IdempotencyKey{}, "", "Idempotency-Key", "made"},
		{"no PUT", "PUT", retry.IdempotencyKey{}, "", "Idempotency-Key", ""},
		{"no GET", "GET", retry.IdempotencyKey{}, "", "Idempotency-Key", ""},
		{"the caller's own stays", "POST", retry.IdempotencyKey{}, "mine", "Idempotency-Key", "mine"},
		{"in another field", "POST", retry.IdempotencyKey{Header: "x-request-key"}, "", "X-Request-Key", "made"},
		{"the caller's own there", "POST", retry.IdempotencyKey{Header: "X-Request-Key"}, "mine", "X-Request-Key", "mine"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tt.step.Generate = func() string { return "made" }
				s, client := inBubble(t, faults{faultserver.Answer(503, ""), fine}, retry.Policy{}, tt.step)
				r := client.R()
				if tt.own != "" {
					r.SetHeader(tt.field, tt.own)
				}
				_, err := r.Execute(tt.method, "/")
				require.NoError(t, err)
				seen := s.Requests()
				require.Len(t, seen, 2, "which may be repeated")
				require.Equal(t, tt.want, seen[0].Header.Get(tt.field))
				require.Equal(t, tt.want, seen[1].Header.Get(tt.field))
			})
		})
	}
}

func TestABadKeyIsRefused(t *testing.T) {
	require.ErrorContains(t, middleware.Use(resty.New(), retry.IdempotencyKey{Header: "a b"}), "idempotency-key")
	for _, key := range []string{"", "a\nb"} {
		s := &script{answers: answers{status(200)}}
		_, err := clientOf(t, s, retry.Policy{}, retry.IdempotencyKey{Generate: func() string { return key }}).R().Post("/")
		require.ErrorContains(t, err, "idempotency-key: Generate")
		require.Empty(t, s.at)
	}
}

// TestAKeyCountsAsFarAsItGoes: on a stack with credentials a redirect to another origin
// takes no key along, so the POST there is like any other.
func TestAKeyCountsAsFarAsItGoes(t *testing.T) {
	var mu sync.Mutex
	var keys []string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		keys = append(keys, r.Header.Get("Idempotency-Key"))
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer elsewhere.Close()
	here := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer here.Close()
	made := retry.IdempotencyKey{Generate: func() string { return "k" }}
	for _, tt := range []struct {
		credentials middleware.Middleware
		want        []string
	}{
		{auth.Bearer{Token: auth.Static("s3cret")}, []string{""}},
		{middleware.UserAgent("test"), []string{"k", "k", "k", "k"}},
	} {
		keys = nil
		client := resty.New().SetBaseURL(here.URL)
		require.NoError(t, middleware.Use(client, retry.Policy{Wait: 1}, made, tt.credentials))
		resp, err := client.R().SetBody("pay").Post("/")
		require.NoError(t, err)
		require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode())
		require.Equal(t, tt.want, keys)
	}
}

// TestAPointerToAStepIsTheStep: some of the package are pointers, and an & is easily written.
func TestAPointerToAStepIsTheStep(t *testing.T) {
	for _, key := range []middleware.Middleware{retry.IdempotencyKey{Header: "X-Key"}, &retry.IdempotencyKey{Header: "X-Key"}} {
		for _, policy := range []middleware.Middleware{retry.Policy{Wait: 1}, &retry.Policy{Wait: 1}} {
			s := &script{answers: answers{status(503), status(200)}}
			c := clientOf(t, s, key, policy)
			_, err := c.R().Post("/")
			require.NoError(t, err)
			require.Len(t, s.at, 2, "%T %T", key, policy)
			resp, err := c.R().SetContext(middleware.With(t.Context(), policy)).Get("/")
			require.NoError(t, err)
			require.Len(t, retry.History(resp), 1)
		}
	}
}
