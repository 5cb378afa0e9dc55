package auth_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

// api is a transport that answers by itself and remembers what it was sent. Inside a
// synctest bubble it stands in for a server, where real sockets do not work.
type api struct {
	answer func(*http.Request) (*http.Response, error) // nil is 200

	mu   sync.Mutex
	seen []*http.Request
	body []string
}

// RoundTrip reads the request as a server would, and answers.
func (a *api) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		_ = req.Body.Close()
	}
	a.mu.Lock()
	a.seen = append(a.seen, req.Clone(req.Context()))
	a.body = append(a.body, string(body))
	a.mu.Unlock()
	if a.answer == nil {
		return reply(req, http.StatusOK, "application/json", `{}`), nil
	}
	return a.answer(req)
}

// count is how many requests came.
func (a *api) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.seen)
}

// last is the last request that came.
func (a *api) last(t *testing.T) *http.Request {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	require.NotEmpty(t, a.seen, "no request came")
	return a.seen[len(a.seen)-1]
}

// authorizations are the values of Authorization, in the order in which they came.
func (a *api) authorizations() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([]string, len(a.seen))
	for i, req := range a.seen {
		out[i] = req.Header.Get("Authorization")
	}
	return out
}

// reply is a response as a transport returns it.
func reply(req *http.Request, status int, contentType, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {contentType}},
		Body:          io.NopCloser(strings.NewReader(body)),
		ContentLength: int64(len(body)), Request: req,
	}
}

const home = "https://api.home.test"

// client is a resty client of an API at home, with steps.
func client(t *testing.T, rt http.RoundTripper, steps ...middleware.Middleware) *resty.Client {
	t.Helper()
	c := resty.New().SetTransport(rt).SetBaseURL(home).SetLogger(silence{})
	require.NoError(t, middleware.Use(c, steps...))
	return c
}

// silence is a resty logger.
type silence struct{}

func (silence) Errorf(string, ...any) {}
func (silence) Warnf(string, ...any)  {}
func (silence) Debugf(string, ...any) {}

// fails is a transport's error.
func fails(err error) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}
