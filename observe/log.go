package observe

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/internal/redact"
	"github.com/restykit/restykit/middleware"
)

// Log writes one line for each call, when the caller gets its result: at level info
// below status 400, at warn for 4xx, at error for 5xx and for calls without an answer;
// a call that fails its checks is at warn or above. At level debug it also writes one
// line for each send. URLs are redacted. It costs nothing where the level is off.
//
// For a stream (SetDoNotParseResponse) the line is written when the headers are there:
// bytes is 0, and what happens later is not logged. A line of a send, too, is of its
// headers.
//
// Under [middleware.Stack.RoundTripper] only the lines of sends are written.
type Log struct {
	Logger *slog.Logger // nil is slog.Default()
}

// Name is "log".
func (Log) Name() string { return "log" }

// Layer is [middleware.Call].
func (Log) Layer() middleware.Layer { return middleware.Call }

func (l Log) logger() *slog.Logger {
	if l.Logger == nil {
		return slog.Default()
	}
	return l.Logger
}

// Done writes the line of the call.
func (l Log) Done(info *middleware.Info, resp *resty.Response, err error) {
	logger, ctx := l.logger(), context.Background()
	status := statusOf(resp, err)
	level := levelOf(status, err)
	if resp != nil {
		ctx = resp.Request.Context()
	}
	if !logger.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{slog.String("template", redact.String(info.Template())), slog.Int("attempts", info.Attempts()), slog.Duration("duration", time.Since(info.Start()))}
	if resp != nil {
		attrs = append(attrs, slog.String("method", resp.Request.Method), slog.String("url", redact.String(resp.Request.URL)))
	}
	if status != 0 {
		attrs = append(attrs, slog.Int("status", status))
	}
	if resp != nil && resp.RawResponse != nil {
		attrs = append(attrs, slog.Int64("bytes", resp.Size()))
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	logger.LogAttrs(ctx, level, "http call", attrs...)
}

// statusOf is the status of the answer, or 0. Of a stream that fails its checks only the
// error knows it.
func statusOf(resp *resty.Response, err error) int {
	if resp != nil && resp.RawResponse != nil {
		return resp.StatusCode()
	}
	if failure, ok := errors.AsType[*middleware.StatusError](err); ok {
		return failure.StatusCode
	}
	return 0
}

func levelOf(status int, err error) slog.Level {
	switch {
	case status == 0 || status >= http.StatusInternalServerError:
		return slog.LevelError
	case err != nil || status >= http.StatusBadRequest:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// Attempt writes the line of a send.
func (l Log) Attempt(req *http.Request, next middleware.Next) (*http.Response, error) {
	logger, ctx := l.logger(), req.Context()
	if !logger.Enabled(ctx, slog.LevelDebug) {
		return next(req)
	}
	start := time.Now()
	resp, err := next(req)
	attrs := []slog.Attr{
		slog.String("method", req.Method), slog.String("url", redact.URL(req.URL)),
		slog.Int("attempt", middleware.InfoOf(ctx).Attempts()), slog.Duration("duration", time.Since(start)),
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	} else {
		attrs = append(attrs, slog.Int("status", resp.StatusCode))
	}
	logger.LogAttrs(ctx, slog.LevelDebug, "http send", attrs...)
	return resp, err
}
