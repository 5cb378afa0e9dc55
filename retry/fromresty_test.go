package retry_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/internal/faultserver"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/retry"
)

// twins are two clients with the same settings, of which one has moved to a policy. They run
// one after the other against the same faults, and must make of it the same.
func twins(t *testing.T, served faults, set func(*resty.Client), check func(*testing.T, *faultserver.Server, *resty.Client)) {
	t.Helper()
	for _, moved := range []bool{false, true} {
		t.Run(map[bool]string{false: "resty's own loop", true: "FromResty"}[moved], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, client := inBubble(t, served)
				client.SetLogger(hush{})
				set(client)
				if moved {
					require.NoError(t, middleware.Use(client, retry.FromResty(client)))
				}
				check(t, s, client)
			})
		})
	}
}

func onStatus(r *resty.Response, err error) bool { return err != nil || r.StatusCode() >= 500 }

func TestAMovedClientRetriesAsBefore(t *testing.T) {
	down := faultserver.Answer(503, "down")
	for name, tt := range map[string]struct {
		served faults
		set    func(*resty.Client)
		method string
		sends  int
		status int // 0 is an error
	}{
		"errors alone, without a condition": {faults{faultserver.Hangup, faultserver.Hangup, fine}, func(c *resty.Client) { c.SetRetryCount(3) }, "PUT", 3, 200},
		"no status, without a condition":    {faults{down, fine}, func(c *resty.Client) { c.SetRetryCount(3) }, "GET", 1, 503},
		"statuses by a condition":           {faults{down, down, fine}, func(c *resty.Client) { c.SetRetryCount(3).AddRetryCondition(onStatus) }, "GET", 3, 200},
		"no errors by a condition that says so": {faults{faultserver.Hangup, fine}, func(c *resty.Client) {
			c.SetRetryCount(3).AddRetryCondition(func(_ *resty.Response, err error) bool { return err == nil })
		}, "PUT", 1, 0},
		"one of several conditions": {faults{down, fine}, func(c *resty.Client) {
			c.SetRetryCount(3).AddRetryCondition(func(*resty.Response, error) bool { return false }).AddRetryCondition(onStatus)
		}, "GET", 2, 200},
		"not for ever": {faults{down}, func(c *resty.Client) { c.SetRetryCount(2).AddRetryCondition(onStatus) }, "GET", 3, 503},
		"by the body": {faults{faultserver.Answer(200, "busy"), fine}, func(c *resty.Client) {
			c.SetRetryCount(2).AddRetryCondition(func(r *resty.Response, _ error) bool { return strings.Contains(r.String(), "busy") })
		}, "GET", 2, 200},
		"never": {faults{down, fine}, func(c *resty.Client) { c.AddRetryCondition(onStatus) }, "GET", 1, 503},
	} {
		t.Run(name, func(t *testing.T) {
			twins(t, tt.served, tt.set, func(t *testing.T, s *faultserver.Server, client *resty.Client) {
				resp, err := client.R().Execute(tt.method, "/")
				require.Len(t, s.Requests(), tt.sends)
				if tt.status == 0 {
					require.Error(t, err)
					return
				}
				require.NoError(t, err)
				require.Equal(t, tt.status, resp.StatusCode())
			})
		})
	}
}

func TestAConditionSeesWhatItSawBefore(t *testing.T) {
	type answer struct{ State, Problem string }
	served := faults{
		faultserver.Answer(500, `{"Problem":"locked"}`, "Content-Type", "application/json"),
		faultserver.Answer(200, `{"State":"pending"}`, "Content-Type", "application/json"),
		faultserver.Hangup,
		faultserver.Answer(200, `{"State":"done"}`, "Content-Type", "application/json"),
	}
	var seen []string
	twins(t, served, func(c *resty.Client) {
		seen = nil
		c.SetRetryCount(5).SetError(&answer{}).AddRetryCondition(func(r *resty.Response, err error) bool {
			switch {
			case err != nil:
				seen = append(seen, "error")
				return true
			case r.IsError():
				seen = append(seen, r.Error().(*answer).Problem)
				return true
			}
			seen = append(seen, r.Result().(*answer).State)
			return r.Result().(*answer).State == "pending"
		}).AddRetryHook(func(r *resty.Response, err error) {
			require.NotNil(t, r.Request)
			if err == nil {
				seen = append(seen, "hook "+http.StatusText(r.StatusCode()))
			} else {
				seen = append(seen, "hook")
			}
		})
	}, func(t *testing.T, _ *faultserver.Server, client *resty.Client) {
		resp, err := client.R().SetResult(&answer{}).Put("/")
		require.NoError(t, err)
		require.Equal(t, "done", resp.Result().(*answer).State)
		require.Equal(t, []string{"locked", "hook Internal Server Error", "pending", "hook OK", "error", "hook", "done"}, seen)
	})
}

