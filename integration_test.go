// Package restykit_test keeps the promises of the kit: in integration_*_test.go against
// httpbin, go-httpbin inside the tests or any other with HTTPBIN_URL, and in
// promises_*_test.go against what resty does without the kit.
package restykit_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/retry"
)

// seven are the features that the kit is named for.
func seven() middleware.Stack {
	return middleware.Stack{
		auth.Bearer{Token: auth.Static("token-1")},
		auth.APIKey{Header: "X-API-Key", Key: auth.Static("key-1")},
		middleware.RequireStatus{},
		middleware.RequireJSON{},
		middleware.Timeout{},
		middleware.Deadline(0),
		quick(),
	}
}

func TestStackIsThePipelineInAnyOrderAndAnySplit(t *testing.T) {
	t.Parallel()
	bin := httpbin(t)
	want := middleware.Of(clientOn(t, bin, seven()...)).String()
	backwards := seven()
	slices.Reverse(backwards)
	one := clientOn(t, bin, backwards...)
	split := clientOn(t, bin)
	for _, step := range backwards {
		require.NoError(t, middleware.Use(split, step))
	}
	for _, c := range []*resty.Client{one, split} {
		require.Equal(t, want, middleware.Of(c).String())
		inEachMode(t, func(t *testing.T, do send) {
			_, body, err := do(t, c.R(), "GET", "/get")
			require.NoError(t, err)
			require.Equal(t, "Bearer token-1", echo(t, body).Headers.Get("Authorization"))
			_, _, err = do(t, c.R(), "GET", "/status/503")
			require.ErrorContains(t, err, "after 3 attempts")
		})
	}
}

func TestNothingElseAboutTheClientChanges(t *testing.T) {
	t.Parallel()
	c := bare(httpbin(t))
	var hooks []string
	note := func(name string) { hooks = append(hooks, name) }
	before := func(name string) resty.RequestMiddleware {
		return func(_ *resty.Client, r *resty.Request) error { note(name); r.SetQueryParam(name, "1"); return nil }
	}
	c.OnBeforeRequest(before("before-use"))
	c.SetHeader("X-Own", "1").SetCookie(&http.Cookie{Name: "own", Value: "1"})
	require.NoError(t, middleware.Use(c, seven()...))
	c.OnBeforeRequest(before("after-use"))
	c.OnAfterResponse(func(*resty.Client, *resty.Response) error { note("after-response"); return nil })
	c.OnSuccess(func(*resty.Client, *resty.Response) { note("success") })
	c.OnError(func(*resty.Request, error) { note("error") })

	resp, body, err := decoded(t, c.R().SetBody(map[string]int{"n": 1}), "POST", "/post")
	require.NoError(t, err)
	saw := echo(t, body)
	require.Equal(t, []string{"before-use", "after-use", "after-response", "success"}, hooks)
	require.Equal(t, "1", saw.Args.Get("before-use"))
	require.Equal(t, "1", saw.Args.Get("after-use"))
	require.Equal(t, "1", saw.Headers.Get("X-Own"))
	require.Equal(t, "own=1", saw.Headers.Get("Cookie"))
	require.JSONEq(t, `{"n": 1}`, string(saw.JSON))
	require.Equal(t, http.Header{"X-Own": {"1"}}, c.Header, "the client's own header is as it was")
	require.Positive(t, resp.Time())

	hooks = nil
	_, err = c.R().Get("/status/400")
	require.ErrorContains(t, err, "400 Bad Request")
	require.Equal(t, []string{"before-use", "after-use", "error"}, hooks)
}

func TestCloneKeepsTheStackAndSharesNothingAddedLater(t *testing.T) {
	t.Parallel()
	parent := client(t, middleware.RequireStatus{})
	child := parent.Clone()
	require.NoError(t, middleware.Use(child, middleware.UserAgent("child/1")))
	require.NoError(t, middleware.Use(parent, middleware.UserAgent("parent/1"), middleware.Off("require-status")))
	grandchild := child.Clone()
	for c, name := range map[*resty.Client]string{parent: "parent/1", child: "child/1", grandchild: "child/1"} {
		inEachMode(t, func(t *testing.T, do send) {
			_, body, err := do(t, c.R(), "GET", "/headers")
			require.NoError(t, err)
			require.Equal(t, name, echo(t, body).Headers.Get("User-Agent"))
			_, _, err = do(t, c.R(), "GET", "/status/400")
			require.Equal(t, c != parent, err != nil, "RequireStatus is off in the parent only")
		})
	}
}

