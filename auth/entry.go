package auth

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"golang.org/x/oauth2"
)

// entry is what clients that share a token keep in a store.
type entry struct {
	Token  *keptToken `json:"token,omitempty"`
	Good   time.Time  `json:"good,omitzero"`    // until when the token is; zero is without end
	Bound  string     `json:"jkt,omitempty"`    // the thumbprint of the key that it is bound to
	Lease  *lease     `json:"lease,omitempty"`  // somebody is minting
	Failed *failure   `json:"failed,omitempty"` // the last mint failed
}

// readEntry reads what a store keeps. What cannot be read is as good as nothing: it is
// replaced.
func readEntry(value []byte) entry {
	var e entry
	if json.Unmarshal(value, &e) != nil {
		return entry{}
	}
	return e
}

func (e entry) bytes() []byte {
	value, err := json.Marshal(e)
	if err != nil { // a year beyond 9999 in an Expiry
		return []byte("{}")
	}
	return value
}

// keptToken is a token, with what of its answer is of use later.
type keptToken struct {
	oauth2.Token

	More map[string]any `json:"more,omitempty"`
}

// kept is a token as a store keeps it.
func kept(t *oauth2.Token) *keptToken {
	k := &keptToken{Token: *t}
	for _, name := range [...]string{"id_token", "scope", "issued_token_type"} {
		if v, ok := t.Extra(name).(string); ok && v != "" {
			if k.More == nil {
				k.More = map[string]any{}
			}
			k.More[name] = v
		}
	}
	return k
}

func (k *keptToken) token() *oauth2.Token {
	if k == nil {
		return nil
	}
	t := k.Token
	if k.More == nil {
		return &t
	}
	return t.WithExtra(k.More)
}

// lease tells that somebody mints. It is renewed by whoever holds it.
type lease struct {
	ID    string    `json:"id"`
	Until time.Time `json:"until"`
}

func newLease() string { return rand.Text() }

// leased is the entry with a lease from now on.
func (e entry) leased(id string) entry {
	e.Lease = &lease{ID: id, Until: time.Now().Add(leaseTime)}
	return e
}

// live tells whether a lease still holds that we have seen unchanged for a while. Its own
// time, by somebody else's clock, only shortens our waiting.
func (l *lease) live(unchanged time.Duration) bool {
	switch {
	case l == nil:
		return false
	case time.Now().Before(l.Until):
		return unchanged < leaseTime
	}
	return unchanged < 2*leaseRenewal
}

// failure is why a mint failed, for all who would have had its token.
type failure struct {
	Endpoint    string        `json:"endpoint"`
	StatusCode  int           `json:"status,omitempty"`
	Code        string        `json:"code,omitempty"`
	Description string        `json:"description,omitempty"`
	Pause       time.Duration `json:"pause"` // the next is twice as long
	Rest        time.Duration `json:"rest"`  // nobody asks for so long
	Until       time.Time     `json:"until"`
}

// next is the failure behind this one.
func (f *failure) next(said *TokenError) *failure {
	pause := firstPause
	if f != nil {
		pause = min(max(2*f.Pause, firstPause), maxSharedPause)
	}
	rest := max(pause, said.asked())
	return &failure{said.Endpoint, said.StatusCode, said.Code, said.Description, pause, rest, time.Now().Add(rest)}
}

// rests tells whether nobody is to ask yet. One whose clock is wrong is not believed.
func (f *failure) rests() bool {
	if f == nil {
		return false
	}
	left := time.Until(f.Until)
	return left > 0 && left <= f.Rest
}

func (f *failure) err() error {
	left := time.Until(f.Until)
	return &TokenError{
		Endpoint: f.Endpoint, StatusCode: f.StatusCode, Code: f.Code, Description: f.Description,
		Err: fmt.Errorf("another client that shares the token was told so; nobody asks again for %v", left.Round(time.Millisecond)), rest: left,
	}
}
