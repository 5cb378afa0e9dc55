package observe

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/restykit/restykit/internal/redact"
)

// siblings are the members of an object of which one tells what another is:
// {"name": "password", "value": "..."}, and a code beside a grant_type.
type siblings struct {
	label bool // a member says that the value is a secret
	grant bool
	value span // where they stand, if they came first
	code  span
}

// span is a part of what was written. There is none where to is 0.
type span struct{ from, to int }

// hides tells of a member that an earlier one makes a secret.
func (s *siblings) hides(name string) bool {
	return (s.label && isValueName(name)) || (s.grant && strings.EqualFold(name, "code"))
}

// note hears of a member that is shown, and returns what it makes a secret of what was
// written before, once.
func (s *siblings) note(m mask, name, said string, from, to int) span {
	switch {
	case isValueName(name):
		s.value = span{from, to}
	case strings.EqualFold(name, "code"):
		s.code = span{from, to}
	case strings.EqualFold(name, "grant_type"):
		s.grant = true
		return take(&s.code)
	case isLabelName(name) && said != "" && m.isSecret(said):
		s.label = true
		return take(&s.value)
	}
	return span{}
}

func take(from *span) span {
	s := *from
	*from = span{}
	return s
}

// moved hears that what is written behind a span has moved.
func (s *siblings) moved(behind span, by int) {
	for _, at := range []*span{&s.value, &s.code} {
		if at.from >= behind.to {
			at.from, at.to = at.from+by, at.to+by
		}
	}
}

func isValueName(name string) bool {
	switch strings.ToLower(name) {
	case "value", "values", "val", "content", "data", "text", "default", "stringvalue":
		return true
	}
	return false
}

func isLabelName(name string) bool {
	switch strings.ToLower(name) {
	case "name", "key", "id", "field", "label", "property", "param", "parameter", "header", "variable", "type", "n", "k":
		return true
	}
	return false
}

// quoted is a string in JSON.
func quoted(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string has its JSON, and a buffer takes it
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// compact is JSON without white space.
func compact(s string) string {
	var b bytes.Buffer
	if json.Compact(&b, []byte(s)) != nil {
		return redact.Mark
	}
	return b.String()
}
