package observe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/middleware/middlewaretest"
	"github.com/restykit/restykit/observe"
	"github.com/restykit/restykit/retry"
)

// lines keeps what is logged, each line as an object.
type lines struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(p)
}

func (l *lines) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: level}))
}

// of are the lines with a message so far.
func (l *lines) of(t *testing.T, message string) []map[string]any {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []map[string]any
	for line := range strings.Lines(l.out.String()) {
		var m map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &m))
		if m["msg"] == message {
			found = append(found, m)
		}
	}
	return found
}

// fake is a transport of a function's.
type fake func(*http.Request) (*http.Response, error)

// RoundTrip reads the request, as a transport does, and asks the function.
func (f fake) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		_, _ = io.Copy(io.Discard, req.Body)
		_ = req.Body.Close()
	}
	return f(req)
}

func answer(status int, contentType, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{"Content-Type": {contentType}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

func answering(status int, contentType, body string) fake {
	return func(*http.Request) (*http.Response, error) { return answer(status, contentType, body), nil }
}

func clientOf(t *testing.T, transport http.RoundTripper, steps ...middleware.Middleware) *resty.Client {
	t.Helper()
	c := resty.New().SetBaseURL("https://api.test").SetTransport(transport)
	require.NoError(t, middleware.Use(c, steps...))
	return c
}

func TestTheLineSaysWhatTheWaitsHaveCost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, n := &lines{}, 0
		c := clientOf(t, fake(func(*http.Request) (*http.Response, error) {
			n++
			time.Sleep(time.Second)
			if n < 3 {
				resp := answer(503, "text/plain", "later")
				resp.Header.Set("Retry-After", "5")
				return resp, nil
			}
			return answer(200, "text/plain", "ok"), nil
		}), retry.Policy{}, observe.Log{Logger: l.logger(slog.LevelInfo)})
		_, err := c.R().Get("/")
		require.NoError(t, err)
		line := l.of(t, "http call")[0]
		require.EqualValues(t, 3, line["attempts"])
		waited, took := time.Duration(line["waited"].(float64)), time.Duration(line["duration"].(float64))
		require.GreaterOrEqual(t, waited, 10*time.Second)
		require.Equal(t, took, waited+3*time.Second, "all that was no send was a wait")
	})
}

func TestAWaitThatIsCutShortIsNotCountedInFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lines{}
		c := clientOf(t, answering(503, "text/plain", ""), retry.Policy{Wait: 10 * time.Second, MaxWait: 10 * time.Second}, observe.Log{Logger: l.logger(slog.LevelInfo)})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		_, err := c.R().SetContext(ctx).Get("/")
		require.Error(t, err)
		line := l.of(t, "http call")[0]
		require.LessOrEqual(t, line["waited"], line["duration"])
		require.Equal(t, "canceled", line["error_type"])
	})
}

func TestTheLineSaysWhyARetryWasGivenUp(t *testing.T) {
	l := &lines{}
	later := answer(503, "text/plain", "")
	later.Header.Set("Retry-After", "60")
	c := clientOf(t, fake(func(*http.Request) (*http.Response, error) { return later, nil }), retry.Policy{}, middleware.Deadline(10*time.Second), observe.Log{Logger: l.logger(slog.LevelInfo)})
	_, _ = c.R().Get("/")
	require.Contains(t, l.of(t, "http call")[0]["gave_up"], "deadline")
}

