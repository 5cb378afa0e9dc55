package observe

import (
	"net/http"

	"github.com/restykit/restykit/internal/redact"
	"github.com/restykit/restykit/middleware"
)

// shownError is the text of an error, as it may be shown.
func shownError(r *Redactor, info *middleware.Info, err error) string {
	return redact.Excerpt([]byte(r.err(info, err)), maxReason)
}

// maxURL bounds a URL that is kept.
const maxURL = 2 << 10

func bounded(s string) string {
	if len(s) > maxURL {
		return s[:maxURL] + "..."
	}
	return s
}

// What a record takes beside its texts, about.
const (
	callBytes  = 700
	sendBytes  = 400
	eventBytes = 150
	fieldBytes = 64
)

func callSize(c *RecordedCall) int {
	n := callBytes + len(c.Error)
	for i := range c.Sends {
		n += sendSize(&c.Sends[i])
	}
	for i := range c.Events {
		n += eventBytes + len(c.Events[i].Text) + len(c.Events[i].Error)
	}
	return n
}

func sendSize(s *RecordedSend) int {
	n := sendBytes + len(s.URL) + len(s.Error) + len(s.RequestBody) + len(s.ResponseBody)
	for _, h := range [...]http.Header{s.RequestHeader, s.ResponseHeader} {
		for name, values := range h {
			for _, v := range values {
				n += fieldBytes + len(name) + len(v)
			}
		}
	}
	return n
}
