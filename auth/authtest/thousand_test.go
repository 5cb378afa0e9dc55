package authtest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/auth/authtest"
	"github.com/restykit/restykit/middleware"
)

// thousand makes a thousand calls at once.
func thousand(call func(i int) error) []error {
	errs := make([]error, 1000)
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for i := range errs {
		wg.Go(func() {
			<-begin
			errs[i] = call(i)
		})
	}
	close(begin)
	wg.Wait()
	return errs
}

// crowd is a provider, an API behind it that counts and repeats bodies, and a client.
func crowd(t *testing.T) (*authtest.Provider, *resty.Client, *atomic.Int32) {
	t.Helper()
	p, step := credentialed(t)
	calls := &atomic.Int32{}
	guarded := p.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		guarded.ServeHTTP(w, r)
	}))
	t.Cleanup(api.Close)
	return p, using(t, api.URL, step, middleware.Pool{MaxPerHost: 100}, middleware.RequireStatus{}), calls
}

func TestAThousandCallersOfARealProviderCostOneMint(t *testing.T) {
	p, c, calls := crowd(t)
	send := func(i int) error {
		resp, err := c.R().SetBody("body " + strconv.Itoa(i)).Put("/")
		if err == nil && resp.String() != "body "+strconv.Itoa(i) {
			err = errors.New("another body: " + resp.String())
		}
		return err
	}
	require.NoError(t, errors.Join(thousand(send)...))
	require.Equal(t, 1, p.Mints())
	require.EqualValues(t, 1000, calls.Load())

	require.Equal(t, 1, p.RevokeAll())
	require.NoError(t, errors.Join(thousand(send)...))
	require.Equal(t, 2, p.Mints(), "they were revoked at once, and one mint replaced the token")
	require.LessOrEqual(t, calls.Load(), int32(3000), "none was sent a third time")
}

func TestAThousandCallersOfAProviderThatIsDownAreToldAtOnce(t *testing.T) {
	p, c, calls := crowd(t)
	p.Fault(1000, authtest.Status(503), authtest.Slow(50*time.Millisecond))
	begun := time.Now()
	errs := thousand(func(int) error {
		_, err := c.R().Get("/")
		return err
	})
	took := time.Since(begun)
	for _, err := range errs {
		failed, ok := errors.AsType[*auth.TokenError](err)
		require.True(t, ok, "%v", err)
		require.Equal(t, 503, failed.StatusCode)
	}
	require.Zero(t, calls.Load())
	require.LessOrEqual(t, len(p.Requests()), 2, "one for each backoff, the first of which is 100 ms")
	require.Less(t, took, time.Second, "x/oauth2 under resty takes 50 s")
	t.Logf("all had their error %v after the token endpoint's answer, which took 50 ms; it was asked %d times", took-50*time.Millisecond, len(p.Requests()))
}

func TestACallerLeavesASlowProviderAtItsDeadline(t *testing.T) {
	p, c, _ := crowd(t)
	p.Fault(1, authtest.Slow(3*time.Second))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err := c.R().SetContext(ctx).Get("/")
	took := time.Since(begun)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, took, time.Second)
	t.Logf("it left after %v", took)
	_, err = c.R().Get("/")
	require.NoError(t, err, "and the mint went on, for whoever comes next")
	require.Equal(t, 1, p.Mints())
}
