package observe

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/restykit/restykit/middleware"
)

// ending is an answer's body that tells its end, once: when it was read to its end or
// broke, was closed, or, where nobody may read it, when its context ended.
type ending struct {
	io.ReadCloser

	size atomic.Int64 // read so far
	once sync.Once
	told func(error)

	mu   sync.Mutex // of stop, which is set while its function may run already
	stop func() bool
}

// follow takes the place of the answer's body. told gets nil for a body that ended well.
func (e *ending) follow(ctx context.Context, info *middleware.Info, resp *http.Response, told func(error)) {
	e.ReadCloser, e.told = resp.Body, told
	resp.Body = e
	if info.Streams() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.stop = context.AfterFunc(ctx, func() { e.end(context.Cause(ctx)) })
	}
}

// Read notes the end.
func (e *ending) Read(p []byte) (int, error) {
	n, err := e.ReadCloser.Read(p)
	e.size.Add(int64(n))
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		e.end(nil)
	default:
		e.end(err)
	}
	return n, err
}

// Close is the end.
func (e *ending) Close() error {
	err := e.ReadCloser.Close()
	e.end(nil)
	return err
}

func (e *ending) end(err error) {
	e.once.Do(func() {
		e.mu.Lock()
		stop := e.stop
		e.mu.Unlock()
		if stop != nil {
			stop()
		}
		e.told(err)
	})
}

// hasBody tells whether an answer's body is to be followed: that of a switched protocol is
// a connection.
func hasBody(resp *http.Response) bool {
	return resp.Body != nil && resp.Body != http.NoBody && resp.StatusCode != http.StatusSwitchingProtocols
}
