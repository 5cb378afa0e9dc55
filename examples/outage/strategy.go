package main

import (
	"math"
	"net/http"
	"time"

	"github.com/restykit/restykit/retry"
)

// strategy is what a client does when an attempt fails.
type strategy struct {
	name   string
	decide func(retry.Outcome) retry.Decision
	budget func() retry.Budget // of each client, or nil
}

// strategies are those that are compared, with three retries at most where the name says
// nothing else.
func strategies() []strategy {
	return []strategy{
		{name: "no retries", decide: policy(retry.Policy{Attempts: 1})},
		{name: "resty's own loop", decide: restysOwn},
		{name: "exponential, no jitter", decide: policy(retry.Policy{Jitter: retry.NoJitter})},
		{name: "full jitter, no budget", decide: policy(retry.Policy{})},
		{name: "one retry, no budget", decide: policy(retry.Policy{Attempts: 2})},
		{name: "restykit", decide: policy(retry.Policy{}), budget: tokens(0)},
		{name: "restykit, budget 20", decide: policy(retry.Policy{}), budget: tokens(20)},
	}
}

// tokens makes budgets of a size, 0 being the default of restykit.
func tokens(size int) func() retry.Budget {
	return func() retry.Budget { return &retry.Tokens{Size: size} }
}

// policy is the decision of a policy, whose defaults are filled in once.
func policy(p retry.Policy) func(retry.Outcome) retry.Decision {
	return p.Bind(nil).(retry.Policy).Decide
}

// The numbers of resty's own loop: SetRetryCount(3), and the default waits.
const (
	restyRetries = 3
	restyWait    = 100 * time.Millisecond
	restyMaxWait = 2 * time.Second
)

// restysOwn is the loop of resty v2.17.2 with a condition that retries errors and statuses
// from 500.
func restysOwn(o retry.Outcome) retry.Decision {
	failed := o.Err != nil || o.Response.StatusCode >= http.StatusInternalServerError
	if !failed || o.Attempt > restyRetries {
		return retry.Decision{Transient: failed}
	}
	return retry.Decision{Transient: true, Retry: true, Wait: restyBackoff(o.Attempt-1, o.Random)}
}

// restyBackoff is jitterBackoff of resty, with attempts from 0 as it counts them.
func restyBackoff(attempt int, random float64) time.Duration {
	half := min(float64(restyMaxWait), float64(restyWait)*math.Exp2(float64(attempt))) / 2
	return max(time.Duration(half+random*half), restyWait)
}
