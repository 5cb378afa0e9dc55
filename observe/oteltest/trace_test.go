package oteltest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/observe"
	"github.com/restykit/restykit/retry"
)

// spans keeps each span that was begun and ended.
type spans struct {
	*tracetest.SpanRecorder
	provider *trace.TracerProvider
}

func newSpans() spans {
	s := tracetest.NewSpanRecorder()
	return spans{s, trace.NewTracerProvider(trace.WithSpanProcessor(s))}
}

// whole waits for the end of all spans, and returns the call's and those below it.
func (s spans) whole(t *testing.T) (call trace.ReadOnlySpan, sends, tokens []trace.ReadOnlySpan) {
	t.Helper()
	require.Eventually(t, func() bool { return len(s.Ended()) == len(s.Started()) }, 5*time.Second, time.Millisecond, "every span ends")
	for _, span := range s.Ended() {
		switch {
		case span.SpanKind() == oteltrace.SpanKindInternal:
			require.Nil(t, call, "one call")
			call = span
		case span.Name() == "token":
			tokens = append(tokens, span)
		default:
			sends = append(sends, span)
		}
	}
	require.NotNil(t, call)
	for _, span := range append(sends, tokens...) {
		require.Equal(t, oteltrace.SpanKindClient, span.SpanKind())
		require.Equal(t, call.SpanContext().SpanID(), span.Parent().SpanID(), "no orphan")
		require.Equal(t, call.SpanContext().TraceID(), span.SpanContext().TraceID())
	}
	return call, sends, tokens
}

// value is an attribute of a span, as text, or "".
func value(span trace.ReadOnlySpan, key string) string {
	for _, kv := range span.Attributes() {
		if string(kv.Key) == key {
			return kv.Value.String()
		}
	}
	return ""
}

