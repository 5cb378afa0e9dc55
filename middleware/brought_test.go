package middleware_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

// binding is a step that counts those that it goes on with.
func binding(name string, of func(old middleware.Middleware) int) *behaves {
	b := &behaves{name: name, layer: middleware.Wire}
	b.bind = func(old middleware.Middleware) middleware.Middleware {
		n := of(old)
		return &behaves{name: name, layer: middleware.Wire, attempt: func(req *http.Request, next middleware.Next) (*http.Response, error) {
			req.Header.Set("X-Before", fmt.Sprint(n))
			return next(req)
		}, bind: func(middleware.Middleware) middleware.Middleware { return nil }}
	}
	return b
}

// TestAStepOfARequestGoesOnWithThatOfTheRequestBefore, where the client has none.
func TestAStepOfARequestGoesOnWithThatOfTheRequestBefore(t *testing.T) {
	var olds []middleware.Middleware
	brings := func(name string) middleware.Middleware {
		return binding(name, func(old middleware.Middleware) int { olds = append(olds, old); return len(olds) })
	}
	wire := wireOf(200)
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, middleware.RequestID{}))
	get := func(c *resty.Client, step middleware.Middleware) {
		_, err := c.R().SetContext(middleware.With(t.Context(), step)).Get("http://api.test/")
		require.NoError(t, err)
	}
	get(c, brings("one"))
	get(c, brings("two"))
	get(c, brings("one"))
	get(c, brings("one"))
	require.Len(t, olds, 4)
	require.Nil(t, olds[0])
	require.Nil(t, olds[1], "another name")
	for i, before := range map[int]string{2: "1", 3: "3"} {
		earlier, ok := olds[i].(middleware.Earlier)
		require.True(t, ok, "it is told from a step of the client's")
		_, err := earlier.Middleware.(middleware.Attempter).Attempt(&http.Request{Header: http.Header{}}, func(req *http.Request) (*http.Response, error) {
			require.Equal(t, before, req.Header.Get("X-Before"))
			return nil, nil
		})
		require.NoError(t, err)
	}
	other := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(other, middleware.RequestID{}))
	get(other, brings("one"))
	require.Nil(t, olds[4], "of this client")
}

// TestStepsOfManyRequestsAtOnceGoOnWithOne is for the race detector, too.
func TestStepsOfManyRequestsAtOnceGoOnWithOne(t *testing.T) {
	var mu sync.Mutex
	firsts := map[string]int{} // that went on with nothing
	wire := wireOf(200)
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, middleware.RequestID{}))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			final := 0
			step := binding("one", func(old middleware.Middleware) int {
				final = 0
				if old == nil {
					final = 1
				}
				return final
			})
			if _, err := c.R().SetContext(middleware.With(t.Context(), step)).Get("http://api.test/"); err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			firsts["one"] += final
		})
	}
	wg.Wait()
	require.Equal(t, 1, firsts["one"])
}

// TestMadeUpNamesAreForgottenNotHoarded: a program may give each request a step of a name of
// its own.
func TestMadeUpNamesAreForgottenNotHoarded(t *testing.T) {
	kept := 0
	c := resty.New().SetTransport(wireOf(200))
	require.NoError(t, middleware.Use(c, middleware.RequestID{}))
	for range 2 {
		for i := range 1000 {
			step := binding(fmt.Sprint("step-", i), func(old middleware.Middleware) int {
				if old != nil {
					kept++
				}
				return 0
			})
			_, err := c.R().SetContext(middleware.With(t.Context(), step)).Get("http://api.test/")
			require.NoError(t, err)
		}
	}
	require.Less(t, kept, 100)
}

func TestADecoratorOfRequestsIsMadeOncePerClient(t *testing.T) {
	made := 0
	decorator := middleware.Wrap("decorator", middleware.Call, func(rt http.RoundTripper) http.RoundTripper { made++; return rt })
	c := resty.New().SetTransport(wireOf(200))
	require.NoError(t, middleware.Use(c, middleware.RequestID{}))
	for range 3 {
		_, err := c.R().SetContext(middleware.With(t.Context(), decorator)).Get("http://api.test/")
		require.NoError(t, err)
	}
	require.Equal(t, 1, made)
}
