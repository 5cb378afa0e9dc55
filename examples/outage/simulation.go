package main

import (
	"container/heap"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/retry"
)

// plan is one run: a fleet, its server, and for how long.
type plan struct {
	model   model
	clients int
	load    float64 // calls in a second, of the whole fleet
	until   time.Duration
	seed    uint64
}

func (p plan) capacity() float64 { return headroom * p.load }

// calls draws the calls of a fleet: when, and whose. Clients that call independently and at
// random, each at the same mean rate, are together one stream of such calls, each of which
// is anybody's.
type calls struct {
	plan
	times, clients *rand.Rand
}

// The streams of random numbers of a seed.
const (
	timesStream = iota
	clientsStream
	jitterStream
)

func stream(seed, of uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, of)) //nolint:gosec // the same seed is to be the same run
}

func newCalls(p plan) *calls {
	return &calls{plan: p, times: stream(p.seed, timesStream), clients: stream(p.seed, clientsStream)}
}

// next is the wait until the next call, and the client that makes it.
func (c *calls) next() (wait time.Duration, client int) {
	return time.Duration(c.times.ExpFloat64() / c.load * float64(time.Second)), c.clients.IntN(max(c.plan.clients, 1))
}

// call is a call of a client, as the queue holds it: the next thing that happens to it.
type call struct {
	at      time.Duration
	then    func(*simulation, *call)
	client  int
	began   time.Duration
	attempt int
	status  int           // of the newest attempt, or 0
	waited  time.Duration // before it
	costly  bool          // the newest retry followed a time-out
}

// queue is a heap of calls, the soonest first.
type queue []*call

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].at < q[j].at }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(*call)) }
func (q *queue) Pop() any {
	last := len(*q) - 1
	c := (*q)[last]
	*q = (*q)[:last]
	return c
}

// simulation runs a plan under a strategy in virtual time.
type simulation struct {
	plan     plan
	strategy strategy
	server   *server
	calls    *calls
	jitter   *rand.Rand
	now      time.Duration
	queue    queue
	ended    []*call // to be used again
	target   *url.URL
	budgets  []retry.Budget // by client, made when it is needed
	record   record
}

// simulate is what a plan comes to under a strategy. It is the same each time.
func simulate(p plan, by strategy) record {
	s := newSimulation(p, by)
	s.run()
	return s.record
}

func newSimulation(p plan, by strategy) *simulation {
	s := &simulation{
		plan: p, strategy: by, server: newServer(p.model, p.capacity()), calls: newCalls(p),
		jitter: stream(p.seed, jitterStream), record: newRecord(p.until),
		target: &url.URL{Scheme: "https", Host: "server.test"},
	}
	if by.budget != nil {
		s.budgets = make([]retry.Budget, p.clients)
	}
	return s
}

// run makes the calls of the plan, and waits for the last to end.
func (s *simulation) run() {
	s.arriveNext(&call{})
	for len(s.queue) > 0 {
		c := heap.Pop(&s.queue).(*call)
		s.now = c.at
		c.then(s, c)
	}
}

// schedule says what happens to a call after a wait.
func (s *simulation) schedule(c *call, wait time.Duration, then func(*simulation, *call)) {
	c.at, c.then = s.now+wait, then
	heap.Push(&s.queue, c)
}

// arriveNext draws the next call.
func (s *simulation) arriveNext(c *call) {
	wait, client := s.calls.next()
	if s.now+wait < s.plan.until {
		*c = call{client: client, began: s.now + wait}
		s.schedule(c, wait, (*simulation).arrive)
	}
}

// arrive begins a call.
func (s *simulation) arrive(c *call) {
	s.record.at(s.now).calls++
	s.send(c)
	following := &call{}
	if last := len(s.ended) - 1; last >= 0 {
		following, s.ended = s.ended[last], s.ended[:last]
	}
	s.arriveNext(following)
}

// send makes an attempt.
func (s *simulation) send(c *call) {
	c.attempt++
	s.record.at(s.now).sent++
	var after time.Duration
	c.status, after = s.server.take(s.now)
	s.schedule(c, after, (*simulation).end)
}

// end ends an attempt, and the call with it where there is no further one.
func (s *simulation) end(c *call) {
	d := s.strategy.decide(outcome(c, s.jitter.Float64()))
	if d.Retry && s.spend(c) {
		c.waited = d.Wait
		s.schedule(c, d.Wait, (*simulation).send)
		return
	}
	s.report(c, !d.Transient)
	s.record.end(c.began, s.now, !d.Transient)
	s.ended = append(s.ended, c)
}

// outcome is what a client knows of the newest attempt of a call.
func outcome(c *call, random float64) retry.Outcome {
	o := retry.Outcome{Method: http.MethodGet, Attempt: c.attempt, Waited: c.waited, Random: random}
	if c.status == 0 {
		o.Err = &middleware.TimeoutError{Limit: "attempt", Value: patience}
	} else {
		o.Response = &http.Response{StatusCode: c.status}
	}
	return o
}

// spend asks the client's budget for a retry, as [retry.Policy.RoundTrip] does. A budget
// is made for the first retry of a client: until then it is full, and nothing changes it.
func (s *simulation) spend(c *call) bool {
	if s.budgets == nil {
		return true
	}
	if s.budgets[c.client] == nil {
		s.budgets[c.client] = s.strategy.budget()
	}
	c.costly = c.status == 0
	return s.budgets[c.client].Spend(s.target, c.costly)
}

// report tells the client's budget how a call has ended.
func (s *simulation) report(c *call, ok bool) {
	if s.budgets == nil {
		return
	}
	if b := s.budgets[c.client]; b != nil {
		b.Report(s.target, retry.Result{OK: ok, Retried: c.attempt > 1, Timeout: c.costly})
	}
}
