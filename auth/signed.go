package auth

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// What HMAC and Signature read of a request, as it is sent.

func method(req *http.Request) string {
	if req.Method == "" {
		return http.MethodGet
	}
	return req.Method
}

// host is the field Host as net/http writes it: a name of Unicode by its A-label, and
// without the zone of an IPv6 address.
func host(req *http.Request) string {
	name := cmp.Or(req.Host, req.URL.Host)
	if at, rest, ok := strings.Cut(name, "%"); ok && strings.HasPrefix(name, "[") {
		if _, behind, ok := strings.Cut(rest, "]"); ok {
			return at + "]" + behind
		}
	}
	if strings.IndexFunc(name, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
		return name
	}
	bare, port, err := net.SplitHostPort(name)
	if err != nil {
		bare, port = name, ""
	}
	ascii, err := idna.Lookup.ToASCII(bare)
	switch {
	case err != nil:
		return name // which net/http refuses
	case port != "":
		return net.JoinHostPort(ascii, port)
	}
	return ascii
}

// fieldLines are the values of a field, without the spaces around them.
func fieldLines(req *http.Request, name string) []string {
	switch http.CanonicalHeaderKey(name) {
	case "Host":
		return []string{host(req)}
	case "Content-Length":
		if req.ContentLength > 0 {
			return []string{strconv.FormatInt(req.ContentLength, 10)}
		}
		return nil
	}
	var keys []string
	for key := range req.Header {
		if strings.EqualFold(key, name) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys) // as net/http writes them
	var lines []string
	for _, key := range keys {
		for _, line := range req.Header[key] {
			lines = append(lines, strings.Trim(line, " \t"))
		}
	}
	return lines
}

// writeBody writes a request's body, which is still there to be sent.
func writeBody(w io.Writer, req *http.Request) error {
	if req.Body == nil || req.Body == http.NoBody {
		return nil
	}
	if req.GetBody == nil {
		return final("the body can be read only once, and a signature reads it before it is sent: give it as bytes, or set GetBody")
	}
	body, err := req.GetBody()
	if err != nil {
		return fmt.Errorf("the body cannot be read again: %w", err)
	}
	defer func() { _ = body.Close() }()
	if _, err := io.Copy(w, body); err != nil {
		return fmt.Errorf("the body cannot be read: %w", err)
	}
	return nil
}

// escape is percent-encoding of all but the unreserved (RFC 3986 section 2.3).
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// reescape is escape for what is encoded in some way already.
func reescape(s string) string {
	plain, err := url.QueryUnescape(s)
	if err != nil {
		plain = s
	}
	return escape(plain)
}

// sortedQuery is a query in the order of names and values, in one spelling.
func sortedQuery(raw string) string {
	var pairs [][2]string
	for pair := range strings.SplitSeq(raw, "&") {
		if pair != "" {
			name, value, _ := strings.Cut(pair, "=")
			pairs = append(pairs, [2]string{reescape(name), reescape(value)})
		}
	}
	slices.SortFunc(pairs, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	var b strings.Builder
	for i, pair := range pairs {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(pair[0] + "=" + pair[1])
	}
	return b.String()
}

// setParam puts a parameter at the end of the query, in the place of its namesakes.
func setParam(req *http.Request, name, value string) {
	u := *req.URL
	pairs := slices.DeleteFunc(strings.Split(u.RawQuery, "&"), func(pair string) bool {
		key, _, _ := strings.Cut(pair, "=")
		key, err := url.QueryUnescape(key)
		return pair == "" || (err == nil && key == name)
	})
	u.RawQuery = strings.Join(append(pairs, escape(name)+"="+escape(value)), "&")
	req.URL = &u
}
