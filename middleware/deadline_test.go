package middleware_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

func TestDeadlinePrintsItsDuration(t *testing.T) {
	for want, step := range map[string]middleware.Deadline{"30s": 0, "1m0s": middleware.Deadline(time.Minute), "none": middleware.Deadline(middleware.NoLimit)} {
		require.Equal(t, want, step.String())
	}
}

func TestDeadlineIs30sUnlessItSaysSo(t *testing.T) {
	for limit, step := range map[time.Duration]middleware.Deadline{30 * time.Second: 0, 5 * time.Second: middleware.Deadline(5 * time.Second)} {
		overBoth(t, mute, func(t *testing.T, w *world) {
			_, err := w.client(step).R().Get("/")
			requireLimit(t, err, "deadline", limit)
			require.Equal(t, limit, w.past())
		})
	}
}

func TestDeadlineOfTheRequestReplacesTheClients(t *testing.T) {
	for _, limit := range []time.Duration{5 * time.Second, 5 * time.Minute} {
		overBoth(t, mute, func(t *testing.T, w *world) {
			c := w.client(middleware.Deadline(0), middleware.Timeout{Read: middleware.NoLimit})
			_, err := c.R().SetContext(middleware.With(t.Context(), middleware.Deadline(limit))).Get("/")
			requireLimit(t, err, "deadline", limit)
			require.Equal(t, limit, w.past())
		})
	}
}

func TestDeadlineCoversTheReadingOfTheBody(t *testing.T) {
	for mode, get := range modes(t) {
		t.Run(mode, func(t *testing.T) {
			overBoth(t, drip(100, 4*time.Second), func(t *testing.T, w *world) {
				_, err := get(w.client(middleware.Timeout{}, middleware.Deadline(0)).R())
				requireLimit(t, err, "deadline", 30*time.Second)
				require.Equal(t, 30*time.Second, w.past())
			})
		})
	}
}

func TestDeadlineCoversAttemptsAndWaits(t *testing.T) {
	fails := func(rw http.ResponseWriter, r *http.Request) {
		late(4*time.Second)(rw, r)
		if _, err := io.Copy(rw, r.Body); err != nil {
			panic(err)
		}
	}
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		wait  time.Duration
	}{
		"in an attempt": {serve: mute, wait: 2 * time.Second},
		"in a wait":     {serve: fails, wait: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			overBoth(t, c.serve, func(t *testing.T, w *world) {
				// every answer counts as a failure
				restless := middleware.Func("restless", middleware.Limit, func(req *http.Request, next middleware.Next) (*http.Response, error) {
					resp, err := next(req)
					if err == nil {
						resp.StatusCode = http.StatusServiceUnavailable
					}
					return resp, err
				})
				_, err := w.client(middleware.Deadline(10*time.Second), middleware.Timeout{Attempt: 4 * time.Second}, again(9, c.wait), restless).R().Get("/")
				requireLimit(t, err, "deadline", 10*time.Second)
				require.Equal(t, 10*time.Second, w.past())
			})
		})
	}
}

// A step that sleeps through the deadline sends nothing more.
func TestNothingIsSentBehindTheDeadline(t *testing.T) {
	sent := 0
	count := func(rw http.ResponseWriter, _ *http.Request) {
		sent++
		rw.WriteHeader(http.StatusNoContent)
	}
	overBoth(t, count, func(t *testing.T, w *world) {
		sent = 0
		sleeps := middleware.Func("sleeps", middleware.Retry, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			time.Sleep(time.Minute)
			return next(req)
		})
		_, err := w.client(middleware.Deadline(0), sleeps).R().Get("/")
		requireLimit(t, err, "deadline", 30*time.Second)
		require.Equal(t, time.Minute, w.past())
		require.Zero(t, sent)
	})
}

// A step that only asks now and then is told in time as well.
func TestDeadlineIsSeenByAStepThatPolls(t *testing.T) {
	polls := middleware.Func("polls", middleware.Retry, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		for range 100 {
			if err := req.Context().Err(); err != nil {
				return nil, err
			}
			time.Sleep(time.Second)
		}
		return next(req)
	})
	overBoth(t, late(0), func(t *testing.T, w *world) {
		_, err := w.client(middleware.Deadline(0), polls).R().Get("/")
		requireLimit(t, err, "deadline", 30*time.Second)
		require.Equal(t, 30*time.Second, w.past())
	})
}

