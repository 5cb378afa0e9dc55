package retry

import (
	"errors"
	"strconv"
	"sync"
)

// Budget bounds the retries of a client, so that an outage is not made worse.
type Budget interface {
	// Spend asks for one retry to an origin.
	Spend(origin string) bool
	// Earn tells of an answer that needs no retry, and whether it came of one.
	Earn(origin string, retried bool)
	// String is the size, as the printed pipeline shows it.
	String() string
}

// ErrBudget is why a retry was not made: too many were, of late.
var ErrBudget = errors.New("the budget for retries is spent")

// Unlimited is a [Budget] without a bound.
const Unlimited = unlimited(0)

type unlimited int

func (unlimited) Spend(string) bool { return true }
func (unlimited) Earn(string, bool) {}
func (unlimited) String() string    { return "unlimited" }

// The numbers of the AWS SDKs: a retry costs 5 of 500, one that succeeds gets them
// back, and a first try that succeeds earns 1.
const (
	budgetSize  = 500
	retryCost   = 5
	firstReward = 1
)

// tokens is a bucket for each origin. A full bucket is not kept.
type tokens struct {
	mu   sync.Mutex
	left map[string]int
}

func newTokens() *tokens { return &tokens{left: map[string]int{}} }

func (t *tokens) Spend(origin string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	left, ok := t.left[origin]
	if !ok {
		left = budgetSize
	}
	if left < retryCost {
		return false
	}
	t.left[origin] = left - retryCost
	return true
}

func (t *tokens) Earn(origin string, retried bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	left, ok := t.left[origin]
	if !ok {
		return
	}
	reward := firstReward
	if retried {
		reward = retryCost
	}
	if left += reward; left >= budgetSize {
		delete(t.left, origin)
		return
	}
	t.left[origin] = left
}

func (t *tokens) String() string { return strconv.Itoa(budgetSize) }
