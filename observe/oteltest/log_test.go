package oteltest_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/observe"
)

// spying is a handler that asks the context for its span, as bridges do.
type spying struct {
	slog.Handler

	seen *[]oteltrace.SpanID
}

func (s spying) Handle(ctx context.Context, r slog.Record) error {
	*s.seen = append(*s.seen, oteltrace.SpanContextFromContext(ctx).SpanID())
	return s.Handler.Handle(ctx, r)
}

func TestTheLinesOfACallHaveItsTrace(t *testing.T) {
	var (
		out  bytes.Buffer
		seen []oteltrace.SpanID
		s    = newSpans()
	)
	c := resty.New().SetBaseURL("https://api.test").SetTransport(stub{})
	logger := slog.New(spying{slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}), &seen})
	require.NoError(t, middleware.Use(c, observe.Log{Logger: logger}, observe.Trace{Provider: s.provider}))
	_, err := c.R().Get("/x")
	require.NoError(t, err)
	call, _, _ := s.whole(t)
	require.Equal(t, 2, bytes.Count(out.Bytes(), []byte("trace_id="+call.SpanContext().TraceID().String())), out.String())
	require.Equal(t, []oteltrace.SpanID{call.SpanContext().SpanID(), call.SpanContext().SpanID()}, seen)
}
