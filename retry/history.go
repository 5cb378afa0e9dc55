package retry

import (
	"slices"
	"sync"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/middleware"
)

// Attempt is one sending of a request, as it ended.
type Attempt struct {
	Number     int // in its call, from 1; a redirect hop goes on with the number of the one before
	Start      time.Time
	Duration   time.Duration // to the headers of the answer, and to the end of a body that Policy.MaxBuffer holds
	StatusCode int           // of the answer, or 0
	Err        error         // or why there is none
	Wait       time.Duration // what was waited before the next attempt, or 0
}

// History is the attempts of the call that a response ends, the newest 16, on success
// too. It is nil where the client has no [Policy].
func History(resp *resty.Response) []Attempt {
	if resp == nil || resp.Request == nil {
		return nil
	}
	ctx := resp.Request.Context()
	if middleware.StepOf(ctx, Policy{}.Name()) == nil {
		return nil
	}
	info := middleware.InfoOf(ctx)
	if all := recordOf(info).all(); len(all) > 0 || resp.RawResponse == nil {
		return all
	}
	return []Attempt{{Number: 1, Start: info.Start(), Duration: resp.ReceivedAt().Sub(info.Start()), StatusCode: resp.StatusCode()}}
}

const maxHistory = 16

// record is the attempts of a call. It is made when there is more than one to tell of.
type record struct {
	mu       sync.Mutex
	attempts []Attempt
}

type recordKey struct{}

func recordOf(info *middleware.Info) *record {
	return info.Memo(recordKey{}, func() any { return &record{} }).(*record)
}

func (r *record) add(a Attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.attempts) == maxHistory {
		r.attempts = slices.Delete(r.attempts, 0, 1)
	}
	r.attempts = append(r.attempts, a)
}

func (r *record) all() []Attempt {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.attempts)
}
