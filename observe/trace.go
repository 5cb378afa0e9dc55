package observe

import (
	"context"
	"net/http"

	"github.com/go-resty/resty/v2"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/restykit/restykit/middleware"
)

// Trace makes spans on the OpenTelemetry API, by the semantic conventions for HTTP clients
// (version 1.43.0): an INTERNAL span for each call, and below it a CLIENT span for each
// send: attempts, redirect hops and replays after a 401 alike, which
// http.request.resend_count counts. Spans are named by method and route template, and never
// by a path. What happens between the sends, such as waits and refusals, are events of the
// call's span; a token that was obtained is a span of its own.
//
// A span ends when the body is read to its end or closed, or its context has ended; that
// of a call also when the caller has its error. URLs are redacted.
//
// The context goes with a request to the call's origin alone (and to Origins): a trace id
// tells a stranger of your system, and baggage more. What a caller has set itself stays.
//
// Under [middleware.Stack.RoundTripper] there are only the spans of sends, below that of
// the request's context. Where the call's span is not recorded, no other is.
type Trace struct {
	// Provider makes the spans. nil is [otel.GetTracerProvider].
	Provider trace.TracerProvider
	// Propagator writes the context on requests. nil is [otel.GetTextMapPropagator], which
	// writes nothing before somebody sets it.
	Propagator propagation.TextMapPropagator
	Origins    []string // where else the context may go, like "https://files.example.com"

	own *tracing // of the client
}

// tracing is what a Trace keeps for a client.
type tracing struct {
	tracer trace.Tracer
	fields []string // of the propagator; nil is that of the process, which may change
	routes routes[spanRoute]
}

// scope names the library that makes the telemetry.
const scope = "github.com/restykit/restykit/observe"

// Name is "trace".
func (Trace) Name() string { return "trace" }

// Layer is [middleware.Call].
func (Trace) Layer() middleware.Layer { return middleware.Call }

// Bind goes on with what the step before has made for the client.
func (t Trace) Bind(old middleware.Middleware) middleware.Middleware {
	if before, ok := old.(Trace); ok && before.own != nil && before.Provider == t.Provider && before.Propagator == t.Propagator {
		t.own = before.own
		return t
	}
	t.own = newTracing(t.Provider)
	if t.Propagator != nil {
		t.own.fields = canonical(t.Propagator.Fields())
	}
	return t
}

func newTracing(provider trace.TracerProvider) *tracing {
	if provider == nil {
		provider = otel.GetTracerProvider()
	}
	return &tracing{tracer: provider.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL))}
}

// Prepare begins the span of the call.
func (t Trace) Prepare(_ *resty.Client, r *resty.Request) error {
	ctx := r.Context()
	info := middleware.InfoOf(ctx)
	info.Memo(traceKey{}, func() any { return t.own.beginCall(ctx, r.Method, info.Template()) })
	return nil
}

// traceKey finds the span of a call.
type traceKey struct{}

// spanOf is the span of a call; one without a span where there is none.
func spanOf(info *middleware.Info) *callSpan {
	return info.Memo(traceKey{}, func() any { return &callSpan{} }).(*callSpan)
}

// Attempt makes the span of a send.
func (t Trace) Attempt(req *http.Request, next middleware.Next) (*http.Response, error) {
	call := spanOf(middleware.InfoOf(req.Context()))
	if call.span != nil && !call.span.IsRecording() {
		return next(t.propagated(call.ctx, req))
	}
	send := t.own.beginSend(req, call)
	defer send.panicked()
	resp, err := next(t.propagated(send.ctx, req))
	send.answered(req.Context(), resp, err)
	return resp, err
}

// propagated is the request with the context's trace, where that may go.
func (t Trace) propagated(ctx context.Context, req *http.Request) *http.Request {
	p := t.Propagator
	if p == nil {
		p = otel.GetTextMapPropagator()
	}
	fields := t.own.fields
	if fields == nil {
		fields = canonical(p.Fields())
	}
	if !trace.SpanContextFromContext(ctx).IsValid() || !middleware.Trusted(req, t.Origins) || hasAny(req.Header, fields) {
		return req
	}
	out := middleware.Mutable(req)
	p.Inject(ctx, propagation.HeaderCarrier(out.Header))
	return out
}

func canonical(names []string) []string {
	out := make([]string, 0, len(names))
	for _, name := range names {
		out = append(out, http.CanonicalHeaderKey(name))
	}
	return out
}

func hasAny(h http.Header, names []string) bool {
	for _, name := range names {
		if len(h[name]) > 0 {
			return true
		}
	}
	return false
}

// Observe makes events of what steps tell.
func (Trace) Observe(info *middleware.Info, e middleware.Event) { spanOf(info).event(e) }

// Done ends the span of the call, or leaves it to the stream that the caller reads.
func (Trace) Done(info *middleware.Info, resp *resty.Response, err error) {
	spanOf(info).finish(info, statusOf(resp, err), err)
}

// String is empty: there is nothing to say of it.
func (Trace) String() string { return "" }
