package oteltest_test

import (
	"context"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"
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
	for name, m := range collected(t, reader) {
		t.Logf("%s %s %+v", name, m.Unit, m.Data)
	}
}
