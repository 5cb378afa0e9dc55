package auth

import (
	"bytes"
	"context"
	"fmt"
	"time"
)

// load looks a second time where the first fails at once: a connection may have been cut
// that was idle, and who goes on alone may have a refresh token that is spent.
func (s share) load() ([]byte, error) {
	once := func() ([]byte, error) {
		return look(func(ctx context.Context) ([]byte, error) { return s.store.Load(ctx, s.key) })
	}
	begun := time.Now()
	value, err := once()
	if err == nil || time.Since(begun) > storeTime/4 {
		return value, err
	}
	sleep(firstLook)
	return once()
}

// swap is Swap of a store whose answers may get lost: a client of it may ask again by
// itself, and hear that nothing was swapped.
func (s share) swap(old []byte, e entry) (bool, error) {
	value := e.bytes()
	swapped, err := look(func(ctx context.Context) (bool, error) { return s.store.Swap(ctx, s.key, old, value) })
	if swapped && err == nil {
		return true, nil
	}
	if found, errLoad := s.load(); errLoad == nil && bytes.Equal(found, value) {
		return true, nil
	}
	return false, err
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
