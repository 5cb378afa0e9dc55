package middleware

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// MaxBody is the largest response body, in bytes, that a call accepts. 0 is 10 MiB.
// It counts what is left after the decompression that net/http or resty do. In
// streamed and saved calls (SetDoNotParseResponse, SetOutput) it counts what the
// caller reads, which is compressed where the caller asked for that.
//
// A larger body is a [*MaxBodyError], at once where its Content-Length says so.
type MaxBody int64

const defaultMaxBody MaxBody = 10 << 20

// Name is "max-body".
func (MaxBody) Name() string { return "max-body" }

// Layer is [Wire].
func (MaxBody) Layer() Layer { return Wire }

func (m MaxBody) limit(l *limits) {
	if m == 0 {
		m = defaultMaxBody
	}
	l.maxBody = int64(m)
}

// Validate refuses a negative size: to have no limit, leave the step out.
func (m MaxBody) Validate() error {
	if m < 0 {
		return fmt.Errorf("the size is %d: give bytes, 0 for 10 MiB, or middleware.Off(%q)", int64(m), m.Name())
	}
	return nil
}

// String is the size, "10 MiB".
func (m MaxBody) String() string {
	if m == 0 {
		m = defaultMaxBody
	}
	for _, u := range []struct {
		size MaxBody
		name string
	}{{1 << 30, " GiB"}, {1 << 20, " MiB"}, {1 << 10, " KiB"}} {
		if m%u.size == 0 {
			return strconv.FormatInt(int64(m/u.size), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(m), 10) + " bytes"
}

// MaxBodyError is the error of a response body that is larger than [MaxBody]. It
// unwraps to [*http.MaxBytesError].
type MaxBodyError struct {
	Limit int64 // bytes
}

// Error is "max-body: the response is larger than 10 MiB".
func (e *MaxBodyError) Error() string {
	return "max-body: the response is larger than " + MaxBody(e.Limit).String()
}

// Unwrap is the error that net/http has for this.
func (e *MaxBodyError) Unwrap() error { return &http.MaxBytesError{Limit: e.Limit} }

// Final is true: asked again, the answer is as large.
func (*MaxBodyError) Final() bool { return true }

// bound makes the body count what is read, decompressed where resty would do that
// above us.
func (b *responseBody) bound(resp *http.Response) {
	most := b.of.call.pipe.limits.maxBody
	if most == 0 {
		return
	}
	b.left = most
	if b.of.call.mode == decoded && strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") && resp.ContentLength != 0 {
		b.ReadCloser = &gunzip{ReadCloser: b.ReadCloser}
		resp.Header.Del("Content-Encoding")
		resp.Header.Del("Content-Length")
		resp.ContentLength, resp.Uncompressed = -1, true
	}
	if resp.ContentLength > most {
		b.left = -1
	}
}

// count takes n bytes from what may still come.
func (b *responseBody) count(n int, err error) (int, error) {
	most := b.of.call.pipe.limits.maxBody
	if most == 0 {
		return n, err
	}
	if b.left -= int64(n); b.left >= 0 {
		return n, err
	}
	_ = b.ReadCloser.Close()
	return max(0, n+int(b.left)), &MaxBodyError{Limit: most}
}

// gunzip is a compressed body as its content.
type gunzip struct {
	io.ReadCloser
	zip *gzip.Reader
}

func (g *gunzip) Read(p []byte) (int, error) {
	if g.zip == nil {
		zip, err := gzip.NewReader(g.ReadCloser)
		if err != nil {
			return 0, err
		}
		g.zip = zip
	}
	return g.zip.Read(p)
}
