package retry_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/retry"
)

// unavailable is a GET that was answered with 503 and some fields.
func unavailable(attempt int, random float64, fields ...string) retry.Outcome {
	resp, _ := status(503, fields...)()
	return retry.Outcome{Method: "GET", Attempt: attempt, Random: random, Response: resp}
}

func TestWaitsByAttemptAndDice(t *testing.T) {
	const ms = time.Millisecond
	after := func(attempt int, random float64, waited time.Duration) retry.Outcome {
		o := unavailable(attempt, random)
		o.Waited = waited
		return o
	}
	full, equal := retry.Policy{Attempts: 99}, retry.Policy{Attempts: 99, Jitter: retry.EqualJitter}
	none, wandering := retry.Policy{Attempts: 99, Jitter: retry.NoJitter}, retry.Policy{Attempts: 99, Jitter: retry.DecorrelatedJitter}
	short := retry.Policy{Attempts: 99, Jitter: retry.NoJitter, Wait: 30 * ms, MaxWait: 50 * ms}
	slow := retry.Policy{Attempts: 99, Jitter: retry.NoJitter, Wait: time.Minute}
	for _, tt := range []struct {
		policy  retry.Policy
		outcome retry.Outcome
		want    time.Duration
	}{
		{full, after(1, 0, 0), 0},
		{full, after(1, 0.5, 0), 50 * ms},
		{full, after(1, 1, 0), 100 * ms},
		{full, after(2, 1, 0), 200 * ms},
		{full, after(3, 0.25, 0), 100 * ms},
		{full, after(8, 1, 0), 12800 * ms},
		{full, after(9, 1, 0), 20 * time.Second},
		{full, after(41, 1, 0), 20 * time.Second},
		{full, after(98, 0.5, 0), 10 * time.Second},
		{equal, after(1, 0, 0), 50 * ms},
		{equal, after(1, 1, 0), 100 * ms},
		{equal, after(2, 0.5, 0), 150 * ms},
		{equal, after(98, 0, 0), 10 * time.Second},
		{none, after(1, 0, 0), 100 * ms},
		{none, after(1, 1, 0), 100 * ms},
		{none, after(4, 0.3, 0), 800 * ms},
		{none, after(98, 0, 0), 20 * time.Second},
		{wandering, after(1, 0, 0), 100 * ms},
		{wandering, after(1, 1, 0), 300 * ms},
		{wandering, after(2, 0, 200*ms), 100 * ms},
		{wandering, after(2, 1, 200*ms), 600 * ms},
		{wandering, after(2, 0.5, 200*ms), 350 * ms},
		{wandering, after(9, 1, 15*time.Second), 20 * time.Second},
		{wandering, after(9, 1, math.MaxInt64), 20 * time.Second},
		{short, after(1, 0, 0), 30 * ms},
		{short, after(2, 0, 0), 50 * ms},
		{slow, after(1, 0, 0), time.Minute},
		{slow, after(2, 0, 0), time.Minute},
	} {
		d := tt.policy.Decide(tt.outcome)
		require.Equal(t, retry.Decision{Transient: true, Retry: true, Wait: tt.want}, d, "%v after attempt %d", tt.policy, tt.outcome.Attempt)
	}
}

