// Package redact keeps secrets out of what the kit prints.
package redact

import (
	"net/url"
	"strings"
	"unicode"
)

// Mark stands where a value was.
const Mark = "REDACTED"

// URL prints a URL without userinfo, and with the names but not the values of its query
// and of the parameters in its path (;jsessionid=). The fragment is dropped: it never left
// the process.
func URL(u *url.URL) string { return URLBy(u, func(string, string) string { return Mark }) }

// URLBy is URL with what value says of each parameter: its name is without escapes, and
// empty for a bare word and for userinfo; its value is as it stands in the URL. What value
// returns is not escaped.
func URLBy(u *url.URL, value func(name, value string) string) string {
	if u == nil {
		return ""
	}
	if u.User == nil && u.RawQuery == "" && u.Fragment == "" && u.Opaque == "" && !strings.Contains(u.Path, ";") {
		return u.String()
	}
	clean := *u
	clean.Fragment, clean.RawFragment = "", ""
	if u.User != nil {
		clean.User = url.User(value("", ""))
	}
	if u.Opaque != "" && (strings.HasPrefix(u.Scheme, "http") || strings.Contains(u.Opaque, "@")) { // nobody knows what it is made of
		clean.Opaque = value("", "")
	}
	if strings.Contains(u.EscapedPath(), ";") {
		escaped := pathParams(u.EscapedPath(), value)
		if path, err := url.PathUnescape(escaped); err == nil {
			clean.Path, clean.RawPath = path, escaped
		}
	}
	clean.RawQuery = query(u.RawQuery, value)
	return clean.String()
}

// pathParams are the segments of a path without the values of their parameters.
func pathParams(path string, value func(name, value string) string) string {
	parts := strings.Split(path, ";")
	for i, part := range parts[1:] {
		param, rest := part, ""
		if at := strings.IndexByte(part, '/'); at >= 0 {
			param, rest = part[:at], part[at:]
		}
		if name, said, valued := strings.Cut(param, "="); valued {
			parts[i+1] = name + "=" + value(unescaped(name), said) + rest
		}
	}
	return strings.Join(parts, ";")
}

// String is URL for a URL in text, or for the template of one, which keeps its braces;
// text that is no URL loses all behind its first question mark, semicolon or hash.
func String(s string) string {
	if !strings.ContainsAny(s, "?#@;") && (strings.Contains(s, "//") || !strings.Contains(s, ":")) { // there is nothing to hide
		return s
	}
	u, err := url.Parse(s)
	if err != nil {
		if i := strings.IndexAny(s, "?#;"); i >= 0 {
			s = s[:i]
		}
		if i := strings.LastIndexByte(s, '@'); i >= 0 && mayHavePassword(s[:i]) {
			s = Mark + s[i:]
		}
		return s
	}
	clean := URL(u)
	if strings.ContainsRune(s, '{') {
		clean = strings.NewReplacer("%7B", "{", "%7D", "}").Replace(clean)
	}
	return clean
}

// mayHavePassword tells whether there is a colon in what stands before the @ of a text
// that is no URL. Like net/http, an error shows a name alone: what is wrong may be there.
func mayHavePassword(before string) bool {
	_, userinfo, ok := strings.Cut(before, "//")
	return !ok || strings.Contains(userinfo, ":")
}

func query(raw string, value func(name, value string) string) string {
	if raw == "" {
		return ""
	}
	var b strings.Builder
	for part := range strings.SplitSeq(raw, "&") {
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		name, said, valued := strings.Cut(part, "=")
		if !valued { // a bare word may be the secret itself
			b.WriteString(value("", part))
			continue
		}
		b.WriteString(name)
		b.WriteByte('=')
		b.WriteString(value(unescaped(name), said))
	}
	return b.String()
}

// unescaped is a name without escapes, or as it is where they are wrong.
func unescaped(name string) string {
	if s, err := url.QueryUnescape(name); err == nil {
		return s
	}
	return name
}

// Excerpt bounds a body for an error and leaves no control character in it.
func Excerpt(body []byte, most int) string {
	cut := len(body) > most
	if cut {
		body = body[:most]
	}
	s := strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t' || r == '\u2028' || r == '\u2029':
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(body), "\uFFFD"))
	s = strings.TrimSpace(s)
	if cut {
		s += "..."
	}
	return s
}
