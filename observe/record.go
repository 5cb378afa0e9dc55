package observe

import (
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/restykit/restykit/middleware"
)

// most is how many sends, and how many events, are kept of a call.
const most = 64

// record is a call under way, and what is kept of it.
type record struct {
	of   *Recorder
	next atomic.Pointer[record] // the next hop, of a plain http.Client

	mu    sync.Mutex
	call  RecordedCall
	first [1]RecordedSend // most calls have one
	route *routeRecord    // of the first send
	hop   *http.Response  // that led to the last send
	begun bool
	filed bool

	size int  // in bytes, of what is kept
	held bool // by its origin, whose lock guards the two
}

// newest is the record of the hop that is under way.
func (c *record) newest() *record {
	for next := c.next.Load(); next != nil; next = c.next.Load() {
		c = next
	}
	return c
}

func (c *record) begins(method string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.call.Method, c.begun = method, true
}

// nextHop is the record of the next hop.
func (c *record) nextHop(method string) *record {
	last := c.newest()
	last.mu.Lock()
	used := last.begun
	last.mu.Unlock()
	if used {
		next := c.of.newRecord()
		last.next.Store(next)
		last = next
	}
	last.begins(method)
	return last
}

// send begins a send, and returns its index, or -1.
func (c *record) send(req *http.Request) int {
	now := time.Now()
	info := middleware.InfoOf(req.Context())
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.route == nil {
		c.routed(req.URL, info)
	}
	s := RecordedSend{Kind: "attempt", Attempt: info.Attempts(), Start: now, UnderWay: true, Method: req.Method}
	if n := len(c.call.Sends); n > 0 && c.call.Sends[n-1].Attempt >= s.Attempt {
		if s.Kind = "replay"; req.Response != c.hop {
			s.Kind = "redirect"
		}
	}
	c.hop = req.Response
	c.route.active.Add(1)
	if len(c.call.Sends) >= most {
		c.call.Unrecorded++
		return -1
	}
	c.call.Sends = append(c.call.Sends, s)
	return len(c.call.Sends) - 1
}

// routed finds the route of the call.
func (c *record) routed(u *url.URL, info *middleware.Info) {
	c.route = c.of.origins.route(c.of.Redactor, routePath{c.call.Method, u.Scheme, u.Host, info.Template()})
}

// sent ends a send.
func (c *record) sent(at int, x *exchange) {
	r, info := c.of.Redactor, x.info
	counts := Counts{Sends: 1, Sent: x.sent.size, Received: x.received.size}
	switch {
	case x.phases.reused:
		counts.Reused = 1
	case x.phases.remote != "":
		counts.Dialed = 1
	}
	s := RecordedSend{
		Duration: x.took, URL: bounded(r.url(info, x.request.URL)), Reused: x.phases.reused, Remote: x.phases.remote,
		Sent: x.sent.size, Received: x.received.size,
		Phases: Phases{x.phases.blocked, x.phases.dns, x.phases.connect, x.phases.tls, x.phases.send, x.phases.wait, x.phases.receive},
	}
	if x.answer != nil {
		s.Status = x.answer.StatusCode
	}
	if x.err != nil {
		s.Error, s.ErrorType = shownError(r, info, x.err), errorType(x.err)
	}
	if s.Failed() {
		c.detail(&s, x)
	}
	c.mu.Lock()
	c.route.active.Add(-1)
	c.route.send(x.begun.Add(x.took), &counts)
	if at >= 0 {
		to := &c.call.Sends[at]
		s.Kind, s.Attempt, s.Start, s.Method = to.Kind, to.Attempt, to.Start, to.Method
		*to = s
	}
	late := c.filed
	c.mu.Unlock()
	if late && at >= 0 {
		c.route.origin.grow(c.of, c, sendSize(&s))
	}
}

// detail adds what is kept of a send that failed.
func (c *record) detail(s *RecordedSend, x *exchange) {
	r, info := c.of.Redactor, x.info
	s.RequestHeader = r.header(info, x.request.Header)
	if c.of.Bodies > 0 && x.sent.begin != nil {
		s.RequestBody = r.body(info, x.request.Header.Get("Content-Type"), x.sent)
	}
	if x.answer == nil {
		return
	}
	s.ResponseHeader = r.header(info, x.answer.Header)
	if c.of.Bodies > 0 && x.received.begin != nil {
		s.ResponseBody = r.body(info, x.answer.Header.Get("Content-Type"), x.received)
	}
}

// event adds an event.
func (c *record) event(e RecordedEvent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.Kind == "wait" {
		c.call.Waited += e.Wait
	}
	if len(c.call.Events) >= most || c.filed {
		c.call.Unrecorded++
		return
	}
	c.call.Events = append(c.call.Events, e)
}

// finish files the call with its origin.
func (c *record) finish(info *middleware.Info, status int, err error) {
	now := time.Now()
	c.mu.Lock()
	if c.filed {
		c.mu.Unlock()
		return
	}
	c.filed = true
	if c.route == nil { // nothing was sent
		u, bad := url.Parse(info.Origin())
		if bad != nil {
			u = &url.URL{}
		}
		c.routed(u, info)
	}
	call := &c.call
	call.Duration, call.Status, call.Attempts = now.Sub(call.Start), status, info.Attempts()
	call.Origin, call.Template = c.route.origin.name, c.route.template
	if err != nil {
		call.Error, call.ErrorType = shownError(c.of.Redactor, info, err), errorType(err)
	}
	counts := call.counts(err)
	c.hop = nil
	size := callSize(call)
	failed := call.Failed()
	took := call.Duration
	c.mu.Unlock()
	c.route.call(now, &counts, took)
	c.route.origin.keep(c.of, c, failed, size)
}

// counts are those of a call that has ended.
func (c *RecordedCall) counts(err error) Counts {
	counts := Counts{Calls: 1, Retries: int64(max(0, c.Attempts-1)), Waited: c.Waited}
	switch {
	case c.Status >= http.StatusBadRequest && c.Status < http.StatusInternalServerError:
		counts.Refused = 1
	case err != nil || c.Status >= http.StatusInternalServerError:
		counts.Failed = 1
	}
	return counts
}

// copied is the call, for somebody else.
func (c *record) copied() RecordedCall {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.call
	out.Sends = append([]RecordedSend(nil), out.Sends...)
	out.Events = append([]RecordedEvent(nil), out.Events...)
	if len(out.Sends) > 0 {
		out.URL = out.Sends[0].URL
	}
	for i := range out.Sends {
		s := &out.Sends[i]
		s.RequestHeader, s.ResponseHeader = s.RequestHeader.Clone(), s.ResponseHeader.Clone()
	}
	return out
}
