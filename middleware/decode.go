package middleware

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/internal/redact"
)

// DecodeError is the error of a body that is JSON by its type and could not be
// decoded into the caller's result. It unwraps to the decoder's error.
type DecodeError struct {
	Method, URL string // of the request that was answered; the URL redacted
	StatusCode  int
	ContentType string
	Body        []byte // the first 4 KiB
	Offset      int64  // bytes read before the error, or -1 where the decoder does not tell
	Err         error

	data []byte // all of it, until the error is complete
	near string
}

// Error is one line: "decode: GET https://api.example.com/users: 200
// application/json: invalid character '<' looking for beginning of value at byte 17,
// near ...".
func (e *DecodeError) Error() string {
	where := "JSON body"
	if e.Method != "" {
		where = fmt.Sprintf("%s %s: %d %s", e.Method, e.URL, e.StatusCode, e.ContentType)
	}
	s := "decode: " + where + ": " + e.Err.Error()
	if e.Offset >= 0 {
		s += fmt.Sprintf(" at byte %d", e.Offset)
	}
	if e.near != "" {
		s += ", near " + e.near
	}
	return s
}

// Unwrap is the decoder's error.
func (e *DecodeError) Unwrap() error { return e.Err }

// Final is true: the answer arrived whole.
func (*DecodeError) Final() bool { return true }

// complete adds what only the response tells. resty's decoding has no place for it.
func (e *DecodeError) complete(c *call, resp *resty.Response) {
	a := answerOf(resp)
	e.Method, e.URL, e.StatusCode, e.ContentType = a.request.Method, a.url, resp.StatusCode(), a.contentType
	e.Body = a.excerpt()
	e.Err = c.hush(e.Err)
	if e.Offset >= 0 {
		from := max(0, min(int(e.Offset)-40, len(e.data)))
		e.near = fmt.Sprintf("%q", redact.Excerpt(c.blotted(e.data, from, min(len(e.data), from+80)), 80))
	}
	e.data = nil
}

// offsetOf is where a decoder says that it stopped.
func offsetOf(err error) int64 {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return syntax.Offset
	case errors.As(err, &kind):
		return kind.Offset
	}
	return -1
}
