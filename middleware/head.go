package middleware

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strings"
)

// emptyHead keeps resty from unzipping the body that an answer to HEAD does not have,
// which fails the call with EOF. A body that is a *gzip.Reader already it leaves alone.
func (c *call) emptyHead(resp *http.Response) {
	if resp.Request.Method != http.MethodHead || c.mode != decoded || !strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		return
	}
	var zipped bytes.Buffer
	_ = gzip.NewWriter(&zipped).Close() // into memory
	if empty, err := gzip.NewReader(&zipped); err == nil {
		_ = resp.Body.Close()
		resp.Body = empty
	}
}
