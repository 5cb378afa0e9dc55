package observe

import (
	"sync"
	"sync/atomic"
	"time"
)

// A tally looks back five minutes: at counts in slots of five seconds, and at latencies in
// slots of one minute.
const (
	slotTime    = 5 * time.Second
	slots       = 60
	latencyTime = time.Minute
	latencySlot = 5
	window      = slots * slotTime
)

// Counts are what is counted of calls and their sends.
type Counts struct {
	Calls    int64
	Refused  int64 // calls with a status of 400 to 499
	Failed   int64 // calls with one of 500 or more, or with another error
	Retries  int64 // attempts after the first
	Sends    int64 // those that have ended; with redirect hops and replays
	Reused   int64 // sends on a connection that was there
	Dialed   int64 // sends on a new one
	Waited   time.Duration
	Sent     int64 // bytes of bodies
	Received int64
}

func (c *Counts) add(o *Counts) {
	c.Calls += o.Calls
	c.Refused += o.Refused
	c.Failed += o.Failed
	c.Retries += o.Retries
	c.Sends += o.Sends
	c.Reused += o.Reused
	c.Dialed += o.Dialed
	c.Waited += o.Waited
	c.Sent += o.Sent
	c.Received += o.Received
}

// tally is what is counted of one route. Its zero value is ready.
type tally struct {
	active atomic.Int64 // sends under way

	mu    sync.Mutex
	total Counts
	slots [slots]struct {
		at int64
		Counts
	}
	took [latencySlot]struct {
		at      int64
		n       latencies
		longest time.Duration
	}
}

// slotOf is the number of the slot of a time.
func slotOf(now time.Time, of time.Duration) int64 { return now.UnixNano() / int64(of) }

// count adds to the counts. The lock is held.
func (t *tally) count(now time.Time, c *Counts) {
	at := slotOf(now, slotTime)
	s := &t.slots[at%slots]
	if s.at != at {
		s.at, s.Counts = at, Counts{}
	}
	s.add(c)
	t.total.add(c)
}

// send counts a send that has ended.
func (t *tally) send(now time.Time, c *Counts) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count(now, c)
}

// call counts a call that has ended.
func (t *tally) call(now time.Time, c *Counts, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count(now, c)
	at := slotOf(now, latencyTime)
	s := &t.took[at%latencySlot]
	if s.at != at {
		s.at, s.n, s.longest = at, latencies{}, 0
	}
	s.n[bucketOf(took)]++
	s.longest = max(s.longest, took)
}

// sum is what one or more tallies say.
type sum struct {
	stats   Stats
	n       latencies
	longest time.Duration
}

// Stats are the counts of a route, or of all routes of an origin.
type Stats struct {
	Active  int     // sends under way
	Total   Counts  // since the Recorder's first call
	Recent  Counts  // of the last five minutes
	Rate    float64 // calls in a second, over these
	Latency Latency // of whole calls, over these; for a stream, until its headers
	Series  []Point // these, in slots of five seconds, the oldest first
}

// Point is a slot of a series.
type Point struct{ Calls, Refused, Failed int64 }

// look adds what a tally has counted.
func (s *sum) look(now time.Time, t *tally) {
	if s.stats.Series == nil {
		s.stats.Series = make([]Point, slots)
	}
	s.stats.Active += int(t.active.Load())
	t.mu.Lock()
	defer t.mu.Unlock()
	s.stats.Total.add(&t.total)
	at := slotOf(now, slotTime)
	for i := range t.slots {
		c := &t.slots[i]
		if age := at - c.at; age >= 0 && age < slots {
			s.stats.Recent.add(&c.Counts)
			p := &s.stats.Series[slots-1-age]
			p.Calls, p.Refused, p.Failed = p.Calls+c.Calls, p.Refused+c.Refused, p.Failed+c.Failed
		}
	}
	at = slotOf(now, latencyTime)
	for i := range t.took {
		if l := &t.took[i]; at-l.at < latencySlot {
			for b, n := range l.n {
				s.n[b] += n
			}
			s.longest = max(s.longest, l.longest)
		}
	}
}

// done is the sum, where counting began at since.
func (s *sum) done(now, since time.Time) Stats {
	s.stats.Latency = s.n.latency(s.longest)
	if over := min(now.Sub(since), window-slotTime+time.Duration(now.UnixNano()%int64(slotTime))); over > 0 {
		s.stats.Rate = float64(s.stats.Recent.Calls) / max(1, over.Seconds())
	}
	return s.stats
}
