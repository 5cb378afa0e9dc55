package observe

import (
	"net/http"
	"net/url"

	"github.com/restykit/restykit/internal/redact"
	"github.com/restykit/restykit/middleware"
)

// Redactor says what may be shown of requests and answers, by all that shows them: [Log],
// [Curl], [HAR] and [Recorder]. nil and the zero value show what nobody can misuse, and
// REDACTED in the place of the rest:
//
//   - header fields of an allow-list. Of Authorization the scheme is shown, of cookies the
//     names, of a challenge what it says of an error, and of a field that holds a URL, such
//     as Location or Link, the URL as below.
//   - of a URL all but userinfo, the values of its query, the parameters in its path and its
//     fragment. The path itself is shown: a secret there is for Text to take out, unless it
//     is one that a step of the kit adds.
//   - of JSON, XML, forms and multipart bodies all but the fields whose names tell of a
//     secret: passwords, tokens, keys, sessions, card and personal numbers, at any depth, in
//     strings that hold JSON or a URL too. Of other text it is what stands before the first
//     such name that a colon or an equals sign follows, of HTML the title, and of all else
//     the type and the size. What cannot be parsed is not shown from there on.
//
// The names of people, their addresses and the like are no secrets here: list their fields
// in Fields. Nor can anything tell a secret that stands in a sentence.
// The secrets that steps of the kit add to a call are taken out wherever they stand.
//
// A Redactor is not changed once it is in use, and is then safe for concurrent use.
type Redactor struct {
	Headers []string // further header fields whose values are shown
	Query   []string // query parameters whose values are shown, by their exact names
	// Fields are further fields of bodies whose values are hidden. "email" is also that of
	// userEmail, user_email and user[email].
	Fields []string
	// Text has the last word on each text that is shown. nil changes nothing. It must be
	// safe for concurrent use.
	Text func(string) string
}

// url is a URL as it may be shown.
func (r *Redactor) url(info *middleware.Info, u *url.URL) string {
	return r.text(info, mask{of: r}.url(u))
}

// urlText is a URL in text, or the template of one, as it may be shown.
func (r *Redactor) urlText(info *middleware.Info, s string) string {
	return r.text(info, mask{of: r}.urlText(s))
}

// header is a header as it may be shown: a copy.
func (r *Redactor) header(info *middleware.Info, h http.Header) http.Header {
	m, out := mask{of: r}, make(http.Header, len(h))
	for name, values := range h {
		shown := make([]string, len(values))
		for i, value := range values {
			shown[i] = r.text(info, m.header(name, value))
		}
		out[name] = shown
	}
	return out
}

// body is the beginning of a body as it may be shown, in one line.
func (r *Redactor) body(info *middleware.Info, contentType string, b body) string {
	text, _ := mask{of: r}.body(contentType, b)
	return r.text(info, text)
}

// text is a text without the secrets of the call.
func (r *Redactor) text(info *middleware.Info, text string) string {
	text = string(info.Quiet([]byte(text)))
	if r != nil && r.Text != nil {
		text = r.Text(text)
	}
	return text
}

// mask puts marks in the place of what is not shown.
type mask struct {
	of    *Redactor
	named bool // the marks tell what they hide, for a shell: REDACTED_API_KEY
	lines bool // line ends stay
	prose bool // a colon behind a name is one of a sentence, unless there are quotes
	depth int  // of texts within texts
}

// mark is what stands in the place of a value.
func (m mask) mark(name string) string {
	if !m.named {
		return redact.Mark
	}
	if name = variable(name); name == "" {
		return redact.Mark
	}
	return redact.Mark + "_" + name
}

// maxWithin bounds how deep texts within texts are looked at.
const maxWithin = 4

// maxText bounds what is looked at of a text that comes whole from the other side.
const maxText = 1 << 20
