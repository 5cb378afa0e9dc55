package auth_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

// dump is all that a step can see of a request.
func dump(req *http.Request) string {
	if req == nil {
		return ""
	}
	return fmt.Sprintf("%s %s %v %v", req.Method, req.URL, req.Header, req.URL.RawQuery)
}

// Credentials are written below all steps that log requests: they see none, neither in
// the request they were given and sent on, nor in the one behind the response.
func TestStepsAboveTheAuthLayerSeeNoCredential(t *testing.T) {
	layers := []middleware.Layer{middleware.Call, middleware.Retry, middleware.Breaker, middleware.Limit}
	for scheme, step := range schemes() {
		for _, layer := range layers {
			for _, copies := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/%v", scheme, layer, copies), func(t *testing.T) {
					var seen []string
					look := middleware.Func("look", layer, func(req *http.Request, next middleware.Next) (*http.Response, error) {
						given := req
						if copies {
							req = middleware.Mutable(req)
							req.Header.Set("X-Mine", "mine")
						}
						resp, err := next(req)
						seen = append(seen, dump(given), dump(req))
						if resp != nil {
							seen = append(seen, dump(resp.Request))
						}
						return resp, err
					})
					rt := &api{}
					_, err := client(t, rt, step(), look).R().Get("/")
					require.NoError(t, err)
					require.Len(t, seen, 3)
					for _, s := range seen {
						require.NotContains(t, s, "s3cret")
						require.NotContains(t, s, secretPair)
					}
					if copies {
						require.Equal(t, "mine", rt.last(t).Header.Get("X-Mine"))
					}
				})
			}
		}
	}
}

// outer is a decorator around the stack that puts its own request behind the response.
type outer struct {
	next    http.RoundTripper
	forgets bool
}

func (o outer) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := o.next.RoundTrip(req.WithContext(req.Context()))
	if resp != nil {
		if resp.Request = req; o.forgets {
			resp.Request = nil
		}
	}
	return resp, err
}

func TestADecoratorAroundTheStackDoesNotMakeAStrangerHome(t *testing.T) {
	n := newInternet(t)
	for scheme, step := range schemes() {
		for _, forgets := range []bool{false, true} {
			c := http.Client{Transport: outer{middleware.Stack{step()}.RoundTripper(n.base), forgets}}
			for _, hops := range []string{
				redirect(302, "https://evil.test/land"),
				redirect(302, "https://evil.test"+redirect(302, "https://evil.test/land")),
				redirect(302, "https://evil.test"+redirect(302, home+"/land")),
			} {
				resp, err := c.Get(home + hops)
				require.NoError(t, err)
				_, _ = io.Copy(io.Discard, resp.Body)
				require.NoError(t, resp.Body.Close())
				hits := n.take()
				require.True(t, carries(hits[0]), scheme)
				for _, h := range hits[1:] {
					require.False(t, carries(h), "%s %s", h.origin, h.text)
				}
			}
		}
	}
}
