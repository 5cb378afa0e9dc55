package restykit_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

func TestStatusOutside2xxIsAStatusErrorInEachMode(t *testing.T) {
	t.Parallel()
	c := client(t, middleware.RequireStatus{})
	inEachMode(t, func(t *testing.T, do send) {
		for path, want := range map[string]int{"/status/400": 400, "/status/418": 418, "/status/500": 500, "/no/such/page": 404} {
			_, _, err := do(t, c.R().SetQueryParam("k", "v"), "GET", path)
			status, ok := errors.AsType[*middleware.StatusError](err)
			require.True(t, ok, err)
			require.Equal(t, want, status.StatusCode)
			require.Equal(t, "GET", status.Method)
			require.Equal(t, c.BaseURL+path+"?k=REDACTED", status.URL)
			require.Equal(t, 1, status.Attempts)
			require.Equal(t, status.Header.Get("Content-Type"), status.ContentType)
			if want == 404 {
				require.Contains(t, strings.ToLower(string(status.Body)), "not found")
			}
		}
		_, _, err := do(t, c.R(), "GET", "/status/204")
		require.NoError(t, err)
	})
}

func TestFileIsNotWrittenWhereTheAnswerFailsItsChecks(t *testing.T) {
	t.Parallel()
	c := client(t, middleware.RequireStatus{}, middleware.RequireJSON{})
	for _, path := range []string{"/status/500", "/status/418", "/no/such/page", "/html", "/image/png"} {
		_, body, err := saved(t, c.R(), "GET", path)
		require.Error(t, err)
		require.Equal(t, untouched, body)
	}
}

func TestStatusErrorTellsItsKind(t *testing.T) {
	t.Parallel()
	c := client(t, middleware.RequireStatus{})
	kinds := []error{middleware.ErrNotFound, middleware.ErrUnauthorized, middleware.ErrRateLimited, middleware.ErrServer}
	inEachMode(t, func(t *testing.T, do send) {
		for path, want := range map[string]error{
			"/status/404": middleware.ErrNotFound, "/status/410": middleware.ErrNotFound, "/status/401": middleware.ErrUnauthorized,
			"/status/429": middleware.ErrRateLimited, "/status/500": middleware.ErrServer, "/status/503": middleware.ErrServer, "/status/403": nil,
		} {
			_, _, err := do(t, c.R(), "GET", path)
			require.Error(t, err)
			for _, kind := range kinds {
				require.Equal(t, kind == want, errors.Is(err, kind), "%s is %v", path, kind) //nolint:errorlint // which of the four
			}
		}
	})
}

func Test404IsAnAnswerForARequestThatSaysSo(t *testing.T) {
	t.Parallel()
	c := client(t, middleware.RequireStatus{})
	ctx := middleware.With(t.Context(), middleware.RequireStatus{Codes: []int{200, 404}})
	inEachMode(t, func(t *testing.T, do send) {
		resp, _, err := do(t, c.R().SetContext(ctx), "GET", "/status/404")
		require.NoError(t, err)
		require.Equal(t, 404, resp.StatusCode())
		_, _, err = do(t, c.R().SetContext(ctx), "GET", "/status/410")
		require.ErrorIs(t, err, middleware.ErrNotFound)
		_, _, err = do(t, c.R(), "GET", "/status/404")
		require.ErrorIs(t, err, middleware.ErrNotFound)
	})
}

func TestResponseAndItsErrorStayBesideTheStatusError(t *testing.T) {
	t.Parallel()
	c := client(t, middleware.RequireStatus{}).SetHeader("Accept", "text/plain")
	var said map[string]any
	resp, err := c.R().SetError(&said).Get("/image") // 406 or 415, in JSON
	status, ok := errors.AsType[*middleware.StatusError](err)
	require.True(t, ok, err)
	require.True(t, resp.IsError())
	require.Equal(t, &said, resp.Error())
	require.NotEmpty(t, said)
	require.JSONEq(t, resp.String(), string(status.Body))
}

func TestHTMLIsAContentTypeErrorInEachMode(t *testing.T) {
	t.Parallel()
	c := client(t, middleware.RequireJSON{})
	inEachMode(t, func(t *testing.T, do send) {
		_, _, err := do(t, c.R(), "GET", "/html")
		media, ok := errors.AsType[*middleware.ContentTypeError](err)
		require.True(t, ok, err)
		require.Equal(t, 200, media.StatusCode)
		require.Equal(t, c.BaseURL+"/html", media.URL)
		require.Equal(t, "text/html; charset=utf-8", media.ContentType)
		require.Contains(t, string(media.Body), "<h1>Herman Melville - Moby-Dick</h1>")
		require.LessOrEqual(t, len(media.Body), 4<<10)
		_, _, err = do(t, c.R(), "GET", "/image/png")
		require.Error(t, err)
		_, body, err := do(t, c.R(), "GET", "/get")
		require.NoError(t, err)
		require.NotEmpty(t, echo(t, body).URL)
	})
}

func TestAnswerWithoutABodyIsNoContentTypeError(t *testing.T) {
	t.Parallel()
	c := client(t, middleware.RequireStatus{}, middleware.RequireJSON{})
	inEachMode(t, func(t *testing.T, do send) {
		for path, method := range map[string]string{"/status/200": "GET", "/status/204": "GET", "/html": "HEAD"} {
			_, _, err := do(t, c.R(), method, path)
			require.NoError(t, err, path)
		}
	})
}