func TestAMovedClientWaitsAsBefore(t *testing.T) {
	down := faultserver.Answer(503, "", "X-Wait", "4s")
	after := func(_ *resty.Client, r *resty.Response) (time.Duration, error) {
		return time.ParseDuration(r.Header().Get("X-Wait"))
	}
	quota := errors.New("quota exceeded")
	for name, tt := range map[string]struct {
		set      func(*resty.Client)
		min, max time.Duration
		err      error
	}{
		"its times": {func(c *resty.Client) { c.SetRetryWaitTime(2 * time.Second).SetRetryMaxWaitTime(10 * time.Second) }, time.Second, 2 * time.Second, nil},
		"SetRetryAfter": {func(c *resty.Client) {
			c.SetRetryWaitTime(time.Second).SetRetryMaxWaitTime(time.Minute).SetRetryAfter(after)
		}, 4 * time.Second, 4 * time.Second, nil},
		"SetRetryAfter, above the longest": {func(c *resty.Client) {
			c.SetRetryWaitTime(time.Second).SetRetryMaxWaitTime(3 * time.Second).SetRetryAfter(after)
		}, 3 * time.Second, 3 * time.Second, nil},
		"SetRetryAfter, below the shortest": {func(c *resty.Client) {
			c.SetRetryWaitTime(9 * time.Second).SetRetryMaxWaitTime(time.Minute).SetRetryAfter(after)
		}, 9 * time.Second, 9 * time.Second, nil},
		"SetRetryAfter ends it": {func(c *resty.Client) {
			c.SetRetryAfter(func(*resty.Client, *resty.Response) (time.Duration, error) { return 0, quota })
		}, 0, 0, quota},
	} {
		t.Run(name, func(t *testing.T) {
			twins(t, faults{down, fine}, func(c *resty.Client) {
				c.SetRetryCount(1).AddRetryCondition(onStatus)
				tt.set(c)
			}, func(t *testing.T, _ *faultserver.Server, client *resty.Client) {
				begun := time.Now()
				resp, err := client.R().Get("/")
				require.GreaterOrEqual(t, time.Since(begun), tt.min)
				require.LessOrEqual(t, time.Since(begun), tt.max)
				if tt.err == nil {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, tt.err)
				}
				require.Equal(t, tt.err == nil, resp.StatusCode() == 200)
			})
		})
	}
}

func TestWhatAMovedClientDoesBetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, client := inBubble(t, faults{faultserver.Answer(503, ""), fine})
		client.SetRetryCount(3).AddRetryCondition(onStatus)
		p := retry.FromResty(client)
		require.Zero(t, client.RetryCount)
		require.NoError(t, middleware.Use(client, p, middleware.RequireStatus{}))
		_, err := client.R().SetBody("once").Post("/")
		require.ErrorIs(t, err, middleware.ErrServer)
		require.Len(t, s.Requests(), 1, "a POST is not repeated")
	})
	synctest.Test(t, func(t *testing.T) {
		s, client := inBubble(t, faults{faultserver.Answer(503, ""), fine})
		client.SetRetryCount(3).AddRetryCondition(onStatus)
		p := retry.FromResty(client)
		p.Methods = []string{"GET", "POST"}
		require.NoError(t, middleware.Use(client, p))
		_, err := client.R().SetBody("twice").Post("/")
		require.NoError(t, err)
		require.Len(t, s.Requests(), 2, "unless asked for")
	})
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: answers{fails(&middleware.MaxBodyError{})}}
		client := resty.New().SetTransport(s).SetRetryCount(3).AddRetryCondition(onStatus)
		require.NoError(t, middleware.Use(client, retry.FromResty(client)))
		_, err := client.R().Get("https://api.test/")
		require.Error(t, err)
		require.Len(t, s.at, 1, "nor is what no retry mends")
		s.answers = answers{fails(syscall.ECONNRESET)}
		for range 1000 {
			_, _ = client.R().Get("https://api.test/")
		}
		require.LessOrEqual(t, len(s.at), 1101, "and there is a budget")
	})
	require.Equal(t, "1 attempt", retry.FromResty(nil).String())
	require.NoError(t, middleware.Use(resty.New(), retry.FromResty(resty.New())))
	forever := resty.New().SetRetryCount(2).SetRetryWaitTime(-1).SetRetryMaxWaitTime(-1)
	require.NoError(t, middleware.Use(forever, retry.FromResty(forever)))
}

// TestAMovedClientMayRepeatPOSTsAsBefore, by what the documentation says.
func TestAMovedClientMayRepeatPOSTsAsBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "POST"} {
			s, client := inBubble(t, faults{faultserver.Answer(503, ""), fine})
			client.SetRetryCount(3).AddRetryCondition(onStatus)
			p := retry.FromResty(client)
			p.Methods = append(p.Methods, "POST")
			require.NoError(t, middleware.Use(client, p))
			_, err := client.R().Execute(method, "/")
			require.NoError(t, err)
			require.Len(t, s.Requests(), 2, method)
		}
	})
}