func TestWhatIsInTheWayOfARetry(t *testing.T) {
	with := func(o retry.Outcome, change func(*retry.Outcome)) retry.Outcome {
		change(&o)
		return o
	}
	left := func(d time.Duration) func(*retry.Outcome) { return func(o *retry.Outcome) { o.Remaining = d } }
	refused := retry.Outcome{Method: "GET", Attempt: 1, Random: 1, Err: &middleware.ConnectError{Phase: "dial", Err: syscall.ECONNREFUSED}}
	var none retry.Policy
	for _, tt := range []struct {
		name    string
		policy  retry.Policy
		outcome retry.Outcome
		wait    time.Duration
		gaveUp  error // a target of errors.Is; nil retries
	}{
		{"the third attempt of four", none, unavailable(3, 0), 0, nil},
		{"the last", none, unavailable(4, 0), 0, retry.ErrAttempts},
		{"beyond the last, of a redirect", none, unavailable(7, 0), 0, retry.ErrAttempts},
		{"the last with an error", none, with(refused, func(o *retry.Outcome) { o.Attempt = 4 }), 0, retry.ErrAttempts},
		{"two attempts", retry.Policy{Attempts: 2}, unavailable(2, 0), 0, retry.ErrAttempts},
		{"a wait that fits", none, with(unavailable(1, 1), left(101*time.Millisecond)), 100 * time.Millisecond, nil},
		{"a wait that ends with the deadline", none, with(unavailable(1, 1), left(100*time.Millisecond)), 0, context.DeadlineExceeded},
		{"a wait that does not fit", none, with(unavailable(1, 1), left(time.Millisecond)), 0, context.DeadlineExceeded},
		{"no time left at all", none, with(unavailable(1, 0), left(-1)), 0, context.DeadlineExceeded},
		{"an error whose wait does not fit", none, with(refused, left(time.Millisecond)), 0, context.DeadlineExceeded},
		{"what the server asks fits", none, with(unavailable(1, 1, "Retry-After", "5"), left(6*time.Second)), 5 * time.Second, nil},
		{"what the server asks does not fit", none, with(unavailable(1, 1, "Retry-After", "5"), left(5*time.Second)), 0, context.DeadlineExceeded},
		{"the most that is waited", none, unavailable(1, 0, "Retry-After", "60"), time.Minute, nil},
		{"more than that", none, unavailable(1, 0, "Retry-After", "61"), 0, &retry.DelayError{Asked: 61 * time.Second, Max: time.Minute}},
		{"more than that, and than the deadline", none, with(unavailable(1, 0, "Retry-After", "61"), left(time.Second)), 0, &retry.DelayError{Asked: 61 * time.Second, Max: time.Minute}},
		{"a cap of one's own", retry.Policy{MaxRetryAfter: time.Second}, unavailable(1, 0, "Retry-After", "2"), 0, &retry.DelayError{Asked: 2 * time.Second, Max: time.Second}},
		{"no cap", retry.Policy{MaxRetryAfter: middleware.NoLimit}, unavailable(1, 0, "Retry-After", "86400"), 24 * time.Hour, nil},
		{"for ever", none, unavailable(1, 0, "Retry-After", "99999999999999999999"), 0, &retry.DelayError{Asked: math.MaxInt64, Max: time.Minute}},
		{"Retry-After is longer than MaxWait", retry.Policy{MaxWait: time.Second}, unavailable(1, 0, "Retry-After", "30"), 30 * time.Second, nil},
		{"Retry-After is shorter than the backoff", retry.Policy{Wait: 10 * time.Second}, unavailable(1, 1, "Retry-After", "2"), 2 * time.Second, nil},
		{"Retry-After of nothing is no wait of its own", none, unavailable(1, 1, "Retry-After", "0"), 100 * time.Millisecond, nil},
		{"a body that is gone, before the attempts", none, with(unavailable(4, 0), func(o *retry.Outcome) { o.Consumed = true }), 0, middleware.ErrBodyConsumed},
		{"an error says when, within the wait", none, with(refused, func(o *retry.Outcome) { o.Err, o.Random = later(90*time.Millisecond), 0 }), 90 * time.Millisecond, nil},
		{"the dice say later than the error", none, with(refused, func(o *retry.Outcome) { o.Err, o.Random = later(9*time.Millisecond), 1 }), 100 * time.Millisecond, nil},
	} {
		d := tt.policy.Decide(tt.outcome)
		require.True(t, d.Transient, tt.name)
		require.Equal(t, tt.gaveUp == nil, d.Retry, tt.name)
		require.Equal(t, tt.wait, d.Wait, tt.name)
		if want, ok := errors.AsType[*retry.DelayError](tt.gaveUp); ok {
			got, _ := errors.AsType[*retry.DelayError](d.GaveUp)
			require.Equal(t, want, got, tt.name)
			continue
		}
		require.ErrorIs(t, d.GaveUp, tt.gaveUp, tt.name)
	}
}

