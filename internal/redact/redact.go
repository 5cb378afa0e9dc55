// Package redact keeps secrets out of what the kit prints.
package redact

import (
	"net/url"
	"strings"
	"unicode"
)

// Mark stands where a value was.
const Mark = "REDACTED"

// URL prints a URL without userinfo, and with the names but not the values of its
// query. The fragment is dropped: it never left the process.
func URL(u *url.URL) string {
	if u == nil {
		return ""
	}
	if u.User == nil && u.RawQuery == "" && u.Fragment == "" {
		return u.String()
	}
	clean := *u
	clean.Fragment, clean.RawFragment = "", ""
	if u.User != nil {
		clean.User = url.User(Mark)
	}
	clean.RawQuery = query(u.RawQuery)
	return clean.String()
}

// String is URL for a URL in text, or for the template of one, which keeps its braces;
// text that is no URL loses all behind its first question mark.
func String(s string) string {
	if !strings.ContainsAny(s, "?#@") { // there is nothing to hide
		return s
	}
	u, err := url.Parse(s)
	if err != nil {
		s, _, _ = strings.Cut(s, "?")
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

func query(raw string) string {
	if raw == "" {
		return ""
	}
	var b strings.Builder
	for part := range strings.SplitSeq(raw, "&") {
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		name, _, valued := strings.Cut(part, "=")
		if !valued { // a bare word may be the secret itself
			b.WriteString(Mark)
			continue
		}
		b.WriteString(name)
		b.WriteByte('=')
		b.WriteString(Mark)
	}
	return b.String()
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
