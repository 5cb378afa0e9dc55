// Package ratelimit reads when a server wants to be asked again.
package ratelimit

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Delay is how long a server asks to wait before the next request, by what its answer
// says most exactly: retry-after-ms, x-ms-retry-after-ms, Retry-After (RFC 9110 section
// 10.2.3), and where the answer is a rate limit (see [Limited]) the reset of a quota of
// which nothing is left. Dates are compared with the server's own clock, where it tells.
// What cannot be read, is negative, or lies in the past, is absent.
func Delay(status int, h http.Header) (time.Duration, bool) {
	for _, name := range [...]string{"Retry-After-Ms", "X-Ms-Retry-After-Ms"} {
		if ms, ok := digits(h.Get(name)); ok {
			return span(ms, time.Millisecond), true
		}
	}
	if d, ok := retryAfter(h); ok {
		return d, true
	}
	if Limited(status, h) {
		return reset(h)
	}
	return 0, false
}

// Limited tells whether an answer is the refusal of a rate limit: 429, and 403 where the
// server says when to come back, or that nothing remains (as GitHub does).
func Limited(status int, h http.Header) bool {
	switch status {
	case http.StatusTooManyRequests:
		return true
	case http.StatusForbidden:
		_, ok := retryAfter(h)
		return ok || remaining(h) == 0
	}
	return false
}

// retryAfter reads a number of seconds or one of the three forms of an HTTP date.
func retryAfter(h http.Header) (time.Duration, bool) {
	text := h.Get("Retry-After")
	if s, ok := digits(text); ok {
		return span(s, time.Second), true
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	return until(at, h)
}

// prefixes of the fields of older drafts and of those before any draft.
func prefixes() [3]string { return [...]string{"X-Ratelimit-", "X-Rate-Limit-", "Ratelimit-"} }

// reset reads when a quota that is used up is full again.
func reset(h http.Header) (time.Duration, bool) {
	quotas := parse(h["Ratelimit"])
	var longest time.Duration
	found := false
	for _, q := range quotas {
		if q.remaining == 0 && q.reset >= 0 {
			longest, found = max(longest, span(q.reset, time.Second)), true
		}
	}
	if found {
		return longest, true
	}
	for _, prefix := range prefixes() {
		if left, ok := digits(h.Get(prefix + "Remaining")); ok && left > 0 {
			continue // this quota is not what refused
		}
		if n, ok := digits(h.Get(prefix + "Reset")); ok {
			return moment(n, h)
		}
	}
	return 0, false
}

// remaining is what is left of the quota that has the least, or -1 where none is told.
func remaining(h http.Header) int64 {
	least := int64(math.MaxInt64)
	for _, q := range parse(h["Ratelimit"]) {
		least = min(least, q.remaining)
	}
	for _, prefix := range prefixes() {
		if left, ok := digits(h.Get(prefix + "Remaining")); ok {
			least = min(least, left)
		}
	}
	if least == math.MaxInt64 {
		return -1
	}
	return least
}

const (
	epochSeconds = 1_000_000_000 // no quota lasts 31 years: from here on a number is a date
	epochMillis  = 1_000_000_000_000
)

// moment reads a number of seconds, or a Unix time in seconds or milliseconds.
func moment(n int64, h http.Header) (time.Duration, bool) {
	switch {
	case n >= epochMillis:
		return until(time.UnixMilli(n), h)
	case n >= epochSeconds:
		return until(time.Unix(n, 0), h)
	}
	return span(n, time.Second), true
}

// until is the time to a moment, by the clock that named it.
func until(at time.Time, h http.Header) (time.Duration, bool) {
	now := time.Now()
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	d := max(0, at.Sub(now))
	return d, d > 0
}

// span is n units, or the longest time there is.
func span(n int64, unit time.Duration) time.Duration {
	if n > math.MaxInt64/int64(unit) {
		return math.MaxInt64
	}
	return time.Duration(n) * unit
}

// digits reads a number without a sign. One that no int64 can hold is the largest: who
// asks for so long a wait is not to be asked at once.
func digits(text string) (int64, bool) {
	text = strings.Trim(text, " \t")
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return math.MaxInt64, true
	}
	return n, true
}

// Quota is what a server tells of a quota.
type Quota struct {
	Left  int64         // requests
	Limit int64         // of them in all, or 0 where that is not told
	Reset time.Duration // until it is full again
}

// Left is the quota of which the least is left, as any answer may tell.
func Left(h http.Header) (scarcest Quota, ok bool) {
	look := func(q Quota) {
		if q.Reset > 0 && (!ok || q.Left < scarcest.Left || (q.Left == scarcest.Left && q.Reset > scarcest.Reset)) {
			scarcest, ok = q, true
		}
	}
	for _, q := range parse(h["Ratelimit"]) {
		if q.reset >= 0 {
			look(Quota{Left: q.remaining, Reset: span(q.reset, time.Second)})
		}
	}
	for _, prefix := range prefixes() {
		left, told := digits(h.Get(prefix + "Remaining"))
		n, until := digits(h.Get(prefix + "Reset"))
		limit, _ := digits(h.Get(prefix + "Limit"))
		if d, later := moment(n, h); told && until && later {
			look(Quota{Left: left, Limit: limit, Reset: d})
		}
	}
	return scarcest, ok
}
