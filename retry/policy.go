package retry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/restykit/restykit/internal/field"
	"github.com/restykit/restykit/middleware"
)

// Policy sends a request again when that is safe and may help. It is a value, and its
// zero value is the recommended default. It is safe for concurrent use.
//
// Safe is what the server may see twice: the methods of Methods, and any request that
// carries an idempotency key (see [IdempotencyKey]). Where nothing was sent, because there
// was never a connection, every method is safe. A body that cannot be sent again makes the
// call final. What may help is told by Statuses and [Transient], or by RetryIf.
//
// When the attempts are used up the caller gets the last answer, with a
// [middleware.StatusError] where the status is checked, or an [*ExhaustedError]. Both
// carry what happened before. A retry is not made, and the call ends at once with what it
// has, where the wait would not fit before the call's deadline, where the server asks for
// a longer one than MaxRetryAfter, and where the budget has nothing left; the error says
// which.
//
// Attempts are counted over the whole call: a redirect does not begin anew. With
// [middleware.With] a policy replaces the client's as a whole, but for a nil Budget: to change
// one field, take the client's out of [middleware.Of] and change that.
//
// A limit of the whole call bounds all attempts together, and the first that hangs may take
// all of it: [middleware.Deadline], the caller's context, and the client's SetTimeout. That of
// one attempt is Timeout.Attempt; see also SplitDeadline.
type Policy struct {
	Attempts int // in all, the first included; 0 is 4, 1 never retries
	// Wait is the wait before the second attempt, doubling from there. 0 is 100 ms, or MaxWait
	// where that is shorter; for none, give a nanosecond.
	Wait time.Duration
	// MaxWait is the longest wait that is the policy's own; what a server asks for, MaxRetryAfter
	// bounds. 0 is 20 s, or Wait where that is longer.
	MaxWait time.Duration
	Jitter  Jitter // how a wait is drawn; 0 is FullJitter
	// Statuses are those that may pass. nil is 408, 429, 500, 502, 503 and 504; an empty list is
	// none. A server may say it better of an answer of 400 and above: X-Should-Retry or
	// Stripe-Should-Retry, true or false, goes before a list that is not empty.
	Statuses []int
	Methods  []string // that may be repeated; nil is GET, HEAD, OPTIONS, TRACE, PUT and DELETE
	// RetryIf decides in place of Statuses and [Transient] whether an attempt may end
	// better another time; one of response and error is nil. Of the body it sees what
	// MaxBuffer holds, in decoded calls that may be repeated, and nothing else of it; what it
	// reads is not lost. Methods, budget and deadline stay as they are.
	RetryIf func(*http.Response, error) bool
	// MaxRetryAfter is the longest wait that a server may ask for. Above it the call ends
	// with a [*DelayError]. 0 is 1 min; middleware.NoLimit is none.
	MaxRetryAfter time.Duration
	// OnRetry is told of each attempt that will be followed by another, before the wait.
	OnRetry func(context.Context, Attempt)
	// Budget bounds the retries of a client. nil is a &[Tokens]{} for each client: an
	// outage costs 100 retries for each origin, and then one for five good answers. See
	// also [Ratio] and [Unlimited].
	Budget Budget
	// MaxBuffer is how many bytes of a body are read within the retry, so that one that is
	// cut short can be asked for again: in decoded calls, where resty reads it whole anyway.
	// A longer body is handed on. 0 is 1 MiB; -1 is none.
	MaxBuffer int64
	// SplitDeadline gives each attempt but the last an equal part of what is left of the
	// deadline, so that one that hangs leaves time for another. It ends no request that may
	// not be repeated, and none whose answer has begun.
	SplitDeadline bool
	// AttemptHeader is a header field that tells the server the number of the attempt, from
	// 1. "" is none.
	AttemptHeader string

	shared *Tokens // what the policies of a client without a Budget spend

	own   *loopOfResty                                // of FromResty,
	after func(*http.Response) (time.Duration, error) // and what that waits
}

const (
	defaultAttempts      = 4
	defaultWait          = 100 * time.Millisecond
	defaultMaxWait       = 20 * time.Second
	defaultMaxRetryAfter = time.Minute
	defaultMaxBuffer     = 1 << 20
)

// Never returns a context whose requests are sent once:
//
//	client.R().SetContext(retry.Never(ctx))
func Never(ctx context.Context) context.Context {
	return middleware.With(ctx, Policy{Attempts: 1})
}

// Name is "retry".
func (Policy) Name() string { return "retry" }

// Layer is [middleware.Retry].
func (Policy) Layer() middleware.Layer { return middleware.Retry }

func defaultMethods() []string {
	return []string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete}
}

