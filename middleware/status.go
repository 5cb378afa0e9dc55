package middleware

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/internal/ratelimit"
	"github.com/restykit/restykit/internal/redact"
)

// RequireStatus makes every answer whose status is not accepted a [*StatusError].
// Without Codes and Ranges, 2xx is accepted.
//
// In decoded calls the caller keeps the response, with resp.Error(), beside the
// error. In streamed and saved calls the error carries what there was, and no file
// is written; a redirect that the client's policy stops on is returned unchecked in
// streamed ones.
//
// A request for which a 404 is an answer says so:
//
//	ctx = middleware.With(ctx, middleware.RequireStatus{Codes: []int{200, 404}})
type RequireStatus struct {
	Codes  []int         // accepted
	Ranges []StatusRange // accepted as well
}

// StatusRange is the statuses from From to To, both included.
type StatusRange struct{ From, To int }

// Name is "require-status".
func (RequireStatus) Name() string { return "require-status" }

// Layer is [Call].
func (RequireStatus) Layer() Layer { return Call }

func (s RequireStatus) accepts(code int) bool {
	if len(s.Codes) == 0 && len(s.Ranges) == 0 {
		return code >= 200 && code <= 299
	}
	return slices.Contains(s.Codes, code) ||
		slices.ContainsFunc(s.Ranges, func(r StatusRange) bool { return r.From <= code && code <= r.To })
}

// Validate refuses what is no status, and a range that holds none.
func (s RequireStatus) Validate() error {
	for _, code := range s.Codes {
		if code < 100 || code > 999 {
			return fmt.Errorf("Codes: %d is no HTTP status: statuses have three digits", code)
		}
	}
	for _, r := range s.Ranges {
		if r.From < 100 || r.To > 999 || r.From > r.To {
			return fmt.Errorf("Ranges: %d to %d is no range of HTTP statuses: write {From: 200, To: 299}", r.From, r.To)
		}
	}
	return nil
}

// String is what is accepted, "2xx".
func (s RequireStatus) String() string {
	var parts []string
	for _, code := range s.Codes {
		parts = append(parts, strconv.Itoa(code))
	}
	for _, r := range s.Ranges {
		if r.From%100 == 0 && r.To == r.From+99 {
			parts = append(parts, strconv.Itoa(r.From/100)+"xx")
			continue
		}
		parts = append(parts, fmt.Sprintf("%d-%d", r.From, r.To))
	}
	if parts == nil {
		return "2xx"
	}
	return strings.Join(parts, ", ")
}

// Check returns a [*StatusError] where the status is not accepted.
func (s RequireStatus) Check(resp *resty.Response) error {
	if s.accepts(resp.StatusCode()) {
		return nil
	}
	a := answerOf(resp)
	info := InfoOf(a.request.Context())
	return &StatusError{
		Method: a.request.Method, URL: a.url, StatusCode: resp.StatusCode(), Header: a.header,
		ContentType: a.contentType, Body: a.excerpt(), Problem: problemOf(a), Attempts: info.Attempts(),
		gaveUp: info.GaveUp(), withheld: info.reasonWithheld(),
	}
}

// The usual kinds of [*StatusError], for [errors.Is].
var (
	ErrNotFound     = errors.New("not found")    // 404, 410
	ErrUnauthorized = errors.New("unauthorized") // 401
	ErrRateLimited  = errors.New("rate limited") // 429; 403 with Retry-After or nothing remaining
	ErrServer       = errors.New("server error") // 5xx
)

// StatusError is the error of an answer with a status that [RequireStatus] does not
// accept. [errors.Is] tells its kind: [ErrNotFound], [ErrUnauthorized],
// [ErrRateLimited], [ErrServer].
type StatusError struct {
	Method, URL string // of the request that was answered, the last of redirects; the URL redacted
	StatusCode  int
	Header      http.Header
	ContentType string
	Body        []byte   // the first 4 KiB
	Problem     *Problem // the members of application/problem+json (RFC 9457), or nil
	Attempts    int      // over the whole call

	gaveUp   error
	withheld string
}

// Error is one line: "status: GET https://api.example.com/users/7: 404 Not Found".
func (e *StatusError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "status: %s %s: %d", e.Method, e.URL, e.StatusCode)
	if text := http.StatusText(e.StatusCode); text != "" {
		b.WriteString(" " + text)
	}
	if e.Attempts > 1 {
		fmt.Fprintf(&b, " after %d attempts", e.Attempts)
	}
	if why := e.reason(); why != "" {
		fmt.Fprintf(&b, " (retry given up: %s)", why)
	}
	if e.withheld != "" && (e.StatusCode == http.StatusUnauthorized || e.StatusCode == http.StatusForbidden) {
		fmt.Fprintf(&b, " (%s)", e.withheld)
	}
	if said := e.said(); said != "" {
		b.WriteString(": " + said)
	}
	return b.String()
}

// reason is why a retry was given up, as far as the line does not say it already.
func (e *StatusError) reason() string {
	switch why := e.gaveUp.(type) { //nolint:errorlint // it is as the step gave it
	case nil:
		return ""
	case interface{ Reason() string }:
		return why.Reason()
	default:
		return why.Error()
	}
}

// said is the gist of the body.
func (e *StatusError) said() string {
	if e.Problem != nil {
		return e.Problem.String()
	}
	if !isText(e.ContentType) {
		return ""
	}
	return redact.Excerpt(e.Body, 200)
}

// Is tells the kind of status.
func (e *StatusError) Is(kind error) bool {
	switch kind {
	case ErrNotFound:
		return e.StatusCode == http.StatusNotFound || e.StatusCode == http.StatusGone
	case ErrUnauthorized:
		return e.StatusCode == http.StatusUnauthorized
	case ErrRateLimited:
		return ratelimit.Limited(e.StatusCode, e.Header)
	case ErrServer:
		return e.StatusCode >= 500 && e.StatusCode <= 599
	}
	return false
}

// Unwrap is why a retry was given up, or nil: a 503 whose retry would not fit before the
// deadline is also a context.DeadlineExceeded.
func (e *StatusError) Unwrap() error { return e.gaveUp }

// HTTPStatus is the status code, for code that matches on an interface.
func (e *StatusError) HTTPStatus() int { return e.StatusCode }
