// Package memnet is a network in memory, for tests in a synctest bubble: sockets of the
// system would keep the bubble's clock from moving.
package memnet

import (
	"context"
	"net"
	"sync"
)

// Listener is a server's end of it. It is safe for concurrent use.
type Listener struct {
	conns chan net.Conn
	gone  chan struct{}
	end   sync.Once
}

// Listen is a new listener, at no address.
func Listen() *Listener { return &Listener{conns: make(chan net.Conn), gone: make(chan struct{})} }

// DialContext connects to the listener, whatever the address.
func (l *Listener) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		return near, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.gone:
		return nil, net.ErrClosed
	}
}

// Accept is the next connection.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.gone:
		return nil, net.ErrClosed
	}
}

// Close ends it.
func (l *Listener) Close() error {
	l.end.Do(func() { close(l.gone) })
	return nil
}

// Addr is one that nobody has (RFC 5737).
func (l *Listener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443} }
