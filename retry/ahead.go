package retry

import (
	"io"
	"net/http"
	"sync"
)

// readAhead is a body that is read into memory as it comes, so that its connection is free
// for others before somebody asks for it.
type readAhead struct {
	io.ReadCloser

	mu       sync.Mutex
	more     sync.Cond
	text     []byte // that has come, and was not asked for
	err      error  // behind it
	panicked any    // in its place
	done     bool   // nothing is read ahead any more
}

// mostAhead is the longest body that is read ahead: as much as the core drains of one that is
// not wanted.
const mostAhead = 256 << 10

// ahead begins to read the body of an answer.
func ahead(resp *http.Response) {
	if resp.Body == nil || resp.Body == http.NoBody || resp.ContentLength > mostAhead {
		return
	}
	b := &readAhead{ReadCloser: resp.Body}
	b.more.L = &b.mu
	resp.Body = b
	go b.run()
}

func (b *readAhead) run() {
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.panicked, b.done = recover(), true
		b.more.Broadcast()
	}()
	buf := make([]byte, 4<<10)
	for left := mostAhead; left > 0; {
		n, err := b.ReadCloser.Read(buf[:min(left, len(buf))])
		left -= n
		if !b.came(buf[:n], err) || err != nil {
			return
		}
	}
}

// came files what has come, and tells whether somebody still wants it.
func (b *readAhead) came(text []byte, err error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text = append(b.text, text...)
	if b.err == nil {
		b.err = err
	}
	b.more.Broadcast()
	return b.err == nil
}

// Read reads what has come, and then the rest.
func (b *readAhead) Read(p []byte) (int, error) {
	b.mu.Lock()
	for len(b.text) == 0 && b.err == nil && !b.done {
		b.more.Wait()
	}
	defer b.mu.Unlock()
	switch n := copy(p, b.text); {
	case n > 0 || len(p) == 0:
		b.text = b.text[n:]
		return n, nil
	case b.panicked != nil:
		panic(b.panicked) //nolint:forbidigo // of the body, in the goroutine that asks for it
	case b.err != nil:
		return 0, b.err
	}
	return b.ReadCloser.Read(p)
}

// stop closes the body unless it has come whole: nobody wants it.
func (b *readAhead) stop() {
	b.mu.Lock()
	whole := b.done
	if b.err == nil && !whole {
		b.err = io.ErrClosedPipe
	}
	b.mu.Unlock()
	if !whole {
		_ = b.Close()
	}
}
