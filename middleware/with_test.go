package middleware_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"sync"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

func TestWithChangesThePipelineOfOneRequest(t *testing.T) {
	type with = []middleware.Middleware
	for name, tt := range map[string]struct {
		client with
		with   []with // one With behind the other
		want   string
	}{
		"none":                       {client: with{trail("a", middleware.Call)}, want: "a"},
		"adds at its layer":          {client: with{trail("call", middleware.Call), trail("wire", middleware.Wire)}, with: []with{{trail("auth", middleware.Auth)}}, want: "call auth wire"},
		"replaces its namesake":      {client: with{trail("a", middleware.Call), named("b", "old"), trail("c", middleware.Call)}, with: []with{{named("b", "new")}}, want: "a new c"},
		"adds up":                    {client: with{trail("a", middleware.Call)}, with: []with{{trail("b", middleware.Call)}, {trail("c", middleware.Call)}}, want: "a b c"},
		"the later one wins":         {client: with{trail("a", middleware.Call)}, with: []with{{named("b", "first")}, {named("b", "second")}}, want: "a second"},
		"off":                        {client: with{trail("a", middleware.Call), trail("b", middleware.Call)}, with: []with{{middleware.Off("a")}}, want: "b"},
		"off in a later With":        {client: with{trail("a", middleware.Call)}, with: []with{{trail("b", middleware.Call)}, {middleware.Off("b")}}, want: "a"},
		"on again in a later With":   {client: with{named("a", "old")}, with: []with{{middleware.Off("a")}, {named("a", "new")}}, want: "new"},
		"off of what is not there":   {client: with{trail("a", middleware.Call)}, with: []with{{middleware.Off("retry")}}, want: "a"},
		"the pipeline of a client":   {client: with{trail("a", middleware.Call)}, with: []with{{named("a", "x"), trail("b", middleware.Call)}}, want: "x b"},
		"a client without own steps": {client: with{middleware.RequestID{}}, with: []with{{trail("b", middleware.Call)}}, want: "b"},
	} {
		t.Run(name, func(t *testing.T) {
			wire := wireOf(200)
			c := resty.New().SetTransport(wire)
			require.NoError(t, middleware.Use(c, tt.client...))
			plain := middleware.Of(c).String()
			ctx := t.Context()
			for _, steps := range tt.with {
				ctx = middleware.With(ctx, steps...)
			}
			for range 2 { // the second time it is folded already
				_, err := c.R().SetContext(ctx).Get("http://api.test/")
				require.NoError(t, err)
			}
			_, err := c.R().SetContext(t.Context()).Get("http://api.test/")
			require.NoError(t, err)
			sent := wire.requests()
			require.Equal(t, tt.want, trailOf(sent[0]))
			require.Equal(t, tt.want, trailOf(sent[1]))
			require.Equal(t, plain, middleware.Of(c).String(), "the client keeps its own")
		})
	}
}

// named is a step that leaves another name than its own.
func named(name, leaves string) middleware.Middleware {
	return middleware.Func(name, middleware.Call, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		return next(withTrail(req, leaves))
	})
}

func TestAStepOfTheKitReplacesItsNamesakeForOneRequest(t *testing.T) {
	c := resty.New().SetTransport(wireOf(404))
	require.NoError(t, middleware.Use(c, middleware.RequireStatus{}))
	_, err := c.R().SetContext(middleware.With(t.Context(), middleware.RequireStatus{Codes: []int{200, 404}})).Get("http://api.test/")
	require.NoError(t, err, "here a 404 is an answer")
	_, err = c.R().Get("http://api.test/")
	require.ErrorIs(t, err, middleware.ErrNotFound)
}

func TestAContextMeetsManyClients(t *testing.T) {
	ctx := middleware.With(t.Context(), trail("w", middleware.Wire))
	wire := wireOf(200)
	a, b := resty.New().SetTransport(wire), resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(a, trail("a", middleware.Call)))
	require.NoError(t, middleware.Use(b, trail("b", middleware.Call)))
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			c := a
			if i%2 == 1 {
				c = b
			}
			if _, err := c.R().SetContext(ctx).Get("http://api.test/"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got := map[string]int{}
	for _, r := range wire.requests() {
		got[trailOf(r)]++
	}
	require.Equal(t, map[string]int{"a w": 50, "b w": 50}, got)
}

func TestWithDoesNotReachAClientWithoutAPipeline(t *testing.T) {
	wire := wireOf(200)
	_, err := resty.New().SetTransport(wire).R().SetContext(middleware.With(t.Context(), trail("a", middleware.Call))).Get("http://api.test/")
	require.NoError(t, err)
	require.Empty(t, trailOf(wire.requests()[0]))
}

