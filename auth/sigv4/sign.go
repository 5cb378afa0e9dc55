package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/restykit/restykit/middleware"
)

const (
	hashField  = "X-Amz-Content-Sha256"
	dateField  = "X-Amz-Date"
	tokenField = "X-Amz-Security-Token" //nolint:gosec // the name of a field
	unsigned   = "UNSIGNED-PAYLOAD"
	emptyHash  = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// exchange is a request, and its replay where the clock was wrong.
type exchange struct {
	Signature

	skew time.Duration // that it was signed with
}

func (x *exchange) sign(req *http.Request) error {
	ctx := req.Context()
	keys, err := x.Credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("Credentials: %w", err)
	}
	if !keys.HasKeys() {
		return final("Credentials: the provider gave no keys: see where it looks for them")
	}
	info := middleware.InfoOf(ctx)
	info.Hide(keys.SecretAccessKey)
	info.Hide(keys.SessionToken)
	hash, err := x.payload(req)
	if err != nil {
		return err
	}
	if err := x.canonical(req); err != nil {
		return err
	}
	x.skew = x.state.skew()
	draft := x.draft(req)
	err = x.state.signer.SignHTTP(ctx, keys, draft, hash, x.Service, x.Region, time.Now().Add(x.skew), func(o *v4.SignerOptions) {
		o.DisableURIPathEscaping = x.likeS3()
	})
	if err != nil {
		return err
	}
	for _, field := range []string{dateField, tokenField, authorization} {
		drop(req.Header, field)
		if values := draft.Header[field]; values != nil {
			req.Header[field] = values
		}
	}
	req.URL.RawQuery = draft.URL.RawQuery
	_, signature, _ := strings.Cut(req.Header.Get(authorization), "Signature=")
	info.Hide(signature)
	return nil
}

// payload is the hash of the body, which is still there to be sent, or what stands for it.
func (x *exchange) payload(req *http.Request) (string, error) {
	hash, err := x.hash(req)
	if err != nil {
		return "", err
	}
	if hash == unsigned && x.InsecureHTTP && req.URL.Scheme != "https" {
		return "", errUnprotected
	}
	if x.likeS3() || x.Service == "aoss" || hash == unsigned {
		drop(req.Header, hashField)
		req.Header[hashField] = []string{hash}
	}
	return hash, nil
}

func (x *exchange) hash(req *http.Request) (string, error) {
	for field, values := range req.Header {
		if strings.EqualFold(field, hashField) && len(values) > 0 {
			return values[0], nil
		}
	}
	switch {
	case x.UnsignedPayload:
		return unsigned, nil
	case req.Body == nil || req.Body == http.NoBody:
		return emptyHash, nil
	case req.GetBody == nil:
		return "", final("the body can be read only once, and a signature reads it before it is sent: give it as bytes, set GetBody, or UnsignedPayload where the service allows that")
	}
	body, err := req.GetBody()
	if err != nil {
		return "", fmt.Errorf("the body cannot be read again: %w", err)
	}
	defer func() { _ = body.Close() }()
	hash := sha256.New()
	if _, err := io.Copy(hash, body); err != nil {
		return "", fmt.Errorf("the body cannot be read: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// likeS3 tells whether a path is signed as it is, since it names an object. Others have
// theirs cleaned, and encoded once more.
func (x *exchange) likeS3() bool {
	switch x.Service {
	case "s3", "s3express", "s3-object-lambda", "s3-outposts":
		return true
	}
	return false
}

// canonical gives a request the one spelling in which both sides see it: of its host without
// the default port, and of its path. In the name of an object %2F is a slash.
func (x *exchange) canonical(req *http.Request) error {
	u := *req.URL
	if _, err := url.ParseQuery(u.RawQuery); err != nil {
		return final("the query has a semicolon or a % that is no percent-encoding, and a server may read it in another way: percent-encode them")
	}
	if u.Opaque == "" {
		raw := u.EscapedPath()
		if x.likeS3() {
			raw = u.Path
		}
		segments := strings.Split(raw, "/")
		for i, segment := range segments {
			if !x.likeS3() {
				segment, _ = url.PathUnescape(segment) // what EscapedPath has made
			}
			segments[i] = strings.ReplaceAll(url.QueryEscape(segment), "+", "%20")
		}
		u.RawPath = strings.Join(segments, "/")
	}
	if req.Host == "" {
		req.Host = u.Host
	}
	if _, port, err := net.SplitHostPort(req.Host); err == nil && (u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80") {
		req.Host = strings.TrimSuffix(req.Host, ":"+port)
	}
	req.URL = &u
	return nil
}

// draft is what is signed of a request. The signer writes on it.
func (x *exchange) draft(req *http.Request) *http.Request {
	u := *req.URL
	if !x.likeS3() && u.Opaque == "" {
		u.Opaque = "//" + req.Host + cleaned(u.EscapedPath())
	}
	draft := &http.Request{Method: req.Method, URL: &u, Host: req.Host, Header: http.Header{}, ContentLength: req.ContentLength}
	if draft.Method == "" {
		draft.Method = http.MethodGet
	}
	for _, field := range slices.Sorted(maps.Keys(req.Header)) { // as net/http writes them
		key := http.CanonicalHeaderKey(field)
		if values := req.Header[field]; len(values) > 0 && !changes(key) {
			draft.Header[key] = append(draft.Header[key], values...)
		}
	}
	return draft
}

// cleaned is a path without dot segments and empty ones.
func cleaned(escaped string) string {
	p := path.Clean("/" + escaped)
	for _, end := range []string{"/", "/.", "/.."} {
		if p != "/" && strings.HasSuffix(escaped, end) {
			return p + "/"
		}
	}
	return p
}

// changes tells whether a field may be another on its way. The signer itself leaves out
// User-Agent, Expect, Transfer-Encoding and X-Amzn-Trace-Id.
func changes(field string) bool {
	switch field {
	case "Connection", "Keep-Alive", "Te", "Trailer", "Upgrade", "Proxy-Authorization", "Proxy-Connection",
		"Referer", "From", "Via", "Forwarded", "X-Forwarded-For", "Max-Forwards", "Cache-Control", "Pragma",
		"Traceparent", "Tracestate", "Baggage",
		dateField, tokenField, authorization: // the signer writes them
		return true
	}
	return false
}

// drop takes a field out, in whatever letters it is written.
func drop(h http.Header, field string) {
	maps.DeleteFunc(h, func(key string, _ []string) bool { return strings.EqualFold(key, field) })
}