func (p Policy) filled() Policy {
	if p.Attempts == 0 {
		p.Attempts = defaultAttempts
	}
	if p.Wait == 0 {
		if p.Wait = defaultWait; p.MaxWait > 0 {
			p.Wait = min(p.Wait, p.MaxWait)
		}
	}
	if p.MaxWait == 0 {
		p.MaxWait = max(defaultMaxWait, p.Wait)
	}
	if p.Statuses == nil {
		p.Statuses = []int{
			http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
			http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
		}
	}
	if p.Methods == nil {
		p.Methods = defaultMethods()
	}
	if p.MaxRetryAfter == 0 {
		p.MaxRetryAfter = defaultMaxRetryAfter
	}
	if p.MaxBuffer == 0 {
		p.MaxBuffer = defaultMaxBuffer
	}
	return p
}

// Bind gives the policy the budget of the one that it replaces, where it has none. Those that
// requests bring to a client without one share a &Tokens{}.
func (p Policy) Bind(old middleware.Middleware) middleware.Middleware {
	p = p.filled()
	before, _ := ours(old).(Policy)
	if p.shared = before.shared; p.shared == nil {
		p.shared = &Tokens{}
	}
	switch _, brought := old.(middleware.Earlier); {
	case p.Budget != nil:
	case before.Budget != nil && !brought:
		p.Budget = before.Budget
	default:
		p.Budget = p.shared
	}
	return p
}

// ours is the step that another goes on with, also where both are of requests.
func ours(old middleware.Middleware) middleware.Middleware {
	if e, ok := old.(middleware.Earlier); ok {
		return e.Middleware
	}
	return old
}

// Validate refuses numbers and names that cannot be meant.
func (p Policy) Validate() error {
	var errs []error
	if p.Attempts < 0 {
		errs = append(errs, fmt.Errorf("Attempts is %d: give 1 or more, or 0 for %d", p.Attempts, defaultAttempts))
	}
	if p.Wait < 0 {
		errs = append(errs, fmt.Errorf("Wait is %v: give a positive duration, or 0 for %v", p.Wait, defaultWait))
	}
	if p.MaxWait < 0 {
		errs = append(errs, fmt.Errorf("MaxWait is %v: give a positive duration, or 0 for %v", p.MaxWait, defaultMaxWait))
	}
	if p.MaxWait > 0 && p.MaxWait < p.Wait {
		errs = append(errs, fmt.Errorf("MaxWait (%v) is below Wait (%v)", p.MaxWait, p.Wait))
	}
	if p.MaxRetryAfter < 0 && p.MaxRetryAfter != middleware.NoLimit {
		errs = append(errs, fmt.Errorf("MaxRetryAfter is %v: give a positive duration, 0 for %v, or middleware.NoLimit", p.MaxRetryAfter, defaultMaxRetryAfter))
	}
	if p.MaxBuffer < -1 {
		errs = append(errs, fmt.Errorf("MaxBuffer is %d: give bytes, 0 for 1 MiB, or -1 for none", p.MaxBuffer))
	}
	if p.AttemptHeader != "" {
		errs = append(errs, prefixed("AttemptHeader", field.CheckName(p.AttemptHeader)))
	}
	return errors.Join(append(errs, p.Jitter.validate(), validBudget(p.Budget), p.validateLists(), p.own.validate())...)
}

func (p Policy) validateLists() error {
	var errs []error
	for _, code := range p.Statuses {
		if code < 200 || code > 999 {
			errs = append(errs, fmt.Errorf("Statuses: %d is no status of an answer: give 200 to 999", code))
		}
	}
	for _, method := range p.Methods {
		if !field.IsToken(method) || method != strings.ToUpper(method) {
			errs = append(errs, fmt.Errorf("Methods: %q is no method: write it like GET, in capitals", method))
		}
	}
	return errors.Join(errs...)
}

func prefixed(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

// String is "4 attempts, waits 100ms to 20s, budget 500".
func (p Policy) String() string {
	p = p.filled()
	if p.Attempts == 1 {
		return "1 attempt"
	}
	budget := (&Tokens{}).String()
	if p.Budget != nil {
		budget = p.Budget.String()
	}
	return fmt.Sprintf("%d attempts, waits %v to %v, budget %s", p.Attempts, p.Wait, p.MaxWait, budget)
}

// RoundTrip sends the request until an answer is final.
func (p Policy) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	if p.Budget == nil { // nobody has bound it
		p = p.Bind(nil).(Policy)
	}
	info := middleware.InfoOf(req.Context())
	r := run{policy: &p, req: req, next: next, info: info, out: Outcome{Attempt: max(1, info.Attempts())}}
	if p.Attempts == 1 {
		return r.once()
	}
	if p.own != nil {
		defer p.own.serve(req, &p).count()
	}
	return r.do()
}
