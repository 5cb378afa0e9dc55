package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/middleware"
)

// api is a small service for the examples.
func api() *httptest.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("/users/7", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"login":"octocat","agent":%q,"team":%q}`, r.Header.Get("User-Agent"), r.Header.Get("X-Team"))
	})
	mux.HandleFunc("/users/8", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"title":"no such user","detail":"8 left in May"}`)
	})
	mux.HandleFunc("/login", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<h1>please sign in</h1>")
	})
	mux.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"login": <nil>}`)
	})
	mux.HandleFunc("/envelope", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"status":"error","message":"out of stock"}`)
	})
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	return httptest.NewServer(mux)
}

func without(err error, srv *httptest.Server) string {
	return strings.ReplaceAll(err.Error(), srv.URL, "https://api.example.com")
}

func ExampleUse() {
	client := resty.New().SetBaseURL("https://api.example.com")

	err := middleware.Use(client,
		middleware.Deadline(time.Minute),
		middleware.RequireJSON{},
		middleware.RequireStatus{},
		middleware.Timeout{},
	)
	fmt.Println(err)
	fmt.Println(middleware.Of(client))

	err = middleware.Use(client, middleware.Timeout{Connect: -time.Second}, nil)
	fmt.Println(err)
	// Output:
	// <nil>
	// call  require-status  2xx
	// call  require-json
	// call  deadline        1m0s
	// wire  timeout         connect 3s, read 10s
	// timeout: Connect is -1s: a duration is positive, 0 for the default, or middleware.NoLimit; step 2 of 2 is nil
}

func ExampleRequireStatus() {
	srv := api()
	defer srv.Close()
	client := resty.New().SetBaseURL(srv.URL)
	_ = middleware.Use(client, middleware.RequireStatus{})

	_, err := client.R().Get("/users/8")

	fmt.Println(errors.Is(err, middleware.ErrNotFound))
	if status, ok := errors.AsType[*middleware.StatusError](err); ok {
		fmt.Println(status.StatusCode, status.Problem.Title)
	}
	fmt.Println(without(err, srv))
	// Output:
	// true
	// 404 no such user
	// status: GET https://api.example.com/users/8: 404 Not Found: 8 left in May
}

func ExampleRequireJSON() {
	srv := api()
	defer srv.Close()
	client := resty.New().SetBaseURL(srv.URL)
	_ = middleware.Use(client, middleware.RequireJSON{})

	_, err := client.R().Get("/login")
	fmt.Println(without(err, srv))

	var user struct{ Login string }
	_, err = client.R().SetResult(&user).Get("/broken")
	fmt.Println(without(err, srv))
	// Output:
	// content type: GET https://api.example.com/login: 200 with text/html, not JSON: <h1>please sign in</h1>
	// decode: GET https://api.example.com/broken: 200 application/json: invalid character '<' looking for beginning of value at byte 11, near "{\"login\": <nil>}"
}

func ExampleCheck() {
	srv := api()
	defer srv.Close()
	client := resty.New().SetBaseURL(srv.URL)
	_ = middleware.Use(client, middleware.Check("envelope", func(resp *resty.Response) error {
		if strings.Contains(resp.String(), `"status":"error"`) {
			return fmt.Errorf("the shop says: %s", resp)
		}
		return nil
	}))

	_, err := client.R().Get("/envelope")
	fmt.Println(err)
	// Output:
	// the shop says: {"status":"error","message":"out of stock"}
}

func ExampleTimeout() {
	srv := api()
	defer srv.Close()
	client := resty.New().SetBaseURL(srv.URL)
	_ = middleware.Use(client, middleware.Timeout{Read: 20 * time.Millisecond})

	_, err := client.R().Get("/slow")
	limit, ok := errors.AsType[*middleware.TimeoutError](err)
	fmt.Println(ok, limit)
	// Output:
	// true timeout: read: nothing came for 20ms
}

func ExampleDeadline() {
	srv := api()
	defer srv.Close()
	client := resty.New().SetBaseURL(srv.URL)
	_ = middleware.Use(client, middleware.Deadline(20*time.Millisecond))

	_, err := client.R().Get("/slow")
	limit, ok := errors.AsType[*middleware.TimeoutError](err)
	fmt.Println(ok, limit)
	// Output:
	// true timeout: deadline: the call was not done within 20ms
}