func TestAStepThatWritesAFieldDisplacesTheClientsOwn(t *testing.T) {
	wire := wireOf(200)
	c := resty.New().SetTransport(wire)
	key := credential{name: "key", field: "X-Key", secret: "k"}
	require.NoError(t, middleware.Use(c, bearer, key))
	users := credential{name: "basic", field: "Authorization", secret: "Basic abc"}

	_, err := c.R().SetContext(middleware.With(t.Context(), users)).Get("http://api.test/")
	require.NoError(t, err)
	_, err = c.R().Get("http://api.test/")
	require.NoError(t, err)
	sent := wire.requests()
	require.Equal(t, []string{"Basic abc"}, sent[0].Header["Authorization"])
	require.Equal(t, "k", sent[0].Header.Get("X-Key"), "another field stays")
	require.Equal(t, []string{"Bearer sesame"}, sent[1].Header["Authorization"])
}

func TestASecondDisplacementWins(t *testing.T) {
	wire := wireOf(200)
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, bearer))
	ctx := middleware.With(t.Context(), credential{name: "one", field: "Authorization", secret: "one"})
	ctx = middleware.With(ctx, credential{name: "two", field: "Authorization", secret: "two"})
	_, err := c.R().SetContext(ctx).Get("http://api.test/")
	require.NoError(t, err)
	require.Equal(t, []string{"two"}, wire.requests()[0].Header["Authorization"])
}

func TestAStepMayReplaceOneAndDisplaceAnother(t *testing.T) {
	wire := wireOf(200)
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, bearer, credential{name: "key", field: "X-Key", secret: "old"}, trail("a", middleware.Auth)))
	ctx := middleware.With(t.Context(), credential{name: "key", field: "Authorization", secret: "new"})
	_, err := c.R().SetContext(ctx).Get("http://api.test/")
	require.NoError(t, err)
	sent := wire.requests()[0]
	require.Equal(t, []string{"new"}, sent.Header["Authorization"])
	require.Empty(t, sent.Header["X-Key"])
	require.Equal(t, "a", trailOf(sent))
}

func TestAnInvalidStepFailsItsRequestAndNoOther(t *testing.T) {
	for name, tt := range map[string]struct {
		step middleware.Middleware
		want string
	}{
		"invalid by itself":         {middleware.Deadline(-7), "deadline: Deadline is -7ns"},
		"nil":                       {nil, "step 1 of 1 is nil"},
		"nil pointer":               {(*behaves)(nil), "step 1 of 1 is nil"},
		"without a behaviour":       {nothing{"idle"}, "idle: "},
		"wrong beside the client's": {middleware.Timeout{Attempt: 1e11}, "timeout: Attempt (1m40s) is longer than the Deadline"},
		"off without a name":        {middleware.Off(""), "give the name"},
	} {
		t.Run(name, func(t *testing.T) {
			wire := wireOf(200)
			c := resty.New().SetTransport(wire)
			require.NoError(t, middleware.Use(c, middleware.Deadline(0)))
			ctx := middleware.With(t.Context(), tt.step)
			for range 2 {
				_, err := c.R().SetContext(ctx).Get("http://api.test/")
				require.ErrorContains(t, err, tt.want)
			}
			require.Empty(t, wire.requests(), "nothing was sent")
			_, err := c.R().Get("http://api.test/")
			require.NoError(t, err)
		})
	}
}

func TestAStepOfOneRequestConflictsWithTheClientAsOneOfUseDoes(t *testing.T) {
	wire := wireOf(200)
	c := resty.New().SetTransport(wire).SetAuthToken("t0ken").SetRetryCount(1).SetLogger(silence{})
	require.NoError(t, middleware.Use(c, middleware.RequestID{}))
	_, err := c.R().SetContext(middleware.With(t.Context(), bearer, retrying())).Get("http://api.test/")
	require.ErrorContains(t, err, "test-bearer: the client sets Authorization too")
	require.ErrorContains(t, err, "retry: the client retries by itself")
	require.Empty(t, wire.requests())
}

func TestADecoratorIsMadeOncePerClient(t *testing.T) {
	made := 0
	decorator := middleware.Wrap("decorator", middleware.Call, func(rt http.RoundTripper) http.RoundTripper { made++; return rt })
	c := resty.New().SetTransport(wireOf(200))
	require.NoError(t, middleware.Use(c, decorator))
	require.NoError(t, middleware.Use(c, middleware.RequestID{}))
	require.NoError(t, middleware.Use(c, decorator))
	for range 3 {
		ctx := middleware.With(t.Context(), middleware.RequireStatus{}, decorator)
		_, err := c.R().SetContext(ctx).Get("http://api.test/")
		require.NoError(t, err)
	}
	require.Equal(t, 1, made)
	require.NoError(t, middleware.Use(resty.New(), decorator))
	require.Equal(t, 2, made, "another client has its own")
}

