package auth

import (
	"net/url"

	"github.com/restykit/restykit/internal/origin"
)

// InsecureError is the error of a secret that would have gone over plain http to
// another machine. Nothing was sent.
type InsecureError struct {
	Step   string // the step's name
	Origin string // where it would have gone
	Proxy  string // the proxy that it would have gone through to this machine, or ""
}

// Error says what to do.
func (e *InsecureError) Error() string {
	way := e.Origin
	if e.Proxy != "" {
		way += " through the proxy " + e.Proxy
	}
	return e.Step + ": credentials are not sent over plain http to " + way + ": use https, or set InsecureHTTP"
}

// ErrorType is "insecure": a word for telemetry (error.type).
func (*InsecureError) ErrorType() string { return "insecure" }

// Final is true.
func (*InsecureError) Final() bool { return true }

// checkWay refuses to send a secret over plain http to another machine. A proxy on another
// machine is one: there localhost is that machine, and the secret crosses the network.
// The proxy is only asked for where it matters.
func checkWay(step string, target *url.URL, proxy func() *url.URL) error {
	to := origin.Of(target)
	if to.Scheme == "https" {
		return nil
	}
	if !to.Secure() {
		return &InsecureError{Step: step, Origin: to.String()}
	}
	if p := proxy(); p != nil && !origin.Of(p).Loopback() {
		return &InsecureError{Step: step, Origin: to.String(), Proxy: origin.Of(p).String()}
	}
	return nil
}
