package observe

import (
	"crypto/tls"
	"net/http/httptrace"
	"sync"
	"time"
)

// phases are the parts of a send, as far as the transport tells of them. Zero is a part
// that there was not, or that is not known.
type phases struct {
	reused  bool
	blocked time.Duration // until there was a connection, without the three that follow
	dns     time.Duration
	connect time.Duration // of TCP
	tls     time.Duration
	send    time.Duration // of the request
	wait    time.Duration // from there to the first byte of the answer
	receive time.Duration // of the answer, to the body's end
	remote  string        // the address of the other side
}

// clock is when the parts of a send began and ended, each the last time.
type clock struct {
	mu                                                                    sync.Mutex
	asked, dns, dnsEnd, dial, dialEnd, shake, shakeEnd, got, wrote, first time.Time
	reused                                                                bool
	remote                                                                string
}

func (c *clock) trace() *httptrace.ClientTrace {
	at := func(t *time.Time) {
		c.mu.Lock()
		defer c.mu.Unlock()
		*t = time.Now()
	}
	return &httptrace.ClientTrace{
		GetConn:              func(string) { at(&c.asked) },
		DNSStart:             func(httptrace.DNSStartInfo) { at(&c.dns) },
		DNSDone:              func(httptrace.DNSDoneInfo) { at(&c.dnsEnd) },
		ConnectStart:         func(string, string) { at(&c.dial) },
		ConnectDone:          func(string, string, error) { at(&c.dialEnd) },
		TLSHandshakeStart:    func() { at(&c.shake) },
		TLSHandshakeDone:     func(tls.ConnectionState, error) { at(&c.shakeEnd) },
		WroteRequest:         func(httptrace.WroteRequestInfo) { at(&c.wrote) },
		GotFirstResponseByte: func() { at(&c.first) },
		GotConn: func(i httptrace.GotConnInfo) {
			at(&c.got)
			c.mu.Lock()
			defer c.mu.Unlock()
			c.reused = i.Reused
			if i.Conn != nil {
				c.remote = i.Conn.RemoteAddr().String()
			}
		},
	}
}

// phases are the times between. The part that was under way at the end lasted until then.
func (c *clock) phases(begun, ended time.Time) phases {
	c.mu.Lock()
	defer c.mu.Unlock()
	between := func(from, to, or time.Time) time.Duration {
		switch {
		case from.IsZero():
			return 0
		case !to.IsZero():
		case !or.IsZero():
			to = or
		default:
			to = ended
		}
		return max(0, to.Sub(from))
	}
	wrote := c.wrote
	if !c.first.IsZero() && (wrote.IsZero() || wrote.After(c.first)) { // the answer came before all was sent
		wrote = c.first
	}
	p := phases{
		reused: c.reused, remote: c.remote,
		send: between(c.got, wrote, ended), wait: between(wrote, c.first, ended), receive: between(c.first, ended, ended),
	}
	if !c.reused { // a connection that was made for another request is not this one's
		p.dns, p.connect, p.tls = between(c.dns, c.dnsEnd, c.got), between(c.dial, c.dialEnd, c.got), between(c.shake, c.shakeEnd, c.got)
	}
	if !c.asked.IsZero() {
		p.blocked = max(0, between(begun, c.got, ended)-p.dns-p.connect-p.tls)
	}
	return p
}