// jarOf is a cookie jar that holds one session.
func jarOf(t *testing.T, at string) http.CookieJar {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	u, err := url.Parse(at)
	require.NoError(t, err)
	jar.SetCookies(u, []*http.Cookie{{Name: "session", Value: "alice"}})
	return jar
}

func TestARequestWithItsOwnCredentialsNeitherSendsNorFillsTheJar(t *testing.T) {
	wire := newWire(func(int, *http.Request) (*http.Response, error) {
		return reply(200, `{}`, "Set-Cookie", "session=bob"), nil
	})
	c := resty.New().SetTransport(wire).SetCookieJar(jarOf(t, "http://api.test/"))
	seen := ""
	require.NoError(t, middleware.Use(c, middleware.Check("sees", func(r *resty.Response) error { seen = r.Header().Get("Set-Cookie"); return nil })))
	bob := middleware.With(t.Context(), bearer)

	resp, err := c.R().SetContext(bob).SetCookie(&http.Cookie{Name: "theme", Value: "dark"}).Get("http://api.test/")
	require.NoError(t, err)
	require.Equal(t, "theme=dark", wire.requests()[0].Header.Get("Cookie"), "what the caller set is sent, the jar's is not")
	require.Equal(t, "session=bob", resp.Header().Get("Set-Cookie"), "the caller sees the answer's cookies")
	require.Equal(t, "session=bob", seen, "and so do the checks")

	_, err = c.R().Get("http://api.test/")
	require.NoError(t, err)
	require.Equal(t, "session=alice", wire.requests()[1].Header.Get("Cookie"), "the jar was not filled")
	_, err = c.R().Get("http://api.test/")
	require.NoError(t, err)
	require.Equal(t, "session=bob", wire.requests()[2].Header.Get("Cookie"), "without own credentials the jar works as ever")

	resp, err = c.R().SetContext(bob).SetDoNotParseResponse(true).Get("http://api.test/")
	require.NoError(t, err)
	require.NoError(t, resp.RawResponse.Body.Close())
	require.Equal(t, "session=bob", resp.Header().Get("Set-Cookie"), "also in a streamed call")
}

func TestTheJarOfOthersIsLeftAloneOverRedirectsToo(t *testing.T) {
	for name, mode := range map[string]func(*resty.Request) *resty.Request{
		"decoded":  func(r *resty.Request) *resty.Request { return r },
		"streamed": func(r *resty.Request) *resty.Request { return r.SetDoNotParseResponse(true) },
	} {
		t.Run(name, func(t *testing.T) {
			wire := newWire(func(_ int, req *http.Request) (*http.Response, error) {
				if req.URL.Path == "/from" {
					return reply(302, "", "Location", "/to", "Set-Cookie", "hop=1"), nil
				}
				return reply(200, `{}`), nil
			})
			jar := jarOf(t, "http://api.test/")
			c := resty.New().SetTransport(wire).SetCookieJar(jar)
			require.NoError(t, middleware.Use(c, middleware.RequestID{}))
			resp, err := mode(c.R().SetContext(middleware.With(t.Context(), bearer)).SetCookie(&http.Cookie{Name: "theme", Value: "dark"})).Get("http://api.test/from")
			require.NoError(t, err)
			require.NoError(t, resp.RawResponse.Body.Close())
			for _, r := range wire.requests() {
				require.Equal(t, "theme=dark", r.Header.Get("Cookie"))
			}
			require.Empty(t, resp.Header().Get("Set-Cookie"), "a redirect's cookie is not the answer's")
			u := &url.URL{Scheme: "http", Host: "api.test", Path: "/"}
			require.Len(t, jar.Cookies(u), 1)
			require.Equal(t, "alice", jar.Cookies(u)[0].Value)
		})
	}
}

func TestCookiesThatTheHTTPClientTookOutStayOut(t *testing.T) {
	wire := newWire(func(_ int, req *http.Request) (*http.Response, error) {
		if req.URL.Host == "api.test" {
			return reply(302, "", "Location", "http://files.test/"), nil
		}
		return reply(200, `{}`), nil
	})
	c := resty.New().SetTransport(wire).SetCookieJar(jarOf(t, "http://files.test/"))
	require.NoError(t, middleware.Use(c, middleware.RequestID{}))
	step := bearer
	step.origins = []string{"http://files.test"} // trusted, so that no guard stands in between
	_, err := c.R().SetContext(middleware.With(t.Context(), step)).SetCookie(&http.Cookie{Name: "theme", Value: "dark"}).Get("http://api.test/")
	require.NoError(t, err)
	sent := wire.requests()
	require.Equal(t, "theme=dark", sent[0].Header.Get("Cookie"))
	require.Equal(t, "Bearer sesame", sent[1].Header.Get("Authorization"))
	require.Empty(t, sent[1].Header.Get("Cookie"), "neither the caller's cookie for another host, nor the jar's")
}

