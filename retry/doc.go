// Package retry decides when a request is sent again.
//
// Most users add one step:
//
//	err := middleware.Use(client, retry.Policy{})
//
// It repeats requests that are safe to repeat (GET, HEAD, OPTIONS, TRACE, PUT and
// DELETE, or any that carry an Idempotency-Key) when the connection fails or the
// answer is 408, 429, 500, 502, 503 or 504, waits with full jitter or as long as
// Retry-After says, and stops where waiting is of no use: beyond the call's deadline,
// or when the client's budget for retries is spent.
package retry
