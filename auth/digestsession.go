package auth

import (
	"crypto/rand"
	"math"
	"net/http"
	"sync"

	"github.com/restykit/restykit/internal/challenge"
)

// session is a challenge and the requests that answer it (RFC 7616 section 3.6). It holds
// no secret.
type session struct {
	digestChallenge

	prime  string // the nonce that it began with, from which -sess derives its key
	cnonce string // one for all requests, because the key depends on it too
	counts uint32 // the requests that were signed; guarded by sessions
	open   int    // the replays that are under way; guarded by sessions
}

// after is the session for requests after an answer: another where that names the next
// nonce (RFC 7616 section 3.5), whose count begins anew.
func (s *session) after(answer *http.Response) *session {
	next := challenge.Params(answer.Header.Values("Authentication-Info"))["nextnonce"]
	if next == "" || next == s.nonce || !sendable(next) {
		return s
	}
	other := &session{digestChallenge: s.digestChallenge, prime: s.prime, cnonce: s.cnonce}
	other.nonce = next
	return other
}

// sessions are those of an origin. The zero value is ready, and safe for concurrent use.
type sessions struct {
	mu  sync.Mutex
	now *session // signs requests before the server asks; or nil
	// challenged are those whose first requests are replays that are under way: a server
	// may ask many callers with one nonce, which has one count.
	challenged map[digestChallenge]*session
}

// current is the session that signs a request ahead, or nil.
func (o *sessions) current() *session {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.now != nil && o.now.counts == math.MaxUint32 {
		o.now = nil // nc has eight digits
	}
	return o.now
}

// count counts a request of a session.
func (o *sessions) count(s *session) uint32 {
	o.mu.Lock()
	defer o.mu.Unlock()
	s.counts++
	return s.counts
}

// enter is the session of a challenge that is going to be answered. leave ends that.
func (o *sessions) enter(c digestChallenge) *session {
	o.mu.Lock()
	defer o.mu.Unlock()
	s, ok := o.challenged[c]
	switch {
	case ok:
	case o.now != nil && o.now.digestChallenge == c:
		s = o.now
	default:
		s = &session{digestChallenge: c, prime: c.nonce, cnonce: rand.Text()}
	}
	if o.challenged == nil {
		o.challenged = map[digestChallenge]*session{}
	}
	o.challenged[c] = s
	s.open++
	return s
}

func (o *sessions) leave(s *session) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s.open--
	if s.open == 0 {
		delete(o.challenged, s.digestChallenge)
	}
}

// replace makes a session the current one in the place of another. Of many callers whose
// nonce was used up the first does, and the others find what is newer than theirs.
func (o *sessions) replace(old, s *session) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.now == old {
		o.now = s
	}
}
