package middleware_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

func TestTextThatIsJSONIsSentAsJSON(t *testing.T) {
	const plain, isJSON = "text/plain; charset=utf-8", "application/json"
	set := func(kind string) func(*resty.Client, *resty.Request) {
		return func(_ *resty.Client, r *resty.Request) { r.SetHeader("Content-Type", kind) }
	}
	for name, c := range map[string]struct {
		body any
		set  func(*resty.Client, *resty.Request)
		want string
	}{
		"object in a string":          {body: `{"a":1}`, want: isJSON},
		"array in a string":           {body: `[1,2]`, want: isJSON},
		"empty object":                {body: `{}`, want: isJSON},
		"object in bytes":             {body: []byte(`{"a":1}`), want: isJSON},
		"array in bytes":              {body: []byte(`[]`), want: isJSON},
		"raw message":                 {body: json.RawMessage(`{"a":1}`), want: isJSON},
		"struct":                      {body: struct{ A int }{1}, want: isJSON},
		"map":                         {body: map[string]int{"a": 1}, want: isJSON},
		"broken object":               {body: `{"a":1`, want: plain},
		"two objects":                 {body: `{}{}`, want: plain},
		"white space first":           {body: ` {"a":1}`, want: plain},
		"number":                      {body: `7`, want: plain},
		"JSON string":                 {body: `"a"`, want: plain},
		"text":                        {body: `hello`, want: plain},
		"template":                    {body: `{{.Name}}`, want: plain},
		"bytes that are text":         {body: []byte(`hello`), want: plain},
		"type of the request's":       {body: `{"a":1}`, set: set("application/vnd.api+json"), want: "application/vnd.api+json"},
		"wrong type of the request's": {body: `{"a":1}`, set: set("text/plain"), want: "text/plain"},
		"type of the client's": {body: `{"a":1}`, set: func(c *resty.Client, _ *resty.Request) {
			c.SetHeader("Content-Type", "application/hal+json")
		}, want: "application/hal+json"},
	} {
		t.Run(name, func(t *testing.T) {
			wire := newWire(func(int, *http.Request) (*http.Response, error) { return reply(200, "{}"), nil })
			client := resty.New().SetTransport(wire).SetLogger(silence{})
			require.NoError(t, middleware.Use(client, middleware.RequireJSON{}))
			r := client.R().SetBody(c.body)
			if c.set != nil {
				c.set(client, r)
			}
			_, err := r.Post("https://api.test/")
			require.NoError(t, err)
			sent := wire.requests()[0]
			require.Equal(t, []string{c.want}, sent.Header["Content-Type"])
			switch body := c.body.(type) {
			case string:
				require.Equal(t, body, sent.Body, "and as it is")
			case []byte:
				require.Equal(t, string(body), sent.Body, "and as it is")
			}
		})
	}
}

func TestOtherBodiesKeepTheTypeThatRestyGivesThem(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*resty.Request)
		want string
	}{
		"no body":   {func(*resty.Request) {}, ""},
		"form":      {func(r *resty.Request) { r.SetFormData(map[string]string{"a": "1"}) }, "application/x-www-form-urlencoded"},
		"multipart": {func(r *resty.Request) { r.SetMultipartField("f", "f.json", "", strings.NewReader("{}")) }, "multipart/form-data"},
		"reader":    {func(r *resty.Request) { r.SetBody(io.LimitReader(strings.NewReader("{}"), 2)) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			types := map[bool]string{}
			for _, with := range []bool{true, false} {
				wire := newWire(func(int, *http.Request) (*http.Response, error) { return reply(200, "{}"), nil })
				client := resty.New().SetTransport(wire)
				if with {
					require.NoError(t, middleware.Use(client, middleware.RequireJSON{}))
				}
				r := client.R()
				c.set(r)
				_, err := r.Post("https://api.test/")
				require.NoError(t, err)
				types[with], _, _ = strings.Cut(wire.requests()[0].Header.Get("Content-Type"), ";")
			}
			require.Equal(t, types[false], types[true])
			if c.want != "" {
				require.Equal(t, c.want, types[true])
			}
		})
	}
}

// resty drops the body of a GET without a word, and so does not say what it would be.
func TestBodyThatIsNotSentHasNoContentType(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		wire := newWire(func(int, *http.Request) (*http.Response, error) { return reply(200, "{}"), nil })
		client := resty.New().SetTransport(wire).SetAllowGetMethodPayload(allowed)
		require.NoError(t, middleware.Use(client, middleware.RequireJSON{}))
		_, err := client.R().SetBody(`{"a":1}`).Get("https://api.test/")
		require.NoError(t, err)
		sent := wire.requests()[0]
		require.Equal(t, allowed, sent.Body != "")
		require.Equal(t, allowed, sent.Header.Get("Content-Type") == "application/json", "%v", sent.Header)
	}
}
