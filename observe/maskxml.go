package observe

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// xmlMask reads XML and writes it as it may be shown, up to where it cannot be parsed.
// Comments, instructions and declarations are left out.
type xmlMask struct {
	mask

	out   strings.Builder
	open  []element
	text  string // that is not written yet: what comes next tells whether it is all
	fresh bool   // the text has begun
}

// element is an element that is open.
type element struct {
	name   string // without its prefix
	raw    string
	secret string // the name of what is hidden in it, or ""
	said   string // its text
	label  bool   // one in it says that the next value is a secret
}

// xml is a document as it may be shown. It is complete where all of it is.
func (m mask) xml(data []byte, whole bool) (text string, complete bool) {
	x := &xmlMask{mask: m}
	d := xml.NewDecoder(bytes.NewReader(data))
	for {
		token, err := d.RawToken()
		if err != nil {
			complete = errors.Is(err, io.EOF) && whole && len(x.open) == 0
			if complete {
				x.write()
				return m.clean(x.out.String()), true
			}
			return m.clean(x.out.String()) + more, false
		}
		switch t := token.(type) {
		case xml.StartElement:
			x.write()
			if len(x.open) == maxNesting {
				return m.clean(x.out.String()) + more, false
			}
			x.start(t)
		case xml.EndElement:
			x.write()
			if !x.end(rawName(t.Name)) {
				return m.clean(x.out.String()) + more, false
			}
		case xml.CharData:
			x.text += string(t)
			if len(x.open) == 0 && strings.TrimSpace(x.text) != "" {
				return m.clean(x.out.String()) + more, false
			}
		case xml.Directive: // what is in it, nobody knows
			if len(x.open) > 0 || bytes.ContainsAny(t, "<[") {
				return m.clean(x.out.String()) + more, false
			}
		}
	}
}

func rawName(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

func (x *xmlMask) top() *element {
	if len(x.open) == 0 {
		return &element{}
	}
	return &x.open[len(x.open)-1]
}

// write writes the text before a tag.
func (x *xmlMask) write() {
	top, s := x.top(), x.text
	x.text = ""
	if strings.TrimSpace(s) == "" {
		return
	}
	top.said += s
	switch {
	case top.secret == "":
		x.escaped(x.inText(x.clean(s)))
	case !x.fresh:
		x.out.WriteString(x.mark(top.secret))
		x.fresh = true
	}
}

func (x *xmlMask) escaped(s string) {
	_ = xml.EscapeText(&x.out, []byte(s)) // a builder takes it
}

func (x *xmlMask) start(t xml.StartElement) {
	top := x.top()
	e := element{name: t.Name.Local, raw: rawName(t.Name), secret: top.secret}
	if e.secret == "" {
		x.fresh = false
		if x.isSecret(e.name) || x.isSecret(top.name+"."+e.name) || (top.label && isValueName(e.name)) {
			e.secret = e.name
		}
	}
	labelled := false // <add key="password" value="..."/>
	for _, a := range t.Attr {
		labelled = labelled || (isLabelName(a.Name.Local) && x.isSecret(a.Value))
	}
	x.out.WriteString("<" + e.raw)
	for _, a := range t.Attr {
		x.out.WriteString(" " + rawName(a.Name) + `="`)
		switch {
		case e.secret != "" || x.isSecret(a.Name.Local) || (labelled && !isLabelName(a.Name.Local)):
			x.out.WriteString(x.mark(a.Name.Local))
		case a.Name.Space == "xmlns" || a.Name.Local == "xmlns": // is no URL that anybody asks for
			x.escaped(x.clean(a.Value))
		default:
			x.escaped(x.inText(x.clean(a.Value)))
		}
		x.out.WriteString(`"`)
	}
	x.out.WriteString(">")
	if labelled && e.secret == "" {
		e.secret = e.name
	}
	x.open = append(x.open, e)
}

// end tells whether the element that ends is the one that is open.
func (x *xmlMask) end(name string) bool {
	top := *x.top()
	if len(x.open) == 0 || top.raw != name {
		return false
	}
	x.open = x.open[:len(x.open)-1]
	x.out.WriteString("</" + name + ">")
	if isLabelName(top.name) && x.isSecret(strings.TrimSpace(top.said)) {
		x.top().label = true
	}
	return true
}
