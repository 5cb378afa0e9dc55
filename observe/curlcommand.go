package observe

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/restykit/restykit/middleware"
)

// command is the command that sends a request.
func (c Curl) command(info *middleware.Info, req *http.Request) string {
	m := mask{of: c.Redactor, named: true, lines: true}
	payload, typed := c.payload(m, req)
	args := []string{"curl"}
	switch {
	case req.Method == http.MethodHead && payload == nil:
		args = append(args, "-I")
	case req.Method == "" || (req.Method == http.MethodGet && payload == nil) || (req.Method == http.MethodPost && payload != nil):
	default:
		args = append(args, "-X", req.Method)
	}
	target := m.url(req.URL)
	if strings.ContainsAny(target, "[]{}") {
		args = append(args, "-g") // they are no pattern
	}
	if path := req.URL.EscapedPath() + "/"; strings.Contains(path, "/./") || strings.Contains(path, "/../") {
		args = append(args, "--path-as-is")
	}
	args = append(args, target)
	if req.Host != "" && req.Host != req.URL.Host {
		args = append(args, "-H", "Host: "+m.clean(req.Host))
	}
	for _, name := range slices.Sorted(maps.Keys(req.Header)) {
		if name == "Content-Length" || (name == "Content-Type" && typed) {
			continue
		}
		for _, value := range req.Header[name] {
			args = append(args, "-H", m.field(name, value))
		}
	}
	if payload != nil && !typed && req.Header.Get("Content-Type") == "" {
		args = append(args, "-H", "Content-Type:") // and not the one that curl adds
	}
	args = append(args, payload...)
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = shellWord(c.Redactor.text(info, arg))
	}
	return strings.Join(words, " ")
}

// field is a header field as curl has it.
func (m mask) field(name, value string) string {
	if value == "" {
		return m.clean(name) + ";"
	}
	return m.clean(name) + ": " + m.header(name, value)
}

// payload are the arguments for the body, nil where there is none. They may be typed:
// then curl itself says what they are.
func (c Curl) payload(m mask, req *http.Request) (args []string, typed bool) {
	if req.Body == nil || req.Body == http.NoBody {
		return nil, false
	}
	fromFile := []string{"--data-binary", "@body"}
	b, ok := c.again(req)
	if !ok {
		return fromFile, false
	}
	contentType := req.Header.Get("Content-Type")
	if essence(contentType) == "multipart/form-data" {
		if args := m.parts(contentType, b.begin); args != nil && b.whole {
			return args, true
		}
		return fromFile, false
	}
	text, complete := m.body(contentType, b)
	if !complete {
		return fromFile, false
	}
	return []string{"--data-raw", text}, false
}

// again is the beginning of a request's body, read once more.
func (c Curl) again(req *http.Request) (body, bool) {
	if req.GetBody == nil {
		return body{}, false
	}
	r, err := req.GetBody()
	if err != nil {
		return body{}, false
	}
	defer r.Close() //nolint:errcheck // it was only read
	most := c.Bodies
	if most == 0 {
		most = curlBodies
	}
	data, err := io.ReadAll(io.LimitReader(r, int64(most)+1))
	if err != nil {
		return body{}, false
	}
	return body{size: int64(len(data)), begin: data[:min(len(data), most)], whole: len(data) <= most}, true
}

// parts are the arguments for a multipart form, or nil where curl has none for it.
func (m mask) parts(contentType string, data []byte) []string {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil
	}
	var args []string
	for r := multipart.NewReader(bytes.NewReader(data), params["boundary"]); ; {
		part, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return args
		}
		if err != nil {
			return nil
		}
		value, err := io.ReadAll(part)
		name := m.clean(part.FormName())
		if err != nil || name == "" || strings.ContainsAny(name, "=\"") {
			return nil
		}
		kind := essence(part.Header.Get("Content-Type"))
		switch {
		case part.FileName() != "" || (kind != "" && kind != "text/plain") || !utf8.Valid(value) || bytes.IndexByte(value, 0) >= 0:
			arg := name + "=@file"
			if kind != "" {
				arg += ";type=" + kind
			}
			args = append(args, "-F", arg)
		case m.isSecret(part.FormName()):
			args = append(args, "--form-string", name+"="+m.mark(part.FormName()))
		default:
			args = append(args, "--form-string", name+"="+m.inText(m.clean(string(value))))
		}
	}
}

// shellWord is an argument as a POSIX shell reads it: in quotes where it needs any, with a
// variable for each mark. A shell stops at one that is not set.
func shellWord(s string) string {
	if s == "" {
		return "''"
	}
	var b strings.Builder
	for s != "" {
		at, size := findMark(s)
		b.WriteString(shellQuoted(s[:at]))
		if size > 0 {
			b.WriteString(`"${` + s[at:at+size] + `:?}"`)
		}
		s = s[at+size:]
	}
	return b.String()
}

// findMark is where the first mark stands in a text, and how long it is.
func findMark(s string) (at, size int) {
	const mark = "REDACTED"
	if at = strings.Index(s, mark); at < 0 {
		return len(s), 0
	}
	size = len(mark)
	for at+size < len(s) && isVariableChar(s[at+size]) {
		size++
	}
	return at, size
}

func isVariableChar(c byte) bool {
	return ('A' <= c && c <= 'Z') || ('0' <= c && c <= '9') || c == '_'
}

func shellQuoted(s string) string {
	safe := func(r rune) bool {
		return (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z') || (r >= '0' && r <= '9') || strings.ContainsRune("_@%+=:,./-", r)
	}
	if strings.IndexFunc(s, func(r rune) bool { return !safe(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
