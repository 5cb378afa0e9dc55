package middleware

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/restykit/restykit/internal/field"
)

// Header sets a header field of every request that does not have it yet. Several
// stack: a step's name is "header:" and the field in lower case. It is not for secrets,
// which auth.APIKey keeps out of every output.
type Header struct {
	Key   string // the field's name
	Value string
}

// Name is "header:x-team" for the field X-Team.
func (h Header) Name() string { return "header:" + strings.ToLower(h.Key) }

// Layer is [Call].
func (Header) Layer() Layer { return Call }

// Writes is the field.
func (h Header) Writes() string { return http.CanonicalHeaderKey(h.Key) }

// RoundTrip sets the field.
func (h Header) RoundTrip(req *http.Request, next Next) (*http.Response, error) {
	return next(withField(req, h.Writes(), func() string { return h.Value }))
}

// Validate refuses what is no header field, and fields that net/http takes from
// elsewhere, and those for which package auth has a step.
func (h Header) Validate() error {
	switch h.Writes() {
	case "Authorization", "Proxy-Authorization", "Cookie":
		return fmt.Errorf("%s is a secret, and this step prints its value: use auth.Bearer, auth.Basic or auth.APIKey", h.Writes())
	}
	return errors.Join(field.CheckName(h.Key), field.CheckValue(h.Value))
}

// String is the value.
func (h Header) String() string { return h.Value }

// withField sets a field where the request has none.
func withField(req *http.Request, name string, value func() string) *http.Request {
	if len(req.Header[name]) > 0 {
		return req
	}
	req = Mutable(req)
	req.Header[name] = []string{value()}
	return req
}

// UserAgent is the User-Agent of every request for which the caller set none, like
// "billing/1.4".
type UserAgent string

// Name is "user-agent".
func (UserAgent) Name() string { return "user-agent" }

// Layer is [Call].
func (UserAgent) Layer() Layer { return Call }

// Writes is "User-Agent".
func (UserAgent) Writes() string { return "User-Agent" }

// RoundTrip sets the field. resty has put its own name there where the caller has not.
func (u UserAgent) RoundTrip(req *http.Request, next Next) (*http.Response, error) {
	if has := req.Header.Get("User-Agent"); has == "" || strings.HasPrefix(has, "go-resty/") {
		req = Mutable(req)
		req.Header["User-Agent"] = []string{string(u)}
	}
	return next(req)
}

// Validate refuses an empty or broken value.
func (u UserAgent) Validate() error {
	if u == "" {
		return errors.New("the value is empty: write product and version, like billing/1.4")
	}
	return field.CheckValue(string(u))
}

// String is the value.
func (u UserAgent) String() string { return string(u) }

// RequestID gives every call an id, the same in its attempts and redirect hops, also to
// other origins. An id that the caller set on the request stays.
type RequestID struct {
	Field    string        // the header field; "" is X-Request-Id
	Generate func() string // nil is 26 random characters of base 32, 130 bits
}

type requestIDKey struct{}

// Name is "request-id".
func (RequestID) Name() string { return "request-id" }

// Layer is [Call].
func (RequestID) Layer() Layer { return Call }

// Writes is the field.
func (r RequestID) Writes() string {
	if r.Field == "" {
		return "X-Request-Id"
	}
	return http.CanonicalHeaderKey(r.Field)
}

func (r RequestID) abroad() string { return r.Writes() }

// RoundTrip sets the field.
func (r RequestID) RoundTrip(req *http.Request, next Next) (*http.Response, error) {
	return next(withField(req, r.Writes(), func() string {
		return InfoOf(req.Context()).Memo(requestIDKey{}, r.make).(string)
	}))
}

func (r RequestID) make() any {
	if r.Generate == nil {
		return rand.Text()
	}
	return r.Generate()
}

// Validate refuses what is no header field.
func (r RequestID) Validate() error { return field.CheckName(r.Writes()) }

// String is the field.
func (r RequestID) String() string { return r.Writes() }
