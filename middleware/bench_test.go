package middleware_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/middleware"
)

type stub struct{}

func (stub) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: 200, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(`{"a":1}`)), ContentLength: 7, Request: req,
	}, nil
}

func bench(b *testing.B, steps ...middleware.Middleware) {
	c := resty.New().SetBaseURL("https://api.example.com").SetTransport(stub{})
	if len(steps) > 0 {
		if err := middleware.Use(c, steps...); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.R().Get("/x"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBare(b *testing.B)   { bench(b) }
func BenchmarkStatus(b *testing.B) { bench(b, middleware.RequireStatus{}) }
func BenchmarkCore(b *testing.B) {
	bench(b, middleware.RequireStatus{}, middleware.RequireJSON{}, middleware.Timeout{}, middleware.Deadline(0))
}

func BenchmarkAttempt(b *testing.B) {
	bench(b, middleware.RequireStatus{}, middleware.RequireJSON{}, middleware.Timeout{Connect: -1, Read: -1, Attempt: 10 * time.Second}, middleware.Deadline(0))
}

func BenchmarkHeader(b *testing.B) {
	bench(b, middleware.Header{Key: "X-A", Value: "b"})
}
