package observe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/middleware"
)

// Curl writes the curl command that repeats a call which fails: the last request of the
// call as it was sent, after retries and redirects. A call fails with an error or with a
// status from 400 on. There is no command for a call of which nothing was sent, nor for one
// that its caller cancelled.
//
// The command is for a POSIX shell, and everything in it is quoted. What the Redactor hides
// is a variable, such as ${REDACTED_AUTHORIZATION:?}: set it, escaped as what it stands in
// wants it, or the shell says that it is not set and sends nothing. A body that is too long
// for Bodies, that cannot be read twice, or of which more is hidden than the fields by their
// names, is read from a file named body, and the files of a multipart form from one named
// file, as @body and @file say. White space in JSON is left out. What is not of the request
// is not in the command: proxies, certificates, the version of HTTP.
//
// It costs no more than a note of the request before a call has failed, and nothing where
// the level is off. Under [middleware.Stack.RoundTripper] it does nothing.
type Curl struct {
	// Func is given the command, and loses it where it panics. nil writes it to Logger, at level warn, as the field
	// command of the line "http curl".
	Func     func(ctx context.Context, command string)
	Logger   *slog.Logger // nil is slog.Default()
	Redactor *Redactor    // nil is its zero value
	// Bodies is how many bytes the body in the command may have. 0 is 4096.
	Bodies int
}

// Name is "curl".
func (Curl) Name() string { return "curl" }

// Layer is [middleware.Call].
func (Curl) Layer() middleware.Layer { return middleware.Call }

// Validate refuses a size below 0.
func (c Curl) Validate() error {
	if c.Bodies < 0 {
		return fmt.Errorf("Bodies: %d is no number of bytes: leave it 0 for 4096", c.Bodies)
	}
	return nil
}

// String is empty: there is nothing to say of it.
func (Curl) String() string { return "" }

const curlBodies = 4096

type curlKey struct{}

// lastSend is the request that was sent last.
type lastSend struct{ atomic.Pointer[http.Request] }

// Attempt notes the request.
func (c Curl) Attempt(req *http.Request, next middleware.Next) (*http.Response, error) {
	if info := middleware.InfoOf(req.Context()); info.Request() != nil && c.wanted(req.Context()) {
		info.Memo(curlKey{}, func() any { return &lastSend{} }).(*lastSend).Store(req)
	}
	return next(req)
}

func (c Curl) wanted(ctx context.Context) bool {
	return c.Func != nil || Log{Logger: c.Logger}.on(ctx, slog.LevelWarn)
}

// Done writes the command.
func (c Curl) Done(info *middleware.Info, resp *resty.Response, err error) {
	if (err == nil && statusOf(resp, err) < http.StatusBadRequest) || errors.Is(err, context.Canceled) {
		return
	}
	ctx := contextOf(info)
	if !c.wanted(ctx) {
		return
	}
	req := info.Memo(curlKey{}, func() any { return &lastSend{} }).(*lastSend).Load()
	if req == nil {
		return
	}
	command := c.command(info, req)
	if c.Func != nil {
		defer func() { _ = recover() }() // as where a handler panics
		c.Func(ctx, command)
		return
	}
	ctx, attrs := traced(ctx, []slog.Attr{slog.String("command", command)}, info)
	write(ctx, Log{Logger: c.Logger}.logger(), slog.LevelWarn, "http curl", attrs)
}
