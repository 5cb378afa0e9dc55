package middleware_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

// meetingPoint is a server that answers when n requests are there at once, and counts
// its connections.
func meetingPoint(t *testing.T, n int) (url string, conns *atomic.Int32) {
	t.Helper()
	conns = new(atomic.Int32)
	var mu sync.Mutex
	waiting, all := 0, make(chan struct{})
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		mu.Lock()
		now := all
		waiting++
		if waiting == n {
			waiting, all = 0, make(chan struct{})
			close(now)
		}
		mu.Unlock()
		<-now
	}))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	srv.Start()
	t.Cleanup(srv.Close)
	return srv.URL, conns
}

// together sends n requests at once, so that each has a connection of its own.
func together(t *testing.T, c *resty.Client, url string, n int) {
	t.Helper()
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			if _, err := c.R().Get(url); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestPoolKeepsNoMoreThanItIsTold(t *testing.T) {
	const n = 20
	url, conns := meetingPoint(t, n)
	c := ownClient()
	require.NoError(t, middleware.Use(c, middleware.Pool{MaxIdlePerHost: 5}))
	for range 2 {
		together(t, c, url, n)
	}
	require.GreaterOrEqual(t, conns.Load(), int32(n+n-5))
}

func TestPoolLeavesATransportThatOthersShareAlone(t *testing.T) {
	shared := &http.Transport{MaxIdleConnsPerHost: 3, IdleConnTimeout: time.Second}
	c := resty.New().SetTransport(shared)
	require.NoError(t, middleware.Use(c, middleware.Pool{MaxIdlePerHost: 50, MaxPerHost: 60, MaxIdle: 70, IdleTimeout: time.Minute}))
	_, err := c.R().Get(httpbinURL(t) + "/get")
	require.NoError(t, err)
	require.Equal(t, 3, shared.MaxIdleConnsPerHost)
	require.Zero(t, shared.MaxConnsPerHost)
	require.Equal(t, time.Second, shared.IdleConnTimeout)
	require.Zero(t, http.DefaultTransport.(*http.Transport).MaxConnsPerHost)
}

func TestPoolRefusesAnyOtherKindOfTransport(t *testing.T) {
	c := resty.New().SetTransport(wireOf(200))
	require.ErrorContains(t, middleware.Use(c, middleware.Pool{}), "pool: the client's transport is a *middleware_test.fakeWire, and only an *http.Transport has a pool to size")

	c = ownClient()
	require.NoError(t, middleware.Use(c, middleware.Pool{}))
	wire := wireOf(200)
	c.SetTransport(wire)
	_, err := c.R().Get("http://api.test/")
	require.ErrorContains(t, err, "pool: the client's transport is a *middleware_test.fakeWire")
	require.Empty(t, wire.requests())
}

func TestPoolIsMadeAnewForAnotherTransport(t *testing.T) {
	url, conns := meetingPoint(t, 1)
	c := ownClient()
	require.NoError(t, middleware.Use(c, middleware.Pool{}))
	together(t, c, url, 1)
	together(t, c, url, 1)
	require.EqualValues(t, 1, conns.Load())
	c.SetTransport(&http.Transport{})
	together(t, c, url, 1)
	require.EqualValues(t, 2, conns.Load())
}

func TestPoolSurvivesALaterUse(t *testing.T) {
	url, conns := meetingPoint(t, 1)
	c := ownClient()
	require.NoError(t, middleware.Use(c, middleware.Pool{}))
	together(t, c, url, 1)
	require.NoError(t, middleware.Use(c, middleware.Pool{}, middleware.RequestID{}))
	together(t, c, url, 1)
	require.NoError(t, middleware.Use(c, middleware.Of(c)...))
	together(t, c, url, 1)
	_, err := c.R().SetContext(middleware.With(t.Context(), middleware.RequireStatus{})).Get(url)
	require.NoError(t, err)
	require.EqualValues(t, 1, conns.Load(), "the same settings are the same pool")
}

func TestPoolBelongsToAClientAndNotToARequest(t *testing.T) {
	c := ownClient()
	require.NoError(t, middleware.Use(c, middleware.RequestID{}))
	_, err := c.R().SetContext(middleware.With(t.Context(), middleware.Pool{})).Get("http://api.test/")
	require.ErrorContains(t, err, "pool: it belongs to a client, not to a request: give it to middleware.Use")
}

func TestPoolWorksInAPlainClient(t *testing.T) {
	url, conns := meetingPoint(t, 1)
	hc := plainClient(&http.Transport{}, middleware.Pool{})
	for range 2 {
		_, err := getAll(t, hc, url)
		require.NoError(t, err)
	}
	require.EqualValues(t, 1, conns.Load())
}

func TestPoolRefusesWhatCannotBe(t *testing.T) {
	for name, tt := range map[string]struct {
		pool middleware.Pool
		want string
	}{
		"zero":                 {middleware.Pool{}, ""},
		"all":                  {middleware.Pool{MaxIdlePerHost: 5, MaxIdle: 10, MaxPerHost: 5, IdleTimeout: time.Second}, ""},
		"idle without end":     {middleware.Pool{IdleTimeout: middleware.NoLimit}, ""},
		"negative idle":        {middleware.Pool{MaxIdlePerHost: -1}, "MaxIdlePerHost is -1"},
		"negative idle in all": {middleware.Pool{MaxIdle: -2}, "MaxIdle is -2"},
		"negative per host":    {middleware.Pool{MaxPerHost: -3}, "MaxPerHost is -3"},
		"negative timeout":     {middleware.Pool{IdleTimeout: -5}, "IdleTimeout is -5ns"},
		"more idle than open":  {middleware.Pool{MaxIdlePerHost: 9, MaxPerHost: 8}, "MaxIdlePerHost (9) is more than MaxPerHost (8)"},
	} {
		t.Run(name, func(t *testing.T) {
			err := middleware.Use(resty.New(), tt.pool)
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestPoolPrintsItsSettings(t *testing.T) {
	for want, pool := range map[string]middleware.Pool{
		"wire  pool  256 idle per host for 1m30s":                {},
		"wire  pool  4 idle per host":                            {MaxIdlePerHost: 4, IdleTimeout: middleware.NoLimit},
		"wire  pool  4 idle per host for 1s, at most 8 per host": {MaxIdlePerHost: 4, IdleTimeout: time.Second, MaxPerHost: 8},
	} {
		c := resty.New()
		require.NoError(t, middleware.Use(c, pool))
		require.Equal(t, want, middleware.Of(c).String())
	}
}

func TestAnotherPoolReplacesTheFirst(t *testing.T) {
	c := ownClient()
	require.NoError(t, middleware.Use(c, middleware.Pool{}))
	require.NoError(t, middleware.Use(c, middleware.Pool{MaxIdlePerHost: 5}))
	require.Equal(t, "wire  pool  5 idle per host for 1m30s", middleware.Of(c).String())
}
