package observe

import (
	"errors"
	"net/url"
	"strings"

	"github.com/restykit/restykit/internal/redact"
	"github.com/restykit/restykit/middleware"
)

// Redact is an error as it may be shown: without the secrets in the URLs of its text. An
// http.Client puts the whole URL in its errors, with a key in the query and a token in the
// fragment. [errors.Is] and [errors.As] find what they find in err, but for a *url.Error,
// which is found with its URL redacted. It has no Unwrap, so that nobody prints what it
// keeps. An error with nothing to hide is returned as it is, and so is nil.
//
// The errors of a client with a step of the kit's need none of this.
func Redact(err error) error {
	if err == nil {
		return nil
	}
	if u, ok := err.(*url.Error); ok { //nolint:errorlint // of the error itself, not of what it wraps
		return redactURLError(u)
	}
	text := err.Error()
	shown := mask{}.errorText(err)
	if shown == text {
		return err
	}
	return &redacted{text: shown, err: func() error { return err }}
}

func redactURLError(u *url.Error) *url.Error {
	return &url.Error{Op: u.Op, URL: redact.String(u.URL), Err: Redact(u.Err)}
}

// redacted is an error by another text. It keeps the error where fmt does not look.
type redacted struct {
	text string
	err  func() error
}

func (e *redacted) Error() string        { return e.text }
func (e *redacted) Is(target error) bool { return errors.Is(e.err(), target) }

// As finds what errors.As finds, and nobody's URL.
func (e *redacted) As(target any) bool {
	if !errors.As(e.err(), target) {
		return false
	}
	if u, ok := target.(**url.Error); ok {
		*u = redactURLError(*u)
	}
	return true
}

// Timeout tells whether the error is one of a limit.
func (e *redacted) Timeout() bool {
	var t interface{ Timeout() bool }
	return errors.As(e.err(), &t) && t.Timeout()
}

// errorText is the text of an error as it may be shown.
func (m mask) errorText(err error) string {
	text := err.Error()
	for _, u := range urlErrors(err, nil) {
		text = strings.ReplaceAll(text, u.Error(), redactURLError(u).Error()) // with its quotes
		if u.URL != "" {
			text = strings.ReplaceAll(text, u.URL, m.urlText(u.URL))
		}
	}
	return m.urls(text)
}

// urlErrors are those of the tree of an error.
func urlErrors(err error, found []*url.Error) []*url.Error {
	if u, ok := err.(*url.Error); ok { //nolint:errorlint // it walks the tree itself
		found = append(found, u)
	}
	switch e := err.(type) { //nolint:errorlint // it walks the tree itself
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			return urlErrors(inner, found)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			found = urlErrors(inner, found)
		}
	}
	return found
}

// err is the text of an error as it may be shown. Some errors repeat what a server says.
func (r *Redactor) err(info *middleware.Info, err error) string {
	m := mask{of: r, prose: true}
	return r.text(info, m.inText(m.clean(m.errorText(err))))
}
