package faultserver

import (
	"fmt"
	"io"
	"net"
	"strings"
)

// Fault is what the server does with a request that it has read. It tells whether the
// connection goes on.
type Fault func(*Exchange) bool

// Exchange is the connection that a request came on.
type Exchange struct {
	net.Conn

	method string
	closed <-chan struct{} // with the server
}

// Answer is no fault: an answer with a body, and header fields in pairs.
func Answer(status int, body string, fields ...string) Fault {
	return func(e *Exchange) bool { return e.write(head(status, len(body), fields...) + e.body(body)) }
}

// Chunked is an answer whose length is not told.
func Chunked(status int, body string) Fault {
	return func(e *Exchange) bool {
		return e.write(fmt.Sprintf("HTTP/1.1 %d Status\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", status, len(body), body))
	}
}

// Twice answers, and then again, as nobody has asked.
func Twice(status int, body string) Fault {
	return func(e *Exchange) bool {
		answer := head(status, len(body)) + e.body(body)
		return e.write(answer + answer)
	}
}

// Reset breaks the connection off: the client sees ECONNRESET. On a connection in memory it
// is a [Hangup].
func Reset(e *Exchange) bool {
	if c, ok := e.Conn.(*net.TCPConn); ok {
		_ = c.SetLinger(0) // a RST in place of a FIN
	}
	return false
}

// Hangup closes the connection without an answer.
func Hangup(*Exchange) bool { return false }

// Stall says nothing until the client hangs up.
func Stall(e *Exchange) bool {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = e.Read(make([]byte, 1))
	}()
	select {
	case <-gone:
	case <-e.closed:
		_ = e.Close()
		<-gone
	}
	return false
}

// StallBody begins an answer of 100 bytes, and stalls in its midst.
func StallBody(e *Exchange) bool { return e.write(head(200, 100)+"half") && Stall(e) }

// Truncate begins an answer of 100 bytes, and hangs up in its midst.
func Truncate(e *Exchange) bool {
	e.write(head(200, 100) + "half")
	return false
}

// TruncateChunked is [Truncate] for an answer in chunks, whose length nobody has told.
func TruncateChunked(e *Exchange) bool {
	e.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
	return false
}

// Garbage is an answer that is no HTTP.
func Garbage(e *Exchange) bool {
	e.write("SSH-2.0-OpenSSH_9.2\r\n")
	return false
}

func (e *Exchange) write(text string) bool {
	_, err := io.WriteString(e, text)
	return err == nil
}

// body is none for a HEAD.
func (e *Exchange) body(text string) string {
	if e.method == "HEAD" {
		return ""
	}
	return text
}

func head(status, length int, fields ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.1 %d Status\r\nContent-Length: %d\r\n", status, length)
	for i := 0; i+1 < len(fields); i += 2 {
		fmt.Fprintf(&b, "%s: %s\r\n", fields[i], fields[i+1])
	}
	return b.String() + "\r\n"
}
