package middleware_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

// html answers every request with a page, of a length that only its end tells.
func html(*http.Request) *http.Response {
	resp := reply(http.StatusOK, "<h1>login</h1>", "Content-Type", "text/html; charset=utf-8")
	resp.ContentLength = -1
	return resp
}

func contentTypeError(t *testing.T, err error) *middleware.ContentTypeError {
	t.Helper()
	kind, ok := errors.AsType[*middleware.ContentTypeError](err)
	require.Truef(t, ok, "%v", err)
	return kind
}

func TestAnswerThatIsNoJSONIsAContentTypeErrorInEveryMode(t *testing.T) {
	for mode, get := range modes(t) {
		t.Run(mode, func(t *testing.T) {
			_, err := get(answers(t, html, middleware.RequireJSON{}).R())
			got := contentTypeError(t, err)
			require.Equal(t, &middleware.ContentTypeError{
				Method: "GET", URL: "https://api.test/", StatusCode: 200,
				ContentType: "text/html; charset=utf-8", Body: []byte("<h1>login</h1>"),
			}, got)
			require.EqualError(t, got, "content type: GET https://api.test/: 200 with text/html; charset=utf-8, not JSON: <h1>login</h1>")
		})
	}
}

func TestNoFileIsWrittenForAnAnswerThatIsNoJSON(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data.json")
	require.NoError(t, os.WriteFile(file, []byte("yesterday's"), 0o600))
	_, err := answers(t, html, middleware.RequireJSON{}).R().SetOutput(file).Get("/")
	require.Equal(t, http.StatusOK, contentTypeError(t, err).StatusCode)
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "yesterday's", string(data))
}

func TestBodyWithoutAContentTypeIsNoJSON(t *testing.T) {
	for mode, get := range modes(t) {
		t.Run(mode, func(t *testing.T) {
			c := answers(t, func(*http.Request) *http.Response {
				resp := reply(http.StatusOK, `{"a":1}`)
				resp.Header.Del("Content-Type")
				return resp
			}, middleware.RequireJSON{})
			_, err := get(c.R())
			require.EqualError(t, contentTypeError(t, err), `content type: GET https://api.test/: 200 with no Content-Type, not JSON: {"a":1}`)
		})
	}
}

func TestJSONReachesTheCallerWhole(t *testing.T) {
	for mode, get := range modes(t) {
		t.Run(mode, func(t *testing.T) {
			for _, length := range []int64{7, -1} {
				c := answers(t, func(*http.Request) *http.Response {
					resp := reply(http.StatusOK, `{"a":1}`)
					resp.ContentLength = length
					return resp
				}, middleware.RequireJSON{})
				body, err := get(c.R())
				require.NoError(t, err)
				if mode != "saved" {
					require.JSONEq(t, `{"a":1}`, body)
				}
			}
		})
	}
}

func TestAnswerWithoutABodyIsNeverTheWrongType(t *testing.T) {
	none := func(status int, length int64, kind string, body io.ReadCloser) func(*http.Request) *http.Response {
		return func(*http.Request) *http.Response {
			resp := reply(status, "")
			resp.Header = http.Header{}
			if kind != "" {
				resp.Header.Set("Content-Type", kind)
			}
			resp.ContentLength, resp.Body = length, body
			return resp
		}
	}
	empty := func() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }
	for name, answer := range map[string]func(*http.Request) *http.Response{
		"204":                       none(204, 0, "text/html", http.NoBody),
		"205":                       none(205, 0, "text/html", http.NoBody),
		"205 that has one":          none(205, -1, "text/html", io.NopCloser(strings.NewReader("x"))),
		"304":                       none(304, -1, "text/html", http.NoBody),
		"200 of length 0":           none(200, 0, "text/html", http.NoBody),
		"200 of length 0, no type":  none(200, 0, "", empty()),
		"200 of unknown length":     none(200, -1, "text/html", empty()),
		"201 of unknown length":     none(201, -1, "", empty()),
		"200 of unknown length, {}": none(200, -1, "application/json", empty()),
	} {
		t.Run(name, func(t *testing.T) {
			for mode, get := range modes(t) {
				_, err := get(answers(t, answer, middleware.RequireJSON{}).R().SetResult(nil))
				require.NoError(t, err, mode)
			}
		})
	}
}

