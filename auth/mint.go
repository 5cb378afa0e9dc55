package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"github.com/restykit/restykit/middleware"
)

// minter keeps a token, and sees to it that one is made at a time. Its zero value is
// ready.
type minter struct {
	step string // that it mints for; "" is oauth2

	mu      sync.Mutex
	token   *oauth2.Token // to use until good
	last    *oauth2.Token // the newest, also when it is no longer of use
	had     time.Time     // since when
	good    time.Time     // zero is without end
	renew   time.Time     // from here on, in the background
	flight  *flight
	failed  error         // why the last mint failed
	rest    time.Time     // no mint before
	pause   time.Duration // the length of the next rest
	ahead   bool          // it failed ahead of need: the first in need may ask
	trust   time.Time     // no token is dropped before: new ones are refused as well
	doubt   time.Duration
	seeded  bool
	shared  bool   // the token is one that others have minted
	refused string // the token that a server has refused last, as it was sent
}

const (
	maxLeeway  = 10 * time.Second
	maxAhead   = time.Minute
	firstPause = 100 * time.Millisecond
	firstDoubt = time.Second
	maxPause   = time.Minute
)

// seed begins with a token that was saved, if it is still good.
func (m *minter) seed(from func() *oauth2.Token) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.seeded {
		return
	}
	m.seeded = true
	if saved := from(); saved != nil && saved.AccessToken != "" && !saved.Expiry.IsZero() {
		own := *saved // whose owner may write on it
		m.last = &own
		m.keep(&flight{made: made{token: &own}}, time.Now())
	}
}

// get is the token for a call.
func (m *minter) get(ctx context.Context, mint mintFunc, by *used) (*oauth2.Token, error) {
	if own := by.own(); own != nil {
		return own, nil
	}
	token, f, mine, err := m.current(mint)
	if err != nil {
		return nil, err
	}
	if f == nil {
		return token, nil
	}
	begun := time.Now()
	select {
	case <-f.done:
	case <-ctx.Done():
		return nil, fmt.Errorf("no token yet: %w", context.Cause(ctx))
	}
	if mine {
		step := cmp.Or(m.step, "oauth2")
		if f.trouble != nil {
			middleware.Emit(ctx, middleware.Event{Step: step, Kind: "store", Err: f.trouble})
		}
		e := middleware.Event{Step: step, Kind: "mint", Wait: time.Since(begun), Err: f.err}
		if f.shared {
			e.Text = "shared"
		}
		middleware.Emit(ctx, e)
	}
	if f.err != nil {
		return nil, f.err
	}
	if f.once {
		by.keep(f.token)
	}
	return f.token, nil
}

// current is the token that is there, or the mint to wait for, and whether it begins here.
func (m *minter) current(mint mintFunc) (token *oauth2.Token, f *flight, mine bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if m.token != nil && (m.good.IsZero() || now.Before(m.good)) {
		if !m.renew.IsZero() && !now.Before(m.renew) && m.flight == nil && !now.Before(m.rest) {
			m.start(mint).ahead = true
		}
		return m.token, nil, false, nil
	}
	if m.flight != nil {
		m.flight.ahead = false
		return nil, m.flight, false, nil
	}
	if m.ahead {
		m.ahead, m.pause, m.rest = false, 0, time.Time{}
	}
	if now.Before(m.rest) {
		return nil, nil, false, m.failed
	}
	return nil, m.start(mint), true, nil
}

// start begins a mint, which belongs to nobody's context.
func (m *minter) start(mint mintFunc) *flight {
	f := &flight{done: make(chan struct{})}
	m.flight = f
	w := wish{m.last, m.refused}
	go func() {
		begun := time.Now()
		f.err = errNoReturn
		defer func() { m.land(f, begun) }()
		f.made, f.err = mint(w)
	}()
	return f
}

// errNoReturn is what waiters get while a panic takes the process down.
var errNoReturn = errors.New("the grant, Open or OnToken did not return: it panicked, or ended its goroutine")

// land files what a mint came to, and lets the waiters go.
func (m *minter) land(f *flight, begun time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	defer close(f.done)
	m.flight = nil
	if f.err != nil {
		m.ahead, m.pause = f.ahead, min(max(2*m.pause, firstPause), maxPause)
		m.rest = time.Now().Add(m.pause)
		if said, ok := errors.AsType[*TokenError](f.err); ok {
			m.rest = time.Now().Add(max(m.pause, said.asked()))
		}
		f.err = &resting{f.err, m.rest}
		m.failed = f.err
		return
	}
	m.failed, m.ahead, m.pause, m.rest = nil, false, 0, time.Time{}
	m.last = f.token
	m.keep(f, begun)
}

// keep makes a token the current one, for as long as it is good.
func (m *minter) keep(f *flight, begun time.Time) {
	same := m.token != nil && m.token.AccessToken == f.token.AccessToken
	m.token, m.shared, m.had, m.good, m.renew = f.token, f.shared, time.Now(), time.Time{}, time.Time{}
	if f.token.Expiry.IsZero() {
		return
	}
	life := f.token.Expiry.Sub(begun)
	if life <= 0 {
		m.token, f.once = nil, true
		return
	}
	m.good = goodUntil(f.token, begun)
	m.renew = f.token.Expiry.Add(-min(maxAhead, life/2))
	if same {
		m.renew = m.good // the grant has a token that it believes in: it is not asked again for each call
	}
}

// goodUntil is a leeway before the expiry of a token, or zero where it has none.
func goodUntil(t *oauth2.Token, begun time.Time) time.Time {
	if t.Expiry.IsZero() {
		return time.Time{}
	}
	return t.Expiry.Add(-min(maxLeeway, t.Expiry.Sub(begun)/4))
}

// refuse drops the token that the server refused, if it is still the current one, and
// tells whether another can be had. Of many callers with the same token the first drops
// it, and the others find the next.
func (m *minter) refuse(by *used, value string) bool {
	by.drop(value)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.token != nil && header(m.token) != value {
		return true
	}
	if time.Now().Before(m.trust) {
		return false
	}
	m.token, m.refused = nil, value
	return true
}

// header is a token as it is sent.
func header(t *oauth2.Token) string { return t.Type() + " " + t.AccessToken }

// settle hears whether a new token was refused too. Then it is not the tokens, and a
// server that refuses all of them must not make each call ask for one. But one that others
// have minted may be as old as the one before: then the next call asks for another.
func (m *minter) settle(value string, refused bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !refused {
		m.doubt, m.trust = 0, time.Time{}
		return
	}
	if m.shared && m.token != nil && header(m.token) == value {
		m.token, m.refused = nil, value
		return
	}
	if now := time.Now(); !now.Before(m.trust) { // of many callers with that token the first
		m.doubt = min(max(2*m.doubt, firstDoubt), maxPause)
		m.trust = now.Add(m.doubt)
	}
}