// troubled is an API that answers 503, 503, 302, 401 and then ends as told, with its token
// endpoint.
func troubled(t *testing.T, end http.HandlerFunc) *httptest.Server {
	t.Helper()
	var n, tokens atomic.Int32
	mux := http.NewServeMux()
	mux.HandleFunc("/token", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"AT%d","expires_in":3600}`, tokens.Add(1))
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		switch n.Add(1) {
		case 1, 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 3:
			http.Redirect(w, r, "/users/8?token=s3cret-query", http.StatusFound)
		case 4:
			w.WriteHeader(http.StatusUnauthorized)
		default:
			end(w, r)
		}
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func traced(t *testing.T, s *httptest.Server, spans spans, more ...middleware.Middleware) *resty.Client {
	t.Helper()
	c := resty.New().SetBaseURL(s.URL).SetLogger(silence{})
	require.NoError(t, middleware.Use(c, append(more,
		observe.Trace{Provider: spans.provider, Propagator: propagation.TraceContext{}}, retry.Policy{Wait: time.Millisecond}, middleware.RequireStatus{},
		&auth.OAuth2{Grant: auth.ClientCredentials{Config: clientcredentials.Config{ClientID: "shop", TokenURL: s.URL + "/token"}, Secret: auth.Static("s3cret")}},
	)...))
	return c
}

type silence struct{}

func (silence) Errorf(string, ...any) {}
func (silence) Warnf(string, ...any)  {}
func (silence) Debugf(string, ...any) {}

// endings are how the last answer of a call may end.
func endings() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"success": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") },
		"nothing": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"error":   func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusNotFound) },
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "hello")
		},
		"silence": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "hello")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
	}
}

// modes are what a caller does with the answer.
func modes(t *testing.T) map[string]func(context.Context, *resty.Client) error {
	t.Helper()
	call := func(ctx context.Context, c *resty.Client) *resty.Request {
		return c.R().SetContext(ctx).SetPathParam("id", "7")
	}
	stream := func(read func(io.ReadCloser) error) func(context.Context, *resty.Client) error {
		return func(ctx context.Context, c *resty.Client) error {
			resp, err := call(ctx, c).SetDoNotParseResponse(true).Get("/users/{id}")
			if err != nil {
				return err
			}
			return read(resp.RawBody())
		}
	}
	return map[string]func(context.Context, *resty.Client) error{
		"decoded": func(ctx context.Context, c *resty.Client) error {
			_, err := call(ctx, c).Get("/users/{id}")
			return err
		},
		"file": func(ctx context.Context, c *resty.Client) error {
			_, err := call(ctx, c).SetOutput(filepath.Join(t.TempDir(), "out")).Get("/users/{id}")
			return err
		},
		"stream, read": stream(func(b io.ReadCloser) error {
			_, err := io.Copy(io.Discard, b)
			return errors.Join(err, b.Close())
		}),
		"stream, closed":    stream(func(b io.ReadCloser) error { return b.Close() }),
		"stream, abandoned": stream(func(io.ReadCloser) error { return nil }),
	}
}

func TestEachSendOfACallIsASpanBelowThatOfTheCall(t *testing.T) {
	for ending, end := range endings() {
		for mode := range modes(t) {
			t.Run(ending+"/"+mode, func(t *testing.T) {
				s := newSpans()
				ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
				defer cancel()
				_ = modes(t)[mode](ctx, traced(t, troubled(t, end), s))
				cancel()
				call, sends, tokens := s.whole(t)
				require.Len(t, tokens, 2)
				if ending == "cut off" && mode == "decoded" {
					require.Greater(t, len(sends), 5, "an answer that is cut off is asked for again")
					sends = sends[:5]
				}
				require.Len(t, sends, 5)
				require.Equal(t, "GET /users/{id}", call.Name())
				require.NotEmpty(t, value(call, "restykit.attempts"))
				var counts, statuses, names []string
				for _, span := range sends {
					counts = append(counts, value(span, "http.request.resend_count"))
					statuses = append(statuses, value(span, "http.response.status_code"))
					names = append(names, span.Name())
					require.NotContains(t, fmt.Sprint(span.Attributes()), "s3cret")
				}
				require.Equal(t, []string{"", "1", "2", "3", "4"}, counts)
				require.Equal(t, []string{"503", "503", "302", "401"}, statuses[:4])
				require.Equal(t, []string{"GET /users/{id}", "GET /users/{id}", "GET /users/{id}", "GET", "GET"}, names)
				require.Equal(t, "503", value(sends[0], "error.type"))
				require.Equal(t, codes.Error, sends[0].Status().Code)
				require.Equal(t, codes.Unset, sends[2].Status().Code)
				require.Contains(t, value(sends[3], "url.full"), "/users/8?token=REDACTED")
				require.Equal(t, "127.0.0.1", value(sends[0], "server.address"))
				var waits int
				for _, e := range call.Events() {
					if e.Name == "retry.wait" {
						waits++
					}
				}
				require.GreaterOrEqual(t, waits, 2)
			})
		}
	}
}

func TestTheSpanOfACallTellsHowItEnded(t *testing.T) {
	for name, tt := range map[string]struct {
		ending, mode, errorType string
		code                    codes.Code
	}{
		"success":             {"success", "decoded", "", codes.Unset},
		"404":                 {"error", "decoded", "404", codes.Error},
		"404, streamed":       {"error", "stream, read", "404", codes.Error},
		"cut off":             {"cut off", "decoded", "unexpected_eof", codes.Error},
		"cut off, streamed":   {"cut off", "stream, read", "unexpected_eof", codes.Error},
		"deadline":            {"silence", "decoded", "timeout", codes.Error},
		"deadline, streamed":  {"silence", "stream, read", "timeout", codes.Error},
		"deadline, abandoned": {"silence", "stream, abandoned", "timeout", codes.Error},
		"closed early":        {"silence", "stream, closed", "", codes.Unset},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSpans()
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			_ = modes(t)[tt.mode](ctx, traced(t, troubled(t, endings()[tt.ending]), s))
			call, _, _ := s.whole(t)
			require.Equal(t, tt.code, call.Status().Code, "%v", call.Status())
			require.Equal(t, tt.errorType, value(call, "error.type"))
		})
	}
}

func TestASpanEndsWhereAStepPanics(t *testing.T) {
	for _, layer := range []middleware.Layer{middleware.Call, middleware.Limit, middleware.Wire} {
		s := newSpans()
		boom := middleware.Func("boom", layer, func(*http.Request, middleware.Next) (*http.Response, error) { panic("boom") })
		c := traced(t, troubled(t, endings()["success"]), s, boom)
		require.Panics(t, func() { _, _ = c.R().Get("/") })
		call, _, _ := s.whole(t)
		require.Equal(t, codes.Error, call.Status().Code, layer)
	}
}

func TestTheContextGoesToTheCallsOriginAlone(t *testing.T) {
	var theirs, ours atomic.Value
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { theirs.Store(r.Header.Clone()) }))
	defer elsewhere.Close()
	home := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ours.Store(r.Header.Clone())
		http.Redirect(w, r, elsewhere.URL, http.StatusFound)
	}))
	defer home.Close()
	s := newSpans()
	for _, trusted := range []bool{false, true} {
		step := observe.Trace{Provider: s.provider, Propagator: propagation.TraceContext{}}
		if trusted {
			step.Origins = []string{elsewhere.URL}
		}
		c := resty.New().SetBaseURL(home.URL)
		require.NoError(t, middleware.Use(c, step))
		parent, span := s.provider.Tracer("test").Start(t.Context(), "parent")
		_, err := c.R().SetContext(parent).Get("/")
		require.NoError(t, err)
		span.End()
		require.Contains(t, ours.Load().(http.Header).Get("Traceparent"), span.SpanContext().TraceID().String())
		require.Equal(t, trusted, theirs.Load().(http.Header).Get("Traceparent") != "")
	}
	c := resty.New().SetBaseURL(home.URL)
	require.NoError(t, middleware.Use(c, observe.Trace{Provider: s.provider, Propagator: propagation.TraceContext{}}))
	_, err := c.R().SetHeader("Traceparent", "mine").Get("/")
	require.NoError(t, err)
	require.Equal(t, "mine", ours.Load().(http.Header).Get("Traceparent"), "what the caller has set stays")
}

func TestACallThatIsNotSampledIsPropagatedAndCostsNoSpans(t *testing.T) {
	var seen atomic.Value
	home := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen.Store(r.Header.Get("Traceparent")) }))
	defer home.Close()
	recorder := tracetest.NewSpanRecorder()
	provider := trace.NewTracerProvider(trace.WithSpanProcessor(recorder), trace.WithSampler(trace.NeverSample()))
	c := resty.New().SetBaseURL(home.URL)
	require.NoError(t, middleware.Use(c, observe.Trace{Provider: provider, Propagator: propagation.TraceContext{}}))
	_, err := c.R().Get("/")
	require.NoError(t, err)
	require.Empty(t, recorder.Started())
	require.Regexp(t, "^00-[0-9a-f]{32}-[0-9a-f]{16}-00$", seen.Load())
}

func TestUnderRoundTripperSendsAreBelowTheCallersSpan(t *testing.T) {
	s := newSpans()
	home := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	defer home.Close()
	client := http.Client{Transport: middleware.Stack{observe.Trace{Provider: s.provider}}.RoundTripper(nil)}
	ctx, parent := s.provider.Tracer("test").Start(t.Context(), "parent")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, home.URL+"/users/7", http.NoBody)
	require.NoError(t, err)
	resp, err := client.Do(req)
	require.NoError(t, err)
	require.Empty(t, s.Ended(), "the body is still to be read")
	_, err = io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	parent.End()
	require.Len(t, s.Ended(), 2)
	require.Equal(t, "GET", s.Ended()[0].Name())
	require.Equal(t, parent.SpanContext().SpanID(), s.Ended()[0].Parent().SpanID())
	require.NotContains(t, s.Ended()[0].Attributes(), attribute.String("url.template", ""))
}
