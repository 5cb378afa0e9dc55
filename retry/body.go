package retry

import (
	"bytes"
	"io"
	"net/http"
	"slices"
)

// buffered is a body of which the beginning, or all, is in memory.
type buffered struct {
	text bytes.Reader
	rest io.ReadCloser // what comes behind
	err  error         // in its place
	held bool          // nothing comes behind for now
}

// mostRoom is the most that is made room for on the word of a server.
const mostRoom = 1 << 20

// buffer reads a body into memory, most bytes of it; of one that is known to be longer, none,
// or the beginning where that is asked for. On an error the body is what came, and then the
// error.
func buffer(resp *http.Response, most int64, beginning bool) (*buffered, error) {
	length := resp.ContentLength
	if length > most {
		if !beginning {
			return nil, nil
		}
		length = -1
	}
	b := &buffered{rest: resp.Body}
	text, err := readUpTo(resp.Body, length, most)
	b.text.Reset(text)
	if err != nil {
		b.err = err
	} else if int64(len(text)) <= most { // all of it
		b.err = io.EOF
		_ = resp.Body.Close()
	}
	resp.Body = b
	return b, err
}

// readUpTo reads a body, and one byte more than most where there is that much. length is
// what the body is said to have, or -1: no more than how much room it may need, since
// whoever changes a body need not change that.
func readUpTo(body io.Reader, length, most int64) ([]byte, error) {
	text := make([]byte, 0, min(max(length, 0), most, mostRoom)+bytes.MinRead)
	for int64(len(text)) <= most {
		text = slices.Grow(text, 1)
		room := text[len(text):cap(text)]
		if left := most - int64(len(text)); left < int64(len(room)) {
			room = room[:left+1]
		}
		n, err := body.Read(room)
		text = text[:len(text)+n]
		if err == io.EOF {
			break
		}
		if err != nil {
			return text, err
		}
	}
	return text, nil
}

// Read reads what is in memory, and then the rest.
func (b *buffered) Read(p []byte) (int, error) {
	if n, _ := b.text.Read(p); n > 0 || len(p) == 0 {
		return n, nil
	}
	switch {
	case b.held:
		return 0, io.EOF
	case b.err != nil:
		return 0, b.err
	}
	return b.rest.Read(p)
}

// Close closes the body, unless somebody only looks at it.
func (b *buffered) Close() error {
	if b.held {
		return nil
	}
	return b.rest.Close()
}

// show lets somebody look at a response, and at what is in memory of its body.
func show(resp *http.Response, b *buffered, look func()) {
	if b == nil {
		body := resp.Body
		defer func() { resp.Body = body }()
		resp.Body = http.NoBody
		look()
		return
	}
	b.held = true
	defer func() {
		b.held, resp.Body = false, b
		_, _ = b.text.Seek(0, io.SeekStart)
	}()
	look()
}
