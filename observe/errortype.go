package observe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"syscall"

	"github.com/restykit/restykit/middleware"
)

// errorType is a word for an error, of which there are few (error.type of the
// conventions): what the error says of itself by a method ErrorType() string, or what
// kind it is, or the name of its type.
func errorType(err error) string {
	if e, ok := errors.AsType[interface {
		error
		ErrorType() string
	}](err); ok {
		return e.ErrorType()
	}
	if s := kitErrorType(err); s != "" {
		return s
	}
	return plainErrorType(err)
}

// kitErrorType is the word for an error of the kit's core, or "".
func kitErrorType(err error) string {
	if e, ok := errors.AsType[*middleware.TimeoutError](err); ok {
		return "timeout." + e.Limit
	}
	if e, ok := errors.AsType[*middleware.ConnectError](err); ok {
		return "connect." + e.Phase
	}
	if e, ok := errors.AsType[*middleware.StatusError](err); ok {
		return strconv.Itoa(e.StatusCode)
	}
	if _, ok := errors.AsType[*middleware.ContentTypeError](err); ok {
		return "content_type"
	}
	if _, ok := errors.AsType[*middleware.DecodeError](err); ok {
		return "decode"
	}
	if _, ok := errors.AsType[*middleware.MaxBodyError](err); ok {
		return "max_body"
	}
	return ""
}

func plainErrorType(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, syscall.ECONNRESET):
		return "connection_reset"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "unexpected_eof"
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return "timeout"
	}
	return typeName(err)
}

// typeName is the type of the innermost error that has one of its own.
func typeName(err error) string {
	name := "error"
	for ; err != nil; err = errors.Unwrap(err) {
		switch t := fmt.Sprintf("%T", err); t {
		case "*errors.errorString", "*fmt.wrapError", "*fmt.wrapErrors", "*errors.joinError", "*url.Error":
		default:
			name = t
		}
	}
	return name
}
