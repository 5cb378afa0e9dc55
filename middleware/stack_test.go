package middleware_test

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

// kitSteps are steps of the kit's, of different names, with a fake's credential.
func kitSteps() []middleware.Middleware {
	return []middleware.Middleware{
		middleware.RequireStatus{},
		middleware.RequireJSON{},
		middleware.Deadline(0),
		middleware.Header{Key: "X-B", Value: "b"},
		middleware.Header{Key: "X-A", Value: "a"},
		middleware.UserAgent("billing/1.4"),
		middleware.RequestID{Generate: func() string { return "id" }},
		middleware.Timeout{Connect: 3 * time.Second},
		middleware.MaxBody(0),
		bearer,
	}
}

const kitPipeline = `call  require-status  2xx
call  require-json
call  deadline        30s
call  header:x-a      a
call  header:x-b      b
call  user-agent      billing/1.4
call  request-id      X-Request-Id
auth  test-bearer     a test's, only http://api.test
wire  timeout         connect 3s, read 10s
wire  max-body        10 MiB`

func TestThePipelinePrintsInTheOrderInWhichItRuns(t *testing.T) {
	c := resty.New().SetBaseURL("http://api.test/v1")
	require.NoError(t, middleware.Use(c, kitSteps()...))
	require.Equal(t, kitPipeline, middleware.Of(c).String())
}

// shuffled is steps in another order, in one to four parts.
func shuffled(rnd *rand.Rand, steps []middleware.Middleware) [][]middleware.Middleware {
	steps = slices.Clone(steps)
	rnd.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
	var parts [][]middleware.Middleware
	for len(parts) < 3 && len(steps) > 1 {
		n := 1 + rnd.IntN(len(steps))
		parts, steps = append(parts, steps[:n]), steps[n:]
	}
	return append(parts, steps)
}

func TestAnyOrderAndAnySplitOfTheKitsStepsIsTheSamePipeline(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 11))
	for range 300 {
		wire := newWire(func(_ int, req *http.Request) (*http.Response, error) {
			if req.URL.Path == "/v1/200" {
				return reply(200, "<p>hello</p>", "Content-Type", "text/html"), nil
			}
			return reply(404, "<p>nothing</p>", "Content-Type", "text/html"), nil
		})
		c := resty.New().SetBaseURL("http://api.test/v1").SetTransport(wire)
		parts := shuffled(rnd, kitSteps())
		for _, part := range parts {
			require.NoError(t, middleware.Use(c, part...))
		}
		require.Equal(t, kitPipeline, middleware.Of(c).String(), "%v", parts)

		_, err := c.R().Get("/404")
		var status *middleware.StatusError
		require.ErrorAs(t, err, &status, "a 404 HTML page, whichever check was written first: %v", parts)
		_, err = c.R().Get("/200")
		var kind *middleware.ContentTypeError
		require.ErrorAs(t, err, &kind)

		for _, r := range wire.requests() {
			require.Equal(t, http.Header{
				"Accept": {"application/json"}, "Authorization": {"Bearer sesame"}, "User-Agent": {"billing/1.4"},
				"X-A": {"a"}, "X-B": {"b"}, "X-Request-Id": {"id"},
			}, r.Header)
		}
	}
}

func TestAnyOrderOfLayersRunsTheSame(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 5))
	layers := []middleware.Layer{middleware.Call, middleware.Retry, middleware.Breaker, middleware.Limit, middleware.Auth, middleware.Wire}
	var steps []middleware.Middleware
	for _, layer := range layers {
		steps = append(steps, trail(layer.String(), layer))
	}
	for range 50 {
		wire := wireOf(200)
		c := resty.New().SetTransport(wire)
		for _, part := range shuffled(rnd, steps) {
			require.NoError(t, middleware.Use(c, part...))
		}
		_, err := c.R().Get("http://api.test/")
		require.NoError(t, err)
		require.Equal(t, "call retry breaker limit auth wire", trailOf(wire.requests()[0]))
	}
}

func TestUsersStepsOfALayerKeepTheirOrder(t *testing.T) {
	names := []string{"zeta", "alpha", "mid", "beta"}
	var steps []middleware.Middleware
	for _, name := range names {
		steps = append(steps, trail(name, middleware.Call))
	}
	for cut := range len(steps) + 1 {
		wire := wireOf(200)
		c := resty.New().SetTransport(wire)
		require.NoError(t, middleware.Use(c, append(slices.Clone(steps[:cut]), middleware.RequestID{})...))
		require.NoError(t, middleware.Use(c, append([]middleware.Middleware{middleware.RequireStatus{}}, steps[cut:]...)...))

		_, err := c.R().Get("http://api.test/")
		require.NoError(t, err)
		require.Equal(t, strings.Join(names, " "), trailOf(wire.requests()[0]), "split at %d", cut)
		require.Equal(t, append([]string{"require-status", "request-id"}, names...), namesOf(middleware.Of(c)))
	}
}

