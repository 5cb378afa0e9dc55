package retry

import (
	"context"
	"net/http"
	"time"
)

// runner is an attempt of a race.
type runner struct {
	drop     func()
	start    time.Time
	ended    bool // and what follows may be read
	took     time.Duration
	resp     *http.Response
	err      error
	returned bool // with one of the two, and without a panic
	panicked any
	guests   guests // in a [Limit]
}

type runnerKey struct{}

func (l *runner) attempt(ctx context.Context, number int) Attempt {
	a := Attempt{Number: number, Start: l.start}
	if !l.ended { // what it has is not ours to read
		if a.Duration, a.Err = time.Since(l.start), ErrOutrun; ctx.Err() != nil {
			a.Err = context.Cause(ctx)
		}
		return a
	}
	if a.Duration, a.Err = l.took, l.err; l.err == nil {
		a.StatusCode = l.resp.StatusCode
	}
	return a
}

// yield gives up what those that are under way may be waiting for: the place in a [Limit],
// and the connection.
func (l *runner) yield() {
	l.guests.leave()
	if l.err == nil {
		ahead(l.resp)
	}
}

// body is what of a runner's answer is read ahead.
func (l *runner) body() (*readAhead, bool) {
	if !l.ended || l.resp == nil {
		return nil, false
	}
	b, ok := l.resp.Body.(*readAhead)
	return b, ok
}
