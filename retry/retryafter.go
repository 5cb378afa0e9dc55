package retry

import (
	"net/http"
	"strconv"
	"time"
)

// retryAfter reads Retry-After (RFC 9110 section 10.2.3): seconds, or a date, which is
// compared with the server's own. What cannot be read, or lies in the past, is absent.
func retryAfter(resp *http.Response) (time.Duration, bool) {
	if resp == nil {
		return 0, false
	}
	text := resp.Header.Get("Retry-After")
	if text == "" {
		return 0, false
	}
	if s, err := strconv.ParseInt(text, 10, 64); err == nil {
		if s < 0 {
			return 0, false
		}
		return time.Duration(min(s, int64(1<<63-1)/int64(time.Second))) * time.Second, true
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	now := time.Now()
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		now = date
	}
	if d := at.Sub(now); d > 0 {
		return d, true
	}
	return 0, false
}
