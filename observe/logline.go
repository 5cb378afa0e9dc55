package observe

import (
	"context"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/restykit/restykit/middleware"
)

func (l Log) logger() *slog.Logger {
	if l.Logger == nil {
		return slog.Default()
	}
	return l.Logger
}

// on tells whether lines of a level are written.
func (l Log) on(ctx context.Context, level slog.Level) (on bool) {
	defer func() { _ = recover() }() // of the handler
	return l.logger().Enabled(ctx, level)
}

// write writes a line. What a handler does wrong costs the line and not the call, as slog
// itself drops the errors of handlers.
func write(ctx context.Context, logger *slog.Logger, level slog.Level, message string, attrs []slog.Attr) {
	defer func() { _ = recover() }()
	logger.LogAttrs(ctx, level, message, attrs...)
}

// call writes the line of a call.
func (l Log) call(ctx context.Context, info *middleware.Info, status int, received int64, err error) {
	level := levelOf(status, err)
	if !l.on(ctx, level) {
		return
	}
	r, took := l.Redactor, time.Since(info.Start())
	attrs := make([]slog.Attr, 0, 12)
	if asked := info.Request(); asked != nil {
		attrs = append(attrs, slog.String("method", asked.Method), slog.String("url", r.urlText(info, asked.URL)))
	}
	attrs = append(attrs, slog.String("template", r.urlText(info, info.Template())))
	if status != 0 {
		attrs = append(attrs, slog.Int("status", status))
	}
	attrs = append(attrs, slog.Int("attempts", info.Attempts()), slog.Duration("duration", took))
	if waited := logCallOf(info).lost(); waited > 0 {
		attrs = append(attrs, slog.Duration("waited", min(waited, took))) // a wait may be cut short
	}
	if status != 0 {
		attrs = append(attrs, slog.Int64("bytes", received))
	}
	if why := l.reason(info); why != "" {
		attrs = append(attrs, slog.String("gave_up", why))
	}
	attrs = l.failure(attrs, info, err)
	ctx, attrs = traced(ctx, attrs, info)
	write(ctx, l.logger(), level, "http call", attrs)
}

func (c *logCall) lost() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waited
}

// reason is why a retry was not made, though there might have been one.
func (l Log) reason(info *middleware.Info) string {
	switch why := info.GaveUp().(type) { //nolint:errorlint // it is as the step gave it
	case nil:
		return ""
	case interface{ Reason() string }:
		return l.Redactor.text(info, why.Reason())
	default:
		return l.Redactor.err(info, why)
	}
}

func (l Log) failure(attrs []slog.Attr, info *middleware.Info, err error) []slog.Attr {
	if err == nil {
		return attrs
	}
	return append(attrs, slog.String("error_type", errorType(err)), slog.String("error", l.Redactor.err(info, err)))
}

// traced adds the trace, and makes the call's span that of the context: some handlers
// take it from there.
func traced(ctx context.Context, attrs []slog.Attr, info *middleware.Info) (context.Context, []slog.Attr) {
	if span := spanOf(info).span; span != nil {
		ctx = trace.ContextWithSpan(ctx, span)
	}
	if of := trace.SpanContextFromContext(ctx); of.HasTraceID() {
		attrs = append(attrs, slog.String("trace_id", of.TraceID().String()))
	}
	return ctx, attrs
}

// send writes the line of a send.
func (l Log) send(ctx context.Context, x *exchange) {
	r := l.Redactor
	attrs := make([]slog.Attr, 0, 16)
	attrs = append(attrs, slog.String("method", x.request.Method), slog.String("url", r.url(x.info, x.request.URL)), slog.Int("attempt", x.attempt))
	if x.answer != nil {
		attrs = append(attrs, slog.Int("status", x.answer.StatusCode), slog.String("proto", x.answer.Proto))
	}
	attrs = append(attrs, slog.Duration("duration", x.took))
	if x.answer != nil {
		attrs = append(attrs, slog.Int64("bytes", x.received.size))
	}
	if x.sent.size > 0 {
		attrs = append(attrs, slog.Int64("bytes_sent", x.sent.size))
	}
	attrs = append(attrs, x.phases.attrs()...)
	if l.Bodies > 0 && x.sent.size > 0 {
		attrs = append(attrs, slog.String("request_body", r.body(x.info, x.request.Header.Get("Content-Type"), x.sent)))
	}
	if l.Bodies > 0 && x.received.size > 0 {
		attrs = append(attrs, slog.String("response_body", r.body(x.info, x.answer.Header.Get("Content-Type"), x.received)))
	}
	attrs = l.failure(attrs, x.info, x.err)
	ctx, attrs = traced(ctx, attrs, x.info)
	write(ctx, l.logger(), slog.LevelDebug, "http send", attrs)
}

// attrs are the phases that there were. A transport that tells of no connection has none.
func (p phases) attrs() []slog.Attr {
	if p.remote == "" && p == (phases{}) {
		return nil
	}
	group := make([]any, 0, 7)
	for _, phase := range [...]struct {
		name string
		took time.Duration
	}{{"blocked", p.blocked}, {"dns", p.dns}, {"connect", p.connect}, {"tls", p.tls}, {"send", p.send}, {"wait", p.wait}, {"receive", p.receive}} {
		if phase.took > 0 {
			group = append(group, slog.Duration(phase.name, phase.took))
		}
	}
	attrs := []slog.Attr{slog.Group("phases", group...)}
	if p.remote != "" {
		attrs = []slog.Attr{slog.String("peer", p.remote), slog.Bool("reused", p.reused), attrs[0]}
	}
	return attrs
}
