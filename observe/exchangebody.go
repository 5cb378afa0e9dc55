package observe

import (
	"errors"
	"io"
)

// body is what was read of a body: how much, and its beginning.
type body struct {
	size  int64
	begin []byte
	whole bool // begin is all of it
}

func (b *body) note(p []byte, keep int) {
	b.size += int64(len(p))
	if left := keep - len(b.begin); left > 0 {
		b.begin = append(b.begin, p[:min(left, len(p))]...)
	}
}

// ends notes that all of the body was read, where err says so.
func (b *body) ends(err error) {
	if errors.Is(err, io.EOF) {
		b.whole = int64(len(b.begin)) == b.size
	}
}

// settle tells whether the beginning is all of a body whose length is known: nobody has to
// read on to its end.
func (b *body) settle(length int64) {
	b.whole = b.whole || (length >= 0 && b.size == length && int64(len(b.begin)) == b.size)
}

// sentBody keeps the beginning of a request's body.
type sentBody struct {
	io.ReadCloser

	of *watched
}

func (b *sentBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.of.mu.Lock()
	b.of.sent.note(p[:n], b.of.keep)
	b.of.sent.ends(err)
	b.of.mu.Unlock()
	return n, err
}
