package middleware

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"runtime"
	"slices"
	"strings"

	"github.com/go-resty/resty/v2"
)

// carrier is how a resty client carries its pipeline: as an entry in its RetryHooks,
// which resty calls to no effect. Clone copies that field by value, so a clone has the
// pipeline that its parent had at that moment, which no registry could know.
type carrier struct{ pipe *pipeline }

// carry hands the pipeline to whoever asks with a lookup in the place of the error.
func (h *carrier) carry(_ *resty.Response, err error) {
	if l, ok := err.(*lookup); ok { //nolint:errorlint // no error, and never wrapped
		l.pipe = h.pipe
	}
}

// lookup is a call that asks for its pipeline, so that asking allocates nothing.
type lookup call

// Error makes a lookup fit the hook's signature.
func (*lookup) Error() string { return "middleware: lookup" }

var (
	carryPC     = pc((&carrier{}).carry)
	unmarshalPC = pc((&unmarshaler{}).unmarshal)
)

// pc tells functions apart: the method values of one method share it.
func pc(f any) uintptr { return reflect.ValueOf(f).Pointer() }

// adoptedBy is the pipeline of a client, or nil.
func adoptedBy(c *resty.Client, into *call) *pipeline {
	for _, hook := range c.RetryHooks {
		if reflect.ValueOf(hook).Pointer() == carryPC {
			hook(nil, (*lookup)(into))
		}
	}
	return into.pipe
}

// adopt gives a client its pipeline.
func adopt(c *resty.Client, p *pipeline) {
	hooks := make([]resty.OnRetryFunc, 0, len(c.RetryHooks)+1)
	for _, hook := range c.RetryHooks {
		if pc(hook) != carryPC {
			hooks = append(hooks, hook)
		}
	}
	c.RetryHooks = slices.Clip(append(hooks, (&carrier{pipe: p}).carry))
	watchDecoding(c, p.decodes)
}

// conflicts are settings of the client that contradict its steps. They are looked for
// in Use and again at each request, since a client can be changed at any time.
func conflicts(c *resty.Client, p *pipeline) error {
	var errs mistakes
	if c.RetryCount < 0 {
		errs = append(errs, fmt.Errorf("middleware: RetryCount is %d: resty then sends nothing and returns neither response nor error: SetRetryCount(0)", c.RetryCount))
	}
	if c.RetryCount != 0 && p.limits.deadline > 0 {
		errs = append(errs, fmt.Errorf("deadline: the client retries by itself (RetryCount %d), beyond any deadline of one call: SetRetryCount(0), and add retry.Policy", c.RetryCount))
	}
	if c.RetryCount != 0 && p.retries != "" {
		errs = append(errs, fmt.Errorf("%s: the client retries by itself (RetryCount %d), and the two would multiply: SetRetryCount(0)", p.retries, c.RetryCount))
	}
	for _, w := range p.writers {
		if err := ownField(c, w.Writes()); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", w.Name(), err))
		}
	}
	if errs == nil {
		return nil
	}
	return errs
}

// ownField is an error where the resty client sets a header field by itself.
func ownField(c *resty.Client, field string) error {
	const both = ": remove one of the two, or set it on the request, where it wins"
	switch {
	case strings.HasPrefix(field, "?") && c.QueryParam.Has(field[1:]):
		return errors.New("the client sets the query parameter " + field[1:] + " too (SetQueryParam)" + both)
	case setsField(c.Header, field):
		return errors.New("the client sets " + field + " too (SetHeader)" + both)
	case c.Token != "" && http.CanonicalHeaderKey(c.HeaderAuthorizationKey) == field:
		return errors.New("the client sets " + field + " too (SetAuthToken)" + both)
	case field == "Authorization" && c.UserInfo != nil:
		return errors.New("the client sets Authorization too (SetBasicAuth)" + both)
	case field == "Authorization" && strings.Contains(baseOf(c), "@"):
		if u, err := baseURL(c); err == nil && u.User != nil {
			return errors.New("the client sets Authorization too (user and password in its BaseURL)" + both)
		}
	}
	return nil
}

// setsField tells whether a header has a field, in whatever letters SetHeaderVerbatim
// wrote it.
func setsField(h http.Header, field string) bool {
	for name, values := range h {
		if len(name) == len(field) && len(values) > 0 && strings.EqualFold(name, field) {
			return true
		}
	}
	return false
}

// digestBefore tells whether SetDigestAuth was called on the client.
func digestBefore(c *resty.Client) bool {
	return slices.ContainsFunc(*at[[]resty.RequestMiddleware](c, fields.before), func(hook resty.RequestMiddleware) bool {
		f := runtime.FuncForPC(pc(hook))
		return f != nil && strings.Contains(f.Name(), ".SetDigestAuth.")
	})
}
