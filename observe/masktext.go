package observe

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/restykit/restykit/internal/redact"
)

// clean is valid text without control characters, in one line unless lines are wanted.
func (m mask) clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r' || r == '\u2028' || r == '\u2029':
			if m.lines {
				return r
			}
			return ' '
		case unicode.IsControl(r) || isBidi(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// isBidi tells a character that makes text look other than it is.
func isBidi(r rune) bool { return (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) }

// inText is free text: JSON, or without what its URLs, its names and its forms tell of.
func (m mask) inText(s string) string {
	if m.depth >= maxWithin {
		return m.mark("")
	}
	m.depth++
	if looksLikeJSON(s) {
		if text, complete := m.json([]byte(s), true); complete {
			if text == compact(s) {
				return s
			}
			return text
		}
	}
	return m.names(m.shapes(m.urls(s)))
}

func looksLikeJSON(s string) bool {
	s = strings.TrimSpace(s)
	return strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[")
}

// urls are a text's URLs as they may be shown.
func (m mask) urls(s string) string {
	var b strings.Builder
	for {
		at := strings.Index(s, "://")
		if at < 0 {
			b.WriteString(s)
			return b.String()
		}
		begin := at
		for begin > 0 && isSchemeChar(s[begin-1]) {
			begin--
		}
		end := len(s)
		if size := strings.IndexFunc(s[at:], func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("\"'<>`\\^|", r) }); size >= 0 {
			end = at + size
		}
		end = at + len(strings.TrimRight(s[at:end], ":,.)]}")) // of the sentence around it
		end = max(end, at+len("://"))
		b.WriteString(s[:begin])
		if strings.Count(s[begin:end], "://") > 1 && strings.Contains(s[begin:end], "@") { // one in another
			b.WriteString(m.mark("url"))
		} else {
			b.WriteString(m.urlText(s[begin:end]))
		}
		s = s[end:]
	}
}

func isSchemeChar(c byte) bool {
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'
}

// shapes is a text without what is a secret by its form, whatever its name: JSON web
// tokens, the credentials of Bearer and Basic, private keys.
func (m mask) shapes(s string) string {
	if at := strings.Index(s, "-----BEGIN"); at >= 0 {
		s = s[:at] + m.mark("key")
	}
	const least = 16 // of credentials
	var b strings.Builder
	scheme := false
	for s != "" {
		size := strings.IndexFunc(s, isNoCredential)
		if size < 0 {
			size = len(s)
		}
		if size == 0 {
			_, size = utf8.DecodeRuneInString(s)
			b.WriteString(s[:size])
			s = s[size:]
			continue
		}
		word := s[:size]
		s = s[size:]
		if len(word) >= least && (scheme || (strings.HasPrefix(word, "eyJ") && strings.Contains(word, "."))) {
			b.WriteString(m.mark("token"))
		} else {
			b.WriteString(word)
		}
		scheme = strings.EqualFold(word, "bearer") || strings.EqualFold(word, "basic") || strings.EqualFold(word, "dpop")
	}
	return b.String()
}

// isNoCredential tells what no token68 has (RFC 9110 section 11.2).
func isNoCredential(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-._~+/=%", r)
}

// names is a text up to the first name that tells of a secret and has a value: nobody
// knows where that ends.
func (m mask) names(s string) string {
	before, label := "", false
	for at := 0; at < len(s); {
		size := strings.IndexFunc(s[at:], isNoName)
		if size < 0 {
			return s
		}
		name := s[at : at+size]
		at += size
		valued := 0
		if name != "" {
			valued = m.afterName(s[at:])
		}
		if label && name != "" { // <input name="password" value="...">
			if m.isSecret(name) {
				return s[:at] + " " + m.mark(name)
			}
			label = false
		}
		label = label || (valued > 0 && isLabelName(name))
		if valued > 0 && (m.isSecret(name) || m.isSecret(before+name)) {
			said := s[at+valued:]
			shown := strings.TrimLeft(said, " \t\"'\\")
			if at = len(s) - len(shown); !strings.HasPrefix(shown, redact.Mark) {
				return s[:at] + m.mark(name)
			}
			marked := len(shown) - len(strings.TrimLeft(shown, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"))
			if rest := shown[marked:]; rest != "" && !strings.ContainsRune(" \t\r\n&;,\"'<>)]}\\", rune(rest[0])) {
				return s[:at] + m.mark(name)
			}
			at, before = at+marked, ""
			continue
		}
		before = ""
		if at < len(s) && s[at] == ' ' { // "API key: ..."
			before = name + "_"
		}
		_, width := utf8.DecodeRuneInString(s[at:])
		at += width
	}
	return s
}

func isNoName(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-.[]$", r)
}

// afterName is the length of what stands between a name and its value, or 0 where there is
// no value.
func (m mask) afterName(s string) int {
	const most = 256
	rest := trimQuotes(s[:min(len(s), most)])
	if rest == "" && len(s) > most { // nobody writes so
		return most
	}
	s = s[:min(len(s), most)]
	for _, sign := range []string{":", "=", ">", "%3a", "%3A", "%3d", "%3D"} {
		value, ok := strings.CutPrefix(rest, sign)
		if !ok {
			continue
		}
		value = strings.TrimLeft(value, "=>")
		if strings.ToLower(sign) == "%3d" || sign == "=" || sign == ">" || !m.prose || isQuoted(s[:len(s)-len(rest)]) || isQuoted(value[:len(value)-len(trimQuotes(value))]) {
			return len(s) - len(value)
		}
	}
	return 0
}

func trimQuotes(s string) string {
	for {
		cut := strings.TrimLeft(s, " \t\"'\\")
		for _, escape := range []string{"%22", "%20", "%27"} {
			cut = strings.TrimPrefix(cut, escape)
		}
		if cut == s {
			return s
		}
		s = cut
	}
}

func isQuoted(between string) bool { return strings.ContainsAny(between, "\"'%") }
