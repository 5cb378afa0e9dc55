package middleware

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/internal/redact"
)

// answer is what an error says of a response.
type answer struct {
	request     *http.Request
	url         string      // redacted
	header      http.Header // without the secrets of the call, as all that follows
	contentType string
	body        []byte
}

const (
	excerptBytes = 4 << 10
	answerBytes  = 64 << 10
	answerTime   = time.Second // a stream need never end
)

// answerOf reads what an error needs. In streamed and saved calls that is the
// beginning of the body, which is then gone.
func answerOf(resp *resty.Response) answer {
	a := answer{request: requestOf(resp), header: resp.Header()}
	a.url = redact.URL(a.request.URL)
	body := resp.Body()
	if body == nil && resp.RawResponse != nil && resp.RawResponse.Body != nil {
		late := time.AfterFunc(answerTime, func() { _ = resp.RawResponse.Body.Close() })
		body, _ = io.ReadAll(io.LimitReader(resp.RawResponse.Body, answerBytes)) // an excerpt of a broken body is still one
		late.Stop()
	}
	if len(body) > answerBytes {
		body = body[:answerBytes]
	}
	if c := callOf(a.request.Context()); c != nil {
		body, a.header = c.Quiet(body), c.quiet(a.header)
	}
	a.contentType, a.body = a.header.Get("Content-Type"), body
	return a
}

func (a answer) excerpt() []byte {
	return bytes.Clone(a.body[:min(len(a.body), excerptBytes)])
}

// requestOf is the request that was answered, the last of a chain of redirects.
func requestOf(resp *resty.Response) *http.Request {
	switch {
	case resp.RawResponse != nil && resp.RawResponse.Request != nil:
		return resp.RawResponse.Request
	case resp.Request != nil && resp.Request.RawRequest != nil:
		return resp.Request.RawRequest
	}
	return &http.Request{}
}

// isEmpty tells whether a response has no body, and reads one byte where only that
// can tell.
func isEmpty(resp *resty.Response) bool {
	raw := resp.RawResponse
	switch {
	case resp.Body() != nil:
		return len(resp.Body()) == 0
	case raw == nil || raw.Body == nil || raw.Body == http.NoBody || raw.ContentLength == 0:
		return true
	case raw.ContentLength > 0:
		return false
	}
	var first [1]byte
	n, err := io.ReadFull(raw.Body, first[:])
	if n == 0 && errors.Is(err, io.EOF) {
		return true
	}
	raw.Body = &prefixed{ReadCloser: raw.Body, first: first[:n]}
	return false
}

// prefixed is a body of which some bytes were read already.
type prefixed struct {
	io.ReadCloser
	first []byte
}

func (p *prefixed) Read(b []byte) (int, error) {
	if len(p.first) == 0 {
		return p.ReadCloser.Read(b)
	}
	n := copy(b, p.first)
	p.first = p.first[n:]
	return n, nil
}
