package auth_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/retry"
)

func TestAFailedMintIsSharedByAllWhoWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, rt := &issuer{takes: time.Second, answer: refusing(http.StatusServiceUnavailable, "temporarily_unavailable")}, &api{}
		c := client(t, rt, id.step())
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				_, err := c.R().Get("/")
				var failed *auth.TokenError
				if !errors.As(err, &failed) || failed.StatusCode != http.StatusServiceUnavailable {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		require.Equal(t, 1, id.count(), "one request per mint")
		require.Zero(t, rt.count(), "nothing goes out without a token")
	})
}

func TestAFailedMintIsNotTriedAgainBeforeABackoffThatDoubles(t *testing.T) {
	for name, answer := range map[string]func(int, url.Values) *http.Response{
		"transient": refusing(http.StatusInternalServerError, "server_error"), "final": refusing(http.StatusBadRequest, "unauthorized_client"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				id := &issuer{answer: answer}
				c := client(t, &api{}, id.step())
				for begun := time.Now(); time.Since(begun) < 5*time.Minute; time.Sleep(50 * time.Millisecond) {
					_, err := c.R().Get("/")
					require.ErrorContains(t, err, "oauth2: token: https://id.test/token: ")
				}
				var gaps []time.Duration
				for i := range id.asks[1:] {
					gaps = append(gaps, id.asks[i+1].at.Sub(id.asks[i].at))
				}
				const ms, s = time.Millisecond, time.Second
				require.Equal(t, []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 6400 * ms, 12800 * ms, 25600 * ms, 51200 * ms, 60 * s, 60 * s, 60 * s}, gaps)
				id.answer = nil
				time.Sleep(time.Minute)
				takes(t, c)
				id.answer = answer
				time.Sleep(time.Hour)
				before := id.count()
				_, err := c.R().Get("/")
				require.Error(t, err)
				time.Sleep(100 * time.Millisecond)
				_, err = c.R().Get("/")
				require.Error(t, err)
				require.Equal(t, before+2, id.count(), "a success begins the backoff anew")
			})
		})
	}
}

func TestATransientFailureOfTheTokenEndpointIsOneForRetryAndARefusalIsNot(t *testing.T) {
	tests := []struct {
		name      string
		answer    func(int, url.Values) *http.Response
		transport http.RoundTripper
		final     bool
	}{
		{"500", refusing(500, ""), nil, false},
		{"502, HTML", page(502), nil, false},
		{"503 temporarily_unavailable", refusing(503, "temporarily_unavailable"), nil, false},
		{"503 Service Unavailable, as Spring says it", refusing(503, "Service Unavailable"), nil, false},
		{"400 temporarily_unavailable", refusing(400, "temporarily_unavailable"), nil, false},
		{"429", refusing(429, "rate_limited"), nil, false},
		{"408", refusing(408, ""), nil, false},
		{"network", nil, middleware.Next(fails(&net.OpError{Op: "dial", Err: errors.New("connection refused")})), false},
		{"400 unauthorized_client", refusing(400, "unauthorized_client"), nil, true},
		{"400 invalid_grant", refusing(400, "invalid_grant"), nil, true},
		{"500 invalid_grant", refusing(500, "invalid_grant"), nil, true},
		{"200 invalid_scope", refusing(200, "invalid_scope"), nil, true},
		{"400 and a code of its own", refusing(400, "AADSTS50173"), nil, true},
		{"403", refusing(403, ""), nil, true},
		{"404, HTML", page(404), nil, true},
		{"200, HTML", page(200), nil, true},
		{"302", page(302), nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				id, rt, attempts := &issuer{answer: tt.answer}, &api{}, 0
				step := id.step()
				if tt.transport != nil {
					step.Client.Transport = tt.transport
				}
				count := middleware.Func("count", middleware.Breaker, func(req *http.Request, next middleware.Next) (*http.Response, error) {
					attempts++
					return next(req)
				})
				c := client(t, rt, step, retry.Policy{Attempts: 4}, count)
				_, err := c.R().Get("/")
				var failed *auth.TokenError
				require.ErrorAs(t, err, &failed)
				require.Equal(t, tt.final, failed.Final())
				require.Equal(t, map[bool]int{true: 1, false: 4}[tt.final], attempts)
				if tt.final {
					require.Equal(t, 1, id.count())
				}
				if !tt.final && tt.transport == nil {
					require.Equal(t, 4, id.count(), "each attempt waits for the backoff of the mint, and asks once")
				}
				require.Zero(t, rt.count())
			})
		})
	}
}

func TestTheTokenEndpointSaysWhenToComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy := func(_ int, _ url.Values) *http.Response {
			resp := reply(nil, http.StatusServiceUnavailable, "text/plain", "busy")
			resp.Header.Set("Retry-After", "30")
			return resp
		}
		id := &issuer{answer: busy}
		c := client(t, &api{}, id.step(), retry.Policy{MaxRetryAfter: time.Millisecond})
		begun := time.Now()
		for time.Since(begun) < time.Minute {
			_, err := c.R().Get("/")
			later, ok := errors.AsType[interface {
				error
				RetryAfter() time.Duration
			}](err)
			require.True(t, ok, err)
			require.Equal(t, begun.Add(30*time.Second*time.Duration(id.count())), time.Now().Add(later.RetryAfter()))
			time.Sleep(time.Second)
		}
		require.Equal(t, 2, id.count(), "and is left alone until then")
		require.Equal(t, time.Minute, time.Since(begun), "which is more than this policy waits for")
	})
}

func TestAPostWithoutATokenIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := &issuer{answer: func(n int, _ url.Values) *http.Response {
			if n == 1 {
				return page(http.StatusBadGateway)(n, nil)
			}
			return issued(n, 3600)
		}}
		rt := &api{}
		_, err := client(t, rt, id.step(), retry.Policy{}).R().SetBody("once").Post("/")
		require.NoError(t, err)
		require.Equal(t, []string{"once"}, rt.body)
	})
}

// A retry waits for the backoff of the mint, which begins as short as its own.
func TestRetryOutlivesAShortOutageOfTheTokenEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		survived := 0
		for range 300 {
			id := &issuer{answer: func(n int, _ url.Values) *http.Response {
				if n == 1 {
					return page(503)(n, nil)
				}
				return nil
			}}
			if _, err := client(t, &api{}, id.step(), retry.Policy{}).R().Get("/"); err == nil {
				survived++
			}
		}
		require.Equal(t, 300, survived, "whatever the draw of the waits")
	})
}

func TestATokenRequestHasItsOwnTimeout(t *testing.T) {
	for name, tt := range map[string]struct{ set, want time.Duration }{"zero is 10 s": {0, 10 * time.Second}, "as set": {2 * time.Second, 2 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				id := &issuer{takes: time.Hour}
				step := id.step()
				step.Timeout = tt.set
				begun := time.Now()
				_, err := client(t, &api{}, step).R().Get("/")
				require.Equal(t, tt.want, time.Since(begun))
				var failed *auth.TokenError
				require.ErrorAs(t, err, &failed)
				require.EqualError(t, failed, "token: https://id.test/token: no answer within the time for a token request: context deadline exceeded")
				require.False(t, failed.Final())
				require.ErrorIs(t, err, context.DeadlineExceeded)
			})
		})
	}
	t.Run("an answer that does not end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			id := &issuer{}
			step := id.step()
			step.Client.Transport = middleware.Next(func(req *http.Request) (*http.Response, error) {
				resp := reply(req, 200, "application/json", "")
				resp.Body = io.NopCloser(endless{req.Context()})
				return resp, nil
			})
			begun := time.Now()
			_, err := client(t, &api{}, step).R().Get("/")
			require.ErrorContains(t, err, "no answer within the time for a token request")
			require.Equal(t, 10*time.Second, time.Since(begun))
		})
	})
}

// endless is a body of which nothing comes until its context ends.
type endless struct{ ctx context.Context }

func (e endless) Read([]byte) (int, error) { <-e.ctx.Done(); return 0, e.ctx.Err() }

func TestTheTokenClientFollowsNoRedirects(t *testing.T) {
	for _, code := range []int{301, 302, 303, 307, 308} {
		followed := atomic.Int32{}
		id := &issuer{answer: func(int, url.Values) *http.Response {
			resp := reply(nil, code, "text/html", "")
			resp.Header.Set("Location", "https://evil.test/token")
			return resp
		}}
		step := id.step()
		step.Client.CheckRedirect = func(*http.Request, []*http.Request) error { followed.Add(1); return nil }
		_, err := client(t, &api{}, step).R().Get("/")
		var failed *auth.TokenError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, code, failed.StatusCode)
		require.True(t, failed.Final())
		require.Equal(t, 1, id.count())
		require.Zero(t, followed.Load())
		require.Equal(t, "https://evil.test/token", failed.Header.Get("Location"))
	}
}

// page is an answer that is no token.
func page(status int) func(int, url.Values) *http.Response {
	return func(int, url.Values) *http.Response {
		resp := reply(nil, status, "text/html", "<html>sorry</html>")
		if status == http.StatusFound {
			resp.Header.Set("Location", "/login")
		}
		return resp
	}
}
