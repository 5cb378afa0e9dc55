package auth

import (
	"bytes"
	"errors"
	mathrand "math/rand/v2"
	"time"

	"golang.org/x/oauth2"
)

// share mints for all clients that share a token in a store: one of them asks, and the
// others find what it got. Only compare-and-swap is needed of the store: whoever swaps a
// lease in may mint. A clock that is wrong does not break a lease, which is over where it
// was not renewed for a while by the clock of who waits.
type share struct {
	store TokenStore
	key   string
	bound string        // the thumbprint of the key that tokens are bound to; "" is none
	own   string        // the refresh token that the grant was given; "" is none
	most  time.Duration // a lease is not renewed for longer
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
// that does not work makes everybody mint for themselves, and is the trouble.
func (s share) obtain(w wish) (made, error) {
	var seen watch
	begun := time.Now()
	for look := firstLook; ; look = min(look*3/2, maxLook) {
		value, err := s.load()
		if err != nil {
			return s.alone(w, err)
		}
		e := readEntry(value)
		switch unchanged := seen.since(value); {
		case s.usable(e, w):
			return made{token: e.Token.token(), shared: true}, nil
		case time.Since(begun) > s.most+2*leaseTime:
			return s.alone(w, errors.New("token store: others are at work without end"))
		case e.Lease.live(unchanged):
			sleep(look)
			continue
		case e.Failed.rests():
			return made{}, e.Failed.err()
		case unchanged > leaseTime+maxLook && seen.refused: // and was all the time
			return s.alone(w, errors.New("token store: it swaps nothing, and Load returns what is not there"))
		}
		held := e.leased(newLease())
		swapped, err := s.swap(value, held)
		switch {
		case err != nil:
			return s.alone(w, err)
		case swapped:
			return s.mintFor(e, held.Lease.ID, w)
		}
		seen.refused = true
		sleep(look)
	}
}

// watch sees how long a value has been the same.
type watch struct {
	value   []byte
	begun   time.Time
	refused bool // a swap on it
}

func (w *watch) since(value []byte) time.Duration {
	if w.begun.IsZero() || !bytes.Equal(value, w.value) {
		*w = watch{value: value, begun: time.Now()}
	}
	return time.Since(w.begun)
}

// sleep takes a while that differs from client to client.
func sleep(about time.Duration) { time.Sleep(about/2 + mathrand.N(about/2)) }

// alone mints without the store.
func (s share) alone(w wish, why error) (made, error) {
	token, err := s.mint(w.last)
	return made{token: token, trouble: why}, err
}

// usable tells whether the token that is kept is good: for us, who may have another key
// than who put it there, and have been refused another one or have a newer one.
func (s share) usable(e entry, w wish) bool {
	t := e.Token.token()
	over := !e.Good.IsZero() && !time.Now().Before(e.Good)
	if t == nil || over || e.Bound != s.bound || checkToken(t) != nil || header(t) == w.refused {
		return false
	}
	return w.last == nil || (t.AccessToken != w.last.AccessToken && !older(t, w.last))
}

// older tells whether a token is certainly older than another.
func older(t, than *oauth2.Token) bool {
	return !t.Expiry.IsZero() && !than.Expiry.IsZero() && t.Expiry.Before(than.Expiry)
}

// mintFor mints under a lease, and tells the others what came of it.
func (s share) mintFor(before entry, lease string, w wish) (made, error) {
	var m made
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = errNoReturn
		m.token, err = s.mintFrom(w.last, before.Token.token())
	}()
	for begun := time.Now(); ; {
		select {
		case <-time.After(leaseRenewal):
			if time.Since(begun) < s.most {
				_ = s.replace(lease, before.leased(lease)) // the end tells whether it was lost
			}
			continue
		case <-done:
		}
		break
	}
	m.trouble = s.replace(lease, s.after(before, m.token, err, w))
	return m, err
}

// mintFrom mints with the newest refresh token there is. Where that one of the store is
// spent, the one that the grant was given may be that of a newer login.
func (s share) mintFrom(last, kept *oauth2.Token) (*oauth2.Token, error) {
	from := newest(last, kept)
	token, err := s.mint(from)
	said, ok := errors.AsType[*TokenError](err)
	if ok && said.Code == "invalid_grant" && s.own != "" && from != nil && from.RefreshToken != s.own {
		return s.mint(nil)
	}
	return token, err
}

// replace puts an entry in the place of the one with our lease, whatever has become of
// the answers of the store in between.
func (s share) replace(lease string, e entry) (err error) {
	for try := range replaceTries {
		if try > 0 {
			sleep(firstLook)
		}
		if err = s.replaceOnce(lease, e); err == nil || errors.Is(err, errLost) {
			break
		}
	}
	return err
}

// replaceTries are few: somebody waits for the token.
const replaceTries = 3

const errLost = final("token store: somebody else has taken the lease over: the token is not shared")

func (s share) replaceOnce(lease string, e entry) error {
	value, err := s.load()
	if err != nil {
		return err
	}
	if held := readEntry(value).Lease; held == nil || held.ID != lease {
		return errLost
	}
	swapped, err := s.swap(value, e)
	if err == nil && !swapped {
		err = errors.New("token store: it did not take the token")
	}
	return err
}

// newest is the token whose refresh token is the newer one, as far as that can be told.
func newest(last, kept *oauth2.Token) *oauth2.Token {
	if kept == nil || kept.RefreshToken == "" || (last != nil && last.RefreshToken != "" && older(kept, last)) {
		return last
	}
	return kept
}

// after is the entry for all others when a mint has ended.
func (s share) after(e entry, token *oauth2.Token, err error, w wish) entry {
	e.Lease = nil
	if err == nil {
		return entry{Token: kept(token), Good: goodUntil(token, time.Now()), Bound: s.bound}
	}
	said, ok := errors.AsType[*TokenError](err)
	if !ok || said.rest != 0 { // it may be that only we cannot; and another person may agree
		e.Failed = nil
		return e
	}
	e.Failed = e.Failed.next(said)
	switch t := e.Token.token(); {
	case said.Code == "invalid_grant": // the refresh token is spent: the grant may have another
		return entry{Failed: e.Failed}
	case t != nil && header(t) == w.refused:
		e.Token.AccessToken = ""
	}
	return e
}
