package restykit_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/observe"
)

// Each test here is a promise. "bare resty" shows the trap, and fails when resty mends it;
// "with a stack" shows that the promise holds.

// serving is the URL of a server that answers everything in one way.
func serving(t *testing.T, status int, contentType, body string) string {
	t.Helper()
	return handling(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil // or net/http would look for one
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

func handling(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

// failOnStatus is the status check that people write as a hook.
func failOnStatus(_ *resty.Client, resp *resty.Response) error {
	if resp.IsError() {
		return errors.New("hook: " + resp.Status())
	}
	return nil
}

// A status check in OnAfterResponse is silently off with SetDoNotParseResponse.
func TestSameStatusRuleHoldsForStreamedResponses(t *testing.T) {
	t.Parallel()
	url := serving(t, 500, "text/plain", "upstream exploded")
	t.Run("bare resty", func(t *testing.T) {
		c := bare(url).OnAfterResponse(failOnStatus)
		_, _, err := decoded(t, c.R(), "GET", "/")
		require.EqualError(t, err, "hook: 500 Internal Server Error")
		_, body, err := streamed(t, c.R(), "GET", "/")
		require.NoError(t, err)
		require.Equal(t, "upstream exploded", body)
	})
	t.Run("with a stack", func(t *testing.T) {
		inEachMode(t, func(t *testing.T, do send) {
			_, _, err := do(t, clientOn(t, url, middleware.RequireStatus{}).R(), "GET", "/")
			require.ErrorIs(t, err, middleware.ErrServer)
		})
	})
}

// ends is a metric: it counts how calls end, and what they ended with.
type ends struct {
	calls, sends atomic.Int32
	err          error
}

func (*ends) Name() string            { return "ends" }
func (*ends) Layer() middleware.Layer { return middleware.Call }

func (e *ends) Done(_ *middleware.Info, _ *resty.Response, err error) {
	e.err = err
	e.calls.Add(1)
}

func (e *ends) Attempt(r *http.Request, next middleware.Next) (*http.Response, error) {
	e.sends.Add(1)
	return next(r)
}

// OnAfterResponse does not run on network errors, truncated or too large bodies, JSON that
// resty cannot parse, streams, and behind a hook that fails.
func TestMetricsLogAndTraceNeverDependOnOnAfterResponse(t *testing.T) {
	t.Parallel()
	truncated := handling(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "ten bytes.")
	})
	page := serving(t, 200, "application/json", "<html>, and more than ten bytes")
	for name, tc := range map[string]struct {
		url     string
		arrange func(*resty.Client)
		do      send
		fails   bool
	}{
		"network error":  {url: nobody(), fails: true},
		"truncated body": {url: truncated, fails: true},
		"too large body": {url: page, arrange: func(c *resty.Client) { c.SetResponseBodyLimit(10) }, fails: true},
		"bad JSON": {url: page, fails: true, do: func(t *testing.T, r *resty.Request, m, p string) (*resty.Response, string, error) {
			return decoded(t, r.SetResult(map[string]any{}), m, p)
		}},
		"stream": {url: page, do: streamed},
		"a hook that fails": {url: page, fails: true, arrange: func(c *resty.Client) {
			c.OnAfterResponse(func(*resty.Client, *resty.Response) error { return errors.New("first") })
		}},
		"a hook that fails before the request": {url: page, fails: true, arrange: func(c *resty.Client) {
			c.OnBeforeRequest(func(*resty.Client, *resty.Request) error { return errors.New("first") })
		}},
	} {
		call := func(t *testing.T, c *resty.Client) error {
			t.Helper()
			if tc.do == nil {
				tc.do = decoded
			}
			_, _, err := tc.do(t, c.R(), "GET", "/")
			require.Equal(t, tc.fails, err != nil, err)
			return err
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Run("bare resty", func(t *testing.T) {
				c, metric := bare(tc.url), 0
				if tc.arrange != nil {
					tc.arrange(c)
				}
				c.OnAfterResponse(func(*resty.Client, *resty.Response) error { metric++; return nil })
				_ = call(t, c)
				require.Zero(t, metric)
			})
			t.Run("with a stack", func(t *testing.T) {
				var out bytes.Buffer
				metric := &ends{}
				c := clientOn(t, tc.url, metric, observe.Log{Logger: slog.New(slog.NewTextHandler(&out, nil))})
				if tc.arrange != nil {
					tc.arrange(c)
				}
				err := call(t, c)
				require.EqualValues(t, 1, metric.calls.Load())
				require.Equal(t, err, metric.err, "the caller's error")
				require.Equal(t, 1, strings.Count(out.String(), "http call"))
			})
		})
	}
}

// SetOutput writes the body of an error over the file, before any hook of the user's.
func TestNon2xxNeverReachesTheOutputFile(t *testing.T) {
	t.Parallel()
	url := serving(t, 500, "text/plain", "upstream exploded")
	t.Run("bare resty", func(t *testing.T) {
		_, body, err := saved(t, bare(url).OnAfterResponse(failOnStatus).R(), "GET", "/")
		require.Error(t, err)
		require.Equal(t, "upstream exploded", body)
	})
	t.Run("with a stack", func(t *testing.T) {
		_, body, err := saved(t, clientOn(t, url, middleware.RequireStatus{}).R(), "GET", "/")
		require.ErrorContains(t, err, "upstream exploded")
		require.Equal(t, untouched, body)
	})
}

// bodies is a transport that counts the bodies that are open.
type bodies struct{ open, opened atomic.Int32 }

func (b *bodies) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		b.opened.Add(1)
		b.open.Add(1)
		resp.Body = &countedBody{ReadCloser: resp.Body, of: b}
	}
	return resp, err
}

type countedBody struct {
	io.ReadCloser
	of   *bodies
	once atomic.Bool
}

func (b *countedBody) Close() error {
	if !b.once.Swap(true) {
		b.of.open.Add(-1)
	}
	return b.ReadCloser.Close()
}

// SetOutput with SetResult fails on an empty body and, as with a path that cannot be
// written, never closes the real one.
func TestOutputWithAResultIsDetectedAndEveryBodyIsClosed(t *testing.T) {
	t.Parallel()
	url := serving(t, 200, "application/json", `{"id": 1}`)
	both := func(t *testing.T, c *resty.Client) error {
		_, _, err := saved(t, c.R().SetResult(map[string]any{}), "GET", "/")
		return err
	}
	nowhere := func(t *testing.T, c *resty.Client) error {
		_, err := c.R().SetOutput(t.TempDir()).Get("/")
		return err
	}
	t.Run("bare resty", func(t *testing.T) {
		var base bodies
		c := bare(url).SetTransport(&base)
		require.EqualError(t, both(t, c), "unexpected end of JSON input")
		require.Error(t, nowhere(t, c))
		require.EqualValues(t, 2, base.open.Load())
	})
	t.Run("with a stack", func(t *testing.T) {
		var base bodies
		c := clientOn(t, url, middleware.RequireJSON{}).SetTransport(&base)
		require.ErrorContains(t, both(t, c), "SetOutput writes the body to a file, so SetResult would stay empty")
		require.Zero(t, base.opened.Load(), "it is known before anything is sent")
		require.Error(t, nowhere(t, c))
		require.Zero(t, base.open.Load())
		without := clientOn(t, url, middleware.RequireStatus{}).SetTransport(&base)
		require.Error(t, both(t, without))
		require.Zero(t, base.open.Load())
	})
}
