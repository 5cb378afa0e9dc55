package middleware_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

// plainClient is an http.Client with a stack, and how it gets a URL whole.
func plainClient(wire http.RoundTripper, steps ...middleware.Middleware) *http.Client {
	return &http.Client{Transport: middleware.Stack(steps).RoundTripper(wire)}
}

func getAll(t *testing.T, hc *http.Client, url string) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	resp, err := hc.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { require.NoError(t, resp.Body.Close()) }()
	data, err := io.ReadAll(resp.Body)
	return string(data), err
}

func TestAStackServesAPlainHTTPClient(t *testing.T) {
	url := httpbinURL(t)
	hc := plainClient(nil, kitSteps()...) // nil is http.DefaultTransport
	body, err := getAll(t, hc, url+"/anything")
	require.NoError(t, err)
	for _, want := range []string{"Bearer sesame", "billing/1.4", "X-A", "X-Request-Id"} {
		require.Contains(t, body, want)
	}
	_, err = getAll(t, hc, url+"/status/404")
	require.ErrorIs(t, err, middleware.ErrNotFound)
	_, err = getAll(t, hc, url+"/html")
	var kind *middleware.ContentTypeError
	require.ErrorAs(t, err, &kind)
	_, err = getAll(t, hc, url+"/redirect/2")
	require.NoError(t, err)
}

func TestAnInvalidStackFailsEachRequestWithWhatUseWouldHaveSaid(t *testing.T) {
	wrong := []middleware.Middleware{middleware.Deadline(-5), nil, nothing{"idle"}, bearer, credential{name: "rival", field: "Authorization"}}
	said := middleware.Use(resty.New(), wrong...)
	require.Error(t, said)
	wire := wireOf(200)
	rt := middleware.Stack(wrong).RoundTripper(wire)
	for range 2 {
		body := &trackedBody{Reader: strings.NewReader("x")}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://api.test/", body)
		require.NoError(t, err)
		resp, err := rt.RoundTrip(req)
		require.Nil(t, resp)
		require.EqualError(t, err, said.Error())
		_, closed := body.state()
		require.True(t, closed)
	}
	require.Empty(t, wire.requests())
	require.Equal(t, said.Error(), fmt.Sprint(rt))
}

func TestARoundTripperPrintsItsPipeline(t *testing.T) {
	rt := middleware.Stack{trail("b", middleware.Wire), trail("a", middleware.Call)}.RoundTripper(nil)
	require.Equal(t, "call  a\nwire  b", fmt.Sprint(rt))
}

func TestTheDeadlineHoldsOverRedirects(t *testing.T) {
	for name, tt := range map[string]struct {
		hops int
		ok   bool
	}{"one hop": {0, true}, "two hops": {1, true}, "three hops": {2, false}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				wire := newWire(func(n int, req *http.Request) (*http.Response, error) {
					select {
					case <-time.After(12 * time.Second): // each
					case <-req.Context().Done():
						return nil, req.Context().Err()
					}
					if n <= tt.hops {
						return reply(302, "", "Location", "/next"), nil
					}
					return reply(200, "done"), nil
				})
				hc := plainClient(wire, middleware.Deadline(30*time.Second))
				start := time.Now()
				body, err := getAll(t, hc, "http://api.test/")
				if tt.ok {
					require.NoError(t, err)
					require.Equal(t, "done", body)
				} else {
					requireLimit(t, err, "deadline", 30*time.Second)
					require.Equal(t, 30*time.Second, time.Since(start))
				}
				require.Zero(t, wire.open())

				wire.sent, tt.hops = nil, 0
				_, err = getAll(t, hc, "http://api.test/")
				require.NoError(t, err, "the next call has a deadline of its own")
			})
		})
	}
}

func TestOneDoIsOneCallOverItsRedirects(t *testing.T) {
	wire := newWire(func(n int, _ *http.Request) (*http.Response, error) {
		if n%3 != 0 {
			return reply(302, "", "Location", "/next"), nil
		}
		return reply(200, `{}`), nil
	})
	hc := plainClient(wire, middleware.RequestID{})
	for range 2 {
		_, err := getAll(t, hc, "http://api.test/")
		require.NoError(t, err)
	}
	var ids []string
	for _, r := range wire.requests() {
		ids = append(ids, r.Header.Get("X-Request-Id"))
	}
	require.Len(t, ids, 6)
	require.Equal(t, ids[0], ids[1])
	require.Equal(t, ids[0], ids[2])
	require.NotEqual(t, ids[2], ids[3], "the next Do is another call")
	require.Equal(t, ids[3], ids[5])
}

func TestWithWorksInTheContextOfAPlainRequest(t *testing.T) {
	wire := wireOf(404)
	hc := plainClient(wire, middleware.RequireStatus{}, trail("a", middleware.Call))
	ctx := middleware.With(t.Context(), middleware.Off("require-status"), trail("w", middleware.Wire))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://api.test/", nil)
	require.NoError(t, err)
	resp, err := hc.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "a w", trailOf(wire.requests()[0]))

	_, err = getAll(t, hc, "http://api.test/")
	require.ErrorIs(t, err, middleware.ErrNotFound)
}

func TestAnInvalidWithFailsAPlainRequestAndClosesItsBody(t *testing.T) {
	wire := wireOf(200)
	body := &trackedBody{Reader: strings.NewReader("x")}
	req, err := http.NewRequestWithContext(middleware.With(t.Context(), middleware.Deadline(-5)), http.MethodPost, "http://api.test/", body)
	require.NoError(t, err)
	_, err = middleware.Stack{trail("a", middleware.Call)}.RoundTripper(wire).RoundTrip(req)
	require.ErrorContains(t, err, "deadline: Deadline is -5ns")
	_, closed := body.state()
	require.True(t, closed)
}

