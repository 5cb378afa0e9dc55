package observe

import (
	"net/http"
	"time"
)

// Snapshot is what a [Recorder] knows at a time. It is the caller's own, and nothing in it is
// secret.
type Snapshot struct {
	At      time.Time
	Since   time.Time // of the first call, or zero
	All     Stats
	Origins []OriginStats   // by name
	Events  []RecordedEvent // the last, the newest first: a breaker's changes, tokens, give-ups
	Clients []ClientStats
}

// OriginStats are the calls that went to an origin: that of the first send.
type OriginStats struct {
	Origin string
	Stats

	Routes []RouteStats   // by rate, the busiest first
	Calls  []RecordedCall // the last, the newest first
}

// RouteStats are those of a method and a URL as the caller wrote it.
type RouteStats struct {
	Method, Template string
	Stats
}

// ClientStats are the pipelines of clients, and what their steps say of themselves.
type ClientStats struct {
	Pipeline string
	Clients  int // that have it
	Gauges   []Gauge
}

// Gauge is a number that a step shows (see [middleware.Gauger]).
type Gauge struct {
	Step, Name, Origin string
	Value              float64
}

// RecordedCall is a call, as it may be shown.
type RecordedCall struct {
	ID         uint64 // of the Recorder
	Start      time.Time
	Duration   time.Duration // until the caller had its result
	Origin     string
	Method     string
	Template   string
	URL        string // of the first send; "" where nothing was sent
	Status     int    // 0 where there is no answer
	Error      string
	ErrorType  string // a word for it, as in error.type of [Trace]
	Attempts   int
	Waited     time.Duration
	Sends      []RecordedSend
	Events     []RecordedEvent
	Unrecorded int // sends and events beyond the first 64 of each
}

// Failed tells whether the call has an error, or a status of 400 or more.
func (c *RecordedCall) Failed() bool { return c.Error != "" || c.Status >= http.StatusBadRequest }

// RecordedSend is a send of a call.
type RecordedSend struct {
	Kind      string // "attempt", "redirect", or "replay" after a challenge
	Attempt   int    // of the call, from 1
	Start     time.Time
	Duration  time.Duration // until the end of the answer's body
	UnderWay  bool          // it had not ended
	Method    string
	URL       string
	Status    int
	Error     string
	ErrorType string
	Reused    bool // the connection was there
	Remote    string
	Phases    Phases
	Sent      int64 // bytes of the body
	Received  int64

	// Of a send that failed:
	RequestHeader, ResponseHeader http.Header
	RequestBody, ResponseBody     string // where the Recorder keeps Bodies
}

// Failed tells whether the send has an error, or a status of 400 or more.
func (s *RecordedSend) Failed() bool { return s.Error != "" || s.Status >= http.StatusBadRequest }

// Phases are the parts of a send. Zero is one that there was not, or that is not known.
type Phases struct {
	Blocked time.Duration // until there was a connection, without the three that follow
	DNS     time.Duration
	Connect time.Duration
	TLS     time.Duration
	Send    time.Duration
	Wait    time.Duration // for the first byte of the answer
	Receive time.Duration
}

// RecordedEvent is what a step has told in the middle of a call (see [middleware.Event]).
type RecordedEvent struct {
	At     time.Time
	Call   uint64
	Origin string
	Step   string
	Kind   string
	Wait   time.Duration
	Text   string
	Error  string
}