func TestAStepThatReplacesAnotherStandsInItsPlace(t *testing.T) {
	c := resty.New()
	require.NoError(t, middleware.Use(c, trail("a", middleware.Call), trail("b", middleware.Call), trail("c", middleware.Call)))
	require.NoError(t, middleware.Use(c, trail("a", middleware.Call), trail("d", middleware.Call)))
	require.Equal(t, []string{"a", "b", "c", "d"}, namesOf(middleware.Of(c)))
}

func TestAttemptStepsStandAboveTheWireWhateverTheirLayer(t *testing.T) {
	wire := wireOf(200)
	note := func(name string, layer middleware.Layer) middleware.Middleware {
		return &behaves{name: name, layer: layer, attempt: func(req *http.Request, next middleware.Next) (*http.Response, error) {
			return next(withTrail(req, name))
		}}
	}
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, trail("wire", middleware.Wire), trail("auth", middleware.Auth),
		note("call-observer", middleware.Call), note("limit-observer", middleware.Limit), trail("call", middleware.Call)))
	_, err := c.R().Get("http://api.test/")
	require.NoError(t, err)
	require.Equal(t, "call auth call-observer limit-observer wire", trailOf(wire.requests()[0]))
}

func TestTheStackOfAClientServesAnother(t *testing.T) {
	a := resty.New().SetBaseURL("http://api.test")
	require.NoError(t, middleware.Use(a, kitSteps()...))
	wire := wireOf(200)
	b := resty.New().SetBaseURL("http://other.test").SetTransport(wire)
	require.NoError(t, middleware.Use(b, middleware.Of(a)...))

	require.Contains(t, middleware.Of(b).String(), "only http://other.test", "a credential belongs to the client that it is on")
	require.Equal(t, namesOf(middleware.Of(a)), namesOf(middleware.Of(b)))
	_, err := b.R().Get("/")
	require.NoError(t, err)
	require.Equal(t, "Bearer sesame", wire.requests()[0].Header.Get("Authorization"))
}

func TestChangingWhatOfReturnsDoesNotChangeTheClient(t *testing.T) {
	c := resty.New()
	require.NoError(t, middleware.Use(c, trail("a", middleware.Call), trail("b", middleware.Call)))
	got := middleware.Of(c)
	got[0] = trail("x", middleware.Call)
	slices.Reverse(got)
	require.Equal(t, []string{"a", "b"}, namesOf(middleware.Of(c)))
}

func TestACredentialPrintsWhereItGoes(t *testing.T) {
	step := bearer
	step.origins = []string{"https://files.test", "https://cdn.test:8443"}
	c := resty.New()
	require.NoError(t, middleware.Use(c, step))
	require.Equal(t, "auth  test-bearer  a test's", middleware.Of(c).String(), "without a BaseURL it is the caller's to say")
	c.SetBaseURL("HTTPS://API.test:443/v1")
	require.Equal(t, "auth  test-bearer  a test's, only https://api.test, https://files.test, https://cdn.test:8443", middleware.Of(c).String())
}

// wordless is a credential without a String.
type wordless struct{}

func (wordless) Name() string            { return "wordless" }
func (wordless) Layer() middleware.Layer { return middleware.Auth }
func (wordless) Trusts() []string        { return nil }

func (wordless) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	return next(req)
}

// silent is one with an empty String.
type silent struct{ wordless }

func (silent) Name() string   { return "silent" }
func (silent) String() string { return "" }

func TestACredentialWithoutATextPrintsWhereItGoes(t *testing.T) {
	c := resty.New().SetBaseURL("https://api.test")
	require.NoError(t, middleware.Use(c, wordless{}, silent{}))
	require.Equal(t, "auth  wordless  only https://api.test\nauth  silent    only https://api.test", middleware.Of(c).String())
}

func TestAStackPrintsWhateverIsInIt(t *testing.T) {
	require.Empty(t, middleware.Stack(nil).String())
	require.Equal(t, "call      a\nlayer(9)  b", middleware.Stack{
		trail("a", middleware.Call), nil, trail("b", 9),
	}.String())
}

func TestLayersPrintTheirNames(t *testing.T) {
	require.Equal(t, "layer(0)", middleware.Layer(0).String())
	require.Equal(t, "layer(200)", middleware.Layer(200).String())
	require.Equal(t, "call retry breaker limit auth wire", strings.Join([]string{
		middleware.Call.String(), middleware.Retry.String(), middleware.Breaker.String(),
		middleware.Limit.String(), middleware.Auth.String(), middleware.Wire.String(),
	}, " "))
}

func namesOf(s middleware.Stack) []string {
	var names []string
	for _, step := range s {
		names = append(names, step.Name())
	}
	return names
}
