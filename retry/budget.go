package retry

import (
	"fmt"
	"net/url"
	"reflect"
)

// Budget bounds the retries to an origin (the scheme, host and port of a URL), so that an
// outage is not made worse. One budget may serve several clients. It is safe for
// concurrent use.
//
// One that has a method Refund(target *url.URL, timeout bool) too gets back what was spent
// on a retry that was then not sent, with what Spend was told: the caller has gone in the
// wait, or a step such as a [Limit] has refused it.
type Budget interface {
	// Spend asks for one retry, before its wait, of a request that was sent. timeout tells that the attempt before has
	// ended because nobody answered in time.
	Spend(target *url.URL, timeout bool) bool
	// Report tells how a call has ended, or a redirect hop of one.
	Report(target *url.URL, result Result)
	// String is the size, as the printed pipeline shows it.
	String() string
}

// Result is how a call has ended, as a [Budget] sees it.
type Result struct {
	OK      bool // with an answer that asks for no retry
	Retried bool // after one or more retries
	Timeout bool // of which the last was one after a time-out
}

// Unlimited is a [Budget] without a bound.
const Unlimited = unlimited(0)

type unlimited int

func (unlimited) Spend(*url.URL, bool) bool { return true }
func (unlimited) Report(*url.URL, Result)   {}
func (unlimited) String() string            { return "unlimited" }

// refund gives a budget back what was spent, where it takes that.
func refund(b Budget, target *url.URL, timeout bool) {
	if r, ok := b.(interface{ Refund(*url.URL, bool) }); ok {
		r.Refund(target, timeout)
	}
}

// validBudget asks a budget that can be wrong.
func validBudget(b Budget) error {
	if v := reflect.ValueOf(b); v.Kind() == reflect.Pointer && v.IsNil() {
		return fmt.Errorf("Budget: it is a nil %T: leave the field out for the default", b)
	}
	v, ok := b.(interface{ Validate() error })
	if !ok {
		return nil
	}
	if err := v.Validate(); err != nil {
		return fmt.Errorf("Budget: %w", err)
	}
	return nil
}
