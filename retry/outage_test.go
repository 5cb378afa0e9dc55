package retry_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/retry"
)

// outage is a server that answers 503, and counts.
type outage struct {
	*httptest.Server
	requests, connections atomic.Int64
}

func newOutage(t *testing.T, body string) *outage {
	t.Helper()
	o := &outage{}
	o.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.requests.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, body)
	}))
	o.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			o.connections.Add(1)
		}
	}
	o.Start()
	t.Cleanup(o.Close)
	return o
}

// byWorkers makes calls.
func byWorkers(workers, calls int, call func()) {
	var left atomic.Int64
	left.Store(int64(calls))
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				call()
			}
		})
	}
	wg.Wait()
}

// held is what the process holds: goroutines and descriptors.
func held() (goroutines, descriptors int) {
	files, _ := os.ReadDir("/proc/self/fd") // none elsewhere than on Linux
	return runtime.NumGoroutine(), len(files)
}

// requireNothingLeft waits until no more is held than before.
func requireNothingLeft(t *testing.T, goroutines, descriptors int) {
	t.Helper()
	// not require.Eventually, which holds a goroutine itself
	for until := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		g, d := held()
		if g <= goroutines && d <= descriptors {
			return
		}
		require.True(t, time.Now().Before(until), "%d goroutines and %d descriptors, before %d and %d", g, d, goroutines, descriptors)
	}
}

// contender is a client of a server of its own that is down.
type contender struct {
	name   string
	server *outage
	client *resty.Client
}

func newContender(t *testing.T, name string, prepare func(*resty.Client)) *contender {
	t.Helper()
	c := &contender{name: name, server: newOutage(t, "down")}
	c.client = resty.New().SetBaseURL(c.server.URL)
	prepare(c.client)
	return c
}

// figures are requests and connections.
func (c *contender) figures() [2]int64 {
	return [2]int64{c.server.requests.Load(), c.server.connections.Load()}
}

// take lets the clients take turns until each has made its calls, and prints what came of
// it.
func take(t *testing.T, calls int, all ...*contender) (requests, connections []int64) {
	t.Helper()
	const workers, turns = 64, 20
	goroutines, descriptors := held()
	before := make([][2]int64, len(all))
	for i, c := range all {
		before[i] = c.figures()
	}
	for turn := range turns {
		for i := range all {
			c := all[(i+turn)%len(all)]
			byWorkers(workers, calls/turns, func() { _, _ = c.client.R().Get("/") })
		}
	}
	for i, c := range all {
		c.client.GetClient().CloseIdleConnections()
		after := c.figures()
		requests, connections = append(requests, after[0]-before[i][0]), append(connections, after[1]-before[i][1])
		t.Logf("%d calls by %d workers, %-22s %6d requests %6d connections", calls, workers, c.name+":", requests[i], connections[i])
	}
	requireNothingLeft(t, goroutines, descriptors)
	return requests, connections
}

// TestAnOutageOfARealServerIsNotMadeWorse. Without a middleware.Pool, resty keeps a
// connection or two of the 64, and how many it opens in their stead is chance: a tenth more
// in one round, a third fewer in the next.
func TestAnOutageOfARealServerIsNotMadeWorse(t *testing.T) {
	const calls, rounds = 10_000, 6
	bare := newContender(t, "resty, no retries", func(*resty.Client) {})
	kit := newContender(t, "retry.Policy{}", func(c *resty.Client) {
		require.NoError(t, middleware.Use(c, retry.Policy{}, middleware.RequireStatus{}))
	})
	pooled := newContender(t, "and middleware.Pool{}", func(c *resty.Client) {
		require.NoError(t, middleware.Use(c, retry.Policy{}, middleware.RequireStatus{}, middleware.Pool{}))
	})
	own := newContender(t, "resty's own retries", func(c *resty.Client) {
		c.SetRetryCount(3).SetRetryWaitTime(time.Millisecond).SetRetryMaxWaitTime(2 * time.Millisecond) // with its usual waits it takes minutes
		c.AddRetryCondition(func(r *resty.Response, _ error) bool { return r.StatusCode() >= 500 })
	})
	for round := 1; ; round++ {
		requests, connections := take(t, calls, bare, kit)
		require.LessOrEqual(t, requests[1], int64(calls+100))
		if connections[1] <= connections[0]*11/10 {
			break
		}
		require.Less(t, round, rounds, "more than a tenth above bare resty")
	}
	requests, connections := take(t, calls, pooled)
	require.LessOrEqual(t, requests[0], int64(calls+100))
	require.LessOrEqual(t, connections[0], int64(2*64), "one for each worker, and what net/http dials beside")
	take(t, calls, own)
}

// TestDiscardedAnswersGiveTheirConnectionBack: three attempts with 10 KB each, in every mode
// of resty.
func TestDiscardedAnswersGiveTheirConnectionBack(t *testing.T) {
	const calls = 1000
	for name, call := range map[string]func(*testing.T, *resty.Request){
		"decoded": func(_ *testing.T, r *resty.Request) { _, _ = r.Get("/") },
		"stream": func(t *testing.T, r *resty.Request) {
			resp, err := r.SetDoNotParseResponse(true).Get("/")
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.RawBody())
			_ = resp.RawBody().Close()
		},
		"with a body": func(_ *testing.T, r *resty.Request) { _, _ = r.SetBody(strings.NewReader("payload")).Put("/") },
	} {
		for _, workers := range []int{1, 8} {
			t.Run(name, func(t *testing.T) {
				server := newOutage(t, strings.Repeat("0123456789", 1000))
				goroutines, descriptors := held()
				client := resty.New().SetBaseURL(server.URL)
				require.NoError(t, middleware.Use(client, middleware.Pool{}, retry.Policy{Attempts: 3, Wait: 1, Budget: retry.Unlimited}))
				byWorkers(workers, calls, func() { call(t, client.R().SetContext(context.Background())) })
				require.Equal(t, int64(3*calls), server.requests.Load())
				t.Logf("%d workers: %d connections", workers, server.connections.Load())
				if workers == 1 {
					require.Equal(t, int64(1), server.connections.Load())
				}
				require.LessOrEqual(t, server.connections.Load(), int64(2*workers), "net/http dials where it finds none idle yet")
				client.GetClient().CloseIdleConnections()
				requireNothingLeft(t, goroutines, descriptors)
			})
		}
	}
}
