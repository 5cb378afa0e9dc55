package auth

import (
	"sync"

	"golang.org/x/oauth2"
)

// used is what a call has to itself: a token that is good for this call alone.
type used struct {
	mu    sync.Mutex
	token *oauth2.Token
	// replays of its request: those under way, and whether any has ended.
	replaying int
	replayed  bool
}

func (u *used) own() *oauth2.Token {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.token
}

func (u *used) keep(token *oauth2.Token) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.token = token
}

// replays tells whether the call's request is to be replayed. Attempts that race each have
// their own replay; of attempts behind each other the first has it, and no other.
func (u *used) replays() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.replayed && u.replaying == 0 {
		return false
	}
	u.replaying++
	return true
}

// settled hears that a replay has ended.
func (u *used) settled() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.replaying--
	u.replayed = true
}

// drop forgets the token if it is the one that was refused.
func (u *used) drop(value string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.token != nil && header(u.token) == value {
		u.token = nil
	}
}
