package middleware_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

func TestSlowDialIsLeftAfterConnect(t *testing.T) {
	for limit, step := range map[time.Duration]middleware.Timeout{
		3 * time.Second:  {},
		5 * time.Second:  {Connect: 5 * time.Second},
		4 * time.Second:  {Connect: 4 * time.Second, Read: middleware.NoLimit},
		20 * time.Second: {Connect: 20 * time.Second, Read: time.Second},
	} {
		overBoth(t, mute, func(t *testing.T, w *world) {
			w.slowly(time.Hour)
			_, err := w.client(step).R().Get("/")
			requireLimit(t, err, "connect", limit)
			require.Equal(t, limit, w.past())
		})
	}
}

// A dialer need not look at its context.
func TestDialerThatCannotBeStoppedIsLeftAfterConnect(t *testing.T) {
	overBoth(t, mute, func(t *testing.T, w *world) {
		w.base.DialContext = func(context.Context, string, string) (net.Conn, error) {
			time.Sleep(time.Minute)
			return nil, net.ErrClosed
		}
		_, err := w.client(middleware.Timeout{}).R().Get("/")
		requireLimit(t, err, "connect", 3*time.Second)
		require.Equal(t, 3*time.Second, w.past())
		time.Sleep(time.Minute)
	})
}

func TestSlowTLSHandshakeIsLeftAfterConnect(t *testing.T) {
	overBoth(t, mute, func(t *testing.T, w *world) {
		w.base.TLSClientConfig = &tls.Config{ServerName: "server.test", MinVersion: tls.VersionTLS12}
		w.base.DialContext = func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, far) }() // hears the hello, and says nothing
			return near, nil
		}
		_, err := w.client(middleware.Timeout{}).R().Get("https://server.test/")
		requireLimit(t, err, "connect", 3*time.Second)
		require.Equal(t, 3*time.Second, w.past())
		time.Sleep(10 * time.Second) // crypto/tls says goodbye for 5s
	})
}

func TestWaitForAFreeConnectionIsUnderConnect(t *testing.T) {
	overBoth(t, late(10*time.Second), func(t *testing.T, w *world) {
		if w.proto == 2 {
			t.Skip("HTTP/2 has room for many requests in one connection")
		}
		w.base.MaxConnsPerHost = 1
		first := make(chan error)
		go func() {
			_, err := w.client(middleware.Timeout{Read: time.Minute}).R().Get("/")
			first <- err
		}()
		time.Sleep(time.Second)
		_, err := w.client(middleware.Timeout{}).R().Get("/")
		requireLimit(t, err, "connect", 3*time.Second)
		require.Equal(t, time.Second+3*time.Second, w.past())
		require.NoError(t, <-first)
	})
}

// Whoever waits for a connection does not yet wait for the server.
func TestReadBeginsWhenTheConnectionIsThere(t *testing.T) {
	overBoth(t, mute, func(t *testing.T, w *world) {
		w.slowly(5 * time.Second)
		_, err := w.client(middleware.Timeout{Connect: 6 * time.Second, Read: 2 * time.Second}).R().Get("/")
		requireLimit(t, err, "read", 2*time.Second)
		require.Equal(t, 5*time.Second+2*time.Second, w.past())
	})
}

func TestSlowConnectionUnderConnectPasses(t *testing.T) {
	overBoth(t, late(0), func(t *testing.T, w *world) {
		w.slowly(2 * time.Second)
		_, err := w.client(middleware.Timeout{Read: time.Second}).R().Get("/")
		require.NoError(t, err)
		w.base.CloseIdleConnections()
		w.slowly(time.Hour)
		_, err = w.client(middleware.Timeout{Connect: middleware.NoLimit, Read: time.Second}).R().Get("/")
		require.NoError(t, err)
		require.Equal(t, 2*time.Second+time.Hour, w.past())
	})
}

func TestConnectionThatIsUsedAgainIsNotWaitedFor(t *testing.T) {
	overBoth(t, mute, func(t *testing.T, w *world) {
		c := w.client(middleware.Timeout{Connect: time.Second, Read: 4 * time.Second})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		_, err := c.R().SetContext(ctx).Get("/")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		_, err = c.R().Get("/")
		requireLimit(t, err, "read", 4*time.Second)
		require.Equal(t, 6*time.Second, w.past())
	})
}

// blind is a transport without net/http/httptrace.
func blind(d time.Duration) middleware.Next {
	return func(req *http.Request) (*http.Response, error) {
		select {
		case <-time.After(d):
			return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody, Request: req}, nil
		case <-req.Context().Done():
			return nil, context.Cause(req.Context())
		}
	}
}

func TestBaseWithoutHTTPTraceHasReadFromTheSendAndNoConnect(t *testing.T) {
	overBoth(t, mute, func(t *testing.T, w *world) {
		c := w.client(middleware.Timeout{Connect: time.Second, Read: 6 * time.Second})
		c.SetTransport(blind(5 * time.Second))
		_, err := c.R().Get("/")
		require.NoError(t, err)
		c.SetTransport(blind(time.Hour))
		_, err = c.R().Get("/")
		requireLimit(t, err, "read", 6*time.Second)
		require.Equal(t, 11*time.Second, w.past())
	})
}
