package middleware

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"text/tabwriter"
)

// Stack is a list of steps: a team's standard, or the pipeline of a client. A
// function returns one, so that its stateful steps are made anew for each client:
//
//	func Standard(log *slog.Logger) middleware.Stack { ... }
//
// A later step of a name replaces an earlier one.
type Stack []Middleware

// String is the pipeline, a line for each step: layer, name and what the step says of
// itself. It is in order for what [Of] returns; a stack of your own is printed as it is
// written, also with what [Use] would replace.
func (s Stack) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, step := range s {
		if step == nil {
			continue
		}
		detail := ""
		if line, ok := step.(fmt.Stringer); ok {
			detail = line.String()
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", step.Layer(), step.Name(), detail)
	}
	_ = w.Flush()
	lines := strings.Split(b.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// find is the index of the step of a name, or -1.
func (s Stack) find(name string) int {
	return slices.IndexFunc(s, func(m Middleware) bool { return m.Name() == name })
}

// ranks orders the kit's own steps within their layer. Steps of users stand where
// users is, in the order in which they were given. What is before the colon of a
// name counts, and steps of one rank are ordered by name.
var ranks = map[string]int{
	"require-status": 1, "require-json": 2, "deadline": 3,
	"header": 4, "user-agent": 5, "request-id": 6, "idempotency-key": 7,
	"log": 8, "trace": 9, "metrics": 10, "curl": 11, "har": 12, "recorder": 13,
	"retry": 1, hedge: users + 1, // the innermost, also where a user's step retries
	"basic": 1, "bearer": 2, "jwt": 2, "oauth2": 3, "api-key": 4, "netrc": 5,
	"digest": users + 1, "hmac": users + 1, "oauth1": users + 1, "signature": users + 2, "sigv4": users + 2, // last: they cover what the others have written
	"timeout": 1, "max-body": 2, "pool": 3,
}

const (
	users = 100
	hedge = "hedge"
)

func rank(m Middleware) int {
	kind, _, _ := strings.Cut(m.Name(), ":")
	if r, ok := ranks[kind]; ok {
		return r
	}
	return users
}

// sorted is the stack in the order of the pipeline.
func (s Stack) sorted() Stack {
	out := slices.Clone(s)
	slices.SortStableFunc(out, func(a, b Middleware) int {
		if c := cmp.Or(cmp.Compare(a.Layer(), b.Layer()), cmp.Compare(rank(a), rank(b))); c != 0 || rank(a) == users {
			return c
		}
		return cmp.Compare(a.Name(), b.Name())
	})
	return out
}

// with is the stack with further steps: a later one replaces its namesake in its
// place, so that the order of users' steps stays. Steps that a request brings, with what
// others have brought, also drop those that write the same header field.
func (s Stack) with(steps Stack, before *brought) Stack {
	out := slices.Clone(s)
	for _, step := range steps {
		at := out.find(step.Name())
		var old Middleware
		if at >= 0 {
			old = out[at]
		}
		if _, off := step.(offStep); off {
			if at >= 0 {
				out = slices.Delete(out, at, at+1)
			}
			continue
		}
		if b, ok := step.(Binder); ok && !same(old, step) {
			if old != nil || before == nil {
				step = b.Bind(old)
			} else {
				step = before.bind(b)
			}
		}
		if before != nil {
			out = slices.DeleteFunc(out, func(m Middleware) bool { return m.Name() != step.Name() && sameField(m, step) })
			at = out.find(step.Name())
		}
		if at >= 0 {
			out[at] = step
		} else {
			out = append(out, step)
		}
	}
	return out
}

// same tells whether two steps are one. Those that cannot be compared never are.
func same(a, b Middleware) bool {
	return a != nil && reflect.ValueOf(a).Comparable() && a == b
}

// sameField tells whether two steps write the same header field.
func sameField(a, b Middleware) bool {
	x, ok := a.(Writer)
	y, ok2 := b.(Writer)
	return ok && ok2 && x.Writes() != "" && x.Writes() == y.Writes()
}