func TestAStreamIsLoggedAtItsEnd(t *testing.T) {
	broken := errors.New("the cable is out")
	for name, tt := range map[string]struct {
		body  io.Reader
		use   func(*resty.Response)
		level string
		bytes int
		kind  any
	}{
		"read":      {strings.NewReader("12345"), func(r *resty.Response) { _, _ = io.ReadAll(r.RawBody()) }, "INFO", 5, nil},
		"closed":    {strings.NewReader("12345"), func(r *resty.Response) { _, _ = r.RawBody().Read(make([]byte, 2)); _ = r.RawBody().Close() }, "INFO", 2, nil},
		"broken":    {io.MultiReader(strings.NewReader("123"), failing{broken}), func(r *resty.Response) { _, _ = io.ReadAll(r.RawBody()) }, "WARN", 3, "error"},
		"cancelled": {strings.NewReader("12345"), nil, "WARN", 0, "canceled"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &lines{}
				c := clientOf(t, fake(func(*http.Request) (*http.Response, error) {
					resp := answer(200, "text/plain", "")
					resp.Body, resp.ContentLength = io.NopCloser(tt.body), -1
					return resp, nil
				}), observe.Log{Logger: l.logger(slog.LevelInfo)})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				resp, err := c.R().SetContext(ctx).SetDoNotParseResponse(true).Get("/")
				require.NoError(t, err)
				time.Sleep(time.Minute)
				require.Empty(t, l.of(t, "http call"), "not at the headers")
				if tt.use == nil {
					cancel()
					synctest.Wait()
				} else {
					tt.use(resp)
				}
				_ = resp.RawBody().Close()
				found := l.of(t, "http call")
				require.Len(t, found, 1, "once")
				require.Equal(t, tt.level, found[0]["level"])
				require.EqualValues(t, tt.bytes, found[0]["bytes"])
				require.Equal(t, tt.kind, found[0]["error_type"])
				require.EqualValues(t, 200, found[0]["status"])
				require.GreaterOrEqual(t, found[0]["duration"], float64(time.Minute))
			})
		})
	}
}

// failing is a reader that fails.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestAFileIsLoggedWithItsSize(t *testing.T) {
	l := &lines{}
	c := clientOf(t, answering(200, "text/plain", "12345"), observe.Log{Logger: l.logger(slog.LevelInfo)})
	_, err := c.R().SetOutput(filepath.Join(t.TempDir(), "out")).Get("/")
	require.NoError(t, err)
	found := l.of(t, "http call")
	require.Len(t, found, 1)
	require.EqualValues(t, 5, found[0]["bytes"])
}

func TestALineOfASendSaysWhereTheTimeWent(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "hello")
	}))
	defer srv.Close()
	l := &lines{}
	c := resty.NewWithClient(srv.Client()).SetBaseURL(srv.URL)
	require.NoError(t, middleware.Use(c, observe.Log{Logger: l.logger(slog.LevelDebug)}))
	for range 2 {
		_, err := c.R().SetBody("12345").Post("/x?token=sesame")
		require.NoError(t, err)
	}
	sends := l.of(t, "http send")
	require.Len(t, sends, 2)
	for i, send := range sends {
		require.Equal(t, i == 1, send["reused"])
		require.EqualValues(t, 5, send["bytes"])
		require.EqualValues(t, 5, send["bytes_sent"])
		require.Equal(t, srv.Listener.Addr().String(), send["peer"])
		require.Equal(t, srv.URL+"/x?token=REDACTED", send["url"])
		phases := send["phases"].(map[string]any)
		require.Contains(t, phases, "send")
		for _, phase := range []string{"connect", "tls"} {
			require.Equal(t, i == 0, phases[phase] != nil, phase)
		}
		require.NotContains(t, send, "request_body", "nobody has asked for it")
	}
}

func TestBodiesAreLoggedOnRequestRedactedAndBounded(t *testing.T) {
	l := &lines{}
	c := clientOf(t, answering(200, "application/json", `{"access_token": "sesame", "scope": "read", "more": "`+strings.Repeat("x", 200)+`"}`), observe.Log{Logger: l.logger(slog.LevelDebug), Bodies: 60})
	_, err := c.R().SetBody(map[string]string{"user": "mary", "password": "sesame"}).Post("/")
	require.NoError(t, err)
	send := l.of(t, "http send")[0]
	require.Equal(t, []any{`{"password":"REDACTED","user":"mary"}`, `{"access_token":"REDACTED","scope":"read","more":...`}, []any{send["request_body"], send["response_body"]})
	require.NotContains(t, l.out.String(), "sesame")
	require.ErrorContains(t, middleware.Use(c, observe.Log{Bodies: -1}), "Bodies: -1 is no number of bytes")
}

func TestTheTraceIsThatOfTheCallersContext(t *testing.T) {
	l := &lines{}
	c := clientOf(t, answering(200, "text/plain", ""), observe.Log{Logger: l.logger(slog.LevelDebug)})
	of := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}})
	_, err := c.R().SetContext(trace.ContextWithSpanContext(t.Context(), of)).Get("/")
	require.NoError(t, err)
	for _, message := range []string{"http call", "http send"} {
		require.Equal(t, of.TraceID().String(), l.of(t, message)[0]["trace_id"])
	}
	_, err = c.R().Get("/")
	require.NoError(t, err)
	require.NotContains(t, l.of(t, "http call")[1], "trace_id")
}

