package auth

import (
	"bytes"
	"context"
	"fmt"
	"sync"
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

// MemoryStore is a [TokenStore] for the clients of one program. It forgets nothing. Its
// zero value is ready; it is not copied.
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

// Format prints the store without what it keeps, whatever the verb.
func (s *MemoryStore) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, s.String()) }
