package middleware_test

import (
	"net/http"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

// A redirect policy may ask something itself, with the context that it has, on the same
// http.Client. That request is nobody's next hop: the pipeline is not run for it, and goes
// on with the call behind it.
func TestARequestFromWithinCheckRedirectIsAStrangersRequest(t *testing.T) {
	strangers := map[string]string{
		"at home":           "http://api.test/stranger",
		"elsewhere":         "http://other.test/stranger",
		"with a redirect":   "http://api.test/stranger/moves",
		"a redirect abroad": "http://other.test/stranger/moves",
	}
	for name, asked := range strangers {
		t.Run(name, func(t *testing.T) {
			eachMode(t, func(t *testing.T, _ string, get func(*resty.Client, string) (*resty.Response, string, error), _ string) {
				wire := newWire(func(_ int, req *http.Request) (*http.Response, error) {
					switch req.URL.Path {
					case "/go":
						return reply(302, "", "Location", "http://api.test/land"), nil
					case "/stranger/moves":
						return reply(307, "", "Location", "http://api.test/stranger"), nil
					case "/stranger":
						return reply(500, `{"of":"the stranger"}`), nil
					}
					return reply(200, `{"of":"the call"}`), nil
				})
				c := resty.New().SetTransport(wire).SetBaseURL("http://api.test")
				require.NoError(t, middleware.Use(c, bearer, trail("call", middleware.Call), trail("wire", middleware.Wire), middleware.RequireStatus{}))
				c.SetRedirectPolicy(resty.RedirectPolicyFunc(func(_ *http.Request, via []*http.Request) error {
					req, err := http.NewRequestWithContext(via[0].Context(), http.MethodGet, asked, nil)
					require.NoError(t, err)
					resp, err := (&http.Client{Transport: c.GetClient().Transport}).Do(req)
					require.NoError(t, err)
					require.Equal(t, 500, resp.StatusCode, "nobody checks its answer")
					return resp.Body.Close()
				}))
				var info *middleware.Info
				c.OnAfterResponse(func(_ *resty.Client, r *resty.Response) error {
					info = middleware.InfoOf(r.Request.Context())
					return nil
				})
				resp, body, err := get(c, "/go")
				require.NoError(t, err)
				require.Equal(t, 200, resp.StatusCode())
				require.JSONEq(t, `{"of":"the call"}`, body)
				if info != nil {
					require.Equal(t, 1, info.Attempts())
				}
				sent := wire.requests()
				for i, r := range sent {
					ours := i == 0 || i == len(sent)-1
					require.Equal(t, ours, trailOf(r) == "call wire", r)
					require.Equal(t, ours, r.Header.Get("Authorization") == bearer.secret, r)
				}
				require.GreaterOrEqual(t, len(sent), 3)
				require.Zero(t, wire.open())
			})
		})
	}
}
