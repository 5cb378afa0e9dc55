package middleware

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/internal/redact"
)

// RequireJSON makes an answer with an accepted status that is not JSON a
// [*ContentTypeError], and a body that is JSON by type but not by content, where
// resty decodes it (SetResult), a [*DecodeError].
//
// JSON is application/json, text/json and every type with the suffix +json, by the
// WHATWG MIME standard and RFC 6839; application/x-ndjson and application/json-seq
// are not. An empty body, 204, 205, 304 and HEAD never fail; a body without a
// Content-Type does. Where the caller forces or expects a type (ForceContentType,
// ExpectContentType), that counts as it does for resty.
//
// On the way out, Accept is application/json where the caller set none, and a body
// that is a string or []byte, begins with { or [ and is valid JSON is sent as
// application/json, where resty would say text/plain, if it has no Content-Type.
//
// A download says With(ctx, Off("require-json")).
type RequireJSON struct{}

const jsonType = "application/json"

// Name is "require-json".
func (RequireJSON) Name() string { return "require-json" }

// Layer is [Call].
func (RequireJSON) Layer() Layer { return Call }

// Prepare sets Accept and Content-Type.
func (RequireJSON) Prepare(c *resty.Client, r *resty.Request) error {
	if r.Result != nil && fields.saved(r) {
		return errors.New("require-json: SetOutput writes the body to a file, so SetResult would stay empty: use one of the two")
	}
	if r.Header.Get("Accept") == "" && c.Header.Get("Accept") == "" {
		r.SetHeader("Accept", jsonType)
	}
	if r.Header.Get("Content-Type") == "" && c.Header.Get("Content-Type") == "" && sendsBody(c, r) && isJSONText(r.Body) {
		r.SetHeader("Content-Type", jsonType)
	}
	return nil
}

// sendsBody tells whether resty sends a body with the request's method.
func sendsBody(c *resty.Client, r *resty.Request) bool {
	switch r.Method {
	case http.MethodGet:
		return c.AllowGetMethodPayload
	case http.MethodHead, http.MethodOptions:
		return false
	}
	return true
}

func isJSONText(body any) bool {
	switch b := body.(type) {
	case string:
		return opensJSON(b) && json.Valid([]byte(b))
	case []byte:
		return len(b) > 0 && opensJSON(string(b[:1])) && json.Valid(b)
	}
	return false
}

func opensJSON(s string) bool { return strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[") }

// Check returns a [*ContentTypeError] where the body is not JSON by its type.
func (RequireJSON) Check(resp *resty.Response) error {
	if isJSON(fields.contentType(resp)) {
		return nil
	}
	switch resp.StatusCode() {
	case http.StatusNoContent, http.StatusResetContent, http.StatusNotModified:
		return nil
	}
	if requestOf(resp).Method == http.MethodHead || isEmpty(resp) {
		return nil
	}
	a := answerOf(resp)
	return &ContentTypeError{
		Method: a.request.Method, URL: a.url, StatusCode: resp.StatusCode(),
		ContentType: a.contentType, Body: a.excerpt(),
	}
}

// ContentTypeError is the error of an answer that [RequireJSON] does not accept.
type ContentTypeError struct {
	Method, URL string // of the request that was answered; the URL redacted
	StatusCode  int
	ContentType string
	Body        []byte // the first 4 KiB
}

// Error is one line: "content type: GET https://api.example.com/users: 200 with
// text/html, not JSON: <html>...".
func (e *ContentTypeError) Error() string {
	what := e.ContentType
	if what == "" {
		what = "no Content-Type"
	}
	s := fmt.Sprintf("content type: %s %s: %d with %s, not JSON", e.Method, e.URL, e.StatusCode, redact.Excerpt([]byte(what), 100))
	if isText(e.ContentType) || e.ContentType == "" {
		s += ": " + redact.Excerpt(e.Body, 200)
	}
	return s
}
