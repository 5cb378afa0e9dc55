package netrc

import (
	"strings"
)

// Parse reads a file.
//
// Words are separated by spaces, tabs and line ends; a carriage return is a space, so
// that CRLF files read the same, and a byte order mark is skipped. The keywords are
// machine, default, login (or user), password (or passwd), account, which is read and not
// used, and macdef, whose text ends with the first empty line; letters of either case are
// the same. Where a keyword may stand, a # begins a comment up to the end of the line. It
// is an ordinary letter in a value, at its beginning too.
//
// A value with spaces stands in double quotes, on one line, where \" is a quote and \\ a
// backslash. What programs read in different ways is an error of its entry: a backslash
// outside quotes, \n, \r and \t inside them, a quote that is not closed, a word that is
// no keyword (such as the second word of a password without quotes), and a second login
// or password. What is wrong with one entry says nothing of the others.
//
// Parse itself fails where something other than an entry, a macro or a comment comes
// first: then the file is no netrc.
func Parse(text string) (Entries, error) {
	p := parser{rest: strings.TrimPrefix(text, "\uFEFF"), line: 1}
	for {
		w, ok := p.word(true)
		if !ok {
			return p.entries, nil
		}
		if err := p.keyword(w); err != nil {
			return nil, err
		}
	}
}

type parser struct {
	rest    string
	line    int
	entries Entries
}

// word is one word of the file.
type word struct {
	text  string
	line  int
	wrong string // why programs read it in different ways
	plain bool   // no quotes
}

func (p *parser) keyword(w word) error {
	kind := ""
	if w.plain {
		kind = strings.ToLower(w.text)
	}
	switch kind {
	case "machine":
		name, ok := p.word(false)
		p.entries = append(p.entries, Entry{Line: w.line, Machine: name.text})
		if !ok || name.text == "" || name.wrong != "" {
			return lineError(w.line, "machine has no name: write it behind, and separate words by spaces")
		}
		return nil
	case "default":
		p.entries = append(p.entries, Entry{Line: w.line})
		return nil
	case "macdef":
		p.skipMacro()
		return nil
	}
	if len(p.entries) == 0 {
		return lineError(w.line, "this is no netrc file: it begins with neither machine nor default")
	}
	p.field(&p.entries[len(p.entries)-1], kind, w)
	return nil
}

// field reads what belongs to an entry.
func (p *parser) field(e *Entry, kind string, w word) {
	switch kind {
	case "login", "user", "password", "passwd", "account":
	default:
		e.fail(w.line, "a word is no keyword: put a value that has spaces or quotes into double quotes")
		return
	}
	value, ok := p.word(false)
	if !ok {
		e.fail(w.line, kind+" has no value")
		return
	}
	if value.wrong != "" {
		e.fail(value.line, value.wrong)
	}
	switch kind {
	case "login", "user":
		if e.Login != "" {
			e.fail(value.line, "a second login for one machine: begin a new entry with machine")
			return
		}
		e.Login = value.text
	case "password", "passwd":
		if e.password != nil {
			e.fail(value.line, "a second password for one machine: begin a new entry with machine")
			return
		}
		text := value.text
		e.password = func() string { return text }
	}
}

// fail keeps the first error of an entry.
func (e *Entry) fail(line int, fact string) {
	if e.err == nil {
		e.err = lineError(line, fact)
	}
}

const blanks = " \t\r\n"

// word reads the next word. Where a keyword may stand, comments are skipped.
func (p *parser) word(keyword bool) (word, bool) {
	for p.rest != "" {
		switch c := p.rest[0]; {
		case strings.IndexByte(blanks, c) >= 0:
			p.skip(1)
		case c == '#' && keyword:
			p.skipLine()
		case c == '"':
			return p.quoted(), true
		default:
			return p.bare(), true
		}
	}
	return word{}, false
}

func (p *parser) bare() word {
	end := strings.IndexAny(p.rest, blanks)
	if end < 0 {
		end = len(p.rest)
	}
	w := word{text: p.rest[:end], line: p.line, plain: true}
	if strings.Contains(w.text, `\`) {
		w.wrong = `a backslash outside quotes, which programs read in different ways: put the value into double quotes, and write \\ there`
	}
	p.skip(end)
	return w
}

func (p *parser) quoted() word {
	w := word{line: p.line}
	var b strings.Builder
	for i := 1; i < len(p.rest) && p.rest[i] != '\n'; i++ {
		switch c := p.rest[i]; c {
		case '"':
			w.text = b.String()
			p.skip(i + 1)
			return w
		case '\\':
			if i+1 == len(p.rest) || p.rest[i+1] == '\n' {
				continue
			}
			i++
			if strings.IndexByte("nrt", p.rest[i]) >= 0 {
				w.wrong = `a backslash before n, r or t, which programs read in different ways: no name or password may have a control character, and a backslash is \\`
			}
			b.WriteByte(p.rest[i])
		default:
			b.WriteByte(c)
		}
	}
	w.text, w.wrong = b.String(), "a quote is not closed on its line"
	p.skipLine()
	return w
}

// skipMacro skips a macro: its name, and all lines up to an empty one.
func (p *parser) skipMacro() {
	p.skipLine()
	for p.rest != "" {
		line, _, _ := strings.Cut(p.rest, "\n")
		p.skipLine()
		if strings.TrimSuffix(line, "\r") == "" {
			return
		}
	}
}

func (p *parser) skipLine() {
	if end := strings.IndexByte(p.rest, '\n'); end >= 0 {
		p.skip(end + 1)
		return
	}
	p.skip(len(p.rest))
}

func (p *parser) skip(n int) {
	p.line += strings.Count(p.rest[:n], "\n")
	p.rest = p.rest[n:]
}
