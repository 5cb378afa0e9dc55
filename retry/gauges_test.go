package retry_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/retry"
)

// gauges are what the steps of a client say of themselves, by step and name.
func gauges(t *testing.T, c *resty.Client, origin string) map[string]float64 {
	t.Helper()
	out := map[string]float64{}
	look := middleware.Func("look", middleware.Call, func(req *http.Request, _ middleware.Next) (*http.Response, error) {
		for _, step := range middleware.StepsOf(req.Context()) {
			if g, ok := step.(middleware.Gauger); ok {
				g.Gauges(func(name, of string, value float64) {
					require.Equal(t, origin, of)
					out[g.Name()+" "+name] = value
				})
			}
		}
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
	})
	_, err := c.R().SetContext(middleware.With(t.Context(), look)).Get("/")
	require.NoError(t, err)
	return out
}

func TestStepsTellWhatIsLeftAndWhatIsUnderWay(t *testing.T) {
	inside := make(chan struct{})
	leave := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			inside <- struct{}{}
			<-leave
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer s.Close()
	c := resty.New().SetBaseURL(s.URL)
	require.NoError(t, middleware.Use(c, retry.Policy{Attempts: 2, Wait: time.Millisecond}, &retry.Breaker{MinAttempts: 4}, &retry.Limit{}))
	require.Empty(t, gauges(t, c, s.URL), "nothing was asked yet")
	_, err := c.R().Get("/")
	require.NoError(t, err)
	require.Equal(t, map[string]float64{"retry budget": 495, "breaker state": 0, "limit under-way": 0}, gauges(t, c, s.URL))
	done := make(chan error)
	go func() {
		_, err := c.R().Get("/slow")
		done <- err
	}()
	<-inside
	require.InDelta(t, 1, gauges(t, c, s.URL)["limit under-way"], 0)
	close(leave)
	require.NoError(t, <-done)
	for range 3 {
		_, _ = c.R().Get("/")
	}
	require.InDelta(t, 2, gauges(t, c, s.URL)["breaker state"], 0)
	require.Contains(t, gauges(t, c, s.URL), "retry budget")
}
