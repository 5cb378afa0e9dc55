package observe_test

import (
	"io"
	"testing"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/observe"
)

func benchCalls(b *testing.B, steps ...middleware.Middleware) {
	b.Helper()
	c := resty.New().SetBaseURL("https://api.example.com").SetTransport(fakeWire(ok))
	if err := middleware.Use(c, append(steps, middleware.MaxBody(1<<20))...); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.R().Get("/users"); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkWithout(b *testing.B)  { benchCalls(b) }
func BenchmarkRecorder(b *testing.B) { benchCalls(b, &observe.Recorder{}) }
func BenchmarkHAR(b *testing.B)      { benchCalls(b, &observe.HAR{Writer: io.Discard, MaxBytes: 1 << 50}) }

func BenchmarkSnapshot(b *testing.B) {
	r := &observe.Recorder{}
	c := resty.New().SetBaseURL("https://api.example.com").SetTransport(fakeWire(ok))
	if err := middleware.Use(c, r); err != nil {
		b.Fatal(err)
	}
	for range 200 {
		for _, path := range []string{"/a", "/b", "/c", "/d", "/e"} {
			_, _ = c.R().Get(path)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		_ = r.Snapshot()
	}
}
