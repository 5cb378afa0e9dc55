package observe

import (
	"context"
	"net/http"
	"time"

	"github.com/go-resty/resty/v2"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"

	"github.com/restykit/restykit/internal/redact"
	"github.com/restykit/restykit/middleware"
)

// Metrics measures on the OpenTelemetry API, by the semantic conventions for HTTP clients
// (version 1.43.0), each send: http.client.request.duration, to the end of the answer's
// body, http.client.active_requests, http.client.request.body.size and
// http.client.response.body.size. And what is the kit's own:
//
//   - restykit.call.duration, of the whole call, with its attempts and waits
//   - restykit.call.attempts, how many there were
//   - restykit.wait.duration, by the step that waited: a retry's backoff, a limit's queue
//   - restykit.mint.duration, of tokens that were obtained, or not
//   - restykit.events, by step and kind: hedges, refusals, changes of a breaker
//   - restykit.step.gauge and others, what steps say of themselves: see [middleware.Gauger]
//
// A route is the template as the caller wrote it, and never a path, so that there are as
// many series as the program has routes. Of more than 1024 routes, such as redirects into
// the unknown, the attributes are made anew each time.
//
// An instrument that cannot be made is told to the error handler of OpenTelemetry, and the
// others go on. With [Trace] beside it, measurements have exemplars of the call's span. Under
// [middleware.Stack.RoundTripper] only sends are measured.
type Metrics struct {
	// Provider makes the instruments. nil is [otel.GetMeterProvider].
	Provider metric.MeterProvider
	// Client tells clients apart, as the attribute restykit.client. "" is none.
	Client string

	own *meters // of the client
}

// Name is "metrics".
func (Metrics) Name() string { return "metrics" }

// Layer is [middleware.Call].
func (Metrics) Layer() middleware.Layer { return middleware.Call }

// Bind goes on with what the step before has made for the client.
func (m Metrics) Bind(old middleware.Middleware) middleware.Middleware {
	if before, ok := old.(Metrics); ok && before.own != nil && before.Provider == m.Provider && before.Client == m.Client {
		m.own = before.own
		return m
	}
	provider := m.Provider
	if provider == nil {
		provider = otel.GetMeterProvider()
	}
	m.own = newMeters(provider, m.Client)
	return m
}

// Attempt measures a send.
func (m Metrics) Attempt(req *http.Request, next middleware.Next) (*http.Response, error) {
	own, ctx := m.own, req.Context()
	info := middleware.InfoOf(ctx)
	own.gauge(ctx)
	r := routeOf(req, redact.String(info.Template()))
	s := &measured{own: own, ctx: exemplary(ctx, info), begun: time.Now(), sent: req.ContentLength, out: outcome{route: r}}
	if req.Body == nil || req.Body == http.NoBody {
		s.sent = -1
	}
	own.active.Add(s.ctx, 1, own.routes.of(r, own.newRoute)...)
	defer s.panicked()
	resp, err := next(req)
	s.answered(ctx, info, resp, err)
	return resp, err
}

// exemplary is the context of a measurement, with the span of the call.
func exemplary(ctx context.Context, info *middleware.Info) context.Context {
	if call := spanOf(info); call.span != nil && call.span.SpanContext().IsSampled() {
		return call.ctx
	}
	return ctx
}

// Observe counts what steps tell.
func (m Metrics) Observe(info *middleware.Info, e middleware.Event) {
	m.own.event(context.Background(), e)
}

// Done measures the call.
func (m Metrics) Done(info *middleware.Info, resp *resty.Response, err error) {
	if resp == nil && err == nil {
		return
	}
	method := ""
	if resp != nil && resp.Request != nil {
		method = resp.Request.Method
	}
	r := route{method: methodOf(method), host: info.Origin(), template: redact.String(info.Template())}
	o := outcome{route: r, status: statusOf(resp, err)}
	if err != nil {
		o.failure = errorType(err)
	}
	m.own.call(exemplary(context.Background(), info), o, time.Since(info.Start()), info.Attempts())
}

// String is the client's name.
func (m Metrics) String() string { return m.Client }

// measured is a send that is measured, and its answer's body.
type measured struct {
	ending

	own   *meters
	ctx   context.Context
	begun time.Time
	sent  int64 // of the request's body, or -1
	out   outcome
	ran   bool
}

// answered ends the measurement of a send that came to nothing, and leaves that of an
// answer to its body.
func (s *measured) answered(ctx context.Context, info *middleware.Info, resp *http.Response, err error) {
	s.ran = true
	if err != nil {
		s.end(err)
		return
	}
	s.out.status, s.out.version = resp.StatusCode, versionOf(resp)
	if !hasBody(resp) {
		s.end(nil)
		return
	}
	s.follow(ctx, info, resp, s.end)
}

func (s *measured) panicked() {
	if !s.ran {
		s.end(panicked{})
	}
}

func (s *measured) end(err error) {
	if err != nil {
		s.out.failure = errorType(err)
	}
	s.own.send(s)
}
