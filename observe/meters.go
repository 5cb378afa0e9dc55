package observe

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/restykit/restykit/middleware"
)

// meters are the instruments of a client, and the sets of attributes that it has used.
type meters struct {
	client                 []attribute.KeyValue
	duration               metric.Float64Histogram
	active                 metric.Int64UpDownCounter
	requests, answers      metric.Int64Histogram // the sizes of their bodies
	calls, waits, mints    metric.Float64Histogram
	attempts               metric.Int64Histogram
	events                 metric.Int64Counter
	gauges                 gauges
	routes                 routes[[]metric.AddOption]
	outcomes, callOutcomes outcomes
}

// outcome is what is the same in all measurements of one kind.
type outcome struct {
	route

	status           int
	failure, version string
}

// outcomes keeps sets of attributes. Its zero value is ready.
type outcomes struct {
	mu   sync.RWMutex
	kept map[outcome][]metric.RecordOption
}

// of is the set of an outcome.
func (s *outcomes) of(o outcome, more []attribute.KeyValue) []metric.RecordOption {
	s.mu.RLock()
	set, ok := s.kept[o]
	s.mu.RUnlock()
	if ok {
		return set
	}
	set = []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(o.attributes(more...)...))}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil {
		s.kept = map[outcome][]metric.RecordOption{}
	}
	if len(s.kept) < maxRoutes {
		s.kept[o] = set
	}
	return set
}

func (o outcome) attributes(more ...attribute.KeyValue) []attribute.KeyValue {
	kv := o.route.attributes(more...)
	if o.status != 0 {
		kv = append(kv, semconv.HTTPResponseStatusCode(o.status))
	}
	switch {
	case o.failure != "":
		kv = append(kv, semconv.ErrorTypeKey.String(o.failure))
	case o.status >= http.StatusBadRequest:
		kv = append(kv, semconv.ErrorTypeKey.String(strconv.Itoa(o.status)))
	}
	if o.version != "" {
		kv = append(kv, semconv.NetworkProtocolVersion(o.version))
	}
	return kv
}

// The boundaries of the conventions, and of what is the kit's own.
func seconds() metric.HistogramOption {
	return metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
}

func longSeconds() metric.HistogramOption {
	return metric.WithExplicitBucketBoundaries(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120)
}

func sizes() metric.HistogramOption {
	return metric.WithExplicitBucketBoundaries(0, 256, 1<<10, 4<<10, 16<<10, 64<<10, 256<<10, 1<<20, 4<<20, 16<<20, 64<<20, 256<<20)
}

func newMeters(provider metric.MeterProvider, client string) *meters {
	m := &meters{}
	if client != "" {
		m.client = []attribute.KeyValue{attribute.String("restykit.client", client)}
	}
	meter := provider.Meter(scope, metric.WithSchemaURL(semconv.SchemaURL))
	var errs [9]error
	m.duration, errs[0] = meter.Float64Histogram("http.client.request.duration", metric.WithUnit("s"), metric.WithDescription("Duration of HTTP client requests."), seconds())
	m.active, errs[1] = meter.Int64UpDownCounter("http.client.active_requests", metric.WithUnit("{request}"), metric.WithDescription("Number of active HTTP requests."))
	m.requests, errs[2] = meter.Int64Histogram("http.client.request.body.size", metric.WithUnit("By"), metric.WithDescription("Size of HTTP client request bodies."), sizes())
	m.answers, errs[3] = meter.Int64Histogram("http.client.response.body.size", metric.WithUnit("By"), metric.WithDescription("Size of HTTP client response bodies."), sizes())
	m.calls, errs[4] = meter.Float64Histogram("restykit.call.duration", metric.WithUnit("s"), metric.WithDescription("Duration of calls, with all attempts and waits."), longSeconds())
	m.attempts, errs[5] = meter.Int64Histogram("restykit.call.attempts", metric.WithUnit("{attempt}"), metric.WithDescription("Attempts of a call."), metric.WithExplicitBucketBoundaries(1, 2, 3, 4, 5, 8, 16))
	m.waits, errs[6] = meter.Float64Histogram("restykit.wait.duration", metric.WithUnit("s"), metric.WithDescription("Time that a step waited before a send."), longSeconds())
	m.mints, errs[7] = meter.Float64Histogram("restykit.mint.duration", metric.WithUnit("s"), metric.WithDescription("Time that callers waited for a token."), longSeconds())
	m.events, errs[8] = meter.Int64Counter("restykit.events", metric.WithUnit("{event}"), metric.WithDescription("What steps did between the sends."))
	if err := errors.Join(append(errs[:], m.gauges.make(meter))...); err != nil {
		otel.Handle(err)
	}
	return m
}

// newRoute is what counts the requests under way of a route.
func (m *meters) newRoute(r route) []metric.AddOption {
	return []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(r.attributes(m.client...)...))}
}

// send measures a send that has ended.
func (m *meters) send(s *measured) {
	took := time.Since(s.begun)
	m.active.Add(s.ctx, -1, m.routes.of(s.out.route, m.newRoute)...)
	set := m.outcomes.of(s.out, m.client)
	m.duration.Record(s.ctx, took.Seconds(), set...)
	if s.sent >= 0 {
		m.requests.Record(s.ctx, s.sent, set...)
	}
	if s.ReadCloser != nil {
		m.answers.Record(s.ctx, s.size.Load(), set...)
	}
}

// call measures a call.
func (m *meters) call(ctx context.Context, o outcome, took time.Duration, attempts int) {
	set := m.callOutcomes.of(o, m.client)
	m.calls.Record(ctx, took.Seconds(), set...)
	m.attempts.Record(ctx, int64(attempts), set...)
}

// event counts what a step tells.
func (m *meters) event(ctx context.Context, e middleware.Event) {
	attrs := append([]attribute.KeyValue{attribute.String("restykit.step", e.Step)}, m.client...)
	if e.Err != nil && e.Kind != "wait" {
		attrs = append(attrs, semconv.ErrorTypeKey.String(errorType(e.Err)))
	}
	switch e.Kind {
	case "wait":
		m.waits.Record(ctx, e.Wait.Seconds(), metric.WithAttributes(attrs...))
	case "mint":
		m.mints.Record(ctx, e.Wait.Seconds(), metric.WithAttributes(attrs...))
	default:
		m.events.Add(ctx, 1, metric.WithAttributes(append(attrs, attribute.String("restykit.event", e.Kind))...))
	}
}
