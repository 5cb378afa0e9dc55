// Package oteltest tests package observe with the SDK of OpenTelemetry. It is a module of
// its own, so that nobody downloads the SDK who does not use it, and has nothing to import.
package oteltest
