package observe

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// barsView is a series of calls, as paths in a box of 60 by 20.
type barsView struct{ Label, OK, Warn, Bad string }

func newBars(series []Point) barsView {
	most, all := int64(1), int64(0)
	for _, p := range series {
		most = max(most, p.Calls)
		all += p.Calls
	}
	v := barsView{Label: fmt.Sprintf("%d calls in five minutes, at most %d in %d seconds", all, most, int(slotTime.Seconds()))}
	if all == 0 {
		v.Label = "no calls in five minutes"
	}
	var ok, warn, bad strings.Builder
	for i, p := range series {
		top := 20.0
		for _, part := range []struct {
			to *strings.Builder
			n  int64
		}{{&bad, p.Failed}, {&warn, p.Refused}, {&ok, p.Calls - p.Failed - p.Refused}} {
			if part.n <= 0 {
				continue
			}
			h := 19.5 * float64(part.n) / float64(most)
			h = max(h, 1)
			top = max(0, top-h)
			fmt.Fprintf(part.to, "M%d.1 %.2fh.8v%.2fh-.8z", i, top, h)
		}
	}
	v.OK, v.Warn, v.Bad = ok.String(), warn.String(), bad.String()
	return v
}

// histogramScale is the range of all histograms of a page, as logarithms to the base of two
// of microseconds, so that one can be compared with the other.
type histogramScale struct{ from, to float64 }

// barsOfOctave is how many bars a power of two has.
const barsOfOctave = 2

func logOf(d time.Duration) float64 {
	return math.Log2(max(float64(d.Microseconds()), 1<<firstOctave))
}

func scaleOf(s *Snapshot) histogramScale {
	scale := histogramScale{math.Inf(1), math.Inf(-1)}
	if b := s.All.Latency.Buckets; len(b) > 0 {
		scale.from, scale.to = math.Floor(logOf(b[0].From)), math.Ceil(logOf(b[len(b)-1].To))
	} else {
		scale.from, scale.to = firstOctave, firstOctave+1
	}
	if wide := scale.to - scale.from; wide < 6 {
		scale.to = scale.from + 6
	}
	return scale
}

func (s histogramScale) ends() (from, to string) {
	at := func(log float64) string { return inTime(time.Duration(math.Exp2(log)) * time.Microsecond) }
	return at(s.from), at(s.to)
}

// x is where a latency is, from 0 to 100.
func (s histogramScale) x(d time.Duration) float64 {
	return 100 * min(1, max(0, (logOf(d)-s.from)/(s.to-s.from)))
}

// histogramView is a histogram in a box of 100 by 24, with marks at the percentiles.
type histogramView struct {
	Label, Bars string
	Marks       []string
}

func newHistogram(l *Latency, scale histogramScale) histogramView {
	if l.Count == 0 {
		return histogramView{Label: "no latencies in five minutes"}
	}
	v := histogramView{Label: fmt.Sprintf("latencies of %d calls: half within %s, 95 %% within %s, 99 %% within %s, all within %s", l.Count, inTime(l.P50), inTime(l.P95), inTime(l.P99), inTime(l.Max))}
	bars := make([]int, int(scale.to-scale.from)*barsOfOctave)
	most := 1
	for _, b := range l.Buckets {
		i := min(len(bars)-1, max(0, int((logOf(b.From)-scale.from)*barsOfOctave)))
		bars[i] += b.Count
		most = max(most, bars[i])
	}
	wide := 100 / float64(len(bars))
	var path strings.Builder
	for i, n := range bars {
		if n > 0 {
			h := max(1.5, 23*float64(n)/float64(most))
			fmt.Fprintf(&path, "M%.2f %.2fh%.2fv%.2fh-%.2fz", float64(i)*wide, 24-h, wide*0.86, h, wide*0.86)
		}
	}
	v.Bars = path.String()
	for _, p := range [...]time.Duration{l.P50, l.P95, l.P99} {
		v.Marks = append(v.Marks, fmt.Sprintf("%.2f", scale.x(p)))
	}
	return v
}