func TestStatusesMethodsAndRetryIfAreTheUsers(t *testing.T) {
	answer := func(method string, code int, fields ...string) retry.Outcome {
		resp, _ := status(code, fields...)()
		return retry.Outcome{Method: method, Attempt: 1, Response: resp}
	}
	never := func(*http.Response, error) bool { return false }
	only := func(code int) func(*http.Response, error) bool {
		return func(resp *http.Response, err error) bool { return err == nil && resp.StatusCode == code }
	}
	for name, tt := range map[string]struct {
		policy  retry.Policy
		outcome retry.Outcome
		again   bool
	}{
		"a status of one's own":                {retry.Policy{Statuses: []int{423}}, answer("GET", 423), true},
		"which replace the usual ones":         {retry.Policy{Statuses: []int{423}}, answer("GET", 503), false},
		"a 2xx may be one":                     {retry.Policy{Statuses: []int{202}}, answer("GET", 202), true},
		"no status at all":                     {retry.Policy{Statuses: []int{}}, answer("GET", 503), false},
		"a limit of 403 goes with 429":         {retry.Policy{Statuses: []int{503}}, answer("GET", 403, "Retry-After", "1"), false},
		"a method of one's own":                {retry.Policy{Methods: []string{"POST"}}, answer("POST", 503), true},
		"which replace the usual ones as well": {retry.Policy{Methods: []string{"POST"}}, answer("GET", 503), false},
		"no method at all":                     {retry.Policy{Methods: []string{}}, answer("GET", 503), false},
		"RetryIf says no":                      {retry.Policy{RetryIf: never}, answer("GET", 503), false},
		"RetryIf says yes":                     {retry.Policy{RetryIf: only(404)}, answer("GET", 404), true},
		"RetryIf is no leave for a POST":       {retry.Policy{RetryIf: only(404)}, answer("POST", 404), false},
		"RetryIf beats the server's veto":      {retry.Policy{RetryIf: only(503)}, answer("GET", 503, "X-Should-Retry", "false"), true},
		"the server forces a status":           {retry.Policy{}, answer("GET", 418, "X-Should-Retry", "true"), true},
		"but no method":                        {retry.Policy{}, answer("POST", 503, "X-Should-Retry", "true"), false},
		"any other word is none":               {retry.Policy{}, answer("GET", 503, "X-Should-Retry", "maybe"), true},
		"one attempt is no retry":              {retry.Policy{Attempts: 1}, answer("GET", 503), false},
	} {
		t.Run(name, func(t *testing.T) {
			d := tt.policy.Decide(tt.outcome)
			require.Equal(t, tt.again, d.Retry)
			require.NoError(t, d.GaveUp)
		})
	}
}

// FuzzDecide holds what is true of any decision.
func FuzzDecide(f *testing.F) {
	f.Add("GET", 503, "5", 1, 4, int64(0), int64(0), 0.5, false, false, uint8(0), true)
	f.Add("POST", 429, "", 2, 0, int64(time.Second), int64(time.Second), 1.0, true, false, uint8(2), true)
	f.Add("PUT", 0, "", 4, 9, int64(-1), int64(math.MaxInt64), 0.0, false, true, uint8(1), false)
	f.Fuzz(func(t *testing.T, method string, code int, after string, attempt, attempts int, remaining, waited int64, random float64, keyed, consumed bool, jitter uint8, answered bool) {
		p := retry.Policy{Attempts: attempts, Jitter: retry.Jitter(jitter)}
		if p.Validate() != nil || !(random >= 0 && random <= 1) || attempt < 1 {
			t.Skip()
		}
		o := retry.Outcome{
			Method: method, Keyed: keyed, Consumed: consumed, Attempt: attempt, Waited: time.Duration(waited),
			Remaining: time.Duration(remaining), Random: random, Err: syscall.ECONNRESET,
		}
		if answered {
			o.Response, _ = status(code, "Retry-After", after)()
			o.Err = nil
		}
		d := p.Decide(o)
		most := attempts
		if most == 0 {
			most = 4
		}
		switch {
		case d.Retry && (!d.Transient || d.GaveUp != nil || consumed || attempt >= most):
			t.Fatalf("%+v of %+v", d, o)
		case d.Retry && !keyed && (method == "POST" || method == "PATCH" || method == "CONNECT" || method == ""):
			t.Fatalf("%q is not repeated: %+v", method, d)
		case d.Wait < 0 || d.Wait > time.Minute || (d.Wait > 0 && !d.Retry):
			t.Fatalf("a wait of %v: %+v", d.Wait, o)
		case d.Retry && remaining != 0 && d.Wait >= time.Duration(remaining):
			t.Fatalf("a wait of %v with %v left", d.Wait, time.Duration(remaining))
		}
	})
}

