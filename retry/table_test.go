package retry_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/retry"
)

// later is an error that says when to ask again, as that of a token endpoint which rests does.
type later time.Duration

func (l later) Error() string             { return "not now" }
func (l later) Unsent() bool              { return true }
func (l later) RetryAfter() time.Duration { return time.Duration(l) }

type answers = []func() (*http.Response, error)

// allFail is one way to fail for each error.
func allFail(errs ...error) answers {
	var list answers
	for _, err := range errs {
		list = append(list, fails(err))
	}
	return list
}

func op(name string, err error) error {
	return &net.OpError{Op: name, Net: "tcp", Err: os.NewSyscallError(name, err)}
}

func connect(phase string, err error) error { return &middleware.ConnectError{Phase: phase, Err: err} }

// cut is an answer whose body ends too early.
func cut() (*http.Response, error) {
	resp, err := status(200)()
	resp.ContentLength, resp.Body = 10, io.NopCloser(io.MultiReader(strings.NewReader("half"), failing{io.ErrUnexpectedEOF}))
	return resp, err
}

// cutLate is one that resty meets first.
func cutLate() (*http.Response, error) {
	resp, err := status(200)()
	resp.ContentLength, resp.Body = 3<<20, io.NopCloser(io.MultiReader(strings.NewReader(strings.Repeat("x", 2<<20)), failing{io.ErrUnexpectedEOF}))
	return resp, err
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// opensIn is the refusal of a breaker that is open for a while.
func opensIn(d time.Duration) func() (*http.Response, error) {
	return func() (*http.Response, error) { return nil, &retry.OpenError{Until: time.Now().Add(d)} }
}

// outcomes are the rows of docs/retries.md that are no list of statuses, each in one or
// more forms.
var outcomes = map[string]answers{
	"403 with `Retry-After: 3`":                             {status(403, "Retry-After", "3")},
	"403 with `X-RateLimit-Remaining: 0`":                   {status(403, "X-RateLimit-Remaining", "0"), status(403, "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "30")},
	"403 with `X-RateLimit-Remaining: 7`":                   {status(403, "X-RateLimit-Remaining", "7"), status(403, "X-RateLimit-Remaining", "7", "X-RateLimit-Reset", "30")},
	"503 with `Retry-After: 3`":                             {status(503, "Retry-After", "3")},
	"503 with `Retry-After: 3600`":                          {status(503, "Retry-After", "3600"), status(429, "Retry-After", "3600"), status(429, "X-RateLimit-Reset", "3600")},
	"503 with `Retry-After: soon`":                          {status(503, "Retry-After", "soon"), status(503, "Retry-After", "-3600")},
	"503 with `X-Should-Retry: false`":                      {status(503, "X-Should-Retry", "false"), status(429, "Stripe-Should-Retry", "false")},
	"409 with `X-Should-Retry: true`":                       {status(409, "X-Should-Retry", "true"), status(400, "Stripe-Should-Retry", "true")},
	"200 with `X-Should-Retry: true`":                       {status(200, "X-Should-Retry", "true")},
	"DNS: no such host":                                     allFail(connect("dns", &net.DNSError{Err: "no such host", IsNotFound: true})),
	"DNS: the name server fails, or is silent":              allFail(connect("dns", &net.DNSError{Err: "server misbehaving", IsTemporary: true}), connect("dns", &net.DNSError{Err: "i/o timeout", IsTimeout: true})),
	"connection refused, or the dial times out":             allFail(connect("dial", syscall.ECONNREFUSED), connect("dial", syscall.ETIMEDOUT), connect("dial", syscall.EHOSTUNREACH), connect("dial", os.ErrDeadlineExceeded)),
	"TLS handshake cut or timed out":                        allFail(connect("tls", io.EOF), connect("tls", os.ErrDeadlineExceeded)),
	"a proxy is not reached, or refuses":                    allFail(connect("proxy", syscall.ECONNREFUSED), connect("proxy", errors.New("Bad Gateway"))),
	"the certificate does not verify":                       allFail(connect("tls", x509.UnknownAuthorityError{}), connect("tls", x509.HostnameError{Certificate: &x509.Certificate{}}), connect("tls", &tls.CertificateVerificationError{Err: errors.New("expired")})),
	"connection reset, or closed without an answer":         allFail(op("read", syscall.ECONNRESET), op("write", syscall.EPIPE), io.EOF, io.ErrUnexpectedEOF),
	"HTTP/2 GOAWAY, REFUSED_STREAM":                         allFail(errors.New("http2: server sent GOAWAY and closed the connection; LastStreamID=1"), errors.New("stream error: stream ID 3; REFUSED_STREAM")),
	"an answer that is no HTTP":                             allFail(errors.New(`net/http: HTTP/1.x transport connection broken: malformed HTTP response "SSH-2.0"`)),
	"Timeout.Connect":                                       allFail(&middleware.TimeoutError{Limit: "connect", Value: 3 * time.Second}),
	"Timeout.Read, Timeout.Attempt":                         allFail(&middleware.TimeoutError{Limit: "read", Value: time.Second}, &middleware.TimeoutError{Limit: "attempt", Value: time.Second}),
	"Deadline, SetTimeout, or the caller's own deadline":    allFail(&middleware.TimeoutError{Limit: "deadline", Value: time.Second}),
	"the caller cancels":                                    allFail(context.Canceled),
	bodyCut:                                                 {cut},
	"a body cut short behind its first MiB (`MaxBuffer`)":   {cutLate},
	"a body above MaxBody":                                  allFail(&middleware.MaxBodyError{Limit: 10}),
	"credentials refused, or missing":                       allFail(&auth.InsecureError{Step: "bearer", Origin: "http://api.example.com"}),
	"the token endpoint fails (5xx, network)":               allFail(&auth.TokenError{Endpoint: "https://id.example.com", StatusCode: 503}, &auth.TokenError{Endpoint: "https://id.example.com", Err: syscall.ECONNREFUSED}),
	"the token endpoint rests, for 3 s":                     allFail(later(3*time.Second), later(time.Minute)),
	"the token endpoint rests, for an hour":                 allFail(later(time.Hour), later(time.Minute+1)),
	"the token endpoint refuses (`invalid_client`)":         allFail(&auth.TokenError{StatusCode: 401, Code: "invalid_client"}, &auth.TokenError{StatusCode: 400, Code: "invalid_grant"}),
	"the breaker is open for longer than the wait":          allFail(&retry.OpenError{Until: time.Now().Add(time.Hour)}),
	"the breaker closes within the wait":                    {opensIn(0), opensIn(50 * time.Millisecond)},
	"the client's own rate limit, for longer than the wait": allFail(&retry.LimitError{Wait: 200 * time.Millisecond}),
	"too many requests under way (`Limit.Concurrent`)":      allFail(&retry.LimitError{}),
}

var statusList = regexp.MustCompile(`^\d{3}(, \d{3})*$`)

// formsOf are the answers and errors that a row of the document speaks of.
func formsOf(t *testing.T, row string) answers {
	t.Helper()
	if !statusList.MatchString(row) {
		require.Contains(t, outcomes, row)
		return outcomes[row]
	}
	var list answers
	for code := range strings.SplitSeq(row, ", ") {
		list = append(list, status(atoi(t, code)))
	}
	return list
}

func atoi(t *testing.T, text string) (n int) {
	t.Helper()
	for _, c := range text {
		n = 10*n + int(c-'0')
	}
	return n
}

// column is a kind of request.
type column struct {
	methods         []string
	keyed, consumed bool
}

var columns = []column{
	{methods: []string{"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"}},
	{methods: []string{"POST", "PATCH", "PROPPATCH"}},
	{methods: []string{"POST", "PATCH"}, keyed: true},
	{methods: []string{"PUT", "POST", "PATCH"}, keyed: true, consumed: true},
}

// documented are the rows of the table in docs/retries.md.
func documented(t *testing.T) [][]string {
	t.Helper()
	text, err := os.ReadFile("../docs/retries.md")
	require.NoError(t, err)
	var rows [][]string
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 1+len(columns) || strings.HasPrefix(line, "|---") || strings.HasPrefix(line, "| What") {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells)
	}
	return rows
}

// Rows of their own: a body that is known to be cut when it is read, and a request that gets
// no answer (see TestWhatCannotBeSentIsTriedOnce).
const (
	bodyCut   = "a body cut short, where resty reads it"
	malformed = "no request: scheme, host, method or a header is malformed"
)

// TestTheTableInTheDocsIsTrue asks the policy for each cell, and sees that a client does as
// the policy says.
func TestTheTableInTheDocsIsTrue(t *testing.T) {
	decisions := 0
	seen := map[string]bool{malformed: true}
	for _, row := range documented(t) {
		if seen[row[0]] = true; row[0] == malformed {
			continue
		}
		for _, form := range formsOf(t, row[0]) {
			for i, c := range columns {
				for _, method := range c.methods {
					decisions++
					checkDecision(t, row, c, method, form, row[1+i])
					synctest.Test(t, func(t *testing.T) { checkClient(t, row, c, method, form, row[1+i]) })
				}
			}
		}
	}
	for row := range outcomes {
		require.True(t, seen[row], "the document says nothing of %q", row)
	}
	require.GreaterOrEqual(t, decisions, 200)
}

func checkDecision(t *testing.T, row []string, c column, method string, form func() (*http.Response, error), want string) {
	t.Helper()
	resp, err := form()
	if row[0] == bodyCut {
		resp, err = nil, io.ErrUnexpectedEOF // as it ends
	}
	d := retry.Policy{}.Decide(retry.Outcome{
		Method: method, Keyed: c.keyed, Consumed: c.consumed, Attempt: 1, Response: resp, Err: err, Random: 0.5,
	})
	got := "stands"
	switch {
	case d.Retry:
		got = "again"
	case d.GaveUp != nil:
		got = "given up"
	}
	require.Equal(t, want, got, "%s %s", method, row[0])
}

// checkClient sends the request on a real client. resty reads every body into memory; one that
// is gone comes from a plain http.Client.
func checkClient(t *testing.T, row []string, c column, method string, form func() (*http.Response, error), want string) {
	t.Helper()
	isCut := row[0] == bodyCut
	if isCut && (c.consumed || method == "HEAD") {
		return // a plain client does not read it, and a HEAD has none
	}
	s := &script{answers: answers{form, status(200)}}
	payload := c.consumed || c.keyed || method == "PUT" || method == "POST" || method == "PATCH"
	err := c.send(t, s, method, payload)
	exhausted, gaveUp := errors.AsType[*retry.ExhaustedError](err)
	gaveUp = gaveUp && exhausted.GaveUp != nil
	sends := 1
	if want == "again" {
		require.NoError(t, err, "%s %s", method, row[0])
		sends = 2
	}
	require.Len(t, s.at, sends, "%s %s", method, row[0])
	require.Equal(t, want == "given up", gaveUp, "%s %s: %v", method, row[0], err)
	for _, body := range s.bodies {
		require.Equal(t, payload, body == "hello", "%s %s: %q", method, row[0], body)
	}
}

func (c column) send(t *testing.T, s *script, method string, payload bool) error {
	t.Helper()
	steps := middleware.Stack{retry.Policy{}, middleware.RequireStatus{}}
	if c.consumed {
		req, err := http.NewRequestWithContext(t.Context(), method, "https://api.example.com/", io.MultiReader(strings.NewReader("hello")))
		require.NoError(t, err)
		req.Header.Set("Idempotency-Key", "k")
		resp, err := (&http.Client{Transport: steps.RoundTripper(s)}).Do(req)
		if err == nil {
			require.NoError(t, resp.Body.Close())
		}
		return err
	}
	r := clientOf(t, s, steps...).R()
	if c.keyed {
		r.SetHeader("Idempotency-Key", "k")
	}
	if payload {
		r.SetBody("hello")
	}
	_, err := r.Execute(method, "/")
	return err
}

func TestWhatCannotBeSentIsTriedOnce(t *testing.T) {
	tries := 0
	count := middleware.Func("counts", middleware.Wire, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		tries++
		return next(req)
	})
	for name, send := range map[string]func(*resty.Request) error{
		"scheme": func(r *resty.Request) error { _, err := r.Get("ftp://api.example.com/"); return err },
		"host":   func(r *resty.Request) error { _, err := r.Get("http:///path"); return err },
		"method": func(r *resty.Request) error { _, err := r.Execute("GE T", "http://127.0.0.1:1/"); return err },
		"field":  func(r *resty.Request) error { _, err := r.SetHeader("X y", "1").Get("http://127.0.0.1:1/"); return err },
		"value": func(r *resty.Request) error {
			_, err := r.SetHeader("X-Y", "1\n2").Get("http://127.0.0.1:1/")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			tries = 0
			client := resty.New()
			require.NoError(t, middleware.Use(client, retry.Policy{}, count))
			require.Error(t, send(client.R()))
			require.LessOrEqual(t, tries, 1)
		})
	}
}
