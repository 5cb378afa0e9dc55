package observe_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/middleware/middlewaretest"
	"github.com/restykit/restykit/observe"
	"github.com/restykit/restykit/retry"
)

// fakeWire is a transport of a function.
type fakeWire func(*http.Request) (*http.Response, error)

func (f fakeWire) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		_, _ = io.Copy(io.Discard, req.Body)
		_ = req.Body.Close()
	}
	return f(req)
}

func canned(req *http.Request, status int, body string, header ...string) *http.Response {
	h := http.Header{"Content-Type": {"text/plain"}}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{
		StatusCode: status, Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: req,
	}
}

func recorded(t *testing.T, r *observe.Recorder, wire fakeWire, steps ...middleware.Middleware) *resty.Client {
	t.Helper()
	c := resty.New().SetBaseURL("https://api.test").SetTransport(wire)
	require.NoError(t, middleware.Use(c, append(middleware.Stack{r}, steps...)...))
	return c
}

func ok(req *http.Request) (*http.Response, error) { return canned(req, 200, "hello"), nil }

func TestTheRecorderKeepsTheContract(t *testing.T) {
	middlewaretest.Run(t, func() middleware.Middleware { return &observe.Recorder{Bodies: 10} })
}

func TestACallIsRecordedWithItsAttemptsAndWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, n := &observe.Recorder{}, 0
		c := recorded(t, r, func(req *http.Request) (*http.Response, error) {
			n++
			time.Sleep(10 * time.Millisecond)
			switch n {
			case 1:
				return canned(req, 503, "busy"), nil
			case 2:
				return nil, errors.New("broken")
			}
			return canned(req, 200, "hello"), nil
		}, retry.Policy{Attempts: 3, Wait: 100 * time.Millisecond, Jitter: retry.NoJitter, RetryIf: func(resp *http.Response, err error) bool { return err != nil || resp.StatusCode == 503 }})
		_, err := c.R().SetPathParam("id", "7").SetBody("1234").Put("/users/{id}?key=sesame")
		require.NoError(t, err)

		s := r.Snapshot()
		require.Len(t, s.Origins, 1)
		o := s.Origins[0]
		require.Equal(t, "https://api.test", o.Origin)
		require.Len(t, o.Routes, 1)
		require.Equal(t, "/users/{id}?key=REDACTED", o.Routes[0].Template)
		require.Equal(t, observe.Counts{Calls: 1, Retries: 2, Sends: 3, Waited: 300 * time.Millisecond, Sent: 12, Received: 9}, o.Routes[0].Recent)
		require.Equal(t, o.Recent, s.All.Recent)
		require.Equal(t, 330*time.Millisecond, o.Latency.Max)
		require.Zero(t, o.Active)

		call := o.Calls[0]
		require.Equal(t, "PUT https://api.test/users/7?key=REDACTED 200 330ms 3", fmt.Sprint(call.Method, " ", call.URL, " ", call.Status, " ", call.Duration, " ", call.Attempts))
		var sends []string
		for _, one := range call.Sends {
			sends = append(sends, fmt.Sprint(one.Kind, " ", one.Attempt, " ", one.Status, " ", one.Error, " ", one.Start.Sub(call.Start), " ", one.Duration))
		}
		require.Equal(t, []string{"attempt 1 503  0s 10ms", "attempt 2 0 broken 110ms 10ms", "attempt 3 200  320ms 10ms"}, sends)
		require.Len(t, call.Events, 2)
		require.Equal(t, "retry wait 100ms", fmt.Sprint(call.Events[0].Step, " ", call.Events[0].Kind, " ", call.Events[0].Wait))
		require.NotNil(t, call.Sends[0].ResponseHeader, "it failed")
		require.Nil(t, call.Sends[2].ResponseHeader, "it did not")
	})
}

func TestABodyThatNobodyReadsYetTakesNoTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, n := &observe.Recorder{}, 0
		c := recorded(t, r, func(req *http.Request) (*http.Response, error) {
			n++
			time.Sleep(10 * time.Millisecond)
			return canned(req, 200+303*(n%2), "busy"), nil
		}, retry.Policy{Attempts: 3, Wait: 100 * time.Millisecond, Jitter: retry.NoJitter})
		_, err := c.R().Get("/")
		require.NoError(t, err)
		require.Equal(t, 10*time.Millisecond, r.Snapshot().Origins[0].Calls[0].Sends[0].Duration, "it is read away before the next attempt, 100 ms later")
	})
}

