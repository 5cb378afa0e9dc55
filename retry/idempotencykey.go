package retry

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"

	"github.com/restykit/restykit/internal/field"
	"github.com/restykit/restykit/middleware"
)

// IdempotencyKey gives every POST and PATCH an idempotency key
// (draft-ietf-httpapi-idempotency-key-header), the same in its attempts and redirect hops
// and in the replay after a 401, and another one in each call. [Policy] then repeats such
// a request. A key that the caller set on the request stays.
//
// Use it only with servers that know the header: elsewhere a POST that is repeated is done
// twice.
type IdempotencyKey struct {
	Header   string        // the field; "" is Idempotency-Key
	Generate func() string // nil is a random UUID (RFC 9562 version 4)
}

const defaultKeyHeader = "Idempotency-Key"

type keyKey struct{}

// Name is "idempotency-key".
func (IdempotencyKey) Name() string { return "idempotency-key" }

// Layer is [middleware.Call].
func (IdempotencyKey) Layer() middleware.Layer { return middleware.Call }

// Writes is the field.
func (k IdempotencyKey) Writes() string {
	if k.Header == "" {
		return defaultKeyHeader
	}
	return http.CanonicalHeaderKey(k.Header)
}

// Bind is the step, and not a pointer to it.
func (k IdempotencyKey) Bind(middleware.Middleware) middleware.Middleware { return k }

// RoundTrip sets the field.
func (k IdempotencyKey) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	if (req.Method != http.MethodPost && req.Method != http.MethodPatch) || len(req.Header[k.Writes()]) > 0 {
		return next(req)
	}
	key := middleware.InfoOf(req.Context()).Memo(keyKey{}, k.make).(string)
	if key == "" {
		return nil, errors.New("idempotency-key: Generate returned an empty key")
	}
	if err := field.CheckValue(key); err != nil {
		return nil, fmt.Errorf("idempotency-key: Generate: %w", err)
	}
	req = middleware.Mutable(req)
	req.Header[k.Writes()] = []string{key}
	return next(req)
}

func (k IdempotencyKey) make() any {
	if k.Generate != nil {
		return k.Generate()
	}
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Validate refuses what is no header field.
func (k IdempotencyKey) Validate() error { return field.CheckName(k.Writes()) }

// String is the field.
func (k IdempotencyKey) String() string { return k.Writes() }
