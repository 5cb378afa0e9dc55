package retry

import (
	"bytes"
	"errors"
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

// readUpTo reads a body of a length, or of one that is not known, and one byte more than
// most where there is that much.
func readUpTo(body io.Reader, length, most int64) ([]byte, error) {
	if length < 0 {
		return io.ReadAll(io.LimitReader(body, most+1))
	}
	text := make([]byte, length)
	n, err := io.ReadFull(body, text)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return text[:n], err
	}
	var end [1]byte
	if n, err := body.Read(end[:]); n > 0 || (err != nil && err != io.EOF) {
		return slices.Concat(text, end[:n]), err
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
	look()
	b.held = false
	_, _ = b.text.Seek(0, io.SeekStart)
}
