package observe

import (
	"fmt"
	"strconv"
	"time"
)

// Numbers as the page shows them: short, and with their unit.

func inTime(d time.Duration) string {
	short := func(v float64, unit string) string {
		if v < 9.95 {
			return strconv.FormatFloat(v, 'f', 1, 64) + " " + unit
		}
		return strconv.FormatFloat(v, 'f', 0, 64) + " " + unit
	}
	switch {
	case d == 0:
		return "–"
	case d < 0:
		return "-" + inTime(-d)
	case d < 999500*time.Nanosecond:
		return strconv.FormatInt(max(1, d.Microseconds()), 10) + " µs"
	case d < 999500*time.Microsecond:
		return short(float64(d.Microseconds())/1e3, "ms")
	case d < 100*time.Second:
		return short(d.Seconds(), "s")
	case d < 100*time.Minute:
		return short(d.Minutes(), "min")
	}
	return short(d.Hours(), "h")
}

func ofSeconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func count(n int64) string {
	switch {
	case n == 0:
		return "–"
	case n < 10_000:
		return strconv.FormatInt(n, 10)
	case n < 10_000_000:
		return strconv.FormatFloat(float64(n)/1e3, 'f', 0, 64) + " k"
	}
	return strconv.FormatFloat(float64(n)/1e6, 'f', 0, 64) + " M"
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

func size(n int64) string {
	if n == 0 {
		return "–"
	}
	v := float64(n)
	for _, unit := range [...]string{"B", "kB", "MB", "GB"} {
		if v < 999.5 {
			if v < 9.95 && unit != "B" {
				return fmt.Sprintf("%.1f %s", v, unit)
			}
			return fmt.Sprintf("%.0f %s", v, unit)
		}
		v /= 1000
	}
	return fmt.Sprintf("%.1f TB", v)
}

func percent(part, of int64) string {
	switch {
	case of == 0 || part == 0:
		return "–"
	case part == of:
		return "100 %"
	}
	p := 100 * float64(part) / float64(of)
	if p < 9.95 {
		return fmt.Sprintf("%.1f %%", max(0.1, p))
	}
	return fmt.Sprintf("%.0f %%", min(99, p))
}

func perSecond(rate float64) string {
	switch {
	case rate == 0:
		return "–"
	case rate < 0.095:
		return fmt.Sprintf("%.1f/min", max(0.1, 60*rate))
	case rate < 9.95:
		return fmt.Sprintf("%.1f/s", rate)
	}
	return fmt.Sprintf("%.0f/s", rate)
}
