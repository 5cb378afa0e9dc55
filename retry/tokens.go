package retry

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/restykit/restykit/internal/perorigin"
)

// Tokens is a [Budget] that counts as the SDKs of AWS do: a bucket of tokens for each
// origin, which retries empty and good answers fill. It does not fill with time: where
// nothing works, nothing is tried twice. Zero fields have the numbers of those SDKs. It is
// a pointer and not copied.
type Tokens struct {
	Size        int // of the bucket; 0 is 500
	Cost        int // of a retry, which gets it back if it succeeds; 0 is 5
	TimeoutCost int // of a retry after a time-out; 0 is twice the Cost
	Reward      int // for a first try that succeeds; 0 is 1

	short atomic.Int32 // buckets that are not full
	mu    sync.Mutex
	left  perorigin.Map[int] // a full bucket is not kept
}

const mostTokens = 1_000_000_000

func (t *Tokens) size() int { return or(t.Size, 500) }
func (t *Tokens) cost(timeout bool) int {
	if timeout {
		return or(t.TimeoutCost, 2*t.cost(false))
	}
	return or(t.Cost, 5)
}

func or(n, byDefault int) int {
	if n == 0 {
		return byDefault
	}
	return n
}

// Spend takes the price of a retry out of the bucket.
func (t *Tokens) Spend(target *url.URL, timeout bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	left, ok := t.left.Get(target)
	if !ok {
		left = t.size()
	}
	if left < t.cost(timeout) {
		return false
	}
	t.put(target, left-t.cost(timeout))
	return true
}

// Refund puts the price of a retry back that was not sent.
func (t *Tokens) Refund(target *url.URL, timeout bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if left, ok := t.left.Get(target); ok {
		t.put(target, left+t.cost(timeout))
	}
}

// Report fills the bucket for what succeeds.
func (t *Tokens) Report(target *url.URL, result Result) {
	if !result.OK || t.short.Load() == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	left, ok := t.left.Get(target)
	if !ok {
		return
	}
	if result.Retried {
		left += t.cost(result.Timeout)
	} else {
		left += or(t.Reward, 1)
	}
	t.put(target, left)
}

func (t *Tokens) put(target *url.URL, left int) {
	if left >= t.size() {
		t.left.Drop(target)
	} else {
		t.left.Put(target, left)
	}
	t.short.Store(int32(t.left.Len())) //nolint:gosec // a few thousand at most
}

// Validate refuses numbers that cannot be meant.
func (t *Tokens) Validate() error {
	var errs []error
	for _, f := range []struct {
		name string
		n    int
	}{{"Size", t.Size}, {"Cost", t.Cost}, {"TimeoutCost", t.TimeoutCost}, {"Reward", t.Reward}} {
		if f.n < 0 || f.n > mostTokens {
			errs = append(errs, fmt.Errorf("%s is %d: give 1 to %d, or 0 for the default; retry.Unlimited has no bound", f.name, f.n, mostTokens))
		}
	}
	if len(errs) == 0 && max(t.cost(false), t.cost(true)) > t.size() {
		errs = append(errs, fmt.Errorf("Size (%d) is below the cost of one retry (%d)", t.size(), max(t.cost(false), t.cost(true))))
	}
	return errors.Join(errs...)
}

// String is the size.
func (t *Tokens) String() string { return strconv.Itoa(t.size()) }