func TestRedirectsAndReplaysAreSendsOfTheirCall(t *testing.T) {
	r := &observe.Recorder{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case req.URL.Path == "/old":
			http.Redirect(w, req, "/new", http.StatusFound)
		case req.Header.Get("Authorization") == "":
			w.Header().Set("WWW-Authenticate", `Digest realm="r", nonce="n", qop="auth"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer srv.Close()
	c := resty.New().SetBaseURL(srv.URL)
	require.NoError(t, middleware.Use(c, r, &auth.Digest{Username: "u", Password: auth.Static("sesame")}))
	_, err := c.R().Get("/old")
	require.NoError(t, err)
	var kinds []string
	for _, send := range r.Snapshot().Origins[0].Calls[0].Sends {
		kinds = append(kinds, fmt.Sprint(send.Kind, " ", send.Status))
	}
	require.Equal(t, []string{"attempt 302", "redirect 401", "replay 200"}, kinds)
}

func TestLatenciesAreWithinAFewPercent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, n := &observe.Recorder{}, 0
		c := recorded(t, r, func(req *http.Request) (*http.Response, error) {
			n++
			time.Sleep(time.Duration(n) * 10 * time.Millisecond)
			return ok(req)
		})
		for range 100 {
			_, err := c.R().Get("/")
			require.NoError(t, err)
		}
		l := r.Snapshot().All.Latency
		require.Equal(t, 100, l.Count)
		for want, got := range map[time.Duration]time.Duration{500 * time.Millisecond: l.P50, 900 * time.Millisecond: l.P90, 950 * time.Millisecond: l.P95, 990 * time.Millisecond: l.P99} {
			require.InEpsilon(t, want.Seconds(), got.Seconds(), 0.02)
		}
		require.Equal(t, time.Second, l.Max)
		all := 0
		for _, b := range l.Buckets {
			require.Less(t, b.From, b.To)
			all += b.Count
		}
		require.Equal(t, 100, all)
	})
}

func TestCountsForgetAfterFiveMinutesAndTotalsDoNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &observe.Recorder{}
		c := recorded(t, r, ok)
		for range 10 {
			_, err := c.R().Get("/")
			require.NoError(t, err)
			time.Sleep(time.Second)
		}
		s := r.Snapshot().All
		require.EqualValues(t, 10, s.Recent.Calls)
		require.InDelta(t, 1, s.Rate, 0.01)
		require.EqualValues(t, 10, s.Series[len(s.Series)-1].Calls+s.Series[len(s.Series)-2].Calls+s.Series[len(s.Series)-3].Calls)
		time.Sleep(4 * time.Minute)
		require.EqualValues(t, 10, r.Snapshot().All.Recent.Calls)
		time.Sleep(time.Minute)
		s = r.Snapshot().All
		require.Zero(t, s.Recent)
		require.Zero(t, s.Latency)
		require.EqualValues(t, 10, s.Total.Calls)
	})
}

func TestFailuresStayWhenOtherCallsGo(t *testing.T) {
	r := &observe.Recorder{Calls: 3}
	c := recorded(t, r, func(req *http.Request) (*http.Response, error) {
		if req.URL.Path == "/bad" {
			return canned(req, 500, ""), nil
		}
		return ok(req)
	})
	_, _ = c.R().Get("/bad")
	for range 20 {
		_, _ = c.R().Get("/good")
	}
	calls := r.Snapshot().Origins[0].Calls
	require.Len(t, calls, 4)
	require.EqualValues(t, 21, calls[0].ID, "the newest first")
	require.True(t, calls[3].Failed())
}

func TestWhatIsKeptIsBoundedInBytes(t *testing.T) {
	const most = 20 << 10
	r := &observe.Recorder{Calls: 1000, MaxBytes: most, Bodies: 1 << 10}
	c := recorded(t, r, func(req *http.Request) (*http.Response, error) {
		return canned(req, 500, strings.Repeat("x", 5000), "Content-Language", strings.Repeat("y", 300)), nil
	})
	for range 200 {
		_, _ = c.R().Get("/")
	}
	n := len(r.Snapshot().Origins[0].Calls)
	require.Greater(t, n, 3)
	require.Less(t, n, most/700, "about 700 bytes is the least that a call takes")
	require.EqualValues(t, 200, r.Snapshot().All.Total.Calls)
}

func TestOriginsAndRoutesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &observe.Recorder{Calls: 1}
		c := recorded(t, r, ok)
		for i := range 100 {
			_, err := c.R().Get(fmt.Sprintf("https://host%d.test/", i))
			require.NoError(t, err)
		}
		require.Len(t, r.Snapshot().Origins, 65)
		require.EqualValues(t, 100, r.Snapshot().All.Total.Calls)
		for i := range 2000 {
			_, err := c.R().Get(fmt.Sprintf("/users/%d", i))
			require.NoError(t, err)
		}
		routes := 0
		for _, o := range r.Snapshot().Origins {
			routes += len(o.Routes)
		}
		require.LessOrEqual(t, routes, 512+65)
		require.EqualValues(t, 2100, r.Snapshot().All.Total.Calls)

		time.Sleep(6 * time.Minute)
		_, err := c.R().Get("https://late.test/")
		require.NoError(t, err)
		var names []string
		for _, o := range r.Snapshot().Origins {
			names = append(names, o.Origin)
		}
		require.Contains(t, names, "https://late.test", "an origin that was not called for long makes room")
	})
}

func TestACallThatRetriesForEverIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &observe.Recorder{}
		c := recorded(t, r, func(req *http.Request) (*http.Response, error) { return canned(req, 503, ""), nil },
			retry.Policy{Attempts: 100, Budget: retry.Unlimited})
		_, _ = c.R().Get("/")
		call := r.Snapshot().Origins[0].Calls[0]
		require.Len(t, call.Sends, 64)
		require.Len(t, call.Events, 64)
		require.Equal(t, 100, call.Attempts)
		require.EqualValues(t, 100, r.Snapshot().All.Total.Sends)
		require.Greater(t, call.Unrecorded, 60)
	})
}

func TestACallThatIsRefusedBeforeItIsSentIsRecorded(t *testing.T) {
	r := &observe.Recorder{}
	refuse := middleware.Func("refuse", middleware.Breaker, func(*http.Request, middleware.Next) (*http.Response, error) { return nil, errors.New("not now") })
	c := recorded(t, r, ok, refuse)
	_, err := c.R().Get("/x")
	require.Error(t, err)
	o := r.Snapshot().Origins[0]
	require.Equal(t, "https://api.test", o.Origin)
	require.Empty(t, o.Calls[0].Sends)
	require.Contains(t, o.Calls[0].Error, "not now")
	require.EqualValues(t, 1, o.Recent.Failed)
}

func TestAStreamIsRecordedToItsEnd(t *testing.T) {
	r := &observe.Recorder{}
	c := recorded(t, r, ok)
	resp, err := c.R().SetDoNotParseResponse(true).Get("/")
	require.NoError(t, err)
	s := r.Snapshot()
	require.Equal(t, 1, s.All.Active)
	require.True(t, s.Origins[0].Calls[0].Sends[0].UnderWay)
	_, _ = io.ReadAll(resp.RawBody())
	require.NoError(t, resp.RawBody().Close())
	s = r.Snapshot()
	require.Zero(t, s.All.Active)
	require.EqualValues(t, 5, s.All.Recent.Received)
	require.False(t, s.Origins[0].Calls[0].Sends[0].UnderWay)
}

func TestEachHopOfAPlainClientIsACall(t *testing.T) {
	r := &observe.Recorder{}
	client := &http.Client{Transport: middleware.Stack{r}.RoundTripper(fakeWire(func(req *http.Request) (*http.Response, error) {
		if req.URL.Path == "/old" {
			return canned(req, 302, "", "Location", "/new"), nil
		}
		return ok(req)
	}))}
	resp, err := client.Get("https://plain.test/old")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	var got []string
	for _, c := range r.Snapshot().Origins[0].Calls {
		got = append(got, fmt.Sprint(c.URL, " ", c.Status, " ", len(c.Sends)))
	}
	require.Equal(t, []string{"https://plain.test/new 200 1", "https://plain.test/old 302 1"}, got)
}

func TestNothingIsUnderWayAfterAPanic(t *testing.T) {
	r := &observe.Recorder{}
	c := recorded(t, r, func(*http.Request) (*http.Response, error) { panic("boom") })
	require.Panics(t, func() { _, _ = c.R().Get("/") })
	require.Zero(t, r.Snapshot().All.Active)
}

// gauging is a step that has a number to show.
type gauging struct{ middleware.Middleware }

func (gauging) Gauges(yield func(name, origin string, value float64)) { yield("level", "", 7) }
func (gauging) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	return next(req)
}

func TestClientsShowTheirPipelinesAndGauges(t *testing.T) {
	r := &observe.Recorder{}
	same := middleware.Func("same", middleware.Call, func(req *http.Request, next middleware.Next) (*http.Response, error) { return next(req) })
	a := recorded(t, r, ok, gauging{same})
	b := a.Clone()
	other := recorded(t, r, ok)
	require.Empty(t, r.Snapshot().Clients, "none has made a call")
	for _, c := range []*resty.Client{a, b, other, a} {
		_, err := c.R().Get("/")
		require.NoError(t, err)
	}
	clients := r.Snapshot().Clients
	require.Len(t, clients, 2)
	require.Equal(t, 1, clients[0].Clients)
	require.Equal(t, 2, clients[1].Clients)
	require.Equal(t, middleware.Of(a).String(), clients[1].Pipeline)
	require.Equal(t, []observe.Gauge{{Step: "same", Name: "level", Value: 7}}, clients[1].Gauges)
	require.NotNil(t, b)
	require.NotNil(t, other)
}

func TestTheGaugesOfATokenAreShown(t *testing.T) {
	r := &observe.Recorder{}
	c := recorded(t, r, ok, token{gauging{middleware.Func("token", middleware.Auth, nil)}})
	_, err := c.R().Get("/")
	require.NoError(t, err)
	require.Equal(t, []observe.Gauge{{Step: "token", Name: "level", Value: 7}}, r.Snapshot().Clients[0].Gauges, "of a step that Of dresses")
}

// token is a step with a secret, which Of dresses.
type token struct{ gauging }

func (token) Trusts() []string { return nil }

func TestEventsAreKeptButNotTheWaits(t *testing.T) {
	r := &observe.Recorder{}
	tell := middleware.Func("teller", middleware.Call, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		for _, kind := range []string{"wait", "breaker", "mint"} {
			middleware.Emit(req.Context(), middleware.Event{Step: "teller", Kind: kind, Wait: time.Second, Err: errors.New("why")})
		}
		return next(req)
	})
	c := recorded(t, r, ok, tell)
	for range 100 {
		_, _ = c.R().Get("/")
	}
	events := r.Snapshot().Events
	require.Len(t, events, 100)
	require.Equal(t, "mint", events[0].Kind)
	require.Equal(t, "breaker", events[1].Kind)
	require.Equal(t, "mint", events[2].Kind)
	require.Equal(t, "why", events[0].Error)
	require.Equal(t, "https://api.test", events[0].Origin)
	require.EqualValues(t, 100, events[0].Call)
}

func TestTheRecorderRefusesNumbersThatCannotBeMeant(t *testing.T) {
	require.ErrorContains(t, (&observe.Recorder{Calls: -1, Bodies: -1}).Validate(), "Calls is -1: give a positive number")
	require.NoError(t, (&observe.Recorder{}).Validate())
}

func TestManyCallsAtOnceAreCountedOnce(t *testing.T) {
	r := &observe.Recorder{Calls: 5, Bodies: 10}
	c := recorded(t, r, func(req *http.Request) (*http.Response, error) {
		if strings.HasSuffix(req.URL.Path, "5") {
			return canned(req, 500, "broken"), nil
		}
		return ok(req)
	})
	page := r.Handler()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 50 {
				_, _ = c.R().SetContext(context.Background()).SetBody("x").Post(fmt.Sprintf("https://host%d.test/%d", i%3, j%10))
			}
		})
	}
	all.Go(func() {
		for range 20 {
			page.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
		}
	})
	all.Wait()
	s := r.Snapshot()
	require.EqualValues(t, 400, s.All.Total.Calls)
	require.EqualValues(t, 40, s.All.Total.Failed)
	require.EqualValues(t, 400, s.All.Total.Sends)
	require.Equal(t, 400, s.All.Latency.Count)
	require.Zero(t, s.All.Active)
}
