package auth

import (
	"sync"

	"golang.org/x/oauth2"
)

// used is what a call has to itself: a token that is good for this call alone.
type used struct {
	mu       sync.Mutex
	token    *oauth2.Token
	replayed bool // its request, once in all
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

// replay tells whether the call has not been replayed before.
func (u *used) replay() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	first := !u.replayed
	u.replayed = true
	return first
}

// drop forgets the token if it is the one that was refused.
func (u *used) drop(value string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.token != nil && header(u.token) == value {
		u.token = nil
	}
}
