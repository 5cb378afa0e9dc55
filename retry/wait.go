package retry

import (
	"fmt"
	"math"
	"time"
)

// Jitter is how a wait is drawn, so that many clients do not come back at once. The base
// of a wait is Policy.Wait, doubled for each attempt, and MaxWait at most.
type Jitter uint8

// The kinds of jitter.
const (
	FullJitter         Jitter = iota // from nothing to the base
	EqualJitter                      // from half the base to the base
	DecorrelatedJitter               // from Wait to three times the wait before, MaxWait at most
	NoJitter                         // the base
)

func (j Jitter) validate() error {
	if j > NoJitter {
		return fmt.Errorf("Jitter is %d: give retry.FullJitter, EqualJitter, DecorrelatedJitter or NoJitter", j)
	}
	return nil
}

// base is the longest wait after an attempt, before any jitter.
func (p *Policy) base(attempt int) time.Duration {
	if shift := attempt - 1; shift >= 0 && shift < 40 {
		if d := p.Wait << shift; d>>shift == p.Wait && d > 0 {
			return min(d, p.MaxWait)
		}
	}
	return p.MaxWait
}

// backoff is the wait after an attempt; before is the wait before it, and random a number
// from 0 to 1.
func (p *Policy) backoff(attempt int, before time.Duration, random float64) time.Duration {
	base := p.base(attempt)
	switch p.Jitter {
	case EqualJitter:
		return base/2 + part(base-base/2, random)
	case DecorrelatedJitter:
		before = min(max(before, p.Wait), p.MaxWait, math.MaxInt64/4)
		return min(p.Wait+part(3*before-p.Wait, random), p.MaxWait)
	case NoJitter:
		return base
	default:
		return part(base, random)
	}
}

func part(d time.Duration, of float64) time.Duration {
	if f := of * float64(d); f < math.MaxInt64 {
		return time.Duration(f)
	}
	return d
}
