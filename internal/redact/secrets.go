package redact

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// shortest is the length from which on a text can have a secret in it: every word has a
// shorter one, and would say nothing any more.
const shortest = 4

// Secrets puts the mark in the place of secrets of 4 bytes or more, whether they stand
// there as they are or as a URL, JSON or HTML spells them.
func Secrets(text []byte, secrets []string) []byte {
	return replace(text, secrets, func(int) []byte { return []byte(Mark) })
}

// Blot is Secrets with a star for each byte, so that nothing moves.
func Blot(text []byte, secrets []string) []byte {
	return replace(text, secrets, func(n int) []byte { return bytes.Repeat([]byte("*"), n) })
}

// Spread is how many bytes one byte of a secret can take where it is spelled otherwise:
// &#x0026; is long.
const Spread = 8

func replace(text []byte, secrets []string, with func(int) []byte) []byte {
	secrets = slices.DeleteFunc(slices.Clone(secrets), func(s string) bool { return len(s) < shortest || !bytes.Contains(text, []byte(plainest(s))) })
	if len(secrets) == 0 {
		return text
	}
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) }) // one may begin with another
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		n := 0
		for _, s := range secrets {
			if n = spelled(text, s); n > 0 {
				break
			}
		}
		if n == 0 {
			out, text = append(out, text[0]), text[1:]
			continue
		}
		out, text = append(out, with(n)...), text[n:]
	}
	return out
}

// isPlain tells a character that everybody leaves as it is.
func isPlain(r rune) bool {
	return ('a' <= r && r <= 'z') || ('A' <= r && r <= 'Z') || ('0' <= r && r <= '9') || r == '-' || r == '_' || r == '.'
}

// plainest is the longest part of a secret that is the same in all its spellings, and
// with which most texts are done.
func plainest(secret string) string {
	var best string
	for part := range strings.FieldsFuncSeq(secret, func(r rune) bool { return !isPlain(r) }) {
		if len(part) > len(best) {
			best = part
		}
	}
	return best
}

// spelled is how many bytes a secret takes at the beginning of a text, or 0.
func spelled(text []byte, secret string) int {
	most := 0
	for _, character := range [...]func([]byte, rune, string) int{asItIs, inJSON, inURL, inHTML} {
		at, rest := 0, secret
		for rest != "" {
			r, size := utf8.DecodeRuneInString(rest)
			n := character(text[at:], r, rest[:size])
			if n == 0 {
				break
			}
			at, rest = at+n, rest[size:]
		}
		if rest == "" {
			most = max(most, at)
		}
	}
	return most
}

// asItIs is how many bytes a character takes at the beginning of a text, or 0. So are
// the following.
func asItIs(text []byte, _ rune, raw string) int {
	if bytes.HasPrefix(text, []byte(raw)) {
		return len(raw)
	}
	return 0
}

func inURL(text []byte, r rune, raw string) int {
	if n := asItIs(text, r, raw); n > 0 && r != '%' {
		return n
	}
	if r == ' ' && bytes.HasPrefix(text, []byte("+")) {
		return 1
	}
	if !bytes.HasPrefix(text, []byte("%")) {
		return 0
	}
	var escapes strings.Builder
	for _, c := range []byte(raw) {
		fmt.Fprintf(&escapes, "%%%02x", c)
	}
	return fold(text, escapes.String())
}

func inJSON(text []byte, r rune, raw string) int {
	if !bytes.HasPrefix(text, []byte(`\`)) {
		return max(asItIs(text, r, raw), asItIs(text, r, string(r))) // a byte that is no UTF-8 becomes U+FFFD
	}
	if n := asItIs(text[1:], r, raw); n > 0 && !isPlain(r) {
		return 1 + n
	}
	var units strings.Builder
	for _, u := range utf16.Encode([]rune{r}) {
		fmt.Fprintf(&units, `\u%04x`, u)
	}
	return max(fold(text, units.String()), fold(text, fmt.Sprintf(`\U%08x`, r)), fold(text, fmt.Sprintf(`\x%02x`, raw[0])))
}

func inHTML(text []byte, r rune, raw string) int {
	if !bytes.HasPrefix(text, []byte("&")) {
		return max(asItIs(text, r, raw), asItIs(text, r, string(r)))
	}
	entity, _, ended := bytes.Cut(text[:min(len(text), Spread)], []byte(";"))
	if !ended {
		return 0
	}
	name := strings.ToLower(string(entity[1:]))
	switch {
	case strings.HasPrefix(name, "#x"):
		name = strings.TrimLeft(name[2:], "0")
		ended = name == fmt.Sprintf("%x", r)
	case strings.HasPrefix(name, "#"):
		ended = strings.TrimLeft(name[1:], "0") == fmt.Sprint(int(r))
	default:
		ended = name == map[rune]string{'&': "amp", '<': "lt", '>': "gt", '"': "quot", '\'': "apos"}[r]
	}
	if !ended {
		return 0
	}
	return len(entity) + 1
}

// fold is asItIs whatever the case of letters.
func fold(text []byte, spelling string) int {
	if len(text) >= len(spelling) && strings.EqualFold(string(text[:len(spelling)]), spelling) {
		return len(spelling)
	}
	return 0
}