func TestACallWithoutAResponseHasItsMethodAndURL(t *testing.T) {
	l := &lines{}
	boom := middleware.Func("boom", middleware.Wire, func(*http.Request, middleware.Next) (*http.Response, error) { panic("boom") })
	c := clientOf(t, answering(200, "text/plain", ""), boom, observe.Log{Logger: l.logger(slog.LevelDebug)})
	require.PanicsWithValue(t, "boom", func() { _, _ = c.R().Delete("/users/7?k=sesame") })
	call, send := l.of(t, "http call")[0], l.of(t, "http send")[0]
	require.Equal(t, []any{"ERROR", "DELETE", "https://api.test/users/7?k=REDACTED"}, []any{call["level"], call["method"], call["url"]})
	require.Equal(t, "panic", send["error_type"])
}

// bad is a handler that panics, always or where it writes.
type bad struct {
	slog.Handler

	always bool
}

func (b bad) Enabled(context.Context, slog.Level) bool {
	if b.always {
		panic("no")
	}
	return true
}

func (bad) Handle(context.Context, slog.Record) error { panic("no") }

func TestAHandlerThatPanicsBreaksNoCall(t *testing.T) {
	for _, always := range []bool{false, true} {
		c := clientOf(t, answering(200, "text/plain", "ok"), observe.Log{Logger: slog.New(bad{always: always})}, observe.Curl{Logger: slog.New(bad{always: always})})
		resp, err := c.R().Get("/")
		require.NoError(t, err)
		require.Equal(t, "ok", resp.String())
		resp, err = c.R().SetDoNotParseResponse(true).Get("/")
		require.NoError(t, err)
		body, err := io.ReadAll(resp.RawBody())
		require.NoError(t, err)
		require.Equal(t, "ok", string(body))
	}
}

func TestWhatIsOffAllocatesNothing(t *testing.T) {
	if raced {
		t.Skip("the race detector allocates, too")
	}
	off, failures := to(slog.LevelError+1), to(slog.LevelWarn)
	allocations := func(steps ...middleware.Middleware) float64 {
		c := clientOf(t, answering(200, "text/plain", "ok"), append(steps, middleware.MaxBody(1<<20))...)
		least := math.Inf(1) // others may allocate at the same time
		for range 10 {
			least = min(least, testing.AllocsPerRun(50, func() { _, _ = c.R().Get("/") }))
		}
		return least
	}
	without := allocations()
	require.InDelta(t, without, allocations(observe.Log{Logger: off}), 0.5)
	require.InDelta(t, without, allocations(observe.Log{Logger: failures}), 0.5, "nothing fails")
	require.InDelta(t, without, allocations(observe.Curl{Logger: off}), 0.5)
}

func TestEachStepKeepsTheContract(t *testing.T) {
	logger := to(slog.LevelDebug)
	for name, step := range map[string]middleware.Middleware{
		"log":             observe.Log{Logger: logger},
		"log with bodies": observe.Log{Logger: logger, Bodies: 1 << 10},
		"log, off":        observe.Log{Logger: slog.New(slog.DiscardHandler)},
		"curl":            observe.Curl{Logger: logger},
		"curl, off":       observe.Curl{Logger: slog.New(slog.DiscardHandler)},
	} {
		t.Run(name, func(t *testing.T) { middlewaretest.Run(t, func() middleware.Middleware { return step }) })
	}
}

func TestABodyThatIsReadByItsLengthIsShownWhole(t *testing.T) {
	l := &lines{}
	c := clientOf(t, answering(200, "text/plain", "some words"), observe.Log{Logger: l.logger(slog.LevelDebug), Bodies: 100})
	resp, err := c.R().SetDoNotParseResponse(true).Get("/")
	require.NoError(t, err)
	_, err = io.ReadFull(resp.RawBody(), make([]byte, 10))
	require.NoError(t, err)
	require.NoError(t, resp.RawBody().Close())
	require.Equal(t, "some words", l.of(t, "http send")[0]["response_body"])
}
