package middleware_test

import (
	"context"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

func TestAPoolUsesEachConnectionOfABurstAgain(t *testing.T) {
	const n = 40
	url, conns := meetingPoint(t, n)
	c := ownClient()
	require.NoError(t, middleware.Use(c, middleware.Pool{}))
	for range 3 {
		together(t, c, url, n)
		require.EqualValues(t, n, conns.Load(), "no caller of a later burst makes a connection")
	}
}

func TestAPoolLetsGoOfAConnectionThatRestsTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, late(0))
		dials, dial := 0, w.base.DialContext
		w.base.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			dials++
			return dial(ctx, network, addr)
		}
		c := w.client(middleware.Pool{IdleTimeout: time.Minute})
		defer c.GetClient().CloseIdleConnections()
		for _, rest := range []struct {
			time time.Duration
			want int
		}{{0, 1}, {time.Minute - 1, 1}, {time.Minute - 1, 1}, {time.Minute + 1, 2}} {
			time.Sleep(rest.time)
			_, err := c.R().Get("/")
			require.NoError(t, err)
			require.Equal(t, rest.want, dials, "after %v", rest.time)
		}
	})
}

// A pool is a transport of its own, and only the pipeline knows of it.
func TestClosingIdleConnectionsReachesThePools(t *testing.T) {
	t.Run("resty", func(t *testing.T) {
		url, conns := meetingPoint(t, 1)
		c := ownClient()
		require.NoError(t, middleware.Use(c, middleware.Pool{}))
		other := c.Clone() // on the same http.Client
		require.NoError(t, middleware.Use(other, middleware.Pool{MaxIdlePerHost: 5}))
		for want := range 3 {
			for range 2 {
				together(t, c, url, 1)
				together(t, other, url, 1)
				require.EqualValues(t, 2*(want+1), conns.Load())
			}
			c.GetClient().CloseIdleConnections()
		}
	})
	t.Run("http.Client", func(t *testing.T) {
		url, conns := meetingPoint(t, 1)
		hc := plainClient(&http.Transport{}, middleware.Pool{})
		for want := range 3 {
			for range 2 {
				_, err := getAll(t, hc, url)
				require.NoError(t, err)
				require.EqualValues(t, want+1, conns.Load())
			}
			hc.CloseIdleConnections()
		}
	})
}
