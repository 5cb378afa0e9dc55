package main

import "time"

// second is what happens in one second of a run.
type second struct {
	calls int // that begin
	lost  int // of those, in the end
	sent  int // requests, first and further ones
	good  int // calls that end well
}

// record is the seconds of a run.
type record struct {
	seconds []second
	until   int // the last of them only see the end of what began before
}

// aftermath is longer than any call.
const aftermath = 10 * time.Second

func newRecord(until time.Duration) record {
	return record{make([]second, int((until+aftermath)/time.Second)), int(until / time.Second)}
}

func (r record) at(now time.Duration) *second {
	return &r.seconds[min(int(now/time.Second), len(r.seconds)-1)]
}

// end notes the end of a call.
func (r record) end(began, now time.Duration, ok bool) {
	if ok {
		r.at(now).good++
	} else {
		r.at(began).lost++
	}
}

// total adds up the seconds of a part of the run.
func (r record) total(from, to time.Duration) second {
	var all second
	for _, s := range r.seconds[int(from/time.Second):int(to/time.Second)] {
		all.calls += s.calls
		all.lost += s.lost
		all.sent += s.sent
		all.good += s.good
	}
	return all
}

// all adds up the run.
func (r record) all() second { return r.total(0, time.Duration(len(r.seconds))*time.Second) }

// perCall is how many requests there are to a call.
func (s second) perCall() float64 { return float64(s.sent) / float64(s.calls) }

// peak is the most requests in a second.
func (r record) peak() int {
	most := 0
	for _, s := range r.seconds {
		most = max(most, s.sent)
	}
	return most
}

// recovered is the time from the end of the outage to the second from which on, in each
// to the end of the run, 99 % of the calls that begin in it succeed; false is never.
func (r record) recovered() (time.Duration, bool) {
	from := r.until
	for from > int(outageTo/time.Second) && 100*r.seconds[from-1].lost <= r.seconds[from-1].calls {
		from--
	}
	return time.Duration(from)*time.Second - outageTo, from < r.until
}
