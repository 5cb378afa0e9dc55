// Package faultserver is an HTTP/1.1 server for tests that fails in the ways networks and
// servers do: it resets, hangs up, stalls, cuts answers short, answers twice.
package faultserver

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"sync"

	"github.com/restykit/restykit/internal/memnet"
)

// Server meets the nth request, of all connections, with the nth of its faults, and any
// further one with the last.
type Server struct {
	URL string // without a slash at its end

	listener net.Listener
	faults   []Fault
	closed   chan struct{}
	serving  sync.WaitGroup

	mu     sync.Mutex
	seen   []Request
	opened int
	open   map[net.Conn]struct{}
}

// Request is one that the server has read.
type Request struct {
	Method, Path, Body string
	Header             http.Header
}

// Start is a server on a loopback port.
func Start(faults ...Fault) (*Server, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return serve("http://"+l.Addr().String(), l, faults), nil
}

// InMemory is a server for a synctest bubble, where a network of the system would keep the
// clock from moving. It is reached by the returned transport alone.
func InMemory(faults ...Fault) (*Server, *http.Transport) {
	l := memnet.Listen()
	return serve("http://fault.test", l, faults), &http.Transport{DialContext: l.DialContext}
}

func serve(url string, l net.Listener, faults []Fault) *Server {
	s := &Server{URL: url, listener: l, faults: faults, closed: make(chan struct{}), open: map[net.Conn]struct{}{}}
	s.serving.Go(s.accept)
	return s
}

// Requests are those that have been read whole.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.seen...)
}

// Connections is how many were opened.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened
}

// Close ends all connections, and waits for what serves them.
func (s *Server) Close() {
	close(s.closed)
	_ = s.listener.Close()
	s.mu.Lock()
	for c := range s.open {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.serving.Wait()
}

func (s *Server) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.opened++
		s.open[c] = struct{}{}
		s.mu.Unlock()
		s.serving.Go(func() { s.converse(c) })
	}
}

// converse serves one connection.
func (s *Server) converse(c net.Conn) {
	defer func() {
		_ = c.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.open, c)
	}()
	r := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil || !s.next(req, body)(&Exchange{Conn: c, method: req.Method, closed: s.closed}) {
			return
		}
	}
}

// next files a request, and is what it meets.
func (s *Server) next(req *http.Request, body []byte) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, Request{Method: req.Method, Path: req.URL.Path, Body: string(body), Header: req.Header})
	return s.faults[min(len(s.seen), len(s.faults))-1]
}
