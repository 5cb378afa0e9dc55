package retry

import (
	"math"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/restykit/restykit/internal/perorigin"
)

// latencies are how long the answers of origins take, of late. The zero value is ready; it
// is safe for concurrent use.
type latencies struct {
	mu sync.Mutex
	of perorigin.Map[*recent]
}

const (
	recentAnswers = 128
	fewestAnswers = 20
	sortEvery     = 8
)

// recent are the newest latencies of an origin. A quantile of so few is exact, and as quick
// as an estimate.
type recent struct {
	ring   []time.Duration
	at     int             // the oldest, when the ring is full
	sorted []time.Duration // as of a few answers before
	added  int             // since then
}

func (l *latencies) add(target *url.URL, d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r, ok := l.of.Get(target)
	if !ok {
		r = &recent{}
		l.of.Put(target, r)
	}
	r.added++
	if len(r.ring) < recentAnswers {
		r.ring = append(r.ring, d)
		return
	}
	r.ring[r.at] = d
	r.at = (r.at + 1) % recentAnswers
}

// quantile is the time in which a part of the answers came, where there are enough to tell.
func (l *latencies) quantile(target *url.URL, part float64) (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r, ok := l.of.Get(target)
	if !ok || len(r.ring) < fewest(part) {
		return 0, false
	}
	if r.added >= sortEvery || len(r.sorted) < fewest(part) {
		r.sorted = append(r.sorted[:0], r.ring...)
		slices.Sort(r.sorted)
		r.added = 0
	}
	rank := int(math.Ceil(part*float64(len(r.sorted)) - 1e-9))
	return r.sorted[max(rank, 1)-1], true
}

// fewest is how many answers there must be, so that one at least is beyond the quantile.
func fewest(part float64) int {
	return min(recentAnswers, max(fewestAnswers, int(math.Ceil(1/(1-part)-1e-9))))
}
