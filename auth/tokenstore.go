package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"golang.org/x/oauth2"
)

// TokenStore is where clients that share a token find it: those of one program
// ([MemoryStore]), of one machine ([FileStore]), or of a fleet (a nested module,
// auth/redisstore). A store keeps bytes under names and knows nothing of tokens; all it
// must do is to compare and swap. It must be safe for concurrent use.
//
// The bytes have access and refresh tokens in them, in plain text: whoever reads the
// store has the tokens.
type TokenStore interface {
	// Load is what is kept under a key. Where there is nothing, that is nil.
	Load(ctx context.Context, key string) ([]byte, error)
	// Swap puts value in the place of old, which is what Load returned, or nil where
	// there was nothing; and tells false, and changes nothing, where something else is
	// there by now.
	Swap(ctx context.Context, key string, old, value []byte) (bool, error)
}

// MemoryStore is a [TokenStore] for the clients of one program. Its zero value is ready;
// it is not copied.
type MemoryStore struct {
	mu   sync.Mutex
	kept map[string][]byte
}

// Load is what is kept under a key, or nil.
func (s *MemoryStore) Load(_ context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept[key], nil
}

// Swap puts value in the place of old.
func (s *MemoryStore) Swap(_ context.Context, key string, old, value []byte) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !bytes.Equal(s.kept[key], old) {
		return false, nil
	}
	if s.kept == nil {
		s.kept = map[string][]byte{}
	}
	s.kept[key] = bytes.Clone(value)
	return true, nil
}

// String is "memory".
func (*MemoryStore) String() string { return "memory" }

// entry is what a store keeps under a key.
type entry struct {
	Token  *oauth2.Token `json:"token,omitempty"`
	Good   time.Time     `json:"good,omitzero"`    // until when the token is; zero is without end
	Bound  string        `json:"jkt,omitempty"`    // the thumbprint of the key that it is bound to
	Lease  *lease        `json:"lease,omitempty"`  // somebody is minting
	Failed *failure      `json:"failed,omitempty"` // the last mint failed
}

// lease tells that somebody mints. It is renewed by whoever holds it, and is over where
// it has not been for a while.
type lease struct {
	ID    string    `json:"id"` // makes every renewal another value
	Until time.Time `json:"until"`
}

// failure is why a mint failed, for all who would have had its token.
type failure struct {
	Endpoint    string        `json:"endpoint"`
	StatusCode  int           `json:"status,omitempty"`
	Code        string        `json:"code,omitempty"`
	Description string        `json:"description,omitempty"`
	Pause       time.Duration `json:"pause"` // the next is twice as long
	Until       time.Time     `json:"until"` // nobody asks before
}

func (f *failure) err() error {
	return &TokenError{
		Endpoint: f.Endpoint, StatusCode: f.StatusCode, Code: f.Code, Description: f.Description,
		Err: errors.New("so another client that shares the token was told"), rest: time.Until(f.Until),
	}
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