func ExampleMaxBody() {
	srv := api()
	defer srv.Close()
	client := resty.New().SetBaseURL(srv.URL)
	_ = middleware.Use(client, middleware.MaxBody(8))

	_, err := client.R().Get("/login")
	large, ok := errors.AsType[*middleware.MaxBodyError](err)
	fmt.Println(ok, large)
	// Output:
	// true max-body: the response is larger than 8 bytes
}

func ExamplePool() {
	client := resty.New()
	_ = middleware.Use(client, middleware.Pool{MaxIdlePerHost: 512})
	fmt.Println(middleware.Of(client))
	// Output:
	// wire  pool  512 idle per host for 1m30s
}

func ExampleHeader() {
	srv := api()
	defer srv.Close()
	client := resty.New().SetBaseURL(srv.URL)
	_ = middleware.Use(client, middleware.Header{Key: "X-Team", Value: "billing"}, middleware.UserAgent("billing/1.4"))

	resp, _ := client.R().Get("/users/7")
	fmt.Println(resp)
	// Output:
	// {"login":"octocat","agent":"billing/1.4","team":"billing"}
}

func ExampleUserAgent() {
	client := resty.New()
	_ = middleware.Use(client, middleware.UserAgent("billing/1.4"))
	fmt.Println(middleware.Of(client))
	// Output:
	// call  user-agent  billing/1.4
}

func ExampleRequestID() {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, len(r.Header.Get("X-Request-Id")))
	}))
	defer srv.Close()
	client := resty.New().SetBaseURL(srv.URL)
	_ = middleware.Use(client, middleware.RequestID{})

	resp, _ := client.R().Get("/")
	fmt.Println(resp, "characters")
	// Output:
	// 26 characters
}

func ExampleWith() {
	srv := api()
	defer srv.Close()
	client := resty.New().SetBaseURL(srv.URL)
	_ = middleware.Use(client, middleware.RequireStatus{})

	// Here a missing user is an answer.
	ctx := middleware.With(context.Background(), middleware.RequireStatus{Codes: []int{200, 404}})
	resp, err := client.R().SetContext(ctx).Get("/users/8")
	fmt.Println(resp.StatusCode(), err)
	// Output:
	// 404 <nil>
}

func ExampleOff() {
	client := resty.New()
	_ = middleware.Use(client, middleware.RequireStatus{}, middleware.Deadline(0))
	_ = middleware.Use(client, middleware.Off("deadline"))
	fmt.Println(middleware.Of(client))
	// Output:
	// call  require-status  2xx
}

func ExampleFunc() {
	tenant := middleware.Func("tenant", middleware.Call, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		req = middleware.Mutable(req) // the one that came in is not ours
		req.Header.Set("X-Team", "tenant-7")
		return next(req)
	})
	srv := api()
	defer srv.Close()
	client := resty.New().SetBaseURL(srv.URL)
	_ = middleware.Use(client, tenant)

	resp, _ := client.R().SetHeader("User-Agent", "me").Get("/users/7")
	fmt.Println(resp)
	// Output:
	// {"login":"octocat","agent":"me","team":"tenant-7"}
}

// counting is a decorator as the ecosystem has them.
type counting struct {
	http.RoundTripper
	sent int
}

func (c *counting) RoundTrip(req *http.Request) (*http.Response, error) {
	c.sent++
	return c.RoundTripper.RoundTrip(req)
}

func ExampleWrap() {
	srv := api()
	defer srv.Close()
	counter := &counting{}
	client := resty.New().SetBaseURL(srv.URL)
	_ = middleware.Use(client, middleware.Wrap("counting", middleware.Wire, func(next http.RoundTripper) http.RoundTripper {
		counter.RoundTripper = next
		return counter
	}))

	_, _ = client.R().Get("/users/7")
	_, _ = client.R().Get("/users/8")
	fmt.Println(counter.sent)
	// Output:
	// 2
}

func ExampleStack_RoundTripper() {
	srv := api()
	defer srv.Close()
	stack := middleware.Stack{middleware.RequireStatus{}, middleware.Timeout{}}
	client := &http.Client{Transport: stack.RoundTripper(nil)}

	resp, err := client.Get(srv.URL + "/users/7")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	fmt.Println(resp.Status)

	_, err = client.Get(srv.URL + "/users/8")
	fmt.Println(errors.Is(err, middleware.ErrNotFound))
	// Output:
	// 200 OK
	// true
}
