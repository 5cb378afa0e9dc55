package ratelimit_test

import (
	"math"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/internal/ratelimit"
)

const (
	absent  = time.Duration(-1)
	forever = time.Duration(math.MaxInt64)
	now     = "Wed, 21 Oct 2015 07:28:00 GMT"
	epoch   = "1445412480" // the same moment
	ra      = "Retry-After"
	date    = "Date"
)

// of is a header of names and values in turn.
func of(fields ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(fields); i += 2 {
		h.Add(fields[i], fields[i+1])
	}
	return h
}

// dialects is what each header asks for.
var dialects = []struct {
	status int
	header http.Header
	want   time.Duration
}{
	// Retry-After in seconds, with any status
	{503, of(ra, "0"), 0},
	{503, of(ra, "1"), time.Second},
	{503, of(ra, "7"), 7 * time.Second},
	{503, of(ra, "007"), 7 * time.Second},
	{503, of(ra, " 7 "), 7 * time.Second},
	{503, of(ra, "\t7"), 7 * time.Second},
	{429, of(ra, "120"), 2 * time.Minute},
	{500, of(ra, "3600"), time.Hour},
	{301, of(ra, "5"), 5 * time.Second},
	{408, of(ra, "5"), 5 * time.Second},
	{403, of(ra, "60"), time.Minute},
	{503, of(ra, "86400"), 24 * time.Hour},
	{503, of(ra, "9223372036"), 9223372036 * time.Second},
	{503, of(ra, "9223372037"), forever},
	{503, of(ra, "9223372036854775807"), forever},
	{503, of(ra, "9223372036854775808"), forever},
	{503, of(ra, "99999999999999999999999999999999"), forever},
	// garbage, empty and negative are absent
	{503, of(), absent},
	{503, of(ra, ""), absent},
	{503, of(ra, " "), absent},
	{503, of(ra, "-1"), absent},
	{503, of(ra, "-0"), absent},
	{503, of(ra, "+5"), absent},
	{503, of(ra, "1.5"), absent},
	{503, of(ra, "1e3"), absent},
	{503, of(ra, "0x10"), absent},
	{503, of(ra, "1_000"), absent},
	{503, of(ra, "5s"), absent},
	{503, of(ra, "5, 6"), absent},
	{503, of(ra, "soon"), absent},
	{503, of(ra, "NaN"), absent},
	{503, of(ra, "Inf"), absent},
	{503, of(ra, "٥"), absent}, // a digit, but none of HTTP's
	{503, of(ra, "null"), absent},
	{503, of(ra, "\x00"), absent},
	// the three forms of an HTTP date, by the server's own clock
	{503, of(ra, "Wed, 21 Oct 2015 07:28:09 GMT", date, now), 9 * time.Second},
	{503, of(ra, "Wednesday, 21-Oct-15 07:28:09 GMT", date, now), 9 * time.Second},
	{503, of(ra, "Wed Oct 21 07:28:09 2015", date, now), 9 * time.Second},
	{503, of(ra, "Wed, 21 Oct 2015 07:28:09 GMT", date, "Wednesday, 21-Oct-15 07:28:00 GMT"), 9 * time.Second},
	{503, of(ra, "Wed, 21 Oct 2015 07:28:09 GMT", date, "Wed Oct 21 07:28:00 2015"), 9 * time.Second},
	{429, of(ra, "Wed, 21 Oct 2015 08:28:00 GMT", date, now), time.Hour},
	{503, of(ra, "Thu, 22 Oct 2015 07:28:00 GMT", date, now), 24 * time.Hour},
	{503, of(ra, now, date, now), absent},
	{503, of(ra, "Wed, 21 Oct 2015 07:27:59 GMT", date, now), absent},
	{503, of(ra, "Wed, 21 Oct 1915 07:28:00 GMT", date, now), absent},
	{503, of(ra, "Wed, 21 Oct 9999 07:28:00 GMT", date, now), forever},
	{503, of(ra, "Wed, 32 Oct 2015 07:28:09 GMT", date, now), absent},
	{503, of(ra, "Wed, 21 Oct 2015 07:28:09 CET", date, now), absent},
	{503, of(ra, "2015-10-21T07:28:09Z", date, now), absent},
	{503, of(ra, "21 Oct 2015", date, now), absent},
	// and by ours where it has none (the bubble begins on 1 January 2000)
	{503, of(ra, "Sat, 01 Jan 2000 00:00:30 GMT"), 30 * time.Second},
	{503, of(ra, "Saturday, 01-Jan-00 00:00:30 GMT"), 30 * time.Second},
	{503, of(ra, "Sat Jan  1 00:00:30 2000"), 30 * time.Second},
	{503, of(ra, "Fri, 31 Dec 1999 23:59:59 GMT"), absent},
	{503, of(ra, "Sat, 01 Jan 2000 00:00:30 GMT", date, "yesterday"), 30 * time.Second},
	{503, of(ra, "Sat, 01 Jan 2000 00:00:30 GMT", date, ""), 30 * time.Second},
	// milliseconds say it more exactly
	{503, of("retry-after-ms", "250"), 250 * time.Millisecond},
	{503, of("retry-after-ms", "0"), 0},
	{503, of("retry-after-ms", "1500", ra, "2"), 1500 * time.Millisecond},
	{429, of("x-ms-retry-after-ms", "750"), 750 * time.Millisecond},
	{429, of("x-ms-retry-after-ms", "750", ra, "1"), 750 * time.Millisecond},
	{429, of("retry-after-ms", "250", "x-ms-retry-after-ms", "750"), 250 * time.Millisecond},
	{429, of("retry-after-ms", "soon", "x-ms-retry-after-ms", "750"), 750 * time.Millisecond},
	{503, of("retry-after-ms", "-5", ra, "2"), 2 * time.Second},
	{503, of("retry-after-ms", "", ra, "2"), 2 * time.Second},
	{503, of("retry-after-ms", "1.5", ra, "2"), 2 * time.Second},
	{503, of("retry-after-ms", "9223372036854775807"), forever},
	{503, of("retry-after-ms", "99999999999999999999"), forever},
	// the reset of a quota: only where the answer is a rate limit
	{429, of("X-RateLimit-Reset", "30"), 30 * time.Second},
	{429, of("X-RateLimit-Reset", "0"), 0},
	{429, of("X-RateLimit-Reset", "1445412490", date, now), 10 * time.Second},
	{429, of("X-RateLimit-Reset", "1445412490000", date, now), 10 * time.Second},
	{429, of("X-RateLimit-Reset", "1445412480500", date, now), 500 * time.Millisecond},
	{429, of("X-RateLimit-Reset", epoch, date, now), absent},
	{429, of("X-RateLimit-Reset", "1445412400", date, now), absent},
	{429, of("X-RateLimit-Reset", "946684830"), 946684830 * time.Second}, // just no date
	{429, of("X-RateLimit-Reset", "1000000000"), time.Unix(1000000000, 0).Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))},
	{429, of("X-RateLimit-Reset", "9223372036854775807"), forever},
	{429, of("X-RateLimit-Reset", "-5"), absent},
	{429, of("X-RateLimit-Reset", "soon"), absent},
	{429, of("X-RateLimit-Reset", ""), absent},
	{429, of("X-RateLimit-Reset", "1.5"), absent},
	{429, of("X-RateLimit-Reset", "30", "X-RateLimit-Remaining", "0"), 30 * time.Second},
	{429, of("X-RateLimit-Reset", "30", "X-RateLimit-Remaining", "17"), absent},
	{429, of("X-RateLimit-Reset", "30", "X-RateLimit-Remaining", "?"), 30 * time.Second},
	{429, of("X-RateLimit-Reset", "30", ra, "5"), 5 * time.Second},
	{429, of("X-RateLimit-Reset", "30", ra, "soon"), 30 * time.Second},
	{429, of("X-Rate-Limit-Reset", "1445412490", date, now), 10 * time.Second},
	{429, of("RateLimit-Reset", "12"), 12 * time.Second},
	{429, of("RateLimit-Reset", "12", "RateLimit-Remaining", "3"), absent},
	{503, of("X-RateLimit-Reset", "30"), absent},
	{200, of("X-RateLimit-Reset", "30", "X-RateLimit-Remaining", "0"), absent},
	{404, of("X-RateLimit-Reset", "30", "X-RateLimit-Remaining", "0"), absent},
	{403, of("X-RateLimit-Reset", "30"), absent},
	{403, of("X-RateLimit-Reset", "30", "X-RateLimit-Remaining", "0"), 30 * time.Second},
	{403, of("X-RateLimit-Reset", "30", "X-RateLimit-Remaining", "59"), absent},
	{403, of("X-RateLimit-Reset", "1445412490", "X-RateLimit-Remaining", "0", date, now), 10 * time.Second},
	// the RateLimit field, as it is and as it was
	{429, of("RateLimit", `"default";r=0;t=30`), 30 * time.Second},
	{429, of("RateLimit", `"default";r=0;t=0`), 0},
	{429, of("RateLimit", `default;r=0;t=30`), 30 * time.Second},
	{429, of("RateLimit", `"default"; r=0; t=30`), 30 * time.Second},
	{429, of("RateLimit", `"default";t=30;r=0`), 30 * time.Second},
	{429, of("RateLimit", `"default";r=0;t=30;pk=:dHJpYWw=:`), 30 * time.Second},
	{429, of("RateLimit", `"a;b,c";r=0;t=30`), 30 * time.Second},
	{429, of("RateLimit", `"a\"b";r=0;t=30`), 30 * time.Second},
	{429, of("RateLimit", `"minute";r=0;t=30, "day";r=900;t=70000`), 30 * time.Second},
	{429, of("RateLimit", `"minute";r=0;t=30, "hour";r=0;t=600`), 10 * time.Minute},
	{429, of("RateLimit", `"minute";r=0;t=30`, "RateLimit", `"hour";r=0;t=600`), 10 * time.Minute},
	{429, of("RateLimit", `"default";r=5;t=30`), absent},
	{429, of("RateLimit", `"default";r=0`), absent},
	{429, of("RateLimit", `"default";t=30`), absent},
	{429, of("RateLimit", `"default";r=-1;t=30`), absent},
	{429, of("RateLimit", `"default";r=0;t=-30`), absent},
	{429, of("RateLimit", `"default";r=0;t=1.5`), absent},
	{429, of("RateLimit", `"default`), absent},
	{429, of("RateLimit", ``), absent},
	{429, of("RateLimit", `;;;,,,`), absent},
	{429, of("RateLimit", `"default";r=0;t=99999999999999999999`), forever},
	{429, of("RateLimit", `limit=100, remaining=0, reset=50`), 50 * time.Second},
	{429, of("RateLimit", `limit=100,remaining=0,reset=50`), 50 * time.Second},
	{429, of("RateLimit", `limit=100, remaining=9, reset=50`), absent},
	{429, of("RateLimit", `limit=100, reset=50`), absent},
	{503, of("RateLimit", `"default";r=0;t=30`), absent},
	{403, of("RateLimit", `"default";r=0;t=30`), 30 * time.Second},
	{403, of("RateLimit", `"default";r=3;t=30`), absent},
	{429, of("RateLimit", `"default";r=0;t=30`, "X-RateLimit-Reset", "99"), 30 * time.Second},
	{429, of("RateLimit", `"default";r=0;t=30`, ra, "5"), 5 * time.Second},
}

