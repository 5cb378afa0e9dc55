package observe

import (
	"math/bits"
	"time"
)

// Latencies are counted in eight parts of each power of two microseconds, from 64 µs to two
// minutes, so that a percentile is within a few percent.
const (
	firstOctave = 6
	lastOctave  = 26
	octave      = 8
	nBuckets    = (lastOctave - firstOctave + 1) * octave
)

type latencies [nBuckets]uint32

// bucketOf is the index of the bucket of a latency.
func bucketOf(d time.Duration) int {
	us := uint64(max(0, d.Microseconds()))
	exp := bits.Len64(us) - 1
	switch {
	case exp < firstOctave:
		return 0
	case exp > lastOctave:
		return nBuckets - 1
	}
	return (exp-firstOctave)*octave + int(us>>(exp-3))&(octave-1) //nolint:gosec // 0 to 15
}

// bucketBegin is the least latency of a bucket.
func bucketBegin(i int) time.Duration {
	exp, part := firstOctave+i/octave, i%octave
	return time.Duration((octave+part)<<(exp-3)) * time.Microsecond
}

// Latency is how long calls took.
type Latency struct {
	Count              int
	P50, P90, P95, P99 time.Duration // 0 where Count is
	Max                time.Duration
	Buckets            []Bucket // those that are not empty, in order
}

// Bucket counts the calls that took From to To.
type Bucket struct {
	From, To time.Duration
	Count    int
}

// latency is what a histogram says.
func (l *latencies) latency(longest time.Duration) Latency {
	out := Latency{Max: longest}
	for i, n := range l {
		if n > 0 {
			out.Count += int(n)
			from := bucketBegin(i)
			if i == 0 {
				from = 0
			}
			out.Buckets = append(out.Buckets, Bucket{from, bucketBegin(i + 1), int(n)})
		}
	}
	for part, p := range map[float64]*time.Duration{0.5: &out.P50, 0.9: &out.P90, 0.95: &out.P95, 0.99: &out.P99} {
		*p = out.percentile(part)
	}
	return out
}

// percentile is the latency that a part of the calls did not exceed.
func (l *Latency) percentile(part float64) time.Duration {
	left := part * float64(l.Count)
	for _, b := range l.Buckets {
		if n := float64(b.Count); left <= n {
			return min(l.Max, b.From+time.Duration(left/n*float64(b.To-b.From)))
		}
		left -= float64(b.Count)
	}
	return l.Max
}
