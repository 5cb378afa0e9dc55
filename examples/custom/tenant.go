package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/restykit/restykit/middleware"
)

// Tenant says on whose behalf a request is made: the tenant of its context. A request
// without one is not sent.
type Tenant struct {
	Header string // the field, like "X-Tenant"
}

type tenantKey struct{}

// WithTenant returns a context of a tenant's.
func WithTenant(ctx context.Context, tenant string) context.Context {
	return context.WithValue(ctx, tenantKey{}, tenant)
}

// Name is "tenant".
func (Tenant) Name() string { return "tenant" }

// Layer is [middleware.Call]: the tenant is the same in every attempt.
func (Tenant) Layer() middleware.Layer { return middleware.Call }

// RoundTrip sets the field, on a copy of the request that it may change.
func (t Tenant) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	tenant, ok := req.Context().Value(tenantKey{}).(string)
	if !ok {
		return nil, errors.New("tenant: the request's context has none: use WithTenant")
	}
	req = middleware.Mutable(req)
	req.Header.Set(t.Header, tenant)
	return next(req)
}

// Validate says in [middleware.Use] what else a request would fail on.
func (t Tenant) Validate() error {
	if t.Header == "" {
		return errors.New("Header is empty: name the field, like X-Tenant")
	}
	return nil
}

// String is the step's line in the printed pipeline.
func (t Tenant) String() string { return "in " + t.Header }
