package middleware

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/restykit/restykit/internal/redact"
)

// Hide tells the call a secret that it uses, so that no error of the kit's repeats it
// where the other side does.
func (i *Info) Hide(secret string) {
	if i == nil || secret == "" {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	var known []string
	if i.secrets != nil {
		known = i.secrets()
	}
	if !slices.Contains(known, secret) {
		known = append(known, secret)
		i.secrets = func() []string { return known }
	}
}

// hidden are the secrets of the call.
func (i *Info) hidden() []string {
	if i == nil {
		return nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.secrets == nil {
		return nil
	}
	return slices.Clone(i.secrets())
}

// Quiet is a text without the secrets that the call was told of by [Info.Hide], however
// they are spelled: for a step that shows something of a request or its answer.
func (i *Info) Quiet(text []byte) []byte { return redact.Secrets(text, i.hidden()) }

// quiet is a header without the call's secrets, which some servers repeat there.
func (i *Info) quiet(h http.Header) http.Header {
	secrets := i.hidden()
	if len(secrets) == 0 {
		return h
	}
	out := h.Clone()
	for _, values := range out {
		for at, value := range values {
			values[at] = string(redact.Secrets([]byte(value), secrets))
		}
	}
	return out
}

// blotted is a window of a body, with stars for the secrets that it shows a part of.
func (i *Info) blotted(body []byte, from, to int) []byte {
	secrets, longest := i.hidden(), 0
	for _, s := range secrets {
		longest = max(longest, len(s)*redact.Spread)
	}
	start := max(0, from-longest)
	return redact.Blot(body[start:min(len(body), to+longest)], secrets)[from-start : to-start]
}

// Format prints a call as contexts are printed: nothing of what it knows, and without a
// race with those who use it.
func (c *call) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "%v.WithCall", c.Context) }

// Format prints an attempt in the same way.
func (a *attempt) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "%v.WithAttempt", a.Context) }

// hushed is an error of the transport's whose text repeats a secret. It is found by
// what it wraps, and does not hand that out to be printed.
type hushed struct {
	err  func() error
	text string
}

func (h *hushed) Error() string        { return h.text }
func (h *hushed) Is(target error) bool { return errors.Is(h.err(), target) }
func (h *hushed) As(target any) bool   { return errors.As(h.err(), target) }

// quietly keeps the call's secrets out of the errors of what is below: some transports
// print the request.
func quietly(below Next) Next {
	return func(req *http.Request) (*http.Response, error) {
		resp, err := below(req)
		if err == nil {
			return resp, nil
		}
		return resp, InfoOf(req.Context()).hush(err)
	}
}

// hush is an error without the call's secrets.
func (i *Info) hush(err error) error {
	text := err.Error()
	if clean := string(redact.Secrets([]byte(text), i.hidden())); clean != text {
		return &hushed{err: func() error { return err }, text: clean}
	}
	return err
}