func TestWithKeepsTheValuesOfItsContext(t *testing.T) {
	type key struct{}
	got := ""
	ctx := middleware.With(context.WithValue(t.Context(), key{}, "v"), middleware.Func("reads", middleware.Auth,
		func(req *http.Request, next middleware.Next) (*http.Response, error) {
			got, _ = req.Context().Value(key{}).(string)
			return next(req)
		}))
	c := resty.New().SetTransport(wireOf(200))
	require.NoError(t, middleware.Use(c, middleware.RequestID{}))
	_, err := c.R().SetContext(ctx).Get("http://api.test/")
	require.NoError(t, err)
	require.Equal(t, "v", got)
}

func TestTheStepsOfAContextAreFoldedInOnce(t *testing.T) {
	bound := 0
	step := &behaves{name: "bound", layer: middleware.Call}
	step.bind = func(middleware.Middleware) middleware.Middleware {
		bound++
		return &behaves{name: "bound", layer: middleware.Call}
	}
	c := resty.New().SetTransport(wireOf(200))
	require.NoError(t, middleware.Use(c, middleware.RequestID{}))
	ctx := middleware.With(t.Context(), step)
	for range 3 {
		_, err := c.R().SetContext(context.WithValue(ctx, wordless{}, 1)).Get("http://api.test/")
		require.NoError(t, err)
	}
	require.Equal(t, 1, bound, "also where the context was derived from")
}

func TestAnErrorBehindARedirectWithACookieIsTheError(t *testing.T) {
	boom := errors.New("boom")
	wire := newWire(func(n int, _ *http.Request) (*http.Response, error) {
		if n == 1 {
			return reply(302, "", "Location", "/to", "Set-Cookie", "hop=1"), nil
		}
		return nil, boom
	})
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, middleware.RequestID{}))
	_, err := c.R().SetContext(middleware.With(t.Context(), bearer)).Get("http://api.test/from")
	require.ErrorIs(t, err, boom)
}

func TestARequireJSONOfOneRequestTellsWhereDecodingFailed(t *testing.T) {
	get := func(ctx context.Context, c *resty.Client) error {
		var into map[string]any
		_, err := c.R().SetContext(ctx).SetResult(&into).Get("http://api.test/")
		return err
	}
	for name, before := range map[string]int{"the first request": 0, "a later request": 2} {
		t.Run(name, func(t *testing.T) {
			c := resty.New().SetTransport(newWire(func(int, *http.Request) (*http.Response, error) { return reply(200, `{broken`), nil }))
			require.NoError(t, middleware.Use(c, middleware.RequireStatus{}))
			var decode *middleware.DecodeError
			for range before {
				err := get(t.Context(), c)
				require.Error(t, err)
				require.NotErrorAs(t, err, &decode, "resty's own error, without the step")
			}
			require.ErrorAs(t, get(middleware.With(t.Context(), middleware.RequireJSON{}), c), &decode)
		})
	}
}

func TestDecodingOfACloneDoesNotChangeThatOfItsParent(t *testing.T) {
	wire := newWire(func(int, *http.Request) (*http.Response, error) { return reply(200, `{broken`), nil })
	parent := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(parent, middleware.RequireStatus{}))
	clone := parent.Clone()
	require.NoError(t, middleware.Use(clone, middleware.RequireJSON{}))
	var into map[string]any
	var decode *middleware.DecodeError
	_, err := clone.R().SetResult(&into).Get("http://api.test/")
	require.ErrorAs(t, err, &decode)
	_, err = parent.R().SetResult(&into).Get("http://api.test/")
	require.Error(t, err)
	require.NotErrorAs(t, err, &decode)
}

func TestAJSONUnmarshalThatIsSetAfterUseIsWatchedToo(t *testing.T) {
	own := errors.New("my decoder's")
	c := resty.New().SetTransport(wireOf(200))
	require.NoError(t, middleware.Use(c, middleware.RequireJSON{}))
	c.JSONUnmarshal = func([]byte, any) error { return own }
	for range 2 {
		var into map[string]any
		var decode *middleware.DecodeError
		_, err := c.R().SetResult(&into).Get("http://api.test/")
		require.ErrorAs(t, err, &decode)
		require.ErrorIs(t, err, own)
	}
}