// TestTheErrorOfSetRetryAfterIsTheCallers, decoded or streamed, beside the answer.
func TestTheErrorOfSetRetryAfterIsTheCallers(t *testing.T) {
	quota := errors.New("quota exceeded")
	for name, steps := range map[string]middleware.Stack{"alone": nil, "beside RequireStatus": {middleware.RequireStatus{}}} {
		t.Run(name, func(t *testing.T) {
			s := &script{answers: answers{status(429, "X-Answer", "yes")}}
			client := resty.New().SetTransport(s).SetRetryCount(3).AddRetryCondition(func(r *resty.Response, _ error) bool { return r.StatusCode() == 429 })
			client.SetRetryAfter(func(*resty.Client, *resty.Response) (time.Duration, error) { return 0, quota })
			require.NoError(t, middleware.Use(client, append(steps, retry.FromResty(client))...))
			resp, err := client.R().Get("https://api.test/")
			require.ErrorIs(t, err, quota)
			require.Equal(t, "yes", resp.Header().Get("X-Answer"), "the answer is there")
			require.Len(t, s.at, 1)

			_, err = client.R().SetDoNotParseResponse(true).Get("https://api.test/")
			require.ErrorIs(t, err, quota)
			require.Len(t, s.at, 2)

			s.answers = answers{status(200)}
			_, err = client.R().Get("https://api.test/")
			require.NoError(t, err)
		})
	}
}

// TestAMovedClientWithATimeoutIsRefused: SetTimeout was the limit of an attempt.
func TestAMovedClientWithATimeoutIsRefused(t *testing.T) {
	client := resty.New().SetTimeout(300 * time.Millisecond).SetRetryCount(3)
	p := retry.FromResty(client)
	require.ErrorContains(t, middleware.Use(client, p), "SetTimeout(0), and add middleware.Timeout{Attempt: 300ms}")
	client.SetTimeout(0)
	require.NoError(t, middleware.Use(client, p, middleware.Timeout{Attempt: 300 * time.Millisecond}))

	once := resty.New().SetTimeout(time.Second)
	require.NoError(t, middleware.Use(once, retry.FromResty(once)), "one that does not retry is left alone")
	plain := resty.New().SetTimeout(time.Second)
	require.NoError(t, middleware.Use(plain, retry.Policy{}))
}

// TestAMovedClientWithoutWaitsHasNone: 0 is none for resty, and the default for a policy.
func TestAMovedClientWithoutWaitsHasNone(t *testing.T) {
	for name, set := range map[string]func(*resty.Client){
		"no wait":         func(c *resty.Client) { c.SetRetryWaitTime(0) },
		"no longest wait": func(c *resty.Client) { c.SetRetryMaxWaitTime(0).SetRetryWaitTime(100 * time.Microsecond) },
		"neither":         func(c *resty.Client) { c.SetRetryWaitTime(0).SetRetryMaxWaitTime(0) },
		"a wait in one step": func(c *resty.Client) {
			c.SetRetryWaitTime(100 * time.Microsecond).SetRetryMaxWaitTime(100 * time.Microsecond)
		},
	} {
		t.Run(name, func(t *testing.T) {
			twins(t, faults{faultserver.Answer(503, "")}, func(c *resty.Client) { set(c.SetRetryCount(6).AddRetryCondition(onStatus)) },
				func(t *testing.T, s *faultserver.Server, client *resty.Client) {
					begun := time.Now()
					_, err := client.R().Get("/")
					require.NoError(t, err)
					require.Len(t, s.Requests(), 7)
					require.Less(t, time.Since(begun), time.Millisecond)
				})
		})
	}
}

// TestConditionsAndHooksSeeTheAttemptAndTheClientsError, as in resty's own loop.
func TestConditionsAndHooksSeeTheAttemptAndTheClientsError(t *testing.T) {
	served := faults{faultserver.Hangup, faultserver.Answer(503, ""), faultserver.Answer(503, "")}
	var conditions, hooks []int
	twins(t, served, func(c *resty.Client) {
		conditions, hooks = nil, nil
		c.SetRetryCount(5).AddRetryCondition(func(r *resty.Response, err error) bool {
			conditions = append(conditions, r.Request.Attempt)
			failed := &url.Error{}
			if err != nil {
				return errors.As(err, &failed) && failed.Op == "Put" && strings.HasSuffix(failed.URL, "/x?api_key=REDACTED") != strings.HasSuffix(failed.URL, "/x?api_key=secret")
			}
			return r.StatusCode() == 503 && r.Request.Attempt < 3
		}).AddRetryHook(func(r *resty.Response, err error) {
			hooks = append(hooks, r.Request.Attempt)
			if r.Request.Attempt == 1 {
				require.ErrorAs(t, err, new(*url.Error))
			}
		})
	}, func(t *testing.T, _ *faultserver.Server, client *resty.Client) {
		resp, err := client.R().Put("/x?api_key=secret")
		require.NoError(t, err)
		require.Equal(t, []int{1, 2, 3}, conditions)
		require.Equal(t, []int{1, 2}, hooks)
		require.Equal(t, 3, resp.Request.Attempt)
	})
}
