package middleware

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Pool keeps as many idle connections as the load needs. resty's own transport keeps
// GOMAXPROCS+1 for each host and closes all others after each request, which at many
// callers at once costs more than anything else.
//
// The pipeline then sends through a clone of the client's own [*http.Transport] with
// these settings; the client's own is not touched, since others may share it. TLS and
// proxy settings of the client go along, also where they are made between [Use] and
// the first request. Any other kind of transport is an error.
type Pool struct {
	// MaxIdlePerHost is how many idle connections are kept for each host. 0 is 256.
	MaxIdlePerHost int
	// MaxIdle is how many are kept in all. 0 is no limit.
	MaxIdle int
	// MaxPerHost is how many there are for each host, busy ones counted. 0 is no
	// limit. The wait for a free one counts as Timeout.Connect.
	MaxPerHost int
	// IdleTimeout is how long a connection is kept without use. 0 is 90 s.
	IdleTimeout time.Duration
}

// Name is "pool".
func (Pool) Name() string { return "pool" }

// Layer is [Wire].
func (Pool) Layer() Layer { return Wire }

// Validate refuses negative numbers.
func (p Pool) Validate() error {
	for field, n := range map[string]int{"MaxIdlePerHost": p.MaxIdlePerHost, "MaxIdle": p.MaxIdle, "MaxPerHost": p.MaxPerHost} {
		if n < 0 {
			return fmt.Errorf("%s is %d: give a positive number, or 0 for the default", field, n)
		}
	}
	if p.MaxPerHost > 0 && p.MaxIdlePerHost > p.MaxPerHost {
		return fmt.Errorf("MaxIdlePerHost (%d) is more than MaxPerHost (%d) lets there be", p.MaxIdlePerHost, p.MaxPerHost)
	}
	return checkDuration("IdleTimeout", p.IdleTimeout)
}

// String is "256 idle per host for 1m30s".
func (p Pool) String() string {
	p = p.filled()
	s := fmt.Sprintf("%d idle per host", p.MaxIdlePerHost)
	if p.IdleTimeout > 0 {
		s += " for " + p.IdleTimeout.String()
	}
	if p.MaxPerHost > 0 {
		s += fmt.Sprintf(", at most %d per host", p.MaxPerHost)
	}
	return s
}

func (p Pool) filled() Pool {
	if p.MaxIdlePerHost == 0 {
		p.MaxIdlePerHost = 256
	}
	p.IdleTimeout = or(p.IdleTimeout, 90*time.Second)
	return p
}

// Bind makes the pool of one client, which stays where the settings stay.
func (p Pool) Bind(old Middleware) Middleware {
	if has, ok := old.(*boundPool); ok && has.Pool == p {
		return has
	}
	return &boundPool{Pool: p}
}

func (Pool) base(base http.RoundTripper) (http.RoundTripper, error) { return base, nil }

func (Pool) fits(base http.RoundTripper) error {
	if _, ok := base.(*http.Transport); !ok {
		return fmt.Errorf("pool: the client's transport is a %T, and only an *http.Transport has a pool to size: size it there, or leave the step out", base)
	}
	return nil
}

// boundPool is a Pool with the transport that it made.
type boundPool struct {
	Pool

	mu   sync.Mutex
	from http.RoundTripper
	to   *http.Transport
}

func (p *boundPool) base(base http.RoundTripper) (http.RoundTripper, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.from == base {
		return p.to, nil
	}
	if err := p.fits(base); err != nil {
		return nil, err
	}
	if p.to != nil {
		p.to.CloseIdleConnections()
	}
	to, set := base.(*http.Transport).Clone(), p.filled()
	to.MaxIdleConnsPerHost, to.MaxIdleConns, to.MaxConnsPerHost, to.IdleConnTimeout = set.MaxIdlePerHost, set.MaxIdle, set.MaxPerHost, set.IdleTimeout
	p.from, p.to = base, to
	return to, nil
}