// TestWaitsWithoutEndStayWaits, and do not run over into the past.
func TestWaitsWithoutEndStayWaits(t *testing.T) {
	for _, jitter := range []retry.Jitter{retry.FullJitter, retry.EqualJitter, retry.DecorrelatedJitter, retry.NoJitter} {
		for _, wait := range []time.Duration{math.MaxInt64, 1 << 62} {
			for _, random := range []float64{0.99, 1} {
				o := unavailable(1, random)
				o.Waited = wait
				d := retry.Policy{Wait: wait, MaxWait: math.MaxInt64, Jitter: jitter}.Decide(o)
				require.Greater(t, d.Wait, time.Hour, "%v %v %v", jitter, wait, random)
			}
		}
	}
}

// TestNoOutcomeIsNoReason: neither an answer nor an error.
func TestNoOutcomeIsNoReason(t *testing.T) {
	require.Zero(t, retry.Policy{}.Decide(retry.Outcome{Method: "GET", Attempt: 1}))
	asks := retry.Policy{RetryIf: func(*http.Response, error) bool { return true }}
	require.Zero(t, asks.Decide(retry.Outcome{Method: "GET", Attempt: 1}))
}

// TestMaxWaitAloneBoundsTheFirstWaitToo, however it is written.
func TestMaxWaitAloneBoundsTheFirstWaitToo(t *testing.T) {
	p := retry.Policy{MaxWait: 50 * time.Millisecond, Jitter: retry.NoJitter}
	require.NoError(t, p.Validate())
	require.Equal(t, "4 attempts, waits 50ms to 50ms, budget 500", p.String())
	for attempt := 1; attempt < 4; attempt++ {
		require.Equal(t, 50*time.Millisecond, p.Decide(unavailable(attempt, 0)).Wait)
	}
	p.MaxWait = time.Second
	require.Equal(t, 100*time.Millisecond, p.Decide(unavailable(1, 0)).Wait)
}

// TestAnEmptyListOfStatusesIsNone, whatever the server says of its answer.
func TestAnEmptyListOfStatusesIsNone(t *testing.T) {
	asks := retry.Outcome{Method: "GET", Attempt: 1, Response: &http.Response{StatusCode: 409, Header: http.Header{"X-Should-Retry": {"true"}}}}
	require.True(t, retry.Policy{}.Decide(asks).Retry)
	require.True(t, retry.Policy{Statuses: []int{503}}.Decide(asks).Retry)
	require.Zero(t, retry.Policy{Statuses: []int{}}.Decide(asks))
}

// TestAnErrorThatSaysWhenToAskAgainIsWaitedFor, as Retry-After is; what this process itself
// holds back is not.
func TestAnErrorThatSaysWhenToAskAgainIsWaitedFor(t *testing.T) {
	after := func(err error) retry.Decision {
		return retry.Policy{Wait: 50 * time.Millisecond}.Decide(retry.Outcome{Method: "POST", Attempt: 1, Err: err, Remaining: 5 * time.Second})
	}
	require.Equal(t, retry.Decision{Transient: true, Retry: true, Wait: 3 * time.Second}, after(later(3*time.Second)))
	require.ErrorIs(t, after(later(5*time.Second)).GaveUp, context.DeadlineExceeded)
	require.Equal(t, &retry.DelayError{Asked: time.Hour, Max: time.Minute}, after(later(time.Hour)).GaveUp)
	require.Zero(t, after(&retry.LimitError{Wait: 3 * time.Second}))
	require.Zero(t, after(fmt.Errorf("a step: %w", &retry.OpenError{Until: time.Now().Add(3 * time.Second)})))
}