func TestHTMLPageWithStatus404IsAStatusErrorInWhicheverOrderTheChecksAreWritten(t *testing.T) {
	t.Parallel()
	for _, steps := range []middleware.Stack{
		{middleware.RequireStatus{}, middleware.RequireJSON{}}, {middleware.RequireJSON{}, middleware.RequireStatus{}},
	} {
		c := client(t, steps...)
		inEachMode(t, func(t *testing.T, do send) {
			_, _, err := do(t, c.R(), "GET", "/no/such/page")
			require.ErrorIs(t, err, middleware.ErrNotFound)
			_, ok := errors.AsType[*middleware.ContentTypeError](err)
			require.False(t, ok)
		})
	}
}

func TestDownloadSaysThatItIsNoJSON(t *testing.T) {
	t.Parallel()
	c := client(t, middleware.RequireStatus{}, middleware.RequireJSON{})
	ctx := middleware.With(t.Context(), middleware.Off("require-json"))
	inEachMode(t, func(t *testing.T, do send) {
		_, body, err := do(t, c.R().SetContext(ctx), "GET", "/image/png")
		require.NoError(t, err)
		require.Equal(t, "\x89PNG", body[:4])
	})
}

// broken is a path whose answer is JSON by its type and not by its content: httpbin has
// lines of JSON there, go-httpbin any text.
func broken(t *testing.T, bin string) string {
	t.Helper()
	if isGo(t, bin) {
		return "/base64/eyJ1cmwiOiAiYSJ9CnsidXJsIjogImIifQ==?content-type=application/json"
	}
	return "/stream/2"
}

func TestBrokenJSONIsADecodeErrorThatSaysWhere(t *testing.T) {
	t.Parallel()
	c := client(t, middleware.RequireStatus{}, middleware.RequireJSON{})
	var result map[string]any
	resp, err := c.R().SetResult(&result).Get(broken(t, c.BaseURL))
	decode, ok := errors.AsType[*middleware.DecodeError](err)
	require.True(t, ok, err)
	require.Equal(t, 200, decode.StatusCode)
	require.Equal(t, "application/json", decode.ContentType)
	require.True(t, strings.HasPrefix(decode.URL, c.BaseURL+"/"))
	require.EqualValues(t, bytes.IndexByte(resp.Body(), '\n')+2, decode.Offset)
	require.Equal(t, resp.Body(), decode.Body)
	_, ok = errors.AsType[*json.SyntaxError](err)
	require.True(t, ok, "the decoder's own error is there too")
}

func TestJSONInAStringIsSentAndAskedForAsJSON(t *testing.T) {
	t.Parallel()
	c := client(t, middleware.RequireJSON{})
	inEachMode(t, func(t *testing.T, do send) {
		for _, body := range []any{`{"n": 1}`, []byte(`{"n": 1}`)} {
			_, answer, err := do(t, c.R().SetBody(body), "POST", "/post")
			require.NoError(t, err)
			saw := echo(t, answer)
			require.Equal(t, "application/json", saw.Headers.Get("Content-Type"))
			require.Equal(t, "application/json", saw.Headers.Get("Accept"))
			require.JSONEq(t, `{"n": 1}`, string(saw.JSON))
		}
		_, answer, err := do(t, c.R().SetBody("{no json}").SetHeader("Accept", "text/csv"), "POST", "/post")
		require.NoError(t, err)
		require.Contains(t, echo(t, answer).Headers.Get("Content-Type"), "text/plain")
		require.Equal(t, "text/csv", echo(t, answer).Headers.Get("Accept"))
	})
}

func TestBodyAboveTheLimitIsAMaxBodyErrorInEachMode(t *testing.T) {
	t.Parallel()
	c := client(t, middleware.MaxBody(1000))
	inEachMode(t, func(t *testing.T, do send) {
		for _, path := range []string{"/bytes/1001", "/stream-bytes/1001?chunk_size=100", "/html"} {
			_, _, err := do(t, c.R(), "GET", path)
			large, ok := errors.AsType[*middleware.MaxBodyError](err)
			require.True(t, ok, "%s: %v", path, err)
			require.EqualValues(t, 1000, large.Limit)
			_, ok = errors.AsType[*http.MaxBytesError](err)
			require.True(t, ok)
		}
		_, body, err := do(t, c.R(), "GET", "/stream-bytes/1000?chunk_size=100")
		require.NoError(t, err)
		require.Len(t, body, 1000)
	})
}

func TestBodyIsCountedAfterDecompression(t *testing.T) {
	t.Parallel()
	url := inFront(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/bomb" {
			return false
		}
		w.Header().Set("Content-Encoding", "gzip")
		zip := gzip.NewWriter(w)
		defer zip.Close()
		_, _ = zip.Write(make([]byte, 1<<20)) // a thousand bytes on the wire
		return true
	})
	c := clientOn(t, url, middleware.MaxBody(100<<10))
	inEachMode(t, func(t *testing.T, do send) {
		_, _, err := do(t, c.R(), "GET", "/bomb")
		_, ok := errors.AsType[*middleware.MaxBodyError](err)
		require.True(t, ok, err)
		_, body, err := do(t, c.R(), "GET", "/gzip")
		require.NoError(t, err)
		require.Contains(t, body, `"gzipped"`)
	})
}

func TestCheckFindsTheErrorInsideA200(t *testing.T) {
	t.Parallel()
	failure := errors.New("api: quota")
	c := client(t, middleware.RequireStatus{}, middleware.Check("api-ok", func(resp *resty.Response) error {
		if resp.Header().Get("X-Api-Error") != "" {
			return failure
		}
		return nil
	}))
	inEachMode(t, func(t *testing.T, do send) {
		_, _, err := do(t, c.R(), "GET", "/response-headers?X-Api-Error=quota")
		require.ErrorIs(t, err, failure)
		_, _, err = do(t, c.R(), "GET", "/response-headers?X-Other=1")
		require.NoError(t, err)
	})
}
