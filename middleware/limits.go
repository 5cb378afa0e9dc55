package middleware

import (
	"fmt"
	"time"
)

// NoLimit switches a limit off. It is the only negative duration that is accepted.
const NoLimit time.Duration = -1

// limits are what the declarations of a stack come to. Zero is no limit.
type limits struct {
	connect, read, attempt, deadline time.Duration
	maxBody                          int64
}

// limiter is a step that declares a limit for the core to keep.
type limiter interface{ limit(*limits) }

// or is a duration of the user's, its default, or none.
func or(d, byDefault time.Duration) time.Duration {
	switch d {
	case 0:
		return byDefault
	case NoLimit:
		return 0
	default:
		return d
	}
}

func checkDuration(field string, d time.Duration) error {
	if d > 0 && d < time.Millisecond {
		return fmt.Errorf("%s is %v, which nothing can keep: write the unit, like %d*time.Second", field, d, d)
	}
	if d < 0 && d != NoLimit {
		return fmt.Errorf("%s is %v: a duration is positive, 0 for the default, or middleware.NoLimit", field, d)
	}
	return nil
}
