package observe

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/restykit/restykit/internal/field"
)

// body is the beginning of a body as it may be shown. It is complete where that is all of
// it, but for marks.
func (m mask) body(contentType string, b body) (text string, complete bool) {
	if b.size == 0 {
		return "", true
	}
	data := b.begin[:min(len(b.begin), maxText)]
	whole := b.whole && len(data) == len(b.begin)
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	kind := essence(contentType)
	switch {
	case len(data) == 0 || strings.Contains(kind, "jwk"):
	case isJSONLines(kind):
		return m.jsonLines(data, whole)
	case kind == "application/json" || strings.HasSuffix(kind, "+json") || kind == "text/json":
		return m.json(data, whole)
	case kind == "application/x-www-form-urlencoded":
		return m.form(string(data), whole)
	case strings.HasPrefix(kind, "multipart/"):
		return m.multipart(contentType, data), false
	case kind == "text/html" || kind == "application/xhtml+xml":
		if title := m.title(data); title != "" {
			return fmt.Sprintf("%d bytes of %s, %q", b.size, kind, title), false
		}
	case kind == "application/xml" || kind == "text/xml" || strings.HasSuffix(kind, "+xml"):
		return m.xml(data, whole)
	case isText(kind) && utf8.Valid(wholeRunes(data, whole)):
		return m.plain(string(wholeRunes(data, whole)), whole)
	}
	if kind == "" {
		kind = "no known type"
	}
	return fmt.Sprintf("%d bytes of %s", b.size, kind), false
}

// essence is the type and subtype of a Content-Type in lower case, or "".
func essence(contentType string) string {
	kind, _, _ := strings.Cut(contentType, ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	of, sub, _ := strings.Cut(kind, "/")
	if !field.IsToken(of) || !field.IsToken(sub) || len(kind) > maxName {
		return ""
	}
	return kind
}

func isJSONLines(kind string) bool {
	switch kind {
	case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines", "application/json-seq":
		return true
	}
	return false
}

// isText tells text in which a name stands before its value. In a table, it does not.
func isText(kind string) bool {
	switch kind {
	case "application/javascript", "application/graphql", "application/yaml", "application/x-yaml", "":
		return true
	case "text/csv", "text/tab-separated-values":
		return false
	}
	return strings.HasPrefix(kind, "text/")
}

// wholeRunes is text without the beginning of a character at its end.
func wholeRunes(data []byte, whole bool) []byte {
	for i := 1; !whole && i < utf8.UTFMax && i <= len(data); i++ {
		if c := data[len(data)-i]; utf8.RuneStart(c) {
			if !utf8.FullRune(data[len(data)-i:]) {
				return data[:len(data)-i]
			}
			break
		}
	}
	return data
}

// more says that there is more.
const more = "..."

// plain is text. Some of it is JSON by another name.
func (m mask) plain(s string, whole bool) (string, bool) {
	if strings.ContainsRune(s, 0) {
		return fmt.Sprintf("%d bytes that are no text", len(s)), false
	}
	if looksLikeJSON(s) {
		if text, complete := m.json([]byte(s), whole); complete || strings.HasSuffix(text, more) {
			return text, complete
		}
	}
	if !whole {
		s = withoutLastWord(s)
	}
	text := m.inText(m.clean(s))
	if !whole {
		text += more
	}
	return text, whole
}

// maxWord is the length of the longest word of which no beginning is shown.
const maxWord = 4 << 10

// withoutLastWord is text without its last word, which may be the beginning of a secret.
func withoutLastWord(s string) string {
	if at := strings.LastIndexAny(s, " \t\r\n"); at >= len(s)-maxWord && at >= 0 {
		return s[:at]
	}
	return s[:max(0, len(s)-maxWord)]
}

// form is a body of application/x-www-form-urlencoded: as in a query, but by the names of
// secrets. For some servers a semicolon is what an ampersand is.
func (m mask) form(s string, whole bool) (string, bool) {
	var b strings.Builder
	for s != "" {
		pair, rest, end := s, "", ""
		if at := strings.IndexAny(s, "&;"); at >= 0 {
			pair, rest, end = s[:at], s[at+1:], s[at:at+1]
		} else if !whole {
			return m.clean(b.String()) + more, false
		}
		b.WriteString(m.pair(pair))
		b.WriteString(end)
		s = rest
	}
	if !whole {
		b.WriteString(more)
	}
	return m.clean(b.String()), whole
}

func (m mask) pair(pair string) string {
	rawName, rawValue, valued := strings.Cut(pair, "=")
	name, err := url.QueryUnescape(rawName)
	if !valued || err != nil { // a bare word may be the secret itself
		if pair == "" {
			return ""
		}
		return m.mark("")
	}
	value, err := url.QueryUnescape(rawValue)
	if err != nil || m.isSecret(name) || name == "code" { // of OAuth
		return rawName + "=" + m.mark(name)
	}
	if shown := m.inText(m.clean(value)); shown != value {
		return rawName + "=" + url.QueryEscape(shown)
	}
	return pair
}

// multipart are the names, sizes and types of parts.
func (m mask) multipart(contentType string, data []byte) string {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return "parts of a multipart body"
	}
	var parts []string
	for r := multipart.NewReader(bytes.NewReader(data), params["boundary"]); ; {
		part, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return m.clean(kind + ": " + strings.Join(parts, ", "))
		}
		if err != nil {
			return m.clean(kind + ": " + strings.Join(append(parts, more), ", "))
		}
		n, err := io.Copy(io.Discard, part)
		name := part.FormName()
		if name == "" {
			name = "a part"
		}
		shown := fmt.Sprintf("%s of %d bytes", name, n)
		if kind := essence(part.Header.Get("Content-Type")); kind != "" {
			shown += " of " + kind
		}
		if err != nil {
			return m.clean(kind + ": " + strings.Join(append(parts, shown+" and more"), ", "))
		}
		parts = append(parts, shown)
	}
}

// title is the title of a page.
func (m mask) title(data []byte) string {
	const most = 200
	lower := bytes.ToLower(data)
	at := bytes.Index(lower, []byte("<title"))
	if at < 0 || len(lower) != len(data) {
		return ""
	}
	_, text, ok := bytes.Cut(data[at:], []byte(">"))
	end := bytes.IndexByte(text, '<')
	if !ok || end < 0 || end > most {
		return ""
	}
	return m.inText(m.clean(html.UnescapeString(string(text[:end]))))
}
