package restykit_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

// user is what a caller asks for.
type user struct{ ID int }

// SetResult stays a zero struct, without an error, where the answer is no JSON.
func TestTypedContentTypeErrorWhereAResultWasAskedForAndThereIsAnotherBody(t *testing.T) {
	t.Parallel()
	for name, contentType := range map[string]string{"HTML": "text/html", "text": "text/plain", "no Content-Type": ""} {
		url := serving(t, 200, contentType, "<html>"+strings.Repeat("proxy login ", 1000))
		t.Run(name, func(t *testing.T) {
			t.Run("bare resty", func(t *testing.T) {
				var result user
				_, err := bare(url).R().SetResult(&result).Get("/")
				require.NoError(t, err)
				require.Zero(t, result)
			})
			t.Run("with a stack", func(t *testing.T) {
				_, err := clientOn(t, url, middleware.RequireJSON{}).R().SetResult(&user{}).Get("/")
				media, ok := errors.AsType[*middleware.ContentTypeError](err)
				require.True(t, ok, err)
				require.Equal(t, contentType, media.ContentType)
				require.Len(t, media.Body, 4<<10, "the excerpt is bounded")
				require.Less(t, len(err.Error()), 400)
			})
		})
	}
}

// SetError is a zero struct for a page of HTML, and JSON that is broken is a warning.
func TestStatusErrorCarriesStatusContentTypeAndExcerptWhateverSetErrorSays(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ contentType, body string }{
		"HTML": {"text/html", "<h1>bad gateway</h1>"}, "broken JSON": {"application/json", `{"ID": 7, "bad gateway"`},
	} {
		url := serving(t, 502, tc.contentType, tc.body)
		t.Run(name, func(t *testing.T) {
			t.Run("bare resty", func(t *testing.T) {
				resp, err := bare(url).R().SetError(&user{}).Get("/")
				require.NoError(t, err)
				require.Equal(t, &user{}, resp.Error())
			})
			t.Run("with a stack", func(t *testing.T) {
				_, err := clientOn(t, url, middleware.RequireStatus{}).R().SetError(&user{}).Get("/")
				status, ok := errors.AsType[*middleware.StatusError](err)
				require.True(t, ok, err)
				require.Equal(t, 502, status.StatusCode)
				require.Equal(t, tc.contentType, status.ContentType)
				require.Equal(t, tc.body, string(status.Body))
			})
		})
	}
}

// A JSON content type with nothing behind it is an error, and a HEAD too.
func TestEmptyBodyAndHeadNeverFailAContentCheck(t *testing.T) {
	t.Parallel()
	url := handling(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(201)
	})
	for _, method := range []string{"POST", "HEAD"} {
		t.Run(method, func(t *testing.T) {
			t.Run("bare resty", func(t *testing.T) {
				_, err := bare(url).R().SetResult(&user{}).Execute(method, "/")
				require.EqualError(t, err, "unexpected end of JSON input")
			})
			t.Run("with a stack", func(t *testing.T) {
				_, err := clientOn(t, url, middleware.RequireJSON{}).R().SetResult(&user{}).Execute(method, "/")
				require.NoError(t, err)
			})
		})
	}
}

// resty takes whatever has json somewhere in its type for JSON.
func TestMediaTypesAreParsedAndNotMatched(t *testing.T) {
	t.Parallel()
	for _, contentType := range []string{"application/x-ndjson", "application/json-seq", "application/jsonp", "text/plain; of=application/json"} {
		url := serving(t, 200, contentType, `{"ID": 1}`)
		t.Run(contentType, func(t *testing.T) {
			t.Run("bare resty", func(t *testing.T) {
				var result user
				_, err := bare(url).R().SetResult(&result).Get("/")
				require.NoError(t, err)
				require.Equal(t, 1, result.ID)
			})
			t.Run("with a stack", func(t *testing.T) {
				_, err := clientOn(t, url, middleware.RequireJSON{}).R().SetResult(&user{}).Get("/")
				_, ok := errors.AsType[*middleware.ContentTypeError](err)
				require.True(t, ok, err)
			})
		})
	}
}

