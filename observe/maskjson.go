package observe

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// maxNesting is how deep arrays and objects may stand in one another.
const maxNesting = 200

// jsonMask reads JSON and writes it as it may be shown, without white space and in its
// order, up to where it cannot be parsed.
type jsonMask struct {
	mask

	in     []byte
	at     int
	out    []byte
	whole  bool
	nested int
}

// json is a JSON document as it may be shown. It is complete where all of it is.
func (m mask) json(data []byte, whole bool) (text string, complete bool) {
	j := &jsonMask{mask: m, in: data, whole: whole}
	ok := j.value("") && j.space() == len(j.in)
	return j.said(ok)
}

// jsonLines are documents one behind the other, as in NDJSON and RFC 7464.
func (m mask) jsonLines(data []byte, whole bool) (text string, complete bool) {
	j := &jsonMask{mask: m, in: data, whole: whole}
	for ok := true; ok && j.space() < len(j.in); {
		if len(j.out) > 0 {
			j.out = append(j.out, '\n')
		}
		if ok = j.value(""); !ok {
			return j.said(false)
		}
	}
	return j.said(true)
}

func (j *jsonMask) said(ok bool) (string, bool) {
	text := j.clean(string(j.out))
	switch {
	case ok && j.whole:
		return text, true
	case ok || (!j.whole && j.at >= len(j.in)):
		return text + more, false
	}
	return fmt.Sprintf("%s%s (no JSON from byte %d on)", text, more, j.at), false
}

// space skips what stands between tokens; a record separator is that of RFC 7464.
func (j *jsonMask) space() int {
	for j.at < len(j.in) && strings.IndexByte(" \t\r\n\x1e", j.in[j.at]) >= 0 {
		j.at++
	}
	return j.at
}

// next tells whether a character comes next, and takes it.
func (j *jsonMask) next(c byte) bool {
	if j.space() < len(j.in) && j.in[j.at] == c {
		j.at++
		return true
	}
	return false
}

// value takes a value of a member of a name.
func (j *jsonMask) value(name string) bool {
	if j.space() >= len(j.in) {
		return false
	}
	switch j.in[j.at] {
	case '{':
		return j.within(func() bool { return j.object(name) })
	case '[':
		return j.within(func() bool { return j.array(name) })
	case '"':
		raw, s, ok := j.str()
		if !ok {
			return false
		}
		if shown := j.inText(s); shown != s {
			raw = quoted(shown)
		}
		j.out = append(j.out, raw...)
		return true
	}
	token, ok := j.literal()
	j.out = append(j.out, token...)
	return ok
}

func (j *jsonMask) within(f func() bool) bool {
	if j.nested == maxNesting {
		return false
	}
	j.nested++
	defer func() { j.nested-- }()
	return f()
}

// hidden takes a value that is not shown, unless there is nothing in it.
func (j *jsonMask) hidden(name string) bool {
	begin, from := len(j.out), j.space()
	ok := j.value("")
	j.out = j.out[:begin]
	raw := ""
	if ok {
		raw = string(j.in[from:j.at])
	}
	switch {
	case raw == "null" || raw == "true" || raw == "false" || raw == `""`:
		j.out = append(j.out, raw...)
	case ok && countsTokens(name) && strings.Trim(raw, "0123456789") == "":
		j.out = append(j.out, raw...)
	default:
		j.out = append(j.out, quoted(j.mark(name))...)
	}
	return ok
}

// str takes a string: as it stands there, and what it says.
func (j *jsonMask) str() (raw []byte, s string, ok bool) {
	for i := j.at + 1; i < len(j.in); i++ {
		switch j.in[i] {
		case '\\':
			i++
		case '"':
			raw = j.in[j.at : i+1]
			if json.Unmarshal(raw, &s) != nil {
				return nil, "", false
			}
			j.at = i + 1
			return raw, s, true
		}
	}
	if !j.whole {
		j.at = len(j.in)
	}
	return nil, "", false
}

// literal takes a number or a word, if it is known to end here.
func (j *jsonMask) literal() ([]byte, bool) {
	end := j.at
	for end < len(j.in) && strings.IndexByte("+-.0123456789abcdefghijklmnopqrstuvwxyzE", j.in[end]) >= 0 {
		end++
	}
	token := j.in[j.at:end]
	if end == len(j.in) && !j.whole {
		j.at = end
		return nil, false
	}
	if !json.Valid(token) {
		return nil, false
	}
	j.at = end
	return token, true
}

func (j *jsonMask) array(name string) bool {
	j.at++
	j.out = append(j.out, '[')
	for first := true; !j.next(']'); first = false {
		if !first {
			if !j.next(',') {
				return false
			}
			j.out = append(j.out, ',')
		}
		if !j.value(name) {
			return false
		}
	}
	j.out = append(j.out, ']')
	return true
}

func (j *jsonMask) object(parent string) bool {
	j.at++
	j.out = append(j.out, '{')
	var siblings siblings
	for first := true; !j.next('}'); first = false {
		if !first && !j.next(',') {
			return false
		}
		if j.space() >= len(j.in) || j.in[j.at] != '"' {
			return false
		}
		raw, name, ok := j.str()
		if !ok || !j.next(':') {
			return false
		}
		if !first {
			j.out = append(j.out, ',')
		}
		j.out = append(append(j.out, raw...), ':')
		if !j.member(parent, name, &siblings) {
			return false
		}
	}
	j.out = append(j.out, '}')
	return true
}

// member takes the value of a member of an object.
func (j *jsonMask) member(parent, name string, s *siblings) bool {
	if j.isSecret(name) || (parent != "" && j.isSecret(parent+"."+name)) || s.hides(name) {
		return j.hidden(name)
	}
	begin, from := len(j.out), j.space()
	ok := j.value(name)
	var said string
	if ok && j.in[from] == '"' && json.Unmarshal(j.in[from:j.at], &said) != nil {
		said = ""
	}
	if cut := s.note(j.mask, name, said, begin, len(j.out)); cut.to > 0 {
		mark := quoted(j.mark(said))
		j.out = slices.Replace(j.out, cut.from, cut.to, mark...)
		s.moved(cut, len(mark)-(cut.to-cut.from))
	}
	return ok
}
