package observe

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/internal/redact"
	"github.com/restykit/restykit/middleware"
)

// Recorder keeps the last calls of each origin in memory, with all their sends, waits and
// other events, and counts for each origin and route: rates, errors, latencies, retries,
// waits and bytes. [Recorder.Snapshot] gives that to a program and [Recorder.Handler] to a
// person. Nothing that is secret is kept: what the Redactor hides is hidden at once.
//
// Calls that failed are kept beside the others and give way later. Headers and bodies are
// kept of sends that failed alone. There is a bound on everything: on the calls of an origin,
// in number and bytes, on 64 sends and 64 events of a call, on 64 origins and 512 routes.
// Beyond that, calls are counted as those of "(other origins)" or "(other routes)"; an
// origin that was not called for five minutes makes room for a new one.
//
// One Recorder may serve many clients; the page shows the pipeline of each that has made a
// call and is still in use. Under [middleware.Stack.RoundTripper] each redirect hop is a call
// of its own, until its headers, and no pipeline is shown.
//
// The zero value is ready. It is a pointer and not copied, and safe for concurrent use.
type Recorder struct {
	Calls    int       // that are kept for each origin, and as many that failed. 0 is 50
	MaxBytes int       // of them, for each origin. 0 is 1 MiB
	Bodies   int       // bytes that are kept of each body of a send that failed. 0 is none
	Redactor *Redactor // nil shows what nobody can misuse

	once    sync.Once
	fresh   func() any   // a record; kept, so that asking for one allocates nothing
	since   atomic.Int64 // of the first call, in nanoseconds
	ids     atomic.Uint64
	origins origins
	clients clients
	news    news
}

// Name is "recorder".
func (*Recorder) Name() string { return "recorder" }

// Layer is [middleware.Call].
func (*Recorder) Layer() middleware.Layer { return middleware.Call }

// Validate refuses numbers that cannot be meant.
func (r *Recorder) Validate() error {
	var errs []error
	for _, n := range []struct {
		name  string
		value int
	}{{"Calls", r.Calls}, {"MaxBytes", r.MaxBytes}, {"Bodies", r.Bodies}} {
		if n.value < 0 {
			errs = append(errs, fmt.Errorf("%s is %d: give a positive number, or 0 for the default", n.name, n.value))
		}
	}
	return errors.Join(errs...)
}

func (r *Recorder) calls() int {
	if r.Calls == 0 {
		return 50
	}
	return r.Calls
}

func (r *Recorder) maxBytes() int {
	if r.MaxBytes == 0 {
		return 1 << 20
	}
	return r.MaxBytes
}

// String is "50 calls of each origin".
func (r *Recorder) String() string { return fmt.Sprintf("%d calls of each origin", r.calls()) }

// Prepare begins the record of the call.
func (r *Recorder) Prepare(c *resty.Client, req *resty.Request) error {
	r.clients.note(c)
	r.recordOf(middleware.InfoOf(req.Context())).begins(req.Method)
	return nil
}

// RoundTrip is there for the calls of a plain http.Client, which nobody else tells of their
// end: each hop is one.
func (r *Recorder) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	ctx := req.Context()
	if middleware.RequestOf(ctx) != nil {
		return next(req)
	}
	info := middleware.InfoOf(ctx)
	c := r.recordOf(info).nextHop(req.Method)
	resp, err := next(req)
	status := 0
	if err == nil {
		status = resp.StatusCode
	}
	c.finish(info, status, err)
	return resp, err
}

// Attempt records a send.
func (r *Recorder) Attempt(req *http.Request, next middleware.Next) (*http.Response, error) {
	c := r.recordOf(middleware.InfoOf(req.Context())).newest()
	at := c.send(req)
	return exchanged(req, next, wants{phases: true, bodies: r.Bodies}, func(x *exchange) { c.sent(at, x) })
}

// Observe records what a step tells.
func (r *Recorder) Observe(info *middleware.Info, e middleware.Event) {
	c := r.recordOf(info).newest()
	event := RecordedEvent{
		At: time.Now(), Call: c.call.ID, Origin: info.Origin(), Step: e.Step, Kind: e.Kind, Wait: e.Wait, Text: redact.Excerpt([]byte(r.Redactor.text(info, e.Text)), maxReason),
	}
	if e.Err != nil {
		event.Error = shownError(r.Redactor, info, e.Err)
	}
	c.event(event)
	if e.Kind != "wait" && e.Kind != "hedge" { // of which there are many
		r.news.add(event)
	}
}

// Done files the call.
func (r *Recorder) Done(info *middleware.Info, resp *resty.Response, err error) {
	if resp == nil && err == nil {
		return
	}
	r.recordOf(info).newest().finish(info, statusOf(resp, err), err)
}

// recordKey finds the record of a call.
type recordKey struct{ of *Recorder }

func (r *Recorder) recordOf(info *middleware.Info) *record {
	r.once.Do(func() { r.fresh = func() any { return r.newRecord() } })
	return info.Memo(recordKey{r}, r.fresh).(*record)
}

func (r *Recorder) newRecord() *record {
	start := time.Now()
	if r.since.Load() == 0 {
		r.since.CompareAndSwap(0, start.UnixNano())
	}
	c := &record{of: r}
	c.call.ID, c.call.Start, c.call.Sends = r.ids.Add(1), start, c.first[:0]
	return c
}

var _ interface { // what Use finds in it
	middleware.Preparer
	middleware.RoundTripper
	middleware.Attempter
	middleware.Observer
	middleware.Finisher
} = (*Recorder)(nil)