func TestStrangerOnTheSameHTTPClientIsLeftAlone(t *testing.T) {
	t.Parallel()
	shared := &http.Client{}
	bin := httpbin(t)
	c := resty.NewWithClient(shared).SetBaseURL(bin).SetLogger(quiet{})
	require.NoError(t, middleware.Use(c, seven()...))
	_, err := c.R().Get("/get")
	require.NoError(t, err)

	resp, err := shared.Get(bin + "/headers")
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Empty(t, echo(t, string(body)).Headers.Get("Authorization"))
	sibling := resty.NewWithClient(shared).SetBaseURL(bin).SetLogger(quiet{})
	_, err = sibling.R().Get("/status/500")
	require.NoError(t, err)
}

func TestManyFirstRequestsAtOnceOverAParentACloneAndASiblingAreRight(t *testing.T) {
	t.Parallel()
	parent := client(t, seven()...)
	clone := parent.Clone()
	sibling := resty.NewWithClient(parent.GetClient()).SetBaseURL(parent.BaseURL).SetLogger(quiet{})
	require.NoError(t, middleware.Use(clone, middleware.UserAgent("clone/1")))
	require.NoError(t, middleware.Use(sibling, middleware.UserAgent("sibling/1")))
	var all sync.WaitGroup
	for n := range 99 {
		all.Go(func() {
			c := []*resty.Client{parent, clone, sibling}[n%3]
			_, body, err := decoded(t, c.R(), "GET", "/headers")
			if err != nil {
				t.Error(err)
				return
			}
			var saw struct{ Headers map[string]any }
			if err := json.Unmarshal([]byte(body), &saw); err != nil || (saw.Headers["Authorization"] != nil) != (c != sibling) {
				t.Errorf("%v: %s", err, body)
			}
		})
	}
	all.Wait()
}

func TestPlainHTTPClientHasTheSameStack(t *testing.T) {
	t.Parallel()
	bin, there := httpbin(t), newElsewhere(t)
	stack := append(seven(), middleware.UserAgent("plain/1"))
	c := &http.Client{Transport: stack.RoundTripper(nil)}
	get := func(path string) (string, error) {
		resp, err := c.Get(bin + path)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return string(body), err
	}
	body, err := get("/headers")
	require.NoError(t, err)
	require.Equal(t, "Bearer token-1", echo(t, body).Headers.Get("Authorization"))
	require.Equal(t, "plain/1", echo(t, body).Headers.Get("User-Agent"))
	_, err = get("/status/503")
	require.ErrorIs(t, err, middleware.ErrServer)
	require.ErrorContains(t, err, "after 3 attempts")
	_, err = get("/html")
	_, ok := errors.AsType[*middleware.ContentTypeError](err)
	require.True(t, ok, err)
	_, err = get(redirect(there.URL))
	require.NoError(t, err)
	requireStranger(t, there.only(t))

	late := &http.Client{Transport: append(seven(), middleware.Deadline(soon)).RoundTripper(nil)}
	_, err = late.Get(bin + redirect(bin+"/delay/1"))
	requireLimit(t, err, "deadline", soon)
	wrong := &http.Client{Transport: middleware.Stack{auth.Basic{}}.RoundTripper(nil)}
	_, err = wrong.Get(bin + "/get")
	require.ErrorContains(t, err, "basic: Username is empty")
}

func TestUseSaysEveryMistakeAtOnceAndChangesNothing(t *testing.T) {
	t.Parallel()
	c := clientOn(t, httpbin(t), middleware.UserAgent("shop/1.0"))
	c.SetRetryCount(3)
	want := middleware.Of(c).String()
	err := middleware.Use(c, nil, auth.Basic{}, auth.Bearer{Token: auth.Static("t")}, retry.Policy{Attempts: -1}, middleware.Deadline(-2*time.Second), middleware.Off("nothing"))
	for _, mistake := range []string{"step 1 of 6 is nil", "basic: Username is empty", "retry: Attempts is -1", "deadline: Deadline is -2s", `off: there is no step "nothing"`} {
		require.ErrorContains(t, err, mistake)
	}
	require.Equal(t, want, middleware.Of(c).String())
	err = middleware.Use(c, auth.Basic{Username: "ada", Password: auth.Static("")}, auth.Bearer{Token: auth.Static("t")})
	require.ErrorContains(t, err, "bearer: writes Authorization, as basic does")
	require.ErrorContains(t, middleware.Use(c, retry.Policy{}), "SetRetryCount(0)")
	require.Equal(t, want, middleware.Of(c).String())
	require.Error(t, middleware.Use(nil))
}
