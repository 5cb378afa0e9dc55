package middleware

import (
	"cmp"
	"fmt"
	"reflect"
	"unsafe"

	"github.com/go-resty/resty/v2"
)

// fields reaches what resty does not export and the kit cannot do without: whether a
// response is decoded, streamed or saved, and the lists of hooks. The lists are only
// ever replaced by longer copies, because resty's own registration appends in place
// and two clones of a client then overwrite each other's hooks. See
// docs/adr/0002-private-fields-of-resty.md.
var fields = privateFields{
	clientStreams: private[resty.Client]("notParseResponse", reflect.TypeFor[bool]()),
	requestStream: private[resty.Request]("notParseResponse", reflect.TypeFor[bool]()),
	requestSaves:  private[resty.Request]("isSaveResponse", reflect.TypeFor[bool]()),
	scheme:        private[resty.Client]("scheme", reflect.TypeFor[string]()),
	forced:        private[resty.Request]("forceContentType", reflect.TypeFor[string]()),
	expected:      private[resty.Request]("fallbackContentType", reflect.TypeFor[string]()),
	before:        private[resty.Client]("udBeforeRequest", reflect.TypeFor[[]resty.RequestMiddleware]()),
	request:       private[resty.Client]("beforeRequest", reflect.TypeFor[[]resty.RequestMiddleware]()),
	after:         private[resty.Client]("afterResponse", reflect.TypeFor[[]resty.ResponseMiddleware]()),
	success:       private[resty.Client]("successHooks", reflect.TypeFor[[]resty.SuccessHook]()),
	errors:        private[resty.Client]("errorHooks", reflect.TypeFor[[]resty.ErrorHook]()),
	panics:        private[resty.Client]("panicHooks", reflect.TypeFor[[]resty.ErrorHook]()),
}

type privateFields struct {
	clientStreams, requestStream, requestSaves, scheme, forced, expected privateField
	before, request, after, success, errors, panics                      privateField
}

// privateField is where a field is, or why it is not there.
type privateField struct {
	offset uintptr
	err    error
}

func private[T any](name string, kind reflect.Type) privateField {
	f, ok := reflect.TypeFor[T]().FieldByName(name)
	if !ok || f.Type != kind {
		return privateField{err: fmt.Errorf("this resty has no %v.%s of type %v: the kit knows resty v2.17", reflect.TypeFor[T](), name, kind)}
	}
	return privateField{offset: f.Offset}
}

// check is an error where resty is not the resty that the kit knows.
func (p *privateFields) check() error {
	for _, f := range []privateField{
		p.clientStreams, p.requestStream, p.requestSaves, p.scheme, p.forced, p.expected,
		p.before, p.request, p.after, p.success, p.errors, p.panics,
	} {
		if f.err != nil {
			return f.err
		}
	}
	return nil
}

func at[F, T any](owner *T, f privateField) *F {
	return (*F)(unsafe.Add(unsafe.Pointer(owner), f.offset)) //nolint:gosec // the field is known to be there and of type F
}

// mode tells what becomes of a response's body.
func (p *privateFields) mode(c *resty.Client, r *resty.Request) mode {
	switch {
	case *at[bool](c, p.clientStreams) || *at[bool](r, p.requestStream):
		return streamed
	case p.saved(r):
		return saved
	}
	return decoded
}

// contentType is what resty takes a response for: what the caller forces, what it says,
// or what the caller expects where it says nothing.
func (p *privateFields) contentType(resp *resty.Response) string {
	return cmp.Or(*at[string](resp.Request, p.forced), resp.Header().Get("Content-Type"), *at[string](resp.Request, p.expected))
}

func (p *privateFields) saved(r *resty.Request) bool { return *at[bool](r, p.requestSaves) }

// register adds a hook to a list of a client's that no clone of it shares.
func register[F any](c *resty.Client, list privateField, hook F) {
	hooks := at[[]F](c, list)
	own := make([]F, 0, len(*hooks)+1)
	*hooks = append(append(own, *hooks...), hook)
}

// registerFirst is register for a hook that runs before resty's own.
func registerFirst[F any](c *resty.Client, list privateField, hook F) {
	hooks := at[[]F](c, list)
	own := make([]F, 0, len(*hooks)+1)
	*hooks = append(append(own, hook), *hooks...)
}
