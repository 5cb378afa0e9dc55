package middleware

import (
	"encoding/json"

	"github.com/restykit/restykit/internal/redact"
)

// Problem holds the members of an application/problem+json answer (RFC 9457
// section 3.1). A member of the wrong JSON type is ignored, as the RFC asks.
type Problem struct {
	Type     string // a URI reference; "about:blank" where there is none
	Title    string
	Status   int
	Detail   string
	Instance string
	// Extensions are the other members, undecoded.
	Extensions map[string]json.RawMessage
}

// String is the detail, or else the title, with a type that says more.
func (p *Problem) String() string {
	s := p.Detail
	if s == "" {
		s = p.Title
	}
	if p.Type != "about:blank" {
		if s != "" {
			s += " "
		}
		s += "(" + redact.String(p.Type) + ")"
	}
	return redact.Excerpt([]byte(s), 300)
}

// problemOf reads the body of an answer, or returns nil where it is no problem.
func problemOf(a answer) *Problem {
	if mediaType(a.contentType) != "application/problem+json" {
		return nil
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(a.body, &members) != nil || members == nil {
		return nil
	}
	p := &Problem{}
	for name, into := range map[string]any{
		"type": &p.Type, "title": &p.Title, "status": &p.Status, "detail": &p.Detail, "instance": &p.Instance,
	} {
		if raw, ok := members[name]; ok {
			_ = json.Unmarshal(raw, into) // of the wrong type: ignored
			delete(members, name)
		}
	}
	if p.Type == "" {
		p.Type = "about:blank"
	}
	if len(members) > 0 {
		p.Extensions = members
	}
	return p
}
