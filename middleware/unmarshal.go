package middleware

import (
	"bytes"
	"sync/atomic"

	"github.com/go-resty/resty/v2"
)

// unmarshaler wraps the client's JSONUnmarshal, which is the only place at which
// resty's decoding can be seen: an error there comes before all hooks of users. It
// costs nothing on success. Every client with a pipeline has one, since requests read
// the client's field while others may bring a RequireJSON along.
type unmarshaler struct {
	next func([]byte, any) error
	on   atomic.Bool
}

func (u *unmarshaler) unmarshal(data []byte, into any) error {
	if l, ok := into.(*lookupUnmarshaler); ok {
		l.found = u
		return nil
	}
	if !u.on.Load() {
		return u.next(data, into)
	}
	if len(data) == 0 {
		return nil
	}
	err := u.next(data, into)
	if err == nil {
		return nil
	}
	return &verdict{err: &DecodeError{Body: bytes.Clone(data[:min(len(data), excerptBytes)]), Offset: offsetOf(err), Err: err, data: data}}
}

// lookupUnmarshaler asks a client's JSONUnmarshal for its unmarshaler.
type lookupUnmarshaler struct{ found *unmarshaler }

// isWatched is false where the user has set another JSONUnmarshal since Use.
func isWatched(c *resty.Client) bool {
	return c.JSONUnmarshal == nil || pc(c.JSONUnmarshal) == unmarshalPC
}

func unmarshalerOf(c *resty.Client) *unmarshaler {
	if c.JSONUnmarshal == nil || !isWatched(c) {
		return nil
	}
	l := &lookupUnmarshaler{}
	_ = c.JSONUnmarshal(nil, l)
	return l.found
}

// switchDecoding makes a client's unmarshaler work from now on.
func switchDecoding(c *resty.Client) {
	if u := unmarshalerOf(c); u != nil {
		u.on.Store(true)
	}
}

// watchDecoding gives a client an unmarshaler of its own.
func watchDecoding(c *resty.Client, on bool) {
	u := &unmarshaler{next: c.JSONUnmarshal}
	if old := unmarshalerOf(c); old != nil {
		u.next = old.next
	}
	u.on.Store(on)
	if u.next != nil {
		c.JSONUnmarshal = u.unmarshal
	}
}

// verdict is the error of a body that could not be decoded, until it is known what is
// wrong: resty decodes before the status and the media type are judged. It prints and is
// found as the error that it stands for.
type verdict struct{ err error }

func (v *verdict) Error() string { return v.err.Error() }
func (v *verdict) Unwrap() error { return v.err }

// judge is the verdict when the response is there.
func (v *verdict) judge(c *call, resp *resty.Response) {
	decode, ok := v.err.(*DecodeError) //nolint:errorlint // set above, never wrapped
	if !ok || resp == nil || resp.RawResponse == nil {
		return
	}
	for _, s := range c.pipe.checks {
		if rank(s) == users {
			continue // they judge what was decoded
		}
		if err := s.Check(resp); err != nil {
			v.err = err
			return
		}
	}
	decode.complete(c, resp)
}
