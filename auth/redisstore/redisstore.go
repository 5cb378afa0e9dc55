// Package redisstore keeps the tokens of package auth in Redis, so that a fleet of
// processes shares one token and one refresh:
//
//	redisClient := redis.NewClient(&redis.Options{Addr: "redis.internal:6379"})
//	step := &auth.OAuth2{
//		Grant: auth.ClientCredentials{...},
//		Store: redisstore.Store{Client: redisClient},
//		Key:   "billing",
//	}
//
// One process asks for a token, and the others find what it got. Where Redis is down, each
// process asks for itself, and no call fails, though it waits until the client of Redis gives
// up, 2 s at most; that client also writes lines of its own to the standard error (see its
// package logging). It is a module of its own, so that nobody
// downloads the client of Redis who does not use it.
package redisstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/restykit/restykit/auth"
)

var _ auth.TokenStore = Store{}

// Store is an [auth.TokenStore] in Redis 2.6 or later, or what speaks its protocol and runs
// Lua scripts. Its values are the tokens, in plain text: Redis must be as well guarded as
// they are, with a password (or ACL) and TLS.
//
// It is a value, and safe for concurrent use.
type Store struct {
	Client redis.Cmdable // a *redis.Client, a *redis.ClusterClient, a *redis.Ring
	Prefix string        // of the keys; "" is "restykit:token:"
	// TTL is how long a token is kept after it was made; tokens live no longer. 0 is for
	// ever, as a refresh token that must outlive the processes needs.
	TTL time.Duration
}

// Load is what is kept under a key, or nil.
func (s Store) Load(ctx context.Context, key string) ([]byte, error) {
	value, err := s.Client.Get(ctx, s.name(key)).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	return value, err
}

// compareAndSwap sets a value where the old one is there, "" being none, and tells 1.
const compareAndSwap = `
local kept = redis.call('GET', KEYS[1]) or ''
if kept ~= ARGV[1] then return 0 end
if tonumber(ARGV[3]) > 0 then
	redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
else
	redis.call('SET', KEYS[1], ARGV[2])
end
return 1`

// Swap puts value in the place of old.
func (s Store) Swap(ctx context.Context, key string, old, value []byte) (bool, error) {
	return redis.NewScript(compareAndSwap).Run(ctx, s.Client, []string{s.name(key)}, old, value, s.TTL.Milliseconds()).Bool()
}

func (s Store) name(key string) string { return cmp.Or(s.Prefix, "restykit:token:") + key }

// Validate refuses a client that is nil. Whether Redis is there is not asked.
func (s Store) Validate() error {
	switch {
	case s.Client == nil:
		return errors.New("Client is nil: give a redis.NewClient")
	case s.TTL < 0 || (s.TTL > 0 && s.TTL < time.Minute):
		return fmt.Errorf("TTL is %v: give a minute or more, or 0 for ever", s.TTL)
	}
	return nil
}

// String is the place of the keys.
func (s Store) String() string { return "redis " + s.name("*") }
