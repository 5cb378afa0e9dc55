package middleware_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

// visited sends a request and tells which steps have left their name in it.
func visited(t *testing.T, c *resty.Client, wire *fakeWire) string {
	t.Helper()
	_, err := c.R().Get("http://api.test/")
	require.NoError(t, err)
	all := wire.requests()
	return trailOf(all[len(all)-1])
}

func TestACloneKeepsTheStepsItsParentHadWhenItWasCloned(t *testing.T) {
	add := func(name string) func(t *testing.T, c *resty.Client) {
		return func(t *testing.T, c *resty.Client) {
			t.Helper()
			require.NoError(t, middleware.Use(c, trail(name, middleware.Call)))
		}
	}
	for name, tt := range map[string]struct {
		before, parent, clone func(*testing.T, *resty.Client) // Use before the clone, then on each
		cloneFirst            bool
		wantParent, wantClone string
	}{
		"cloned after Use":                     {before: add("a"), wantParent: "a", wantClone: "a"},
		"cloned before Use":                    {parent: add("p"), wantParent: "p"},
		"Use on the clone alone":               {clone: add("c"), wantClone: "c"},
		"both, the parent first":               {before: add("a"), parent: add("p"), clone: add("c"), wantParent: "a p", wantClone: "a c"},
		"both, the clone first":                {before: add("a"), parent: add("p"), clone: add("c"), cloneFirst: true, wantParent: "a p", wantClone: "a c"},
		"both without steps, the parent first": {parent: add("p"), clone: add("c"), wantParent: "p", wantClone: "c"},
		"both without steps, the clone first":  {parent: add("p"), clone: add("c"), cloneFirst: true, wantParent: "p", wantClone: "c"},
		"the clone replaces a step of the parent": {before: add("a"), clone: func(t *testing.T, c *resty.Client) {
			t.Helper()
			require.NoError(t, middleware.Use(c, middleware.Off("a")))
		}, wantParent: "a"},
	} {
		t.Run(name, func(t *testing.T) {
			wire := wireOf(200)
			parent := resty.New().SetTransport(wire)
			if tt.before != nil {
				tt.before(t, parent)
			}
			clone := parent.Clone()
			todo := []func(){
				func() {
					if tt.parent != nil {
						tt.parent(t, parent)
					}
				},
				func() {
					if tt.clone != nil {
						tt.clone(t, clone)
					}
				},
			}
			if tt.cloneFirst {
				todo[0], todo[1] = todo[1], todo[0]
			}
			for _, do := range todo {
				do()
			}
			for range 2 {
				require.Equal(t, tt.wantParent, visited(t, parent, wire))
				require.Equal(t, tt.wantClone, visited(t, clone, wire))
			}
		})
	}
}

func TestACloneMadeAfterTheFirstRequestHasThePipeline(t *testing.T) {
	wire := wireOf(200)
	parent := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(parent, trail("a", middleware.Call)))
	require.Equal(t, "a", visited(t, parent, wire))
	clone := parent.Clone()
	require.NoError(t, middleware.Use(clone, trail("c", middleware.Call)))
	require.Equal(t, "a c", visited(t, clone, wire))
	require.Equal(t, "a", visited(t, parent, wire))
}

func TestSiblingsOnASharedHTTPClientHaveTheirOwnPipelines(t *testing.T) {
	wire := wireOf(200)
	hc := &http.Client{Transport: wire}
	first, second, bare := resty.NewWithClient(hc), resty.NewWithClient(hc), resty.NewWithClient(hc)
	require.NoError(t, middleware.Use(first, trail("first", middleware.Call)))
	require.NoError(t, middleware.Use(second, trail("second", middleware.Call)))

	for range 2 {
		require.Equal(t, "first", visited(t, first, wire))
		require.Equal(t, "second", visited(t, second, wire))
		require.Empty(t, visited(t, bare, wire), "a resty client without steps")
		resp, err := hc.Get("http://api.test/")
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		all := wire.requests()
		require.Empty(t, trailOf(all[len(all)-1]), "a stranger")
	}

	done, err := first.R().Get("http://api.test/")
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(done.Request.Context(), http.MethodGet, "http://api.test/", nil)
	require.NoError(t, err)
	resp, err := hc.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	all := wire.requests()
	require.Empty(t, trailOf(all[len(all)-1]), "a stranger with the context of a finished call")
}