func TestPrepareAndDoneDoNotRunInAPlainClient(t *testing.T) {
	last := &lastWord{}
	prepared := &prepares{}
	_, err := getAll(t, plainClient(wireOf(200), last, prepared), "http://api.test/")
	require.NoError(t, err)
	require.Empty(t, last.got)
	require.Zero(t, prepared.n)

	c := resty.New().SetTransport(wireOf(200))
	require.NoError(t, middleware.Use(c, last, prepared))
	_, err = c.R().Get("http://api.test/")
	require.NoError(t, err)
	require.NotEmpty(t, last.got)
	require.Equal(t, 1, prepared.n)
}

type prepares struct{ n int }

func (*prepares) Name() string            { return "prepares" }
func (*prepares) Layer() middleware.Layer { return middleware.Call }

func (p *prepares) Prepare(*resty.Client, *resty.Request) error { p.n++; return nil }

func TestCredentialsOfAPlainClientStayWithTheURLThatWasAskedFor(t *testing.T) {
	wire := redirects(map[string]string{"https://api.test/x": "https://evil.test/y"})
	hc := plainClient(wire, bearer)
	_, err := getAll(t, hc, "https://api.test/x")
	require.NoError(t, err)
	require.Equal(t, "Bearer sesame", wire.requests()[0].Header.Get("Authorization"))
	require.Empty(t, wire.requests()[1].Header.Get("Authorization"))
}

func TestAStackMaySitInFrontOfAnother(t *testing.T) {
	wire := wireOf(200)
	inner := middleware.Stack{trail("inner", middleware.Call)}.RoundTripper(wire)
	hc := plainClient(inner, trail("outer", middleware.Wire))
	_, err := getAll(t, hc, "http://api.test/")
	require.NoError(t, err)
	require.Equal(t, "outer inner", trailOf(wire.requests()[0]))

	c := resty.New().SetTransport(inner)
	require.NoError(t, middleware.Use(c, trail("resty", middleware.Call)))
	require.Equal(t, "resty inner", visited(t, c, wire))
}

func TestARoundTripperIsForManyGoroutines(t *testing.T) {
	wire := newWire(func(_ int, req *http.Request) (*http.Response, error) {
		if strings.HasPrefix(req.URL.Path, "/moved") {
			return reply(302, "", "Location", "/here"), nil
		}
		return reply(200, `{}`), nil
	})
	hc := plainClient(wire, kitSteps()...)
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			if _, err := getAll(t, hc, fmt.Sprintf("http://api.test/moved/%d", i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Len(t, wire.requests(), 200)
}

func TestAnErrorOfTheTransportIsKept(t *testing.T) {
	boom := errors.New("boom")
	hc := plainClient(newWire(func(int, *http.Request) (*http.Response, error) { return nil, boom }), append(kitSteps(), tries(2))...)
	_, err := getAll(t, hc, "http://api.test/")
	require.ErrorIs(t, err, boom)
}

func TestAPlainClientClosesTheIdleConnectionsOfItsBase(t *testing.T) {
	base := &closer{RoundTripper: wireOf(200)}
	plainClient(base, trail("a", middleware.Call)).CloseIdleConnections()
	require.EqualValues(t, 1, base.closed.Load())
}

func TestAPlainChecksResponseHasARequest(t *testing.T) {
	seen, attempts := "", 0
	hc := plainClient(wireOf(200), middleware.Check("sees", func(r *resty.Response) error {
		seen = r.Request.Method + " " + r.Request.URL
		attempts = middleware.InfoOf(r.Request.Context()).Attempts()
		return nil
	}))
	_, err := getAll(t, hc, "http://api.test/x")
	require.NoError(t, err)
	require.Equal(t, "GET http://api.test/x", seen)
	require.Equal(t, 1, attempts)
}

// TestADecoratorAroundTheStackMakesNoStrangerHome: one that puts a request of its own
// behind the response cuts the thread that leads from a redirect to its call.
func TestADecoratorAroundTheStackMakesNoStrangerHome(t *testing.T) {
	const home, evil = "https://api.test", "https://evil.test"
	for name, tt := range map[string]struct {
		redirect map[string]string
		want     []bool // has a credential
	}{
		"at home":    {map[string]string{home + "/x": home + "/y"}, []bool{true, true}},
		"away":       {map[string]string{home + "/x": evil + "/y"}, []bool{true, false}},
		"and back":   {map[string]string{home + "/x": evil + "/y", evil + "/y": home + "/z"}, []bool{true, false, false}},
		"away twice": {map[string]string{home + "/x": evil + "/y", evil + "/y": evil + "/z"}, []bool{true, false, false}},
	} {
		t.Run(name, func(t *testing.T) {
			wire := redirects(tt.redirect)
			stack := middleware.Stack{bearer}.RoundTripper(wire)
			hc := &http.Client{Transport: middleware.Next(func(req *http.Request) (*http.Response, error) {
				resp, err := stack.RoundTrip(req)
				if err == nil {
					resp.Request = req
				}
				return resp, err
			})}
			_, err := getAll(t, hc, home+"/x")
			require.NoError(t, err)
			var got []bool
			for _, r := range wire.requests() {
				got = append(got, r.Header.Get("Authorization") != "")
			}
			require.Equal(t, tt.want, got)
		})
	}
}
