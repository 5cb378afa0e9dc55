package auth

import (
	"fmt"
	"log/slog"

	"github.com/restykit/restykit/middleware"
)

// format prints a step as fmt does with any verb: never by its fields.
func format(f fmt.State, m middleware.Middleware) {
	_, _ = fmt.Fprintf(f, "%s(%s)", m.Name(), m.(fmt.Stringer).String())
}

// The configurations of x/oauth2 hold their secret in a field, which encoders find.

// MarshalText is String.
func (g ClientCredentials) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// LogValue is String.
func (g ClientCredentials) LogValue() slog.Value { return slog.StringValue(g.String()) }

// MarshalText is String.
func (g RefreshToken) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// LogValue is String.
func (g RefreshToken) LogValue() slog.Value { return slog.StringValue(g.String()) }

// MarshalText is String.
func (g AuthorizationCode) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// LogValue is String.
func (g AuthorizationCode) LogValue() slog.Value { return slog.StringValue(g.String()) }

// MarshalText is String.
func (g DeviceAuthorization) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// LogValue is String.
func (g DeviceAuthorization) LogValue() slog.Value { return slog.StringValue(g.String()) }

// MarshalText is String.
func (g ResourceOwnerPassword) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// LogValue is String.
func (g ResourceOwnerPassword) LogValue() slog.Value { return slog.StringValue(g.String()) }

// MarshalText is String.
func (g TokenExchange) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// LogValue is String.
func (g TokenExchange) LogValue() slog.Value { return slog.StringValue(g.String()) }

// MarshalText is String.
func (g JWTBearer) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// LogValue is String.
func (g JWTBearer) LogValue() slog.Value { return slog.StringValue(g.String()) }