func TestAStepMayUseTheClientsOwnHTTPClientForSomethingElse(t *testing.T) {
	wire := wireOf(200)
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, trail("a", middleware.Call),
		middleware.Func("asks-first", middleware.Auth, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			ask, err := http.NewRequestWithContext(req.Context(), http.MethodGet, "http://tokens.test/", nil)
			if err != nil {
				return nil, err
			}
			resp, err := c.GetClient().Do(ask)
			if err != nil {
				return nil, err
			}
			_ = resp.Body.Close()
			return next(req)
		})))
	_, err := c.R().Get("http://api.test/")
	require.NoError(t, err)
	all := wire.requests()
	require.Len(t, all, 2)
	require.Equal(t, "http://tokens.test/", all[0].URL)
	require.Empty(t, trailOf(all[0]), "a request of a step's is a stranger")
	require.Equal(t, "a", trailOf(all[1]))
}

// hookKinds are the hooks that users can add to a client.
var hookKinds = map[string]func(c *resty.Client, ran func()){
	"OnBeforeRequest": func(c *resty.Client, ran func()) {
		c.OnBeforeRequest(func(*resty.Client, *resty.Request) error { ran(); return nil })
	},
	"OnAfterResponse": func(c *resty.Client, ran func()) {
		c.OnAfterResponse(func(*resty.Client, *resty.Response) error { ran(); return nil })
	},
	"OnSuccess": func(c *resty.Client, ran func()) { c.OnSuccess(func(*resty.Client, *resty.Response) { ran() }) },
	"OnError":   func(c *resty.Client, ran func()) { c.OnError(func(*resty.Request, error) { ran() }) },
	"OnPanic":   func(c *resty.Client, ran func()) { c.OnPanic(func(*resty.Request, error) { ran() }) },
	"AddRetryHook": func(c *resty.Client, ran func()) {
		c.SetRetryCount(1).SetRetryWaitTime(1).AddRetryHook(func(*resty.Response, error) { ran() })
	},
}

// TestHooksOfUsersOnClonesAreNotOverwritten: resty appends to slices that clones share,
// so a hook registered where there is spare capacity is lost. With n hooks before, there
// is some for all n but powers of two.
func TestHooksOfUsersOnClonesAreNotOverwritten(t *testing.T) {
	for kind, hook := range hookKinds {
		for name, use := range map[string]func(t *testing.T, parent, a, b *resty.Client){
			"Use on the parent before": func(*testing.T, *resty.Client, *resty.Client, *resty.Client) {},
			"Use on one clone":         func(t *testing.T, _, a, _ *resty.Client) { t.Helper(); require.NoError(t, middleware.Use(a, pass())) },
			"Use on the other clone":   func(t *testing.T, _, _, b *resty.Client) { t.Helper(); require.NoError(t, middleware.Use(b, pass())) },
			"Use on the parent and a": func(t *testing.T, p, a, _ *resty.Client) {
				t.Helper()
				require.NoError(t, middleware.Use(a, pass()))
				require.NoError(t, middleware.Use(p, pass()))
			},
			"Use on everything": func(t *testing.T, p, a, b *resty.Client) {
				t.Helper()
				for _, c := range []*resty.Client{b, a, p} {
					require.NoError(t, middleware.Use(c, pass()))
				}
			},
		} {
			t.Run(kind+"/"+name, func(t *testing.T) {
				for n := range 9 {
					for order := range 2 {
						testHooks(t, hook, n, order, name == "Use on the parent before", use)
					}
				}
			})
		}
	}
}

func pass() middleware.Middleware { return trail("pass", middleware.Call) }

