package middleware_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

// sentWith is the header that a client with some steps sends.
func sentWith(t *testing.T, set func(*resty.Request) *resty.Request, steps ...middleware.Middleware) http.Header {
	t.Helper()
	wire := wireOf(200)
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, steps...))
	r := c.R()
	if set != nil {
		r = set(r)
	}
	_, err := r.Get("http://api.test/")
	require.NoError(t, err)
	return wire.requests()[0].Header
}

func TestHeaderIsSetWhereTheCallerHasNone(t *testing.T) {
	team := middleware.Header{Key: "x-team", Value: "billing"}
	require.Equal(t, []string{"billing"}, sentWith(t, nil, team)["X-Team"])
	own := sentWith(t, func(r *resty.Request) *resty.Request { return r.SetHeader("X-Team", "mine") }, team)
	require.Equal(t, []string{"mine"}, own["X-Team"], "what the caller set on the request wins")
}

func TestHeadersOfDifferentNamesStack(t *testing.T) {
	got := sentWith(t, nil, middleware.Header{Key: "X-A", Value: "1"}, middleware.Header{Key: "X-B", Value: "2"}, middleware.Header{Key: "x-a", Value: "3"})
	require.Equal(t, []string{"3"}, got["X-A"], "the same field in other letters is the same step")
	require.Equal(t, []string{"2"}, got["X-B"])
	require.Equal(t, "header:x-a", middleware.Header{Key: "X-A"}.Name())
}

func TestAHeaderMayBeEmpty(t *testing.T) {
	require.Equal(t, []string{""}, sentWith(t, nil, middleware.Header{Key: "X-Empty"})["X-Empty"])
}

func TestUserAgentReplacesRestysAndNotTheCallers(t *testing.T) {
	agent := middleware.UserAgent("billing/1.4")
	require.Equal(t, "billing/1.4", sentWith(t, nil, agent).Get("User-Agent"))
	own := sentWith(t, func(r *resty.Request) *resty.Request { return r.SetHeader("User-Agent", "mine/1") }, agent)
	require.Equal(t, "mine/1", own.Get("User-Agent"))

	wire := wireOf(200)
	_, err := getAll(t, plainClient(wire, agent), "http://api.test/")
	require.NoError(t, err)
	require.Equal(t, "billing/1.4", wire.requests()[0].Header.Get("User-Agent"), "without resty too")
}

func TestARequestIDIsTheSameInAttemptsAndRedirects(t *testing.T) {
	wire := newWire(func(n int, req *http.Request) (*http.Response, error) {
		if req.URL.Path == "/x" {
			return reply(302, "", "Location", "https://other.test/y"), nil
		}
		return reply(503, ""), nil
	})
	c := resty.New().SetBaseURL("https://api.test").SetTransport(wire)
	require.NoError(t, middleware.Use(c, middleware.RequestID{}, tries(2), bearer))
	for range 2 {
		_, err := c.R().Get("/x")
		require.NoError(t, err)
	}
	var ids []string
	for _, r := range wire.requests() {
		ids = append(ids, r.Header.Get("X-Request-Id"))
	}
	require.Len(t, ids, 8, "two calls of two hops of two attempts")
	for i := range 3 {
		require.Equal(t, ids[0], ids[i+1])
		require.Equal(t, ids[4], ids[i+5])
	}
	require.NotEqual(t, ids[0], ids[4], "the next call has another")
	require.Regexp(t, `^[A-Z2-7]{26}$`, ids[0])
}

func TestARequestIDOfTheCallersStays(t *testing.T) {
	got := sentWith(t, func(r *resty.Request) *resty.Request { return r.SetHeader("X-Request-Id", "mine") }, middleware.RequestID{})
	require.Equal(t, []string{"mine"}, got["X-Request-Id"])
}

func TestARequestIDMayHaveAnotherFieldAndSource(t *testing.T) {
	made := 0
	id := middleware.RequestID{Field: "x-correlation-id", Generate: func() string { made++; return "id-1" }}
	got := sentWith(t, nil, id, tries(3))
	require.Equal(t, []string{"id-1"}, got["X-Correlation-Id"])
	require.Empty(t, got["X-Request-Id"])
	require.Equal(t, 1, made, "made once per call")
	require.Equal(t, "X-Correlation-Id", id.String())
}

func TestHeaderStepsRefuseWhatIsNoHeader(t *testing.T) {
	for name, tt := range map[string]struct {
		step middleware.Validator
		want string // "" is valid
	}{
		"header":                  {middleware.Header{Key: "X-A", Value: "b"}, ""},
		"tab in a value":          {middleware.Header{Key: "X-A", Value: "a\tb"}, ""},
		"text beyond ASCII":       {middleware.Header{Key: "X-A", Value: "grün"}, ""},
		"no name":                 {middleware.Header{Value: "b"}, "the header name is empty"},
		"space in the name":       {middleware.Header{Key: "X A"}, "no header name may have"},
		"colon in the name":       {middleware.Header{Key: "X-A:"}, "no header name may have"},
		"umlaut in the name":      {middleware.Header{Key: "X-Ä"}, "no header name may have"},
		"line end in the value":   {middleware.Header{Key: "X-A", Value: "ab\nX-B: c"}, "control character at byte 2"},
		"NUL in the value":        {middleware.Header{Key: "X-A", Value: "\x00"}, "control character at byte 0"},
		"DEL in the value":        {middleware.Header{Key: "X-A", Value: "a\x7f"}, "control character at byte 1"},
		"Host":                    {middleware.Header{Key: "host", Value: "a"}, "net/http does not take Host from the header"},
		"Content-Length":          {middleware.Header{Key: "Content-Length", Value: "1"}, "net/http does not take"},
		"Transfer-Encoding":       {middleware.Header{Key: "transfer-encoding", Value: "a"}, "net/http does not take"},
		"user agent":              {middleware.UserAgent("a/1"), ""},
		"empty user agent":        {middleware.UserAgent(""), "the value is empty"},
		"user agent of two lines": {middleware.UserAgent("a\r\nX-B: c"), "control character at byte 1"},
		"request id":              {middleware.RequestID{}, ""},
		"request id, bad field":   {middleware.RequestID{Field: "X Y"}, "no header name may have"},
	} {
		t.Run(name, func(t *testing.T) {
			err := tt.step.Validate()
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.want)
			require.False(t, strings.ContainsAny(err.Error(), "\r\n\x00"), "the message is one clean line: %q", err)
		})
	}
}

func TestHeaderStepsDoNotWriteIntoTheCallersRequest(t *testing.T) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://api.test/", nil)
	require.NoError(t, err)
	rt := middleware.Stack{middleware.Header{Key: "X-A", Value: "1"}, middleware.UserAgent("a/1"), middleware.RequestID{}}.RoundTripper(wireOf(200))
	resp, err := rt.RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Empty(t, req.Header)
	require.Same(t, req.URL, resp.Request.URL)
	require.Empty(t, resp.Request.Header)
}
