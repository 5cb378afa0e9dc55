package auth

import (
	"context"
	"sync"

	"golang.org/x/oauth2"
)

// used is what a call has to itself: a token that is good for this call alone.
type used struct {
	mu     sync.Mutex
	token  *oauth2.Token
	replay chan struct{} // of its request, once in all; closed when it has ended
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

// replays tells whether the call's request is to be replayed: once. Of the attempts of a
// race one does it, and the others wait for its end, so that their refusals do not win.
func (u *used) replays(ctx context.Context) bool {
	u.mu.Lock()
	running := u.replay
	if running == nil {
		u.replay = make(chan struct{})
	}
	u.mu.Unlock()
	if running == nil {
		return true
	}
	select {
	case <-running:
	case <-ctx.Done():
	}
	return false
}

// replayed hears that the replay has ended.
func (u *used) replayed() {
	u.mu.Lock()
	defer u.mu.Unlock()
	close(u.replay)
}

// drop forgets the token if it is the one that was refused.
func (u *used) drop(value string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.token != nil && header(u.token) == value {
		u.token = nil
	}
}