func TestEveryDialectOfRetryAfterIsRead(t *testing.T) {
	require.GreaterOrEqual(t, len(dialects), 100)
	for _, r := range dialects {
		synctest.Test(t, func(t *testing.T) {
			got, ok := ratelimit.Delay(r.status, r.header)
			if !ok {
				got = absent
			}
			if r.want == forever && got > 100*365*24*time.Hour { // or a date that far off
				got = forever
			}
			require.Equal(t, r.want, got, "%d %v", r.status, r.header)
		})
	}
}

func TestARateLimitIsTold(t *testing.T) {
	for _, tt := range []struct {
		status  int
		header  http.Header
		limited bool
	}{
		{429, of(), true},
		{403, of(), false},
		{403, of("Retry-After", "60"), true},
		{403, of("Retry-After", "soon"), false},
		{403, of("X-RateLimit-Remaining", "0"), true},
		{403, of("X-RateLimit-Remaining", "1"), false},
		{403, of("X-Rate-Limit-Remaining", "0"), true},
		{403, of("RateLimit", `"a";r=0;t=1`), true},
		{401, of("Retry-After", "60"), false},
		{503, of("Retry-After", "60"), false},
	} {
		require.Equal(t, tt.limited, ratelimit.Limited(tt.status, tt.header), "%d %v", tt.status, tt.header)
	}
}

func FuzzDelay(f *testing.F) {
	f.Add(429, "5", "250", "1445412490", `"default";r=0;t=30`, now)
	f.Add(403, now, "", "0", `limit=1, remaining=0, reset=5`, "")
	f.Add(429, "", "", "1000000000", "", "") // long ago
	f.Fuzz(func(t *testing.T, status int, after, ms, reset, field, date string) {
		h := of("Retry-After", after, "Retry-After-Ms", ms, "X-RateLimit-Reset", reset, "RateLimit", field, "Date", date)
		if d, ok := ratelimit.Delay(status, h); d < 0 || (!ok && d > 0) {
			t.Fatalf("%v, %v for %v", d, ok, h)
		}
	})
}