// hops redirects n times, each after d.
func hops(n int, d time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var at int
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &at)
		select {
		case <-time.After(d):
		case <-r.Context().Done():
			return
		}
		if at == n {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		http.Redirect(w, r, fmt.Sprintf("/%d", at+1), http.StatusFound)
	}
}

func TestDeadlineCoversRedirects(t *testing.T) {
	overBoth(t, hops(9, 8*time.Second), func(t *testing.T, w *world) {
		_, err := w.client(middleware.Deadline(0), middleware.Timeout{Attempt: 9 * time.Second}).R().Get("/0")
		requireLimit(t, err, "deadline", 30*time.Second)
		require.Equal(t, 30*time.Second, w.past())
	})
	overBoth(t, hops(3, 7*time.Second), func(t *testing.T, w *world) {
		_, err := w.client(middleware.Deadline(0), middleware.Timeout{Attempt: 8 * time.Second}).R().Get("/0")
		require.NoError(t, err, "four hops of 7s are shorter than 30s")
		require.Equal(t, 28*time.Second, w.past())
	})
}

func TestDeadlineCoversRedirectsOfAnyHTTPClient(t *testing.T) {
	overBoth(t, hops(9, 8*time.Second), func(t *testing.T, w *world) {
		hc := &http.Client{Transport: middleware.Stack{middleware.Deadline(0)}.RoundTripper(w.base)}
		_, err := hc.Get(w.url + "/0")
		requireLimit(t, err, "deadline", 30*time.Second)
		require.Equal(t, 30*time.Second, w.past())
	})
}

type anyKey struct{}

// A step may derive its own context, as every tracing decorator does.
func TestDeadlineIsNamedThoughAStepDerivedTheContext(t *testing.T) {
	derive := map[string]func(context.Context) (context.Context, context.CancelFunc){
		"value": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithValue(ctx, anyKey{}, 1), func() {}
		},
		"cancel": context.WithCancel,
		"deadline": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Hour)
		},
	}
	for name, derived := range derive {
		for _, layer := range []middleware.Layer{middleware.Call, middleware.Retry, middleware.Limit, middleware.Wire} {
			t.Run(name+" at "+layer.String(), func(t *testing.T) {
				for mode, get := range modes(t) {
					t.Run(mode, func(t *testing.T) {
						overBoth(t, drip(100, time.Second), func(t *testing.T, w *world) {
							var cancel context.CancelFunc
							step := middleware.Func("derives", layer, func(req *http.Request, next middleware.Next) (*http.Response, error) {
								ctx, stop := derived(req.Context())
								cancel = stop
								return next(req.WithContext(ctx))
							})
							_, err := get(w.client(middleware.Deadline(4500*time.Millisecond), step).R())
							cancel()
							requireLimit(t, err, "deadline", 4500*time.Millisecond)
							require.Equal(t, 4500*time.Millisecond, w.past())
						})
					})
				}
			})
		}
	}
}

func TestDeadlineIsSwitchedOff(t *testing.T) {
	overBoth(t, late(time.Hour), func(t *testing.T, w *world) {
		_, err := w.client(middleware.Deadline(0)).R().SetContext(middleware.With(t.Context(), middleware.Off("deadline"))).Get("/")
		require.NoError(t, err)
		_, err = w.client(middleware.Deadline(0), middleware.Deadline(middleware.NoLimit)).R().Get("/")
		require.NoError(t, err)
		require.Equal(t, 2*time.Hour, w.past())
	})
}

// The clock of a call starts with the call, not with the client.
func TestEachCallHasItsOwnDeadline(t *testing.T) {
	overBoth(t, late(20*time.Second), func(t *testing.T, w *world) {
		c := w.client(middleware.Deadline(0))
		ctx := middleware.With(t.Context(), middleware.Timeout{Read: time.Minute})
		for range 3 {
			_, err := c.R().SetContext(ctx).Get("/")
			require.NoError(t, err)
		}
		require.Equal(t, time.Minute, w.past())
	})
}
