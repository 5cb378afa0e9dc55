package observe_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/observe"
	"github.com/restykit/restykit/retry"
)

// flaky answers with 503 first, and then well.
func flaky() *httptest.Server {
	n := 0
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n++
		if n == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "hello")
	}))
}

// A Recorder tells a program what its calls have met.
func ExampleRecorder() {
	srv := flaky()
	defer srv.Close()
	recorder := &observe.Recorder{}
	client := resty.New().SetBaseURL(srv.URL)
	if err := middleware.Use(client, recorder, retry.Policy{Attempts: 3}); err != nil {
		fmt.Println(err)
		return
	}
	_, _ = client.R().SetPathParam("id", "7").Get("/users/{id}")

	snapshot := recorder.Snapshot()
	for _, origin := range snapshot.Origins {
		for _, route := range origin.Routes {
			fmt.Printf("%s %s: %d call, %d retry\n", route.Method, route.Template, route.Recent.Calls, route.Recent.Retries)
		}
		for _, send := range origin.Calls[0].Sends {
			fmt.Println(send.Kind, send.Attempt, send.Status)
		}
	}
	// Output:
	// GET /users/{id}: 1 call, 1 retry
	// attempt 1 503
	// attempt 2 200
}

// A service mounts the page of its Recorder where its operators find it.
func ExampleRecorder_Handler() {
	recorder := &observe.Recorder{}
	mux := http.NewServeMux()
	mux.Handle("/debug/http", recorder.Handler()) // behind the service's own sign-in

	answer := httptest.NewRecorder()
	mux.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/debug/http", nil))
	fmt.Println(answer.Code, answer.Header().Get("Content-Type"))
	// Output:
	// 200 text/html; charset=utf-8
}

// An archive has an entry for each send; browsers open it.
func ExampleHAR() {
	srv := flaky()
	defer srv.Close()
	var out bytes.Buffer
	har := &observe.HAR{Writer: &out} // or File: "calls.har"
	client := resty.New().SetBaseURL(srv.URL)
	if err := middleware.Use(client, har, retry.Policy{Attempts: 3}); err != nil {
		fmt.Println(err)
		return
	}
	_, _ = client.R().Get("/users/7?token=sesame")
	if err := har.Close(); err != nil {
		fmt.Println(err)
	}

	var archive struct {
		Log struct {
			Entries []struct {
				Attempt  int `json:"_attempt"`
				Response struct{ Status int }
				Request  struct {
					QueryString []struct{ Name, Value string }
				}
			}
		}
	}
	_ = json.Unmarshal(out.Bytes(), &archive)
	for _, entry := range archive.Log.Entries {
		fmt.Println(entry.Attempt, entry.Response.Status, entry.Request.QueryString)
	}
	// Output:
	// 1 503 [{token REDACTED}]
	// 2 200 [{token REDACTED}]
}
