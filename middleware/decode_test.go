package middleware_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

// says answers every request with 200 and a body, JSON by its type.
func says(body string) func(*http.Request) *http.Response {
	return func(*http.Request) *http.Response { return reply(http.StatusOK, body) }
}

func decodeError(t *testing.T, err error) *middleware.DecodeError {
	t.Helper()
	decode, ok := errors.AsType[*middleware.DecodeError](err)
	require.Truef(t, ok, "%v", err)
	return decode
}

func TestBodyThatIsNoJSONByItsContentIsADecodeErrorWithPlace(t *testing.T) {
	type user struct{ ID int }
	long := `{"pad":"` + strings.Repeat(".", 100) + `","ID":x, "more":"` + strings.Repeat(",", 100) + `"}`
	for name, c := range map[string]struct {
		body   string
		offset int64
		cause  string
		near   string
	}{
		"a page":     {`<html>login</html>`, 1, `invalid character '<' looking for beginning of value`, `"<html>login</html>"`},
		"in between": {`{"ID": 7, <`, 11, `invalid character '<' looking for beginning of object key string`, `"{\"ID\": 7, <"`},
		"cut off":    {`{"ID": 7`, 8, `unexpected end of JSON input`, `"{\"ID\": 7"`},
		"two values": {`{"ID": 7}{}`, 10, `invalid character '{' after top-level value`, `"{\"ID\": 7}{}"`},
		"a long one": {long, 116, `invalid character 'x' looking for beginning of value`, `"` + strings.Repeat(".", 32) + `\",\"ID\":x, \"more\":\"` + strings.Repeat(",", 30) + `..."`},
	} {
		t.Run(name, func(t *testing.T) {
			resp, err := answers(t, says(c.body), middleware.RequireJSON{}).R().SetResult(&user{}).SetQueryParam("key", "sesame").Get("/users/7")
			got := decodeError(t, err)
			require.Equal(t, "GET", got.Method)
			require.Equal(t, "https://api.test/users/7?key=REDACTED", got.URL)
			require.Equal(t, 200, got.StatusCode)
			require.Equal(t, "application/json", got.ContentType)
			require.Equal(t, c.body, string(got.Body))
			require.Equal(t, c.offset, got.Offset)
			require.True(t, got.Final())
			var syntax *json.SyntaxError
			require.ErrorAs(t, err, &syntax)
			require.Equal(t, c.body, resp.String(), "the caller keeps the response")
			require.Contains(t, got.Error(), "decode: GET https://api.test/users/7?key=REDACTED: 200 application/json: "+c.cause+" at byte ")
			require.Contains(t, got.Error(), ", near "+c.near[:len(c.near)-5])
		})
	}
}

func TestValueOfTheWrongTypeIsADecodeErrorWithPlace(t *testing.T) {
	_, err := answers(t, says(`{"id":"seven"}`), middleware.RequireJSON{}).R().SetResult(&struct{ ID int }{}).Get("/")
	got := decodeError(t, err)
	require.EqualValues(t, 13, got.Offset)
	var kind *json.UnmarshalTypeError
	require.ErrorAs(t, err, &kind)
	require.Equal(t, "string", kind.Value)
}

func TestDecodeErrorShowsABoundedExcerptInOneLine(t *testing.T) {
	body := `{"a":"` + strings.Repeat("\n\x1b[31m0123456789", 1<<16)
	_, err := answers(t, says(body), middleware.RequireJSON{}).R().SetResult(&struct{}{}).Get("/")
	got := decodeError(t, err)
	require.Equal(t, body[:4<<10], string(got.Body))
	require.Less(t, len(got.Error()), 500)
	require.NotContains(t, got.Error(), "\n")
	require.NotContains(t, got.Error(), "\x1b")
}

var errOther = errors.New("other decoder: it is all wrong")

// other is a decoder of the user's, as jsoniter and its like are set.
func other(calls *int) func([]byte, any) error {
	return func(data []byte, into any) error {
		*calls++
		if string(data) == "wrong" {
			return errOther
		}
		return json.Unmarshal(data, into)
	}
}

