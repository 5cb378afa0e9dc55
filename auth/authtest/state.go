package authtest

import (
	"crypto/rand"
	"slices"
	"sync"
	"time"
)

// state is all that the provider knows.
type state struct {
	mu         sync.Mutex
	rotate     bool
	lifetime   time.Duration
	interval   time.Duration
	clients    map[string]*Client
	users      map[string]string
	logins     map[string]*login
	codes      map[string]*code
	devices    map[string]*device
	access     map[string]*access
	refresh    map[string]*refresh
	assertions map[string]time.Time // seen, until they expire
}

func newState(o options) *state {
	return &state{
		lifetime: o.lifetime, interval: o.interval,
		clients: map[string]*Client{}, users: map[string]string{}, logins: map[string]*login{}, codes: map[string]*code{},
		devices: map[string]*device{}, access: map[string]*access{}, refresh: map[string]*refresh{}, assertions: map[string]time.Time{},
	}
}

// family is what one login, or one act of a client, gave: its tokens and their successors.
type family struct {
	client, subject  string
	scopes, audience []string
	actor            string
	at               time.Time
	revoked          bool // under the state's lock
}

func newFamily(client, subject string, scopes []string) *family {
	return &family{client: client, subject: subject, scopes: scopes, at: time.Now()}
}

// access is an access token.
type access struct {
	id              string
	family          *family
	scopes          []string // of the family's, or fewer
	issued, expires time.Time
	revoked         bool
}

// refresh is a refresh token.
type refresh struct {
	family *family
	used   bool // rotated away
}

func (a *access) alive(now time.Time) bool {
	return !a.revoked && !a.family.revoked && now.Before(a.expires)
}

// live is a copy of an access token that is good now.
func (s *state) live(id string) (access, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.access[id]
	if a == nil || !a.alive(time.Now()) {
		return access{}, false
	}
	return *a, true
}

// liveRefresh is the family of a refresh token that is good now.
func (s *state) liveRefresh(token string) (*family, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.refresh[token]
	if r == nil || r.used || r.family.revoked {
		return nil, false
	}
	return r.family, true
}

// useRefresh is the family of a refresh token that a client uses. One that was rotated away
// ends its family.
func (s *state) useRefresh(token string) (*family, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.useLocked(token)
}

func (s *state) useLocked(token string) (*family, bool) {
	r := s.refresh[token]
	if r == nil || r.family.revoked {
		return nil, false
	}
	if r.used {
		r.family.revoked = true
		return nil, false
	}
	return r.family, true
}

// issue makes an access token. skew is how far the provider's clock is ahead.
func (s *state) issue(f *family, scopes []string, skew time.Duration) *access {
	now := time.Now()
	a := &access{
		id: rand.Text(), family: f, scopes: slices.Clone(scopes),
		issued: now, expires: now.Add(s.lifetime - skew),
	}
	s.access[a.id] = a
	return a
}

// next is the refresh token for a family, or "" where the one that it has stays good.
func (s *state) next(f *family, current string) string {
	if current != "" {
		if !s.rotate {
			return ""
		}
		s.refresh[current].used = true
	}
	token := rand.Text()
	s.refresh[token] = &refresh{family: f}
	return token
}

func (s *state) revokeAccess(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.access[id]
	if a == nil || !a.alive(time.Now()) {
		return false
	}
	a.revoked = true
	return true
}

func (s *state) revokeRefresh(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.refresh[token]
	if r == nil || r.family.revoked {
		return false
	}
	r.family.revoked = true
	return true
}

func (s *state) revokeAll() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	ended, now := 0, time.Now()
	for _, a := range s.access {
		if a.alive(now) {
			a.revoked = true
			ended++
		}
	}
	return ended
}

func (s *state) client(id string) *Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clients[id]
}

// first tells whether an assertion was not seen before, and remembers it.
func (s *state) first(issuer, id string, until time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, now := issuer+" "+id, time.Now()
	if until, seen := s.assertions[key]; seen && now.Before(until) {
		return false
	}
	s.assertions[key] = until
	return true
}