func TestAnswerToHEADIsNeverTheWrongType(t *testing.T) {
	c := answers(t, func(*http.Request) *http.Response {
		resp := reply(http.StatusOK, "", "Content-Type", "text/html")
		resp.ContentLength, resp.Body = 1000, http.NoBody
		return resp
	}, middleware.RequireJSON{})
	_, err := c.R().Head("/")
	require.NoError(t, err)
	_, err = c.R().SetDoNotParseResponse(true).Head("/")
	require.NoError(t, err)
}

// resty alone fails with EOF where the answer to HEAD says gzip and no length.
func TestAnswerToHEADThatSaysGzipIsNoError(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Transfer-Encoding", "chunked")
	}))
	defer srv.Close()
	for _, steps := range []middleware.Stack{{middleware.RequireJSON{}}, {middleware.RequireStatus{}}, {middleware.MaxBody(0), middleware.Timeout{}}} {
		c := resty.New()
		require.NoError(t, middleware.Use(c, steps...))
		resp, err := c.R().SetHeader("Accept-Encoding", "gzip").Head(srv.URL)
		require.NoError(t, err)
		require.Equal(t, "gzip", resp.Header().Get("Content-Encoding"))
		c.GetClient().CloseIdleConnections()
	}
}

// What is no success is judged by its status first, whichever check was written first.
func TestStatusIsJudgedBeforeTheContentType(t *testing.T) {
	page := func(status int) func(*http.Request) *http.Response {
		return func(*http.Request) *http.Response {
			return reply(status, "<p>no</p>", "Content-Type", "text/html")
		}
	}
	status, kind := middleware.RequireStatus{}, middleware.RequireJSON{}
	for mode, get := range modes(t) {
		t.Run(mode, func(t *testing.T) {
			for _, steps := range []middleware.Stack{{status, kind}, {kind, status}} {
				_, err := get(answers(t, page(404), steps...).R())
				require.Equal(t, 404, statusError(t, err).StatusCode)
				_, err = get(answers(t, page(200), steps...).R())
				require.Equal(t, 200, contentTypeError(t, err).StatusCode)
			}
			_, err := get(answers(t, page(404), kind).R())
			require.Equal(t, 404, contentTypeError(t, err).StatusCode)
			_, err = get(answers(t, page(404), kind, middleware.RequireStatus{Codes: []int{404}}).R())
			require.Equal(t, 404, contentTypeError(t, err).StatusCode)
		})
	}
}

func TestDownloadSwitchesTheContentTypeOff(t *testing.T) {
	for mode, get := range modes(t) {
		c := answers(t, html, middleware.RequireJSON{})
		_, err := get(c.R().SetContext(middleware.With(t.Context(), middleware.Off("require-json"))))
		require.NoError(t, err, mode)
	}
}

func TestContentTypeThatIsNoTextShowsNoBody(t *testing.T) {
	c := answers(t, func(*http.Request) *http.Response {
		return reply(http.StatusOK, "\x89PNG", "Content-Type", "image/png")
	}, middleware.RequireJSON{})
	_, err := c.R().Get("/")
	require.EqualError(t, contentTypeError(t, err), "content type: GET https://api.test/: 200 with image/png, not JSON")
}

func TestSetOutputBesideSetResultIsAnError(t *testing.T) {
	c := answers(t, func(*http.Request) *http.Response {
		t.Error("sent")
		return reply(200, "{}")
	}, middleware.RequireJSON{})
	file := filepath.Join(t.TempDir(), "out")
	_, err := c.R().SetOutput(file).SetResult(&struct{}{}).Get("/")
	require.ErrorContains(t, err, "require-json: SetOutput writes the body to a file, so SetResult would stay empty: use one of the two")
	require.NoFileExists(t, file)
}

func TestAcceptIsJSONUnlessTheCallerHasSaid(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*resty.Client, *resty.Request)
		want []string
	}{
		"nobody":      {func(*resty.Client, *resty.Request) {}, []string{"application/json"}},
		"the request": {func(_ *resty.Client, r *resty.Request) { r.SetHeader("Accept", "text/csv") }, []string{"text/csv"}},
		"the client":  {func(c *resty.Client, _ *resty.Request) { c.SetHeader("accept", "text/csv") }, []string{"text/csv"}},
		"the request, several": {func(_ *resty.Client, r *resty.Request) {
			r.SetHeaderMultiValues(map[string][]string{"Accept": {"text/csv", "text/plain"}})
		}, []string{"text/csv, text/plain"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			client := answers(t, func(req *http.Request) *http.Response {
				got = req.Header["Accept"]
				return reply(200, "{}")
			}, middleware.RequireJSON{})
			r := client.R()
			c.set(client, r)
			_, err := r.Get("/")
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}