func TestDecoderOfTheUsersIsUsedWheneverItWasSet(t *testing.T) {
	for name, set := range map[string]func(c *resty.Client, use func(), calls *int){
		"before Use": func(c *resty.Client, use func(), calls *int) {
			c.JSONUnmarshal = other(calls)
			use()
		},
		"after Use": func(c *resty.Client, use func(), calls *int) {
			use()
			c.JSONUnmarshal = other(calls)
		},
		"after the first request": func(c *resty.Client, use func(), calls *int) {
			use()
			_, _ = c.R().SetResult(&struct{}{}).Get("/")
			c.JSONUnmarshal = other(calls)
		},
		"instead of another": func(c *resty.Client, use func(), calls *int) {
			c.JSONUnmarshal = func([]byte, any) error { return errors.New("never") }
			use()
			c.JSONUnmarshal = other(calls)
		},
	} {
		t.Run(name, func(t *testing.T) {
			body := `{"a":1}`
			c := answers(t, func(*http.Request) *http.Response { return reply(200, body) })
			calls := 0
			set(c, func() { require.NoError(t, middleware.Use(c, middleware.RequireJSON{})) }, &calls)
			result := map[string]int{}
			_, err := c.R().SetResult(&result).Get("/")
			require.NoError(t, err)
			require.Equal(t, map[string]int{"a": 1}, result)
			require.Equal(t, 1, calls)
			body = "wrong"
			_, err = c.R().SetResult(&result).Get("/")
			got := decodeError(t, err)
			require.ErrorIs(t, err, errOther)
			require.EqualValues(t, -1, got.Offset)
			require.EqualError(t, got, "decode: GET https://api.test/: 200 application/json: other decoder: it is all wrong")
			require.Equal(t, 2, calls)
		})
	}
}

func TestEmptyBodyIsNoDecodeError(t *testing.T) {
	for name, answer := range map[string]func(*http.Request) *http.Response{
		"200": func(*http.Request) *http.Response { return reply(200, "") },
		"201": func(*http.Request) *http.Response { return reply(201, "") },
		"204": func(*http.Request) *http.Response { return reply(204, "") },
		"200 of unknown length": func(*http.Request) *http.Response {
			resp := reply(200, "")
			resp.ContentLength = -1
			return resp
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := answers(t, answer, middleware.RequireJSON{}, middleware.RequireStatus{})
			for _, method := range []string{"GET", "POST", "HEAD", "DELETE"} {
				result := map[string]int{}
				_, err := c.R().SetResult(&result).SetError(&result).Execute(method, "/")
				require.NoError(t, err, method)
				require.Empty(t, result)
			}
		})
	}
}

// resty warns and goes on; the status is the caller's error then.
func TestErrorBodyThatIsBrokenJSONIsAStatusError(t *testing.T) {
	c := answers(t, func(*http.Request) *http.Response { return reply(http.StatusConflict, `{"code": <`) }, middleware.RequireJSON{}, middleware.RequireStatus{})
	resp, err := c.R().SetError(&struct{ Code string }{}).SetResult(&struct{}{}).Get("/")
	got := statusError(t, err)
	require.Equal(t, `{"code": <`, string(got.Body))
	require.Equal(t, `{"code": <`, resp.String())
	_, isDecode := errors.AsType[*middleware.DecodeError](err)
	require.False(t, isDecode)
}

func TestDecodingIsRestysOwnWithoutRequireJSON(t *testing.T) {
	c := answers(t, says(`{"a": <`), middleware.RequireStatus{})
	_, err := c.R().SetResult(&struct{}{}).Get("/")
	var bare *json.SyntaxError
	require.ErrorAs(t, err, &bare)
	_, isDecode := errors.AsType[*middleware.DecodeError](err)
	require.False(t, isDecode)
	_, err = answers(t, says(``), middleware.RequireStatus{}).R().SetResult(&struct{}{}).Get("/")
	require.ErrorContains(t, err, "unexpected end of JSON input")
}

// Lines of JSON are not JSON, though resty would decode them.
func TestLinesOfJSONAreAnErrorThoughAResultWasAskedFor(t *testing.T) {
	for _, kind := range []string{"application/x-ndjson", "application/json-seq"} {
		get := func(body string) error {
			c := answers(t, func(*http.Request) *http.Response { return reply(200, body, "Content-Type", kind) }, middleware.RequireJSON{})
			_, err := c.R().SetResult(&struct{ A int }{}).Get("/")
			return err
		}
		require.Equal(t, kind, contentTypeError(t, get("{\"a\":1}\n")).ContentType)
		require.Equal(t, kind, contentTypeError(t, get("{\"a\":1}\n{\"a\":2}\n")).ContentType)
	}
}

// resty decodes before anything is judged, and its error is not the one that counts.
func TestAStatusThatIsNotAcceptedComesBeforeABodyThatCannotBeDecoded(t *testing.T) {
	created := func(*http.Request) *http.Response { return reply(http.StatusCreated, `{"a": <`) }
	judged := false
	c := answers(t, created, middleware.RequireJSON{}, middleware.RequireStatus{Codes: []int{200}},
		middleware.Check("mine", func(*resty.Response) error { judged = true; return errors.New("mine") }))
	resp, err := c.R().SetResult(&struct{ A int }{}).Get("/")
	status, ok := errors.AsType[*middleware.StatusError](err)
	require.Truef(t, ok, "%v", err)
	require.Equal(t, http.StatusCreated, status.StatusCode)
	require.Equal(t, status.Error(), err.Error())
	_, isDecode := errors.AsType[*middleware.DecodeError](err)
	require.False(t, isDecode)
	require.Equal(t, `{"a": <`, resp.String())
	require.False(t, judged, "a user's check sees what was decoded, or nothing")
}
