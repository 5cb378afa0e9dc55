package retry_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/retry"
)

// flaky is a server that answers 503 to the first requests, and "done" to the rest.
func flaky(failures int32) *httptest.Server {
	var n atomic.Int32
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) <= failures {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, "done, %d bytes", r.ContentLength)
	}))
}

func ExamplePolicy() {
	server := flaky(2)
	defer server.Close()
	client := resty.New().SetBaseURL(server.URL)
	if err := middleware.Use(client, retry.Policy{Attempts: 3, Wait: time.Millisecond, MaxWait: 5 * time.Second}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(middleware.Of(client))

	resp, err := client.R().SetBody("hello").Put("/")
	fmt.Println(resp, err)
	for _, a := range retry.History(resp) {
		fmt.Println(a.Number, a.StatusCode)
	}
	// Output:
	// retry  retry  3 attempts, waits 1ms to 5s, budget 500
	// done, 5 bytes <nil>
	// 1 503
	// 2 503
	// 3 200
}

// What the caller gets when it was all in vain: the last answer, and an error that knows
// the rest.
func ExampleExhaustedError() {
	server := flaky(100)
	defer server.Close()
	client := resty.New().SetBaseURL(server.URL)
	_ = middleware.Use(client, middleware.RequireStatus{}, retry.Policy{Attempts: 3, Wait: time.Millisecond})

	resp, err := client.R().Get("/")
	fmt.Println(resp.StatusCode())
	fmt.Println(errors.Is(err, middleware.ErrServer), errors.Is(err, retry.ErrAttempts))
	if exhausted, ok := errors.AsType[*retry.ExhaustedError](err); ok {
		for _, a := range exhausted.History {
			fmt.Println(a.Number, a.StatusCode)
		}
	}
	// Output:
	// 503
	// true true
	// 1 503
	// 2 503
	// 3 503
}

// The server asks for more than Policy.MaxRetryAfter: it is not asked again early.
func ExampleDelayError() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer server.Close()
	client := resty.New().SetBaseURL(server.URL)
	_ = middleware.Use(client, middleware.RequireStatus{}, retry.Policy{})

	_, err := client.R().Get("/")
	fmt.Println(errors.Is(err, middleware.ErrRateLimited))
	if delay, ok := errors.AsType[*retry.DelayError](err); ok {
		fmt.Println("try again in", delay.Asked)
	}
	// Output:
	// true
	// try again in 1h0m0s
}

// A test, or a simulation, asks the policy itself.
func ExamplePolicy_Decide() {
	p := retry.Policy{Jitter: retry.NoJitter}
	answer := &http.Response{StatusCode: http.StatusServiceUnavailable, Header: http.Header{}}
	for _, o := range []retry.Outcome{
		{Method: "GET", Attempt: 1, Response: answer},
		{Method: "GET", Attempt: 3, Response: answer},
		{Method: "GET", Attempt: 4, Response: answer},
		{Method: "POST", Attempt: 1, Response: answer},
		{Method: "POST", Attempt: 1, Response: answer, Keyed: true},
		{Method: "GET", Attempt: 1, Response: answer, Remaining: 50 * time.Millisecond},
	} {
		d := p.Decide(o)
		fmt.Println(d.Retry, d.Wait, d.GaveUp)
	}
	// Output:
	// true 100ms <nil>
	// true 400ms <nil>
	// false 0s all attempts are used
	// false 0s <nil>
	// true 100ms <nil>
	// false 0s a wait of 100ms does not fit before the deadline: context deadline exceeded
}

// One request is sent once, whatever the client does.
func ExampleNever() {
	server := flaky(1)
	defer server.Close()
	client := resty.New().SetBaseURL(server.URL)
	_ = middleware.Use(client, retry.Policy{Wait: time.Millisecond})

	resp, _ := client.R().SetContext(retry.Never(context.Background())).Get("/")
	fmt.Println(resp.StatusCode())
	// Output: 503
}

// A POST is sent again where the server can tell that it is the same one.
func ExampleIdempotencyKey() {
	seen := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("Idempotency-Key")
		seen[key]++
		if seen[key] == 1 {
			w.WriteHeader(http.StatusBadGateway) // it may have been done
			return
		}
		fmt.Fprint(w, "paid once")
	}))
	defer server.Close()
	client := resty.New().SetBaseURL(server.URL)
	_ = middleware.Use(client, retry.Policy{Wait: time.Millisecond}, retry.IdempotencyKey{})

	resp, err := client.R().SetBody(`{"amount":10}`).Post("/payments")
	fmt.Println(resp, err, len(seen))
	// Output: paid once <nil> 1
}

