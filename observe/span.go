package observe

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/restykit/restykit/internal/redact"
	"github.com/restykit/restykit/middleware"
)

// spanRoute is what the spans of a route begin with.
type spanRoute struct {
	name string
	with trace.SpanStartEventOption
}

func newSpanRoute(r route) spanRoute {
	return spanRoute{r.name(), trace.WithAttributes(r.attributes()...)}
}

// callSpan is the span of a call. span is nil where there is none, as under RoundTripper.
type callSpan struct {
	of   *tracing
	ctx  context.Context // with the span in it
	span trace.Span

	mu    sync.Mutex
	sends int  // begun
	open  int  // and not ended
	done  bool // the caller has its result
}

func (t *tracing) beginCall(ctx context.Context, method, template string) *callSpan {
	template = redact.String(template)
	r := route{method: methodOf(method), template: template}
	ctx, span := t.tracer.Start(ctx, r.name())
	if span.IsRecording() {
		span.SetAttributes(semconv.HTTPRequestMethodKey.String(r.method), semconv.URLTemplate(template))
	}
	return &callSpan{of: t, ctx: ctx, span: span}
}

// finish ends the span with the call, or leaves it to the sends that are still read.
func (c *callSpan) finish(info *middleware.Info, status int, err error) {
	if c.span == nil || !c.span.IsRecording() {
		return
	}
	if n := info.Attempts(); n > 1 {
		c.span.SetAttributes(attribute.Int("restykit.attempts", n))
	}
	judge(c.span, status, err)
	c.mu.Lock()
	c.done = true
	over := c.open == 0 || err != nil
	c.mu.Unlock()
	if over {
		c.span.End()
	}
}

// event is something that a step tells.
func (c *callSpan) event(e middleware.Event) {
	if c.span == nil || !c.span.IsRecording() {
		return
	}
	attrs := make([]attribute.KeyValue, 0, 3)
	if e.Err != nil {
		attrs = append(attrs, semconv.ErrorTypeKey.String(errorType(e.Err)), attribute.String("reason", e.Err.Error()))
	}
	if e.Text != "" {
		attrs = append(attrs, attribute.String("text", e.Text))
	}
	if e.Kind == "mint" {
		c.child("token", e.Wait, attrs, e.Err)
		return
	}
	if e.Wait != 0 {
		attrs = append(attrs, attribute.Float64("wait", e.Wait.Seconds()))
	}
	name := e.Kind
	if e.Step != "" && e.Step != e.Kind {
		name = e.Step + "." + e.Kind
	}
	c.span.AddEvent(name, trace.WithAttributes(attrs...))
}

// child is a span of something that has just ended.
func (c *callSpan) child(name string, took time.Duration, attrs []attribute.KeyValue, err error) {
	now := time.Now()
	_, span := c.of.tracer.Start(trace.ContextWithSpan(context.Background(), c.span), name,
		trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(now.Add(-took)), trace.WithAttributes(attrs...))
	judge(span, 0, err)
	span.End(trace.WithTimestamp(now))
}

// judge sets the status of a span.
func judge(span trace.Span, status int, err error) {
	switch {
	case err != nil:
		span.SetAttributes(semconv.ErrorTypeKey.String(errorType(err)))
		span.SetStatus(codes.Error, redact.Excerpt([]byte(err.Error()), maxReason))
	case status >= http.StatusBadRequest:
		span.SetAttributes(semconv.ErrorTypeKey.String(strconv.Itoa(status)))
		span.SetStatus(codes.Error, "")
	}
}

// maxReason bounds what a span says of an error.
const maxReason = 500

// sendSpan is the span of a send, and its answer's body.
type sendSpan struct {
	ending

	ctx    context.Context
	span   trace.Span
	call   *callSpan
	resend int
	ran    bool // the send has returned
}

func (t *tracing) beginSend(req *http.Request, call *callSpan) *sendSpan {
	ctx := req.Context()
	info := middleware.InfoOf(ctx)
	r := t.routes.of(routeOf(req, redact.String(info.Template())), newSpanRoute)
	s := &sendSpan{call: call}
	call.mu.Lock()
	s.resend = call.sends
	call.sends++
	call.open++
	call.mu.Unlock()
	if call.span != nil {
		ctx = call.ctx
	}
	s.ctx, s.span = t.tracer.Start(ctx, r.name, trace.WithSpanKind(trace.SpanKindClient), r.with, trace.WithAttributes(semconv.URLFull(redact.URL(req.URL))))
	return s
}

// answered ends the span of a send that came to nothing, and leaves that of an answer to
// its body.
func (s *sendSpan) answered(ctx context.Context, resp *http.Response, err error) {
	s.ran = true
	if err != nil {
		s.end(err)
		return
	}
	s.note(resp)
	if !hasBody(resp) {
		s.end(nil)
		return
	}
	s.follow(ctx, middleware.InfoOf(ctx), resp, s.end)
}

func (s *sendSpan) note(resp *http.Response) {
	if !s.span.IsRecording() {
		return
	}
	attrs := make([]attribute.KeyValue, 0, 4)
	attrs = append(attrs, semconv.HTTPResponseStatusCode(resp.StatusCode))
	if version := versionOf(resp); version != "" {
		attrs = append(attrs, semconv.NetworkProtocolVersion(version))
	}
	if s.resend > 0 {
		attrs = append(attrs, semconv.HTTPRequestResendCount(s.resend))
	}
	if resp.StatusCode >= http.StatusBadRequest {
		attrs = append(attrs, semconv.ErrorTypeKey.String(strconv.Itoa(resp.StatusCode)))
		s.span.SetStatus(codes.Error, "")
	}
	s.span.SetAttributes(attrs...)
}

func versionOf(resp *http.Response) string {
	switch resp.ProtoMajor {
	case 1:
		if resp.ProtoMinor == 0 {
			return "1.0"
		}
		return "1.1"
	case 2:
		return "2"
	case 3:
		return "3"
	}
	return ""
}

// panicked ends the span of a send that did not return.
func (s *sendSpan) panicked() {
	if !s.ran {
		s.end(panicked{})
	}
}

// end ends the span, and that of the call where the caller has its result.
func (s *sendSpan) end(err error) {
	if err != nil {
		judge(s.span, 0, err)
	}
	s.span.End()
	s.call.ended(err)
}

// ended hears that a send has ended.
func (c *callSpan) ended(err error) {
	c.mu.Lock()
	c.open--
	last := c.done && c.open == 0
	c.mu.Unlock()
	if last && c.span != nil {
		if err != nil {
			judge(c.span, 0, err)
		}
		c.span.End()
	}
}
