package main

import (
	"net/http"
	"time"
)

// The outage, and the patience of a client with one attempt.
const (
	outageFrom = 10 * time.Second
	outageTo   = 40 * time.Second
	patience   = time.Second
)

// headroom is the capacity of the server in units of the normal load.
const headroom = 1.3

// model is how a server behaves when it cannot serve.
type model struct {
	name   string
	queue  time.Duration // the work that it accepts; beyond it the answer is 503 at once
	silent bool          // in the outage nobody answers; else the answer is 503 at once
}

// models are the servers of the simulation. The first sheds load before its clients lose
// patience. The second does not: a full queue is longer than their patience, and what it
// then serves, it serves to nobody.
func models() []model {
	return []model{
		{name: "refuses", queue: patience / 2},
		{name: "hangs", queue: 2 * patience, silent: true},
	}
}

// server serves one request after the other, each in the same time.
type server struct {
	model model
	each  time.Duration // the work of one request
	idle  time.Duration // when the work that it has accepted is done
}

func newServer(m model, capacity float64) *server {
	return &server{model: m, each: time.Duration(float64(time.Second) / capacity)}
}

// take is what becomes of a request that arrives at a time, and how long that takes. A
// status of 0 is no answer within the patience of the client. The server does not notice
// that a client has gone, and does the work.
func (s *server) take(now time.Duration) (status int, after time.Duration) {
	if now >= outageFrom && now < outageTo {
		s.idle = 0 // what was accepted is gone
		if s.model.silent {
			return 0, patience
		}
		return http.StatusServiceUnavailable, 0
	}
	if s.idle-now > s.model.queue {
		return http.StatusServiceUnavailable, 0
	}
	s.idle = max(s.idle, now) + s.each
	if s.idle-now > patience {
		return 0, patience
	}
	return http.StatusOK, s.idle - now
}
