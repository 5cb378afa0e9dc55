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

// buffer reads a body into memory, most bytes of it. On an error the body is what came,
// and then the error.
func buffer(resp *http.Response, most int64) (*buffered, error) {
	if resp.ContentLength > most {
		return nil, nil
	}
	b := &buffered{rest: resp.Body}
	text, err := readUpTo(resp.Body, resp.ContentLength, most)
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

// Close closes the body.
func (b *buffered) Close() error { return b.rest.Close() }

// shown lets somebody look at what is in memory, and begins anew.
func (b *buffered) shown(look func()) {
	if b == nil {
		look()
		return
	}
	b.held = true
	look()
	b.held = false
	_, _ = b.text.Seek(0, io.SeekStart)
}
