package observe

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/restykit/restykit/internal/redact"
	"github.com/restykit/restykit/middleware"
)

// Redactor says what may be shown of requests and answers, by all that shows them: [Log],
// [Curl], [HAR] and [Recorder]. nil and the zero value show what nobody can misuse: header
// fields of an allow-list, the names but not the values of a query, and of a body all but
// the fields whose names tell of secrets. What is hidden is shown as REDACTED. The secrets
// that steps of the kit add to a call are taken out wherever they stand.
type Redactor struct {
	Headers []string // further header fields whose values are shown
	Query   []string // query parameters whose values are shown
	Fields  []string // further fields of JSON and forms whose values are hidden
	// Text has the last word on each text that is shown. nil changes nothing.
	Text func(string) string
}

// url is a URL as it may be shown.
func (r *Redactor) url(info *middleware.Info, u *url.URL) string { return r.text(info, redact.URL(u)) }

// header is a header as it may be shown: a copy.
func (r *Redactor) header(info *middleware.Info, h http.Header) http.Header {
	out := make(http.Header, len(h))
	for name, values := range h {
		for _, value := range values {
			if !r.shows(name) {
				value = redact.Mark
			}
			out[name] = append(out[name], r.text(info, value))
		}
	}
	return out
}

func (r *Redactor) shows(name string) bool {
	name = http.CanonicalHeaderKey(name)
	return strings.HasPrefix(name, "Accept") || strings.HasPrefix(name, "Content-") ||
		(r != nil && slices.ContainsFunc(r.Headers, func(h string) bool { return strings.EqualFold(h, name) }))
}

// body is the beginning of a body as it may be shown.
func (r *Redactor) body(info *middleware.Info, contentType string, b body) string {
	return r.text(info, fmt.Sprintf("%d bytes of %s", b.size, contentType))
}

// text is a text without the secrets of the call.
func (r *Redactor) text(info *middleware.Info, text string) string {
	text = string(info.Quiet([]byte(text)))
	if r != nil && r.Text != nil {
		text = r.Text(text)
	}
	return text
}
