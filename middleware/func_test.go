package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

func TestFuncMakesAStepOfAFunction(t *testing.T) {
	step := middleware.Func("mine", middleware.Limit, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		resp, err := next(req)
		if err == nil {
			resp.Header.Set("X-Seen", req.URL.Path)
		}
		return resp, err
	})
	require.Equal(t, "mine", step.Name())
	require.Equal(t, middleware.Limit, step.Layer())
	c := resty.New()
	require.NoError(t, middleware.Use(c, step))
	resp, err := c.R().Get(httpbinURL(t) + "/status/200")
	require.NoError(t, err)
	require.Equal(t, "/status/200", resp.Header().Get("X-Seen"))
}

func TestNextIsARoundTripper(t *testing.T) {
	var rt http.RoundTripper = middleware.Next(func(*http.Request) (*http.Response, error) { return reply(204, ""), nil })
	resp, err := rt.RoundTrip(nil)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 204, resp.StatusCode)
}

// decorated is a decorator as the ecosystem has them: it counts, and names itself.
type decorated struct {
	base http.RoundTripper
	name string
	mu   sync.Mutex
	n    int
}

func (d *decorated) RoundTrip(req *http.Request) (*http.Response, error) {
	d.mu.Lock()
	d.n++
	d.mu.Unlock()
	req = req.Clone(req.Context())
	req.Header.Add("X-Trail", d.name)
	return d.base.RoundTrip(req)
}

func TestWrapAdoptsADecorator(t *testing.T) {
	var made []*decorated
	wrap := func(name string, layer middleware.Layer) middleware.Middleware {
		return middleware.Wrap(name, layer, func(rt http.RoundTripper) http.RoundTripper {
			d := &decorated{base: rt, name: name}
			made = append(made, d)
			return d
		})
	}
	wire := wireOf(503, 200)
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, wrap("wire", middleware.Wire), wrap("call", middleware.Call), tries(2), trail("auth", middleware.Auth)))
	_, err := c.R().Get("http://api.test/")
	require.NoError(t, err)
	for _, r := range wire.requests() {
		require.Equal(t, "call auth wire", trailOf(r))
	}
	require.Len(t, made, 2)
	require.Equal(t, 2, made[0].n, "per send")
	require.Equal(t, 1, made[1].n, "per call")
	require.Zero(t, wire.open())
}

func TestADecoratorServesManyRequestsAtOnce(t *testing.T) {
	wire := newWire(func(_ int, req *http.Request) (*http.Response, error) {
		return reply(200, req.URL.Path), nil
	})
	wrap := middleware.Wrap("d", middleware.Auth, func(rt http.RoundTripper) http.RoundTripper { return &decorated{base: rt, name: "d"} })
	a, b := resty.New().SetTransport(wire), resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(a, wrap, trail("a", middleware.Wire)))
	require.NoError(t, middleware.Use(b, wrap, trail("b", middleware.Wire)))
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			c, want := a, fmt.Sprint("/", i)
			if i%2 == 1 {
				c = b
			}
			resp, err := c.R().Get("http://api.test" + want)
			if err != nil || resp.String() != want {
				t.Errorf("%v %v, want %s", err, resp, want)
			}
		})
	}
	wg.Wait()
	got := map[string]int{}
	for _, r := range wire.requests() {
		got[trailOf(r)]++
	}
	require.Equal(t, map[string]int{"d a": 50, "d b": 50}, got, "each request goes on in the pipeline of its client")
}

func TestADecoratorInsideAnotherOfTheSameKind(t *testing.T) {
	decorate := func(rt http.RoundTripper) http.RoundTripper { return &decorated{base: rt, name: "d"} }
	wire := wireOf(200)
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, middleware.Wrap("one", middleware.Call, decorate), middleware.Wrap("two", middleware.Call, decorate)))
	require.Equal(t, "d d", visited(t, c, wire))
}

func TestADecoratorThatBreaksThePipelineIsNamed(t *testing.T) {
	for name, tt := range map[string]struct {
		decorate func(http.RoundTripper) http.RoundTripper
		want     string
	}{
		"nil": {func(http.RoundTripper) http.RoundTripper { return nil }, "breaks: the decorator returned a nil http.RoundTripper"},
		"drops the context": {func(rt http.RoundTripper) http.RoundTripper {
			return middleware.Next(func(req *http.Request) (*http.Response, error) {
				return rt.RoundTrip(req.WithContext(context.Background()))
			})
		}, "breaks: the decorator dropped the request's context"},
	} {
		for _, layer := range []middleware.Layer{middleware.Call, middleware.Wire} {
			t.Run(name+" at "+layer.String(), func(t *testing.T) {
				wire := wireOf(200)
				body := &trackedBody{Reader: strings.NewReader("x")}
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://api.test/", body)
				require.NoError(t, err)
				_, err = middleware.Stack{middleware.Wrap("breaks", layer, tt.decorate)}.RoundTripper(wire).RoundTrip(req)
				require.EqualError(t, err, tt.want)
				_, closed := body.state()
				require.True(t, closed)
				require.Empty(t, wire.requests())
			})
		}
	}
}

func TestADecoratorThatAnswersByItself(t *testing.T) {
	cache := middleware.Wrap("cache", middleware.Call, func(http.RoundTripper) http.RoundTripper {
		return middleware.Next(func(req *http.Request) (*http.Response, error) {
			resp := reply(200, "cached")
			resp.Request = req
			return resp, nil
		})
	})
	wire := wireOf(500)
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, cache, middleware.RequireStatus{}))
	resp, err := c.R().Get("http://api.test/")
	require.NoError(t, err)
	require.Equal(t, "cached", resp.String())
	require.Empty(t, wire.requests())
}

func TestTheErrorsOfADecoratorAreKept(t *testing.T) {
	boom := errors.New("boom")
	c := resty.New().SetTransport(newWire(func(int, *http.Request) (*http.Response, error) { return nil, boom }))
	require.NoError(t, middleware.Use(c, middleware.Wrap("d", middleware.Call, func(rt http.RoundTripper) http.RoundTripper { return &decorated{base: rt} })))
	_, err := c.R().Get("http://api.test/")
	require.ErrorIs(t, err, boom)
}

func TestAnotherDecoratorOfTheNameReplacesTheFirst(t *testing.T) {
	wrap := func(leaves string) middleware.Middleware {
		return middleware.Wrap("d", middleware.Call, func(rt http.RoundTripper) http.RoundTripper { return &decorated{base: rt, name: leaves} })
	}
	wire := wireOf(200)
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, wrap("one")))
	require.NoError(t, middleware.Use(c, wrap("two")))
	require.Equal(t, "two", visited(t, c, wire))
}
