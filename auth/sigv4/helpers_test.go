package sigv4_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/auth/sigv4"
	"github.com/restykit/restykit/middleware"
)

// aws is a transport that remembers what it was sent.
type aws struct {
	answer func(*http.Request) *http.Response // nil is 200

	mu     sync.Mutex
	seen   []*http.Request
	bodies []string
}

func (a *aws) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		_ = req.Body.Close()
	}
	a.mu.Lock()
	a.seen = append(a.seen, req.Clone(req.Context()))
	a.bodies = append(a.bodies, string(body))
	a.mu.Unlock()
	if a.answer == nil {
		return reply(req, http.StatusOK, ""), nil
	}
	return a.answer(req), nil
}

func (a *aws) last(t *testing.T) *http.Request {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	require.NotEmpty(t, a.seen, "no request came")
	return a.seen[len(a.seen)-1]
}

// dates are the X-Amz-Date of what came.
func (a *aws) dates() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []string
	for _, req := range a.seen {
		out = append(out, req.Header.Get("X-Amz-Date"))
	}
	return out
}

func reply(req *http.Request, status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: req,
	}
}

const (
	home   = "https://api.home.test"
	secret = `s3cret/"+<b>&=%41\ü-`
)

var (
	keys = sigv4.Keys{AccessKeyID: "AKID", SecretAccessKey: auth.Static(secret)}
	step = sigv4.Signature{Region: "eu-central-1", Service: "execute-api", Credentials: keys}
)

// like is the step with a change.
func like(change func(*sigv4.Signature)) sigv4.Signature {
	other := step
	change(&other)
	return other
}

func client(t *testing.T, rt http.RoundTripper, steps ...middleware.Middleware) *resty.Client {
	t.Helper()
	c := resty.New().SetTransport(rt).SetBaseURL(home).SetLogger(silence{})
	require.NoError(t, middleware.Use(c, steps...))
	return c
}

type silence struct{}

func (silence) Errorf(string, ...any) {}
func (silence) Warnf(string, ...any)  {}
func (silence) Debugf(string, ...any) {}

func signatureOf(authorization string) string {
	_, s, _ := strings.Cut(authorization, "Signature=")
	return s
}

var header = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=\w+/(\d{8}/[\w-]+/([\w-]+)/aws4_request), SignedHeaders=([\w;-]+), Signature=(\w{64})$`)

// check tells a server whether a request that came has a right signature, after the
// documentation of AWS and not after the code of this package.
func check(r *http.Request, body, secret string) error {
	m := header.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil {
		return fmt.Errorf("no signature: %q", r.Header.Get("Authorization"))
	}
	scope, service, signed := m[1], m[2], m[3]
	if want := signature(r, body, secret, scope, signed, service == "s3"); want != m[4] {
		return fmt.Errorf("SignatureDoesNotMatch: %s", signed)
	}
	if hash := r.Header.Get("X-Amz-Content-Sha256"); hash != "" && hash != "UNSIGNED-PAYLOAD" && hash != hexHash(body) {
		return fmt.Errorf("XAmzContentSHA256Mismatch")
	}
	for name := range strings.SplitSeq(signed, ";") {
		if name != "host" && name != "content-length" && r.Header.Values(name) == nil {
			return fmt.Errorf("%s is signed, and did not come", name)
		}
	}
	for name := range r.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") && !slices.Contains(strings.Split(signed, ";"), name) {
			return fmt.Errorf("%s is not signed", name)
		}
	}
	return nil
}

// signature is that of a request with the raw target RequestURI. The path of an object is
// encoded once, and that of all else cleaned and encoded once more.
func signature(r *http.Request, body, secret, scope, signed string, object bool) string {
	raw, query, _ := strings.Cut(r.RequestURI, "?")
	if object {
		plain, _ := url.PathUnescape(raw)
		raw = encodePath(plain)
	} else {
		clean := path.Clean(raw)
		if clean != "/" && strings.HasSuffix(raw, "/") {
			clean += "/"
		}
		raw = encodePath(clean)
	}
	var pairs [][]string
	for pair := range strings.SplitSeq(query, "&") {
		if pair != "" {
			name, value, _ := strings.Cut(pair, "=")
			pairs = append(pairs, []string{encodeOnce(name), encodeOnce(value)})
		}
	}
	slices.SortFunc(pairs, slices.Compare)
	parameters := make([]string, len(pairs))
	for i, pair := range pairs {
		parameters[i] = strings.Join(pair, "=")
	}
	lines := []string{r.Method, raw, strings.Join(parameters, "&")}
	for name := range strings.SplitSeq(signed, ";") {
		values := r.Header.Values(name)
		switch name {
		case "host":
			values = []string{r.Host}
		case "content-length":
			values = []string{strconv.FormatInt(r.ContentLength, 10)}
		}
		for i := range values {
			values[i] = strings.Join(strings.Fields(values[i]), " ")
		}
		lines = append(lines, name+":"+strings.Join(values, ","))
	}
	hash := r.Header.Get("X-Amz-Content-Sha256")
	if hash == "" {
		hash = hexHash(body)
	}
	canonical := strings.Join(append(lines, "", signed, hash), "\n")
	text := strings.Join([]string{"AWS4-HMAC-SHA256", r.Header.Get("X-Amz-Date"), scope, hexHash(canonical)}, "\n")
	key := []byte("AWS4" + secret)
	for part := range strings.SplitSeq(scope, "/") {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, text))
}

func mac(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

func hexHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func encodePath(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c == '/' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// encodeOnce is a name or value of a query as all agree on it. A plus sign is one.
func encodeOnce(s string) string {
	plain, err := url.PathUnescape(s)
	if err != nil {
		return "?"
	}
	return strings.ReplaceAll(encodePath(plain), "/", "%2F")
}
