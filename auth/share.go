package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"golang.org/x/oauth2"
)

// share mints for all clients that share a token in a store: one of them asks, and the
// others find what it got. Only compare-and-swap is needed of the store: whoever swaps a
// lease in may mint. A clock that is wrong does not break a lease: it is over for those
// who saw it unchanged for as long as it lasts, by their own clock.
type share struct {
	store TokenStore
	key   string
	bound string // the thumbprint of the key that tokens are bound to; "" is none
	mint  func(last *oauth2.Token) (*oauth2.Token, error)
}

const (
	leaseTime    = 10 * time.Second
	leaseRenewal = leaseTime / 4
	storeTime    = 2 * time.Second // for one look into the store
	firstLook    = 100 * time.Millisecond
	maxLook      = time.Second
	// maxSharedPause is shorter than that of a single client: one request of all.
	maxSharedPause = 5 * time.Second
)

// obtain is a token that is not the last one: somebody else's, or else a new one. A store
// that does not work makes everybody mint for themselves; trouble is why.
func (s share) obtain(last *oauth2.Token) (token *oauth2.Token, trouble, err error) {
	var watched []byte // a lease of somebody's, and since when it has been the same
	var since time.Time
	for look := firstLook; ; look = min(look*3/2, maxLook) {
		value, err := s.load()
		if err != nil {
			return s.alone(last, err)
		}
		e, now := readEntry(value), time.Now()
		if string(value) != string(watched) {
			watched, since = value, now
		}
		switch {
		case e.Lease != nil && now.Sub(since) < leaseTime && now.Before(e.Lease.Until.Add(leaseTime)):
			if s.usable(e, last) {
				return e.Token, nil, nil
			}
			time.Sleep(look/2 + mathrand.N(look/2))
			continue
		case s.usable(e, last):
			return e.Token, nil, nil
		case e.Failed != nil && now.Before(e.Failed.Until):
			return nil, nil, e.Failed.err()
		}
		held := e.leased()
		swapped, err := s.swap(value, held)
		switch {
		case err != nil:
			return s.alone(last, err)
		case swapped:
			return s.mintFor(e, held, last)
		}
	}
}

// alone mints without the store.
func (s share) alone(last *oauth2.Token, why error) (token *oauth2.Token, trouble, err error) {
	token, err = s.mint(last)
	return token, why, err
}

// usable tells whether the token that is kept is another one than the last, and good: for
// us, who may have another key than who put it there.
func (s share) usable(e entry, last *oauth2.Token) bool {
	t := e.Token
	return t != nil && e.Bound == s.bound && checkToken(t) == nil && (last == nil || t.AccessToken != last.AccessToken) &&
		(e.Good.IsZero() || time.Now().Before(e.Good))
}

// leased is the entry with a lease of ours.
func (e entry) leased() entry {
	e.Lease = &lease{ID: rand.Text(), Until: time.Now().Add(leaseTime)}
	return e
}

// mintFor mints under a lease, and tells the others what came of it.
func (s share) mintFor(before, held entry, last *oauth2.Token) (token *oauth2.Token, trouble, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = errNoReturn
		token, err = s.mint(newest(last, before.Token))
	}()
	for {
		select {
		case <-time.After(leaseRenewal):
			next := before.leased()
			if swapped, errSwap := s.swap(held.bytes(), next); swapped && errSwap == nil {
				held = next
			}
			continue
		case <-done:
		}
		break
	}
	_, trouble = s.swap(held.bytes(), s.after(before, token, err, last))
	return token, trouble, err
}

// newest is the token whose refresh token is the newer one, as far as that can be told.
func newest(last, kept *oauth2.Token) *oauth2.Token {
	if kept == nil || kept.RefreshToken == "" || (last != nil && last.RefreshToken != "" && last.Expiry.After(kept.Expiry)) {
		return last
	}
	return kept
}

// after is the entry for all others when a mint has ended.
func (s share) after(e entry, token *oauth2.Token, err error, last *oauth2.Token) entry {
	if err == nil {
		return entry{Token: token, Good: goodUntil(token, time.Now()), Bound: s.bound}
	}
	said, ok := errors.AsType[*TokenError](err)
	if !ok { // it may be that only we cannot
		return entry{Token: e.Token, Good: e.Good, Bound: e.Bound}
	}
	pause := firstPause
	if e.Failed != nil {
		pause = min(max(2*e.Failed.Pause, firstPause), maxSharedPause)
	}
	f := &failure{said.Endpoint, said.StatusCode, said.Code, said.Description, pause, time.Now().Add(max(pause, said.asked()))}
	if said.Code == "invalid_grant" { // the refresh token is spent: the grant may have another
		return entry{Failed: f}
	}
	kept := e.Token
	if kept != nil && last != nil && kept.AccessToken == last.AccessToken {
		kept = &oauth2.Token{RefreshToken: kept.RefreshToken, Expiry: kept.Expiry}
	}
	return entry{Token: kept, Good: e.Good, Bound: e.Bound, Failed: f}
}

func (s share) load() ([]byte, error) {
	return look(func(ctx context.Context) ([]byte, error) { return s.store.Load(ctx, s.key) })
}

func (s share) swap(old []byte, e entry) (bool, error) {
	return look(func(ctx context.Context) (bool, error) { return s.store.Swap(ctx, s.key, old, e.bytes()) })
}

// look bounds a look into a store, also into one that does not obey its context.
func look[T any](into func(context.Context) (T, error)) (T, error) {
	type result struct {
		found T
		err   error
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeTime)
	defer cancel()
	done := make(chan result, 1)
	go func() {
		found, err := into(ctx)
		done <- result{found, err}
	}()
	select {
	case r := <-done:
		return r.found, prefixed("token store", r.err)
	case <-ctx.Done():
		var nothing T
		return nothing, fmt.Errorf("token store: no answer within %v: %w", storeTime, ctx.Err())
	}
}
