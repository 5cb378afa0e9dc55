package middleware

import (
	"math"
	"sync"
	"time"
)

// watch holds an attempt to its limits with one timer. The timer is not moved when
// something happens, which is often; it looks at what has happened when it fires,
// and sleeps on for what is left.
type watch struct {
	watchMu sync.Mutex
	owner   *attempt
	begun   time.Time
	timer   *time.Timer
	due     time.Duration // when the timer fires; all times are since begun
	hard    time.Duration // the end of the attempt, or forever
	share   time.Duration // the end while no answer has begun, or 0
	quiet   time.Duration // when the silence began; forever while nobody waits
	most    time.Duration // how long it may last; 0 is for ever
	asked   bool          // a connection was asked for
	got     bool          // and there
	had     bool          // one was, at any time: the request may have been read
	shakes  int           // the TLS handshakes that were begun for it
	answer  bool          // has begun: what is still sent of the request keeps nobody waiting
	over    bool
}

const forever = time.Duration(math.MaxInt64)

// begin starts the clock of an attempt. Silence begins with a send, not here: what a
// step waits for before it, a token or its turn, is not the server's.
func (w *watch) begin(a *attempt) {
	w.watchMu.Lock() // a short timer fires before it is filed
	defer w.watchMu.Unlock()
	w.owner, w.begun, w.hard, w.due, w.quiet = a, time.Now(), forever, forever, forever
	l := &a.call.pipe.limits
	if l.attempt > 0 {
		w.hard = l.attempt
	}
	if until := a.call.deadline(); !until.IsZero() {
		w.hard = min(w.hard, until.Sub(w.begun))
		a.until = until
	}
	if l.attempt > 0 && w.hard == l.attempt {
		a.until = w.begun.Add(l.attempt)
	}
	if w.hard <= 0 {
		a.end(w.hardLimit())
		return
	}
	due := w.hard
	if w.share > 0 {
		due = min(due, w.share)
	}
	for _, d := range [...]time.Duration{l.connect, l.read} {
		if d > 0 {
			due = min(due, d)
		}
	}
	if due < forever {
		w.due, w.timer = due, time.AfterFunc(due, w.fire)
	}
}

// silences tells whether any limit of silence is set.
func (w *watch) silences() bool {
	l := &w.owner.call.pipe.limits
	return l.connect > 0 || l.read > 0
}

func (w *watch) connecting() {
	w.wait(w.owner.call.pipe.limits.connect, func() { w.asked, w.got, w.shakes = true, false, 0 })
}

func (w *watch) connected() {
	w.wait(w.owner.call.pipe.limits.read, func() { w.got, w.had = true, true })
}

func (w *watch) shaking() {
	w.watchMu.Lock()
	defer w.watchMu.Unlock()
	w.shakes++
}

func (w *watch) handshakes() int {
	w.watchMu.Lock()
	defer w.watchMu.Unlock()
	return w.shakes
}

// waiting begins a silence: from now on the other side has to say something.
func (w *watch) waiting() { w.wait(w.owner.call.pipe.limits.read, nil) }

// resting ends it: nobody waits.
func (w *watch) resting() {
	w.watchMu.Lock()
	defer w.watchMu.Unlock()
	w.quiet = forever
}

// answers notes that the answer has begun.
func (w *watch) answers() {
	w.watchMu.Lock()
	defer w.watchMu.Unlock()
	w.answer, w.quiet, w.share = true, forever, 0
}

// sending tells who is to go on while the request's body is sent: the other side, or
// the body's reader.
func (w *watch) sending(theirs bool) {
	w.watchMu.Lock()
	defer w.watchMu.Unlock()
	if w.answer {
		return
	}
	if w.quiet = forever; theirs {
		w.waitLocked(w.owner.call.pipe.limits.read)
	}
}

func (w *watch) wait(most time.Duration, note func()) {
	w.watchMu.Lock()
	defer w.watchMu.Unlock()
	if note != nil {
		note()
	}
	w.waitLocked(most)
}

func (w *watch) waitLocked(most time.Duration) {
	w.most = most
	w.quiet = forever
	if most <= 0 || w.over {
		return
	}
	w.quiet = time.Since(w.begun)
	if due := w.silenceEnds(); due < w.due {
		w.due = due
		w.timer.Reset(most)
	}
}

// silenceEnds is when the silence that is on has lasted too long.
func (w *watch) silenceEnds() time.Duration {
	if w.quiet == forever || w.most <= 0 {
		return forever
	}
	return w.quiet + min(w.most, forever-w.quiet)
}

// fire ends the attempt if a limit has passed, and else sleeps on.
func (w *watch) fire() {
	w.watchMu.Lock()
	defer w.watchMu.Unlock()
	if w.over {
		return
	}
	now, end := time.Since(w.begun), w.silenceEnds()
	switch {
	case now >= w.hard:
		w.owner.end(w.hardLimit())
	case w.share > 0 && now >= w.share:
		w.owner.end(&TimeoutError{Limit: limitAttempt, Value: w.share})
	case now >= end:
		w.owner.end(w.silenceLimit())
	default:
		w.due = min(end, w.hard)
		if w.share > 0 {
			w.due = min(w.due, w.share)
		}
		if w.due < forever {
			w.timer.Reset(w.due - now)
		}
	}
}

func (w *watch) hardLimit() *TimeoutError {
	l := &w.owner.call.pipe.limits
	if l.attempt > 0 && w.hard == l.attempt {
		return &TimeoutError{Limit: limitAttempt, Value: l.attempt}
	}
	return &TimeoutError{Limit: limitDeadline, Value: l.deadline}
}

func (w *watch) silenceLimit() *TimeoutError {
	if w.asked && !w.got {
		return &TimeoutError{Limit: limitConnect, Value: w.most}
	}
	return &TimeoutError{Limit: limitRead, Value: w.most}
}

// unconnected tells whether a connection was asked for and never there, in all that the
// attempt has sent, and whether the base tells of connections at all.
func (w *watch) unconnected() (never, known bool) {
	w.watchMu.Lock()
	defer w.watchMu.Unlock()
	return !w.had, w.asked || w.had
}

// reached notes how a send has ended. Where the base tells of no connections, the request may
// have been read unless the error is of a kind that says otherwise.
func (w *watch) reached(err error) {
	w.watchMu.Lock()
	defer w.watchMu.Unlock()
	w.had = w.had || err == nil || (!w.asked && !isUnsent(err))
}

// stop ends the watch, and tells whether it was still on.
func (w *watch) stop() bool {
	w.watchMu.Lock()
	defer w.watchMu.Unlock()
	was := !w.over
	w.over = true
	if w.timer != nil {
		w.timer.Stop()
	}
	return was
}
