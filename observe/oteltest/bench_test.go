package oteltest_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-resty/resty/v2"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/observe"
)

type stub struct{}

func (stub) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: 200, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(`{"a":1}`)), ContentLength: 7, Request: req,
	}, nil
}

type discard struct{}

func (discard) ExportSpans(context.Context, []trace.ReadOnlySpan) error { return nil }
func (discard) Shutdown(context.Context) error                          { return nil }

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

func BenchmarkBare(b *testing.B)  { bench(b) }
func BenchmarkEmpty(b *testing.B) { bench(b, middleware.MaxBody(1<<20)) }
func BenchmarkTrace(b *testing.B) {
	p := trace.NewTracerProvider(trace.WithBatcher(discard{}))
	bench(b, observe.Trace{Provider: p, Propagator: propagation.TraceContext{}})
}

func BenchmarkTraceNoop(b *testing.B) {
	bench(b, observe.Trace{Provider: noop.NewTracerProvider(), Propagator: propagation.TraceContext{}})
}

func BenchmarkMetrics(b *testing.B) {
	p := metric.NewMeterProvider(metric.WithReader(metric.NewManualReader()))
	bench(b, observe.Metrics{Provider: p})
}

func BenchmarkBoth(b *testing.B) {
	t := trace.NewTracerProvider(trace.WithBatcher(discard{}))
	m := metric.NewMeterProvider(metric.WithReader(metric.NewManualReader()))
	bench(b, observe.Trace{Provider: t, Propagator: propagation.TraceContext{}}, observe.Metrics{Provider: m})
}

func BenchmarkBothNoop(b *testing.B) {
	bench(b, observe.Trace{Provider: noop.NewTracerProvider(), Propagator: propagation.TraceContext{}}, observe.Metrics{Provider: metricnoop.NewMeterProvider()})
}
