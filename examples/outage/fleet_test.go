package main

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/retry"
)

// tolerance is how far real clients may be from the simulation, as a part: they draw other
// waits.
const tolerance = 0.005

// Each of 1,000 clients calls once in a second, so that the default budget is spent in the
// course of the outage.
func fleetPlan(m model) plan {
	return plan{model: m, clients: 1000, load: 1000, until: time.Minute, seed: 1}
}

func TestSimulationIsWhatRealClientsDo(t *testing.T) {
	clients := map[string]func(*testing.T, http.RoundTripper) *resty.Client{
		"no retries":          bareClient,
		"resty's own loop":    restysOwnClient,
		"restykit":            kitClient(nil),
		"restykit, budget 20": kitClient(tokens(20)),
	}
	for _, m := range models() {
		for _, s := range strategies() {
			client, ok := clients[s.name]
			if !ok {
				continue
			}
			t.Run(m.name+"/"+s.name, func(t *testing.T) {
				simulated := simulate(fleetPlan(m), s)
				var measured record
				synctest.Test(t, func(t *testing.T) { measured = runFleet(t, fleetPlan(m), client) })
				requireNear(t, simulated.total(outageFrom, outageTo), measured.total(outageFrom, outageTo))
				requireNear(t, simulated.all(), measured.all())
				require.Equal(t, result{record: simulated}.recovery(), result{record: measured}.recovery())
			})
		}
	}
}

func requireNear(t *testing.T, want, got second) {
	t.Helper()
	t.Logf("%.4f requests per call, simulated %.4f; %d calls lost, simulated %d", got.perCall(), want.perCall(), got.lost, want.lost)
	require.Equal(t, want.calls, got.calls)
	require.InEpsilon(t, want.perCall(), got.perCall(), tolerance)
	require.InEpsilon(t, want.lost, got.lost, tolerance)
}

func bareClient(_ *testing.T, server http.RoundTripper) *resty.Client {
	return resty.New().SetTransport(server).SetTimeout(patience).SetLogger(silence{})
}

func restysOwnClient(t *testing.T, server http.RoundTripper) *resty.Client {
	return bareClient(t, server).SetRetryCount(restyRetries).AddRetryCondition(func(r *resty.Response, err error) bool {
		return err != nil || r.StatusCode() >= http.StatusInternalServerError
	})
}

func kitClient(budget func() retry.Budget) func(*testing.T, http.RoundTripper) *resty.Client {
	return func(t *testing.T, server http.RoundTripper) *resty.Client {
		client := resty.New().SetTransport(server)
		policy := retry.Policy{}
		if budget != nil {
			policy.Budget = budget()
		}
		require.NoError(t, middleware.Use(client, middleware.Timeout{Attempt: patience}, policy))
		return client
	}
}

// runFleet is the plan with real clients, which make the calls of the simulation.
func runFleet(t *testing.T, p plan, newClient func(*testing.T, http.RoundTripper) *resty.Client) record {
	w := &wire{server: newServer(p.model, p.capacity()), record: newRecord(p.until), start: time.Now()}
	clients := make([]*resty.Client, p.clients)
	for i := range clients {
		clients[i] = newClient(t, w)
	}
	var running sync.WaitGroup
	defer running.Wait()
	for calls := newCalls(p); ; {
		wait, client := calls.next()
		if time.Since(w.start)+wait >= p.until {
			return w.record
		}
		time.Sleep(wait)
		running.Go(func() { w.call(clients[client]) })
	}
}

// wire is the server of the simulation as a transport in memory.
type wire struct {
	start  time.Time
	mu     sync.Mutex
	server *server
	record record
}

// call makes a call and notes how it ends.
func (w *wire) call(client *resty.Client) {
	began := time.Since(w.start)
	w.mu.Lock()
	w.record.at(began).calls++
	w.mu.Unlock()
	resp, err := client.R().Get("http://server.test/")
	w.mu.Lock()
	defer w.mu.Unlock()
	w.record.end(began, time.Since(w.start), err == nil && resp.IsSuccess())
}

// RoundTrip serves a request.
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	w.mu.Lock()
	now := time.Since(w.start)
	w.record.at(now).sent++
	status, after := w.server.take(now)
	w.mu.Unlock()
	if status == 0 {
		<-req.Context().Done()
		return nil, context.Cause(req.Context())
	}
	time.Sleep(after)
	return &http.Response{
		Request: req, StatusCode: status, Header: http.Header{}, Body: http.NoBody,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}, nil
}

// silence is a resty.Logger that says nothing.
type silence struct{}

func (silence) Errorf(string, ...any) {}
func (silence) Warnf(string, ...any)  {}
func (silence) Debugf(string, ...any) {}
