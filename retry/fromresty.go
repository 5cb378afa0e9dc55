package retry

import "github.com/go-resty/resty/v2"

// FromResty moves the retries of a client into a policy, and switches resty's own loop off:
//
//	middleware.Use(client, retry.FromResty(client))
//
// RetryCount becomes Attempts, RetryWaitTime and RetryMaxWaitTime become Wait and MaxWait,
// RetryConditions and SetRetryAfter decide and wait as before, an error of SetRetryAfter is
// that of the call, and RetryHooks hear of each retry. Without a condition, errors are retried
// and no status is, as by resty. From here on the client's settings of these names do nothing;
// RetryCount is 0 at once, also where Use then refuses.
//
// What is different:
//   - Only what may be repeated is. resty repeats every method: for that, append "POST" and
//     "PATCH" to the Methods of the policy.
//   - An error that no retry mends is not retried, and the deadline and the Budget bound the
//     retries.
//   - SetTimeout was the limit of an attempt, and under a policy it would be that of the whole
//     call. So Use refuses it: SetTimeout(0), and add middleware.Timeout{Attempt: ...}.
//   - OnBeforeRequest and SetPreRequestHook ran for each attempt, and now run once for a call.
//     What has to be new in each attempt, such as a signature with a time, belongs in a
//     middleware.Func at middleware.Auth.
//   - Retry-After is honoured where there is no SetRetryAfter, up to MaxRetryAfter: beyond
//     RetryMaxWaitTime. The first wait may be half of RetryWaitTime.
//   - Conditions and hooks see the number of the attempt, but not how long it took nor when it
//     ended: Time, Size and ReceivedAt of the response are not known there. A condition sees
//     MaxBuffer of a body, and none of a request that is not repeated. A hook is not called
//     when no retry follows.
//   - The conditions of a single request (its AddRetryCondition) are not known: give it a
//     policy by [middleware.With], which replaces this one as a whole.
//
// [Policy.Decide] of such a policy knows nothing of the conditions and the hooks.
//
// A nil client, like one that does not retry, is a policy of one attempt.
func FromResty(client *resty.Client) Policy {
	if client == nil || client.RetryCount <= 0 {
		return Policy{Attempts: 1}
	}
	p := Policy{
		Attempts: client.RetryCount + 1, Jitter: EqualJitter, Statuses: []int{}, Methods: defaultMethods(),
		own: &loopOfResty{client, client.RetryConditions, client.RetryHooks, client.RetryAfter},
	}
	p.Wait = max(client.RetryWaitTime, 1) // 0 is none, and not the default
	if client.RetryMaxWaitTime >= 0 {     // else no limit, and the policy's own
		p.MaxWait = max(client.RetryMaxWaitTime, p.Wait)
	}
	p.MaxRetryAfter = max(defaultMaxRetryAfter, p.MaxWait) // SetRetryAfter has MaxWait as its cap
	client.RetryCount = 0
	return p
}
