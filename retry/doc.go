// Package retry decides when a request is sent, sent again, or not sent.
//
// Most users add one step:
//
//	err := middleware.Use(client, retry.Policy{})
//
// [Policy] repeats requests that are safe to repeat (GET, HEAD, OPTIONS, TRACE, PUT and
// DELETE, or any that carry an idempotency key) when the connection fails or the answer is
// 408, 429, 500, 502, 503 or 504, waits with full jitter or as long as Retry-After says, and
// stops where waiting is of no use: beyond the call's deadline, or when the client's budget
// for retries is spent. [FromResty] makes one of the retries that a client has.
//
// Beside it stand [IdempotencyKey], with which a POST may be repeated; [Hedge], which sends
// what is late a second time; [Breaker], which leaves an origin alone that fails; and
// [Limit], which waits for a turn. They run in that order, whatever the order of writing:
// the key once for a call, then the policy, and the others for each attempt.
//
// What is repeated when, in one table: docs/retries.md. What it does to a server that is
// down: docs/outage.md.
package retry
