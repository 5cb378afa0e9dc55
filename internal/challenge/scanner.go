package challenge

import (
	"strings"

	"github.com/restykit/restykit/internal/field"
)

// scanner goes through a line once, from the left to the right.
type scanner struct {
	text string
	at   int
}

// elements tells the schemes and parameters of a line in their order.
func (s *scanner) elements(scheme, param func(a, b string)) {
	for {
		s.skip(" \t,")
		if s.at == len(s.text) {
			return
		}
		name := s.run(isToken)
		spaced := s.skip(" \t")
		switch {
		case name == "":
			s.skipElement()
		case s.next('='):
			if value, ok := s.value(); ok {
				param(name, value)
			}
			s.end()
		case s.ended():
			scheme(name, "")
		case spaced:
			scheme(name, s.token68())
		default:
			s.skipElement()
		}
	}
}

// value reads what is behind an equals sign.
func (s *scanner) value() (string, bool) {
	s.skip(" \t")
	if s.next('"') {
		return s.quoted()
	}
	value := s.run(func(c byte) bool { return c > ' ' && c != ',' && c != '"' && c != 0x7f })
	return value, value != ""
}

// quoted reads the rest of a quoted-string. It is false where that does not end.
func (s *scanner) quoted() (string, bool) {
	var b strings.Builder
	for s.at < len(s.text) {
		c := s.text[s.at]
		s.at++
		if c == '"' {
			return b.String(), true
		}
		if c == '\\' && s.at < len(s.text) {
			c = s.text[s.at]
			s.at++
		}
		b.WriteByte(c)
	}
	return "", false
}

// token68 reads what some schemes have in the place of parameters, or nothing: then
// there are parameters.
func (s *scanner) token68() string {
	from := s.at
	if s.run(func(c byte) bool { return isToken(c) || c == '/' }) != "" {
		s.run(func(c byte) bool { return c == '=' })
		if token := s.text[from:s.at]; s.ended() {
			return token
		}
	}
	s.at = from
	return ""
}

// end expects the end of an element, and goes there.
func (s *scanner) end() {
	if !s.ended() {
		s.skipElement()
	}
}

// ended tells whether an element ends here, but for white space.
func (s *scanner) ended() bool {
	rest := strings.TrimLeft(s.text[s.at:], " \t")
	return rest == "" || rest[0] == ','
}

// skipElement goes to the next comma that is not quoted.
func (s *scanner) skipElement() {
	for s.at < len(s.text) && s.text[s.at] != ',' {
		if s.next('"') {
			s.quoted()
			continue
		}
		s.at++
	}
}

func (s *scanner) next(c byte) bool {
	if s.at < len(s.text) && s.text[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) skip(chars string) bool {
	return s.run(func(c byte) bool { return strings.IndexByte(chars, c) >= 0 }) != ""
}

func (s *scanner) run(of func(byte) bool) string {
	from := s.at
	for s.at < len(s.text) && of(s.text[s.at]) {
		s.at++
	}
	return s.text[from:s.at]
}

func isToken(c byte) bool { return field.IsToken(string(rune(c))) }
