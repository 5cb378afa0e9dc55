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
	all := map[string]bool{}
	for _, contentType := range jsonTypes() {
		all[contentType] = true
	}
	for _, contentType := range otherTypes() {
		all[contentType] = false
	}
	return all
}

func jsonTypes() []string {
	return []string{
		// the three kinds
		"application/json",
		"text/json",
		"application/problem+json",
		"application/vnd.api+json",
		"application/hal+json",
		"application/ld+json",
		"application/geo+json",
		"application/scim+json",
		"application/vnd.github.v3+json; charset=utf-8",
		"application/vnd.kubernetes.protobuf+json",
		"image/svg+json",
		"model/gltf+json",
		"text/x+json",
		"x/y+json",
		"application/+json",
		"application/a+xml+json",
		"application/json+json",
		"application/fhir+json;fhirVersion=4.0",
		// letters of either case
		"Application/JSON",
		"APPLICATION/JSON",
		"Text/Json",
		"application/Problem+Json",
		// parameters, right or wrong, do not matter
		"application/json; charset=utf-8",
		"application/json;charset=UTF-8",
		"application/json ; charset=utf-8",
		"application/json;",
		"application/json;;",
		"application/json; charset",
		"application/json; =x",
		`application/json; charset="utf-8"`,
		`application/json; charset="utf-8`,
		"application/json; odata.metadata=minimal; q=0.5",
		"application/json; boundary=text/html",
		"application/json;\tversion=1",
		"application/json; charset=utf-8, text/html",
		// white space around it
		" application/json",
		"\tapplication/json \t",
		"application/json ",
	}
}

func otherTypes() []string {
	return []string{
		// others that have json in them
		"application/jsonp",
		"application/x-ndjson",
		"application/ndjson",
		"application/jsonl",
		"application/json-seq",
		"application/json5",
		"application/x-json",
		"application/json-patch",
		"application/vnd.json",
		"application/geo+json-seq",
		"application/problem+jsonp",
		"application/xml+json-ish",
		"text/x-json",
		"text/plain; format=application/json",
		"text/html; x=+json",
		"application/javascript",
		// others
		"text/html",
		"text/html; charset=utf-8",
		"text/plain",
		"application/xml",
		"application/octet-stream",
		"application/problem+xml",
		"text/event-stream",
		"multipart/form-data; boundary=json",
		"*/*",
		"application/*",
		// no media types
		"",
		" ",
		";",
		"json",
		"+json",
		"/json",
		"application",
		"application/",
		"/+json",
		"application json",
		"application /json",
		"application/ json",
		"application//json",
		"application/json/",
		"application/json x",
		"application/json, text/html",
		"text/html, application/json",
		"application/json,application/json",
		`"application/json"`,
		"appli cation/x+json",
		"application/j(s)on+json",
		"application/\u017fon+json",
		"application/\u212a+json",
		"application/\x00+json",
		"application/json\x00",
		"application/json=utf-8",
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
