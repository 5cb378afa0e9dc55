package observe_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/observe"
)

func benchmark(b *testing.B, steps ...middleware.Middleware) {
	c := resty.New().SetBaseURL("https://api.example.com").SetTransport(answering(200, "application/json", `{"a":1}`))
	if err := middleware.Use(c, append(steps, middleware.MaxBody(1<<20))...); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.R().Get("/x?k=v"); err != nil {
			b.Fatal(err)
		}
	}
}

func to(level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(&forgotten{}, &slog.HandlerOptions{Level: level}))
}

// forgotten takes all that is written.
type forgotten struct{}

func (*forgotten) Write(p []byte) (int, error) { return len(p), nil }

func BenchmarkWithoutLog(b *testing.B)  { benchmark(b) }
func BenchmarkLogOff(b *testing.B)      { benchmark(b, observe.Log{Logger: to(slog.LevelError + 1)}) }
func BenchmarkLogFailures(b *testing.B) { benchmark(b, observe.Log{Logger: to(slog.LevelWarn)}) }
func BenchmarkLogCalls(b *testing.B)    { benchmark(b, observe.Log{Logger: to(slog.LevelInfo)}) }
func BenchmarkLogSends(b *testing.B)    { benchmark(b, observe.Log{Logger: to(slog.LevelDebug)}) }
func BenchmarkLogBodies(b *testing.B) {
	benchmark(b, observe.Log{Logger: to(slog.LevelDebug), Bodies: 1 << 10})
}
func BenchmarkCurlOff(b *testing.B) { benchmark(b, observe.Curl{Logger: to(slog.LevelError)}) }
func BenchmarkCurl(b *testing.B) {
	benchmark(b, observe.Curl{Func: func(context.Context, string) {}})
}
