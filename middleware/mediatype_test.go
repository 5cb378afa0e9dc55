package middleware_test

import (
	"errors"
	"mime"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

// contentTypes are values of Content-Type, and whether they are JSON by the WHATWG MIME
// standard (sections 4.4 and 4.6) and RFC 6839 section 3.1.
func contentTypes() map[string]bool {
	return map[string]bool{
		// the three kinds
		"application/json":                              true,
		"text/json":                                     true,
		"application/problem+json":                      true,
		"application/vnd.api+json":                      true,
		"application/hal+json":                          true,
		"application/ld+json":                           true,
		"application/geo+json":                          true,
		"application/scim+json":                         true,
		"application/vnd.github.v3+json; charset=utf-8": true,
		"application/vnd.kubernetes.protobuf+json":      true,
		"image/svg+json":                                true,
		"model/gltf+json":                               true,
		"text/x+json":                                   true,
		"x/y+json":                                      true,
		"application/+json":                             true,
		"application/a+xml+json":                        true,
		"application/json+json":                         true,
		"application/fhir+json;fhirVersion=4.0":         true,
		// letters of either case
		"Application/JSON":         true,
		"APPLICATION/JSON":         true,
		"Text/Json":                true,
		"application/Problem+Json": true,
		// parameters, right or wrong, do not matter
		"application/json; charset=utf-8":                 true,
		"application/json;charset=UTF-8":                  true,
		"application/json ; charset=utf-8":                true,
		"application/json;":                               true,
		"application/json;;":                              true,
		"application/json; charset":                       true,
		"application/json; =x":                            true,
		`application/json; charset="utf-8"`:               true,
		`application/json; charset="utf-8`:                true,
		"application/json; odata.metadata=minimal; q=0.5": true,
		"application/json; boundary=text/html":            true,
		"application/json;\tversion=1":                    true,
		"application/json; charset=utf-8, text/html":      true,
		// white space around it
		" application/json":     true,
		"\tapplication/json \t": true,
		"application/json ":     true,
		// others that have json in them
		"application/jsonp":                   false,
		"application/x-ndjson":                false,
		"application/ndjson":                  false,
		"application/jsonl":                   false,
		"application/json-seq":                false,
		"application/json5":                   false,
		"application/x-json":                  false,
		"application/json-patch":              false,
		"application/vnd.json":                false,
		"application/geo+json-seq":            false,
		"application/problem+jsonp":           false,
		"application/xml+json-ish":            false,
		"text/x-json":                         false,
		"text/plain; format=application/json": false,
		"text/html; x=+json":                  false,
		"application/javascript":              false,
		// others
		"text/html":                          false,
		"text/html; charset=utf-8":           false,
		"text/plain":                         false,
		"application/xml":                    false,
		"application/octet-stream":           false,
		"application/problem+xml":            false,
		"text/event-stream":                  false,
		"multipart/form-data; boundary=json": false,
		"*/*":                                false,
		"application/*":                      false,
		// no media types
		"":                                  false,
		" ":                                 false,
		";":                                 false,
		"json":                              false,
		"+json":                             false,
		"/json":                             false,
		"application":                       false,
		"application/":                      false,
		"/+json":                            false,
		"application json":                  false,
		"application /json":                 false,
		"application/ json":                 false,
		"application//json":                 false,
		"application/json/":                 false,
		"application/json x":                false,
		"application/json, text/html":       false,
		"text/html, application/json":       false,
		"application/json,application/json": false,
		`"application/json"`:                false,
		"appli cation/x+json":               false,
		"application/j(s)on+json":           false,
		"application/\u017fon+json":         false,
		"application/\u212a+json":           false,
		"application/\x00+json":             false,
		"application/json\x00":              false,
		"application/json=utf-8":            false,
	}
}

func isAccepted(t *testing.T, contentType string) bool {
	t.Helper()
	c := answers(t, func(*http.Request) *http.Response {
		resp := reply(http.StatusOK, `{}`)
		resp.Header["Content-Type"] = []string{contentType}
		return resp
	}, middleware.RequireJSON{})
	_, err := c.R().Get("/")
	if err == nil {
		return true
	}
	refused, ok := errors.AsType[*middleware.ContentTypeError](err)
	require.Truef(t, ok, "%v", err)
	require.Equal(t, contentType, refused.ContentType)
	return false
}

func TestJSONIsToldByTheMediaTypeAndNotByASubstring(t *testing.T) {
	require.Greater(t, len(contentTypes()), 60)
	for contentType, want := range contentTypes() {
		require.Equalf(t, want, isAccepted(t, contentType), "%q", contentType)
	}
}

// FuzzMediaType compares with the parser of package mime, which is stricter about
// parameters only.
func FuzzMediaType(f *testing.F) {
	for contentType := range contentTypes() {
		f.Add(contentType)
	}
	f.Fuzz(func(t *testing.T, contentType string) {
		got := isAccepted(t, contentType)
		essence, _, _ := strings.Cut(contentType, ";")
		strict, _, err := mime.ParseMediaType(essence)
		want := err == nil && (strict == "application/json" || strict == "text/json" ||
			(strings.Contains(strict, "/") && strings.HasSuffix(strict, "+json")))
		if strings.TrimSpace(essence) != strings.Trim(essence, " \t\r\n") || strings.ContainsAny(essence, "{}\u212a") {
			t.Skip("package mime trims more than the white space of HTTP, takes braces (RFC 2045) and lowers the letters first")
		}
		require.Equalf(t, want, got, "%q", contentType)
	})
}
