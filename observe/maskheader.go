package observe

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/restykit/restykit/internal/challenge"
	"github.com/restykit/restykit/internal/field"
	"github.com/restykit/restykit/internal/redact"
)

// header is the value of a header field as it may be shown.
func (m mask) header(name, value string) string {
	name = http.CanonicalHeaderKey(name)
	if isShown(name) || (m.of != nil && slices.ContainsFunc(m.of.Headers, func(h string) bool { return strings.EqualFold(h, name) })) {
		return m.clean(value)
	}
	switch name {
	case "Location", "Content-Location", "Referer", "Destination", "Origin":
		return m.urlText(value)
	case "Link":
		return m.links(name, value)
	case "Authorization", "Proxy-Authorization":
		if scheme, _, ok := strings.Cut(value, " "); ok && isScheme(scheme) {
			return scheme + " " + m.mark(name)
		}
	case "Cookie":
		return m.cookies(name, strings.Split(value, ";"))
	case "Set-Cookie":
		cookie, _, _ := strings.Cut(value, ";")
		return m.cookies(name, []string{cookie})
	case "Www-Authenticate", "Proxy-Authenticate":
		return m.challenges(name, value)
	case "Content-Disposition": // and not the name of the file
		kind, _, _ := strings.Cut(value, ";")
		return m.clean(kind)
	case "Ratelimit", "Ratelimit-Policy":
		if !strings.Contains(strings.ToLower(value), "pk") { // the partition key tells who asks
			return m.clean(value)
		}
	}
	return m.mark(name)
}

// isShown is the allow-list. Not on it, though harmless at first sight: From, Forwarded and
// Via's like (they name people), Baggage (the caller's data), Content-Security-Policy and
// Reporting-Endpoints (nonces and keys), digests (of a body that may be a password),
// Idempotency-Key, and whatever is not known.
func isShown(name string) bool {
	switch name {
	case "Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Accept-Ranges", "Accept-Patch", "Accept-Post", "Accept-Query", // RFC 9110 and its kin
		"Allow", "Connection", "Content-Encoding", "Content-Language", "Content-Length", "Content-Range", "Content-Type",
		"Date", "Etag", "Expect", "Host", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since",
		"Keep-Alive", "Last-Modified", "Max-Forwards", "Prefer", "Preference-Applied", "Priority", "Range", "Retry-After", "Retry-After-Ms", "Server",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent", "Vary", "Via", "Alt-Svc", "Deprecation", "Sunset",
		"Age", "Cache-Control", "Expires", "Pragma", "Warning", "Cache-Status", "Proxy-Status", "X-Cache", "X-Cache-Hits", "Cf-Cache-Status", // RFC 9111, 9211, 9209
		"Traceparent", "Tracestate", "B3", "X-B3-Traceid", "X-B3-Spanid", "X-B3-Parentspanid", "X-B3-Sampled", "X-Cloud-Trace-Context", "X-Amzn-Trace-Id", "Uber-Trace-Id", "X-Trace-Id",
		"X-Request-Id", "Request-Id", "X-Correlation-Id", "Correlation-Id", "X-Amz-Request-Id", "X-Amzn-Requestid", "X-Amz-Id-2",
		"X-Ms-Request-Id", "X-Ms-Client-Request-Id", "X-Github-Request-Id", "X-Goog-Request-Id", "Cf-Ray", "X-Served-By", "X-Envoy-Upstream-Service-Time", "Server-Timing",
		"Strict-Transport-Security", "X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "Upgrade-Insecure-Requests",
		"Api-Version", "X-Api-Version", "X-Github-Api-Version", "X-Ms-Version", "X-Http-Method-Override", "X-Powered-By", "X-Total-Count":
		return true
	}
	return hasAnyPrefix(name, "Access-Control-", "X-Ratelimit-", "X-Rate-Limit-", "Ratelimit-Limit", "Ratelimit-Remaining", "Ratelimit-Reset", "Sec-Fetch-")
}

func hasAnyPrefix(s string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}

// isScheme tells the name of an authentication scheme from a bare secret.
func isScheme(s string) bool {
	switch strings.ToLower(s) {
	case "basic", "bearer", "digest", "dpop", "gnap", "hoba", "mutual", "negotiate", "ntlm", "oauth", "privatetoken",
		"scram-sha-1", "scram-sha-256", "vapid", "token", "apikey", "signature", "aws4-hmac-sha256", "aws4-ecdsa-p256-sha256":
		return true
	}
	return false
}

// cookies are the names of cookies.
func (m mask) cookies(field string, pairs []string) string {
	for i, pair := range pairs {
		name, _, ok := strings.Cut(strings.TrimSpace(pair), "=")
		switch {
		case !ok || !isName(name):
			pairs[i] = m.mark(field)
		default:
			pairs[i] = name + "=" + m.mark(name)
		}
	}
	return strings.Join(pairs, "; ")
}

func isName(s string) bool { return len(s) <= maxName && field.IsToken(s) }

// challenges are the schemes of challenges, and what they say of an error. A nonce, and
// what stands in the place of parameters, is between the two sides.
func (m mask) challenges(name, value string) string {
	m.prose = true
	var out []string
	for _, c := range challenge.Parse([]string{value}) {
		if !isScheme(c.Scheme) {
			out = append(out, m.mark(name))
			continue
		}
		shown := c.Scheme
		for _, param := range []string{"realm", "error", "error_description", "scope", "algorithm", "qop", "stale", "charset"} {
			if said, ok := c.Params[param]; ok {
				if shown != c.Scheme {
					shown += ","
				}
				shown += " " + param + "=" + challenge.Quote(m.inText(m.clean(said)))
			}
		}
		out = append(out, shown)
	}
	if out == nil {
		return m.mark(name)
	}
	return strings.Join(out, ", ")
}

// links is a Link field (RFC 8288): its URLs and relations.
func (m mask) links(name, value string) string {
	var out []string
	rest := strings.TrimSpace(value)
	for rest != "" {
		target, after, ok := strings.Cut(rest, ">")
		if !ok || !strings.HasPrefix(target, "<") {
			out = append(out, m.mark(name))
			break
		}
		params, next, another := strings.Cut(after, "<")
		out = append(out, "<"+m.urlText(target[1:])+">"+relation(params))
		if rest = ""; another {
			rest = "<" + next
		}
	}
	return strings.Join(out, ", ")
}

// relation is the first rel of a link's parameters.
func relation(params string) string {
	for param := range strings.SplitSeq(params, ";") {
		key, rel, _ := strings.Cut(strings.Trim(param, " \t,"), "=")
		if rel = strings.Trim(rel, `"`); strings.EqualFold(key, "rel") && isName(rel) {
			return `; rel="` + rel + `"`
		}
	}
	return ""
}

// url is a URL as it may be shown.
func (m mask) url(u *url.URL) string {
	return redact.URLBy(u, func(name, value string) string {
		if name != "" && m.of != nil && slices.Contains(m.of.Query, name) && isPlainValue(value) {
			return value
		}
		return m.mark(name)
	})
}

// isPlainValue tells a value that is one for all who read a query: for some a semicolon
// begins another parameter.
func isPlainValue(value string) bool {
	_, err := url.QueryUnescape(value)
	return err == nil && !strings.Contains(value, ";")
}

// urlText is a URL in text, or the template of one.
func (m mask) urlText(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return m.clean(redact.String(s))
	}
	clean := m.url(u)
	if strings.ContainsRune(s, '{') {
		clean = strings.NewReplacer("%7B", "{", "%7D", "}").Replace(clean)
	}
	return m.clean(clean)
}
