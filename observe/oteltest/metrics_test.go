package oteltest_test

import (
	"context"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/observe"
	"github.com/restykit/restykit/retry"
)

// collected are the instruments by name, with all that they measured.
func collected(t *testing.T, reader metric.Reader) map[string]metricdata.Metrics {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(context.Background(), &all))
	out := map[string]metricdata.Metrics{}
	for _, s := range all.ScopeMetrics {
		for _, m := range s.Metrics {
			out[m.Name] = m
		}
	}
	return out
}

func TestEachSendAndEachCallIsMeasured(t *testing.T) {
	reader := metric.NewManualReader()
	provider := metric.NewMeterProvider(metric.WithReader(reader))
	s := troubled(t, endings()["success"])
	c := resty.New().SetBaseURL(s.URL)
	require.NoError(t, middleware.Use(c,
		observe.Metrics{Provider: provider, Client: "shop"}, retry.Policy{Wait: time.Millisecond}, middleware.RequireStatus{},
		&auth.OAuth2{Grant: auth.ClientCredentials{Config: clientcredentials.Config{ClientID: "shop", TokenURL: s.URL + "/token"}, Secret: auth.Static("s3cret")}},
	))
	_, err := c.R().SetPathParam("id", "7").Get("/users/{id}")
	require.NoError(t, err)
	all := collected(t, reader)
	sends := all["http.client.request.duration"].Data.(metricdata.Histogram[float64])
	require.Equal(t, []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}, sends.DataPoints[0].Bounds)
	counts := map[string]uint64{}
	for _, p := range sends.DataPoints {
		require.Equal(t, "shop", text(p.Attributes, "restykit.client"))
		require.Equal(t, "127.0.0.1", text(p.Attributes, "server.address"))
		counts[text(p.Attributes, "http.response.status_code")+" "+text(p.Attributes, "url.template")+" "+text(p.Attributes, "error.type")] += p.Count
	}
	require.Equal(t, map[string]uint64{"503 /users/{id} 503": 2, "302 /users/{id} ": 1, "401  401": 1, "200  ": 1}, counts)
	for _, p := range all["http.client.active_requests"].Data.(metricdata.Sum[int64]).DataPoints {
		require.Zero(t, p.Value, "all have ended")
	}
	calls := all["restykit.call.duration"].Data.(metricdata.Histogram[float64]).DataPoints
	require.Len(t, calls, 1)
	require.Equal(t, "/users/{id}", text(calls[0].Attributes, "url.template"))
	require.Equal(t, "127.0.0.1", text(calls[0].Attributes, "server.address"))
	require.EqualValues(t, 3, all["restykit.call.attempts"].Data.(metricdata.Histogram[int64]).DataPoints[0].Sum)
	require.EqualValues(t, 2, all["restykit.wait.duration"].Data.(metricdata.Histogram[float64]).DataPoints[0].Count)
	require.EqualValues(t, 2, all["restykit.mint.duration"].Data.(metricdata.Histogram[float64]).DataPoints[0].Count)
	gauges := map[string]bool{}
	for _, p := range all["restykit.step.gauge"].Data.(metricdata.Gauge[float64]).DataPoints {
		gauges[text(p.Attributes, "restykit.step")+" "+text(p.Attributes, "restykit.gauge")] = true
	}
	require.Equal(t, map[string]bool{"retry budget": true, "oauth2 token-age": true, "oauth2 token-left": true}, gauges)
}

// text is an attribute as text, or "".
func text(set attribute.Set, key attribute.Key) string {
	v, ok := set.Value(key)
	if !ok {
		return ""
	}
	return v.String()
}