// The error of resty's decoding has neither status nor URL nor body.
func TestDecodeErrorNamesStatusMethodRedactedURLAndExcerpt(t *testing.T) {
	t.Parallel()
	url := serving(t, 200, "application/json", `{"ID": <html>}`)
	t.Run("bare resty", func(t *testing.T) {
		_, err := bare(url).R().SetResult(&user{}).Get("/users?api_key=secret")
		require.EqualError(t, err, "invalid character '<' looking for beginning of value")
	})
	t.Run("with a stack", func(t *testing.T) {
		_, err := clientOn(t, url, middleware.RequireJSON{}).R().SetResult(&user{}).Get("/users?api_key=secret")
		require.EqualError(t, err, "decode: GET "+url+`/users?api_key=REDACTED: 200 application/json: `+
			`invalid character '<' looking for beginning of value at byte 8, near "{\"ID\": <html>}"`)
		decode, ok := errors.AsType[*middleware.DecodeError](err)
		require.True(t, ok)
		require.JSONEq(t, `"{\"ID\": <html>}"`, string(must(json.Marshal(string(decode.Body)))))
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// asked is a server that answers with what was asked.
func asked(t *testing.T) string {
	t.Helper()
	return handling(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(question{
			r.Header.Get("Content-Type"), r.Header.Get("Accept"), r.ContentLength, r.TransferEncoding, string(body),
		})
	})
}

type question struct {
	ContentType, Accept string
	Length              int64
	Encoding            []string
	Body                string
}

// resty sends JSON in a string or []byte as text/plain, and never asks for JSON.
func TestContentTypeIsSetForABodyOfJSONAndAcceptWhereAResultIsSet(t *testing.T) {
	t.Parallel()
	url := asked(t)
	for name, body := range map[string]any{"string": `{"n": 1}`, "bytes": []byte(`[1]`)} {
		t.Run(name, func(t *testing.T) {
			t.Run("bare resty", func(t *testing.T) {
				var q question
				_, err := bare(url).R().SetBody(body).SetResult(&q).Post("/")
				require.NoError(t, err)
				require.Equal(t, "text/plain; charset=utf-8", q.ContentType)
				require.Empty(t, q.Accept)
			})
			t.Run("with a stack", func(t *testing.T) {
				c := clientOn(t, url, middleware.RequireJSON{})
				var q question
				_, err := c.R().SetBody(body).SetResult(&q).Post("/")
				require.NoError(t, err)
				require.Equal(t, "application/json", q.ContentType)
				require.Equal(t, "application/json", q.Accept)
				_, err = c.R().SetBody(body).SetHeader("Content-Type", "application/merge-patch+json").SetResult(&q).Post("/")
				require.NoError(t, err)
				require.Equal(t, "application/merge-patch+json", q.ContentType, "the caller's stays")
			})
		})
	}
	t.Run("a GET", func(t *testing.T) {
		var q question
		_, err := bare(url).R().SetResult(&q).Get("/")
		require.NoError(t, err)
		require.Empty(t, q.Accept, "bare resty")
		_, err = clientOn(t, url, middleware.RequireJSON{}).R().SetResult(&q).Get("/")
		require.NoError(t, err)
		require.Equal(t, "application/json", q.Accept)
	})
}

// resty sends POST, PUT and PATCH without a body in chunks, which strict servers answer
// with 411.
func TestRequestWithoutABodyGoesOutWithContentLengthZero(t *testing.T) {
	t.Parallel()
	url := asked(t)
	for _, method := range []string{"POST", "PUT", "PATCH"} {
		t.Run(method, func(t *testing.T) {
			t.Run("bare resty", func(t *testing.T) {
				var q question
				_, err := bare(url).R().SetResult(&q).Execute(method, "/")
				require.NoError(t, err)
				require.Equal(t, []string{"chunked"}, q.Encoding)
			})
			t.Run("with a stack", func(t *testing.T) {
				c := clientOn(t, url, middleware.Timeout{})
				for body, want := range map[any]string{nil: "", http.NoBody: "", "text": "text"} {
					q := question{}
					_, err := c.R().SetBody(body).SetResult(&q).Execute(method, "/")
					require.NoError(t, err)
					require.Empty(t, q.Encoding)
					require.EqualValues(t, len(want), q.Length)
					require.Equal(t, want, q.Body)
				}
				var q question
				_, err := c.R().SetFormData(map[string]string{"a": "b"}).SetResult(&q).Execute(method, "/")
				require.NoError(t, err)
				require.Equal(t, "a=b", q.Body)
			})
		})
	}
}