// An outage costs 100 retries for each origin, however many calls meet it.
func ExampleTokens() {
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer server.Close()
	client := resty.New().SetBaseURL(server.URL)
	_ = middleware.Use(client, middleware.RequireStatus{}, retry.Policy{Wait: 1, Budget: &retry.Tokens{Size: 50}})

	var err error
	for range 200 {
		_, err = client.R().Get("/")
	}
	fmt.Println(requests.Load(), errors.Is(err, retry.ErrBudget))
	// Output: 210 true
}

// One budget for the clients of a process.
func ExampleRatio() {
	shared := &retry.Ratio{Part: 0.1, PerSecond: 5}
	for _, url := range []string{"https://a.example.com", "https://b.example.com"} {
		client := resty.New().SetBaseURL(url)
		_ = middleware.Use(client, retry.Policy{Budget: shared})
		fmt.Println(middleware.Of(client))
	}
	// Output:
	// retry  retry  4 attempts, waits 100ms to 20s, budget 10% and 5/s
	// retry  retry  4 attempts, waits 100ms to 20s, budget 10% and 5/s
}

func ExampleHedge() {
	release := make(chan struct{})
	var n atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 1 { // one in a hundred hangs
			select {
			case <-release:
			case <-r.Context().Done():
			}
			return
		}
		fmt.Fprint(w, "in time")
	}))
	defer server.Close()
	defer close(release)
	client := resty.New().SetBaseURL(server.URL)
	_ = middleware.Use(client, &retry.Hedge{After: 20 * time.Millisecond})
	fmt.Println(middleware.Of(client))

	resp, err := client.R().Get("/")
	fmt.Println(resp, err)

	_ = middleware.Use(client, &retry.Hedge{}) // learns what is late
	fmt.Println(middleware.Of(client))
	// Output:
	// retry  hedge  1 more after 20ms
	// in time <nil>
	// retry  hedge  1 more for the slowest 5%
}

// An origin that fails is left alone for a while, and then tried.
func ExampleBreaker() {
	server := flaky(5)
	defer server.Close()
	client := resty.New().SetBaseURL(server.URL)
	_ = middleware.Use(client, &retry.Breaker{
		MinAttempts: 5, OpenFor: 20 * time.Millisecond, Probes: 1,
		OnChange: func(c retry.BreakerChange) { fmt.Println(c.From, "to", c.To) },
	})
	fmt.Println(middleware.Of(client))

	for range 5 {
		_, _ = client.R().Get("/")
	}
	_, err := client.R().Get("/")
	if _, ok := errors.AsType[*retry.OpenError](err); ok {
		fmt.Println("not sent")
	}
	// A policy whose wait is longer waits for it to close.
	_ = middleware.Use(client, retry.Policy{Wait: 50 * time.Millisecond, Jitter: retry.NoJitter})
	resp, err := client.R().Get("/")
	fmt.Println(resp, err)
	// Output:
	// breaker  breaker  opens for 20ms at 50% of 5 or more in 10s
	// closed to open
	// not sent
	// open to half-open
	// half-open to closed
	// done, 0 bytes <nil>
}

// Ten requests in a second, four at a time, and none that would wait longer than a second.
func ExampleLimit() {
	server := flaky(0)
	defer server.Close()
	client := resty.New().SetBaseURL(server.URL)
	_ = middleware.Use(client, &retry.Limit{Rate: 10, Burst: 1, Concurrent: 4, MaxWait: 50 * time.Millisecond})
	fmt.Println(middleware.Of(client))

	_, err := client.R().Get("/")
	fmt.Println(err)
	_, err = client.R().Get("/")
	if limit, ok := errors.AsType[*retry.LimitError](err); ok {
		fmt.Println("the next turn is in", limit.Wait.Round(100*time.Millisecond))
	}
	// Output:
	// limit  limit  10/s, 4 at a time
	// <nil>
	// the next turn is in 100ms
}

// An existing client, with the retries that it has.
func ExampleFromResty() {
	client := resty.New().SetRetryCount(2).SetRetryWaitTime(50 * time.Millisecond).SetRetryMaxWaitTime(time.Second).
		AddRetryCondition(func(r *resty.Response, err error) bool { return err != nil || r.StatusCode() >= 500 })

	if err := middleware.Use(client, retry.FromResty(client)); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(middleware.Of(client))
	fmt.Println(client.RetryCount)
	// Output:
	// retry  retry  3 attempts, waits 50ms to 1s, budget 500
	// 0
}