// testHooks gives the parent n hooks and clones it, adds steps, and gives each clone a
// hook of its own: the hook runs on its clone and nowhere else.
func testHooks(t *testing.T, hook func(*resty.Client, func()), n, order int, before bool, use func(*testing.T, *resty.Client, *resty.Client, *resty.Client)) {
	t.Helper()
	wire := newWire(func(int, *http.Request) (*http.Response, error) { return nil, errors.New("boom") })
	parent := resty.New().SetTransport(wire).SetLogger(silence{})
	for range n {
		hook(parent, func() {})
	}
	if before {
		require.NoError(t, middleware.Use(parent, pass()))
	}
	a, b := parent.Clone(), parent.Clone()
	ran := map[string]int{}
	own := []func(){
		func() { hook(a, func() { ran["a"]++ }) },
		func() { use(t, parent, a, b) },
		func() { hook(b, func() { ran["b"]++ }) },
	}
	if order == 1 { // steps first
		own[0], own[1] = own[1], own[0]
	}
	for _, f := range own {
		f()
	}
	run := func(c *resty.Client) map[string]int {
		clear(ran)
		for _, answer := range []func(int, *http.Request) (*http.Response, error){
			func(int, *http.Request) (*http.Response, error) { return reply(200, `{}`), nil },
			func(int, *http.Request) (*http.Response, error) { return nil, errors.New("boom") },
			func(int, *http.Request) (*http.Response, error) { panic("boom") },
		} {
			func() {
				defer func() { _ = recover() }()
				wire.answer = answer
				_, _ = c.R().Get("http://api.test/")
			}()
		}
		return ran
	}
	got := run(a)
	require.Positive(t, got["a"], "%d hooks before, order %d: the hook of clone a runs on it", n, order)
	require.Zero(t, got["b"], "%d hooks before, order %d: the hook of clone b does not run on a", n, order)
	got = run(b)
	require.Positive(t, got["b"], "%d hooks before, order %d: the hook of clone b runs on it", n, order)
	require.Zero(t, got["a"], "%d hooks before, order %d: the hook of clone a does not run on b", n, order)
}

func TestAHundredConcurrentFirstRequestsOverParentCloneAndSibling(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"trail": r.Header.Values("X-Trail"), "id": r.Header.Get("X-Request-Id")})
	}))
	t.Cleanup(srv.Close)

	hc := &http.Client{Transport: srv.Client().Transport}
	parent, sibling := resty.NewWithClient(hc).SetBaseURL(srv.URL), resty.NewWithClient(hc).SetBaseURL(srv.URL)
	kit := []middleware.Middleware{middleware.RequireStatus{}, middleware.RequireJSON{}, middleware.Timeout{}, middleware.Deadline(0), middleware.RequestID{}, middleware.MaxBody(0)}
	require.NoError(t, middleware.Use(parent, append(kit, trail("parent", middleware.Call))...))
	clone := parent.Clone()
	require.NoError(t, middleware.Use(clone, trail("clone", middleware.Auth)))
	require.NoError(t, middleware.Use(sibling, trail("sibling", middleware.Breaker)))
	clients := []struct {
		*resty.Client
		want []string
	}{{parent, []string{"parent"}}, {clone, []string{"parent", "clone"}}, {sibling, []string{"sibling"}}}

	var wg sync.WaitGroup
	start := make(chan struct{})
	ids := sync.Map{}
	for i := range 100 {
		wg.Go(func() {
			c := clients[i%len(clients)]
			<-start
			ctx := t.Context()
			if i%2 == 0 {
				ctx = middleware.With(ctx, middleware.RequireJSON{}, middleware.RequestID{})
			}
			var got struct {
				Trail []string
				ID    string
			}
			_, err := c.R().SetContext(ctx).SetResult(&got).Get("/")
			if err != nil || len(got.Trail) != len(c.want) || got.Trail[0] != c.want[0] {
				t.Errorf("request %d: %v, steps %v, want %v", i, err, got.Trail, c.want)
			}
			if _, twice := ids.LoadOrStore(got.ID, true); twice && got.ID != "" {
				t.Errorf("request %d: the id %s is another call's", i, got.ID)
			}
		})
	}
	close(start)
	wg.Wait()
}

func TestAStepOfOneRequestDoesNotRaceWithAnother(t *testing.T) {
	wire := newWire(func(int, *http.Request) (*http.Response, error) { return reply(200, `{broken`), nil })
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, middleware.RequireStatus{}))
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			ctx, brings := t.Context(), i%2 == 1
			if brings {
				ctx = middleware.With(ctx, middleware.RequireJSON{}) // watches the client's decoding
			}
			var into map[string]any
			_, err := c.R().SetContext(ctx).SetResult(&into).Get("http://api.test/")
			var decode *middleware.DecodeError
			if brings && !errors.As(err, &decode) {
				t.Errorf("request %d: %T is no *DecodeError", i, err)
			}
		})
	}
	wg.Wait()
}
