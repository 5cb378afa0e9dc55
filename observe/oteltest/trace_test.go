package oteltest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"
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

// recorder is a provider that keeps each span.
func recorder() (*trace.TracerProvider, *tracetest.SpanRecorder) {
	spans := tracetest.NewSpanRecorder()
	return trace.NewTracerProvider(trace.WithSpanProcessor(spans)), spans
}

// troubled is an API that answers 503, 503, 302, 401 and 200, with its token endpoint.
func troubled(t *testing.T) *httptest.Server {
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
			http.Redirect(w, r, "/users/8", http.StatusFound)
		case 4:
			w.WriteHeader(http.StatusUnauthorized)
		default:
			_, _ = io.WriteString(w, "hello")
		}
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func TestEachSendOfACallIsASpanBelowThatOfTheCall(t *testing.T) {
	provider, spans := recorder()
	s := troubled(t)
	c := resty.New().SetBaseURL(s.URL)
	require.NoError(t, middleware.Use(c,
		observe.Trace{Provider: provider, Propagator: propagation.TraceContext{}}, retry.Policy{Wait: time.Millisecond}, middleware.RequireStatus{},
		&auth.OAuth2{Grant: auth.ClientCredentials{Config: clientcredentials.Config{ClientID: "shop", TokenURL: s.URL + "/token"}, Secret: auth.Static("s3cret")}},
	))
	resp, err := c.R().SetPathParam("id", "7").Get("/users/{id}")
	require.NoError(t, err)
	require.Equal(t, "hello", resp.String())
	ended := spans.Ended()
	require.Len(t, spans.Started(), len(ended))
	root := ended[len(ended)-1]
	require.Equal(t, "GET /users/{id}", root.Name())
	require.Equal(t, oteltrace.SpanKindInternal, root.SpanKind())
	for _, s := range ended[:len(ended)-1] {
		require.Equal(t, root.SpanContext().SpanID(), s.Parent().SpanID(), s.Name())
		t.Log(s.Name(), s.SpanKind(), s.Attributes(), s.Status())
	}
	t.Log(root.Attributes(), root.Events())
}
