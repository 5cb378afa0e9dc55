package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/restykit/restykit/auth"
)

// oddStore is a MemoryStore with a fault.
type oddStore struct {
	auth.MemoryStore

	swaps atomic.Int32
	loads atomic.Int32
	swap  func(n int32, do func() (bool, error)) (bool, error) // nil has no fault
	load  func(n int32, do func() ([]byte, error)) ([]byte, error)
}

func (s *oddStore) Load(ctx context.Context, key string) ([]byte, error) {
	do := func() ([]byte, error) { return s.MemoryStore.Load(ctx, key) }
	if n := s.loads.Add(1); s.load != nil {
		return s.load(n, do)
	}
	return do()
}

func (s *oddStore) Swap(ctx context.Context, key string, old, value []byte) (bool, error) {
	do := func() (bool, error) { return s.MemoryStore.Swap(ctx, key, old, value) }
	if n := s.swaps.Add(1); s.swap != nil {
		return s.swap(n, do)
	}
	return do()
}

func TestALostAnswerOfTheStoreLosesNoRefreshToken(t *testing.T) {
	for kind, lost := range map[string]func() (bool, error){
		"the client asked again, and heard false": func() (bool, error) { return false, nil },
		"an error": func() (bool, error) { return false, errors.New("connection reset") },
	} {
		for n := int32(1); n <= 4; n++ { // the lease, its renewals, and the token
			t.Run(fmt.Sprintf("%s, swap %d", kind, n), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					store := &oddStore{swap: func(at int32, do func() (bool, error)) (bool, error) {
						swapped, err := do()
						if at == n {
							return lost()
						}
						return swapped, err
					}}
					id := newRotator()
					id.takes = 6 * time.Second
					step := func() *auth.OAuth2 { return id.refreshing(&oauth2.Token{RefreshToken: "R0"}) }
					begun := time.Now()
					requireNone(t, all(fleet(t, 1, store, newResource(), step)))
					require.Equal(t, 6*time.Second, time.Since(begun), "a lease of its own is known again")
					time.Sleep(time.Hour)
					requireNone(t, all(fleet(t, 1, store, newResource(), step)))
					require.Equal(t, []string{"R0", "R1"}, refreshTokens(id), "none is sent twice")
				})
			})
		}
	}
}

func TestAStoreThatSwapsNothingIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &oddStore{swap: func(int32, func() (bool, error)) (bool, error) { return false, nil }}
		id := &issuer{}
		step := id.step()
		var told []error
		step.OnStoreError = func(err error) { told = append(told, err) }
		requireNone(t, all(fleet(t, 1, store, newResource(), func() *auth.OAuth2 { return step })))
		require.Len(t, told, 1)
		require.ErrorContains(t, told[0], "token store: it swaps nothing")
		require.Less(t, store.loads.Load(), int32(100))
	})
}

func TestAClockThatIsWrongBreaksNoLeaseAndFailsNobody(t *testing.T) {
	for _, off := range []time.Duration{24 * time.Hour, time.Hour, 30 * time.Second, 15 * time.Second, -15 * time.Second, -30 * time.Second, -time.Hour} {
		t.Run(off.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &auth.MemoryStore{}
				at := func(d time.Duration) string {
					text, _ := time.Now().Add(off + d).MarshalText()
					return string(text)
				}
				failed := fmt.Sprintf(`{"failed":{"endpoint":"e","status":503,"pause":100000000,"rest":100000000,"until":%q}}`, at(100*time.Millisecond))
				_, err := store.Swap(t.Context(), "shop", nil, []byte(failed))
				require.NoError(t, err)
				id := &issuer{}
				requireNone(t, all(fleet(t, 1, store, newResource(), id.step)))
				require.Equal(t, 1, id.count())

				// a minter with that clock is at work, and renews its lease
				store = &auth.MemoryStore{}
				lease := func() []byte { return fmt.Appendf(nil, `{"lease":{"id":"other","until":%q}}`, at(10*time.Second)) }
				held := lease()
				_, err = store.Swap(t.Context(), "shop", nil, held)
				require.NoError(t, err)
				go func() {
					for range 8 {
						time.Sleep(2500 * time.Millisecond)
						next := lease()
						_, _ = store.Swap(context.Background(), "shop", held, next)
						held = next
					}
					token := `{"token":{"access_token":"theirs"}}`
					_, _ = store.Swap(context.Background(), "shop", held, []byte(token))
				}()
				rt := newResource()
				requireNone(t, all(fleet(t, 1, store, rt, id.step)))
				require.Equal(t, 1, id.count(), "there was a minter at work")
				require.Equal(t, "Bearer theirs", rt.last(t).Header.Get("Authorization"))
			})
		})
	}
}

func TestATokenOfOthersThatIsRevokedTooIsReplacedByTheNextCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, store, rt := &issuer{}, &auth.MemoryStore{}, newResource()
		clients := fleet(t, 2, store, rt, id.step)
		requireNone(t, all(clients))
		rt.revoke("AT1")
		require.Equal(t, []int{200}, statuses(t, clients[1:]))
		rt.revoke("AT2")
		require.Equal(t, []int{401}, statuses(t, clients[:1]), "it found AT2, which is no better, and a call is sent twice at most")
		require.Equal(t, []int{200}, statuses(t, clients[:1]), "and now it asks")
		require.Equal(t, 3, id.count())
	})
}

func TestASavedTokenThatWasRevokedIsNotTakenFromTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, store, rt := newRotator(), &auth.MemoryStore{}, newResource()
		saved := &oauth2.Token{RefreshToken: "R0"}
		first := id.refreshing(saved)
		first.OnToken = func(token *oauth2.Token) { *saved = *token }
		requireNone(t, all(fleet(t, 1, store, rt, func() *auth.OAuth2 { return first })))
		rt.revoke("AT1")
		again := fleet(t, 1, store, rt, func() *auth.OAuth2 { return id.refreshing(saved) })
		require.Equal(t, []int{200}, statuses(t, again))
		require.Equal(t, 2, id.count())
	})
}

func TestAnOnTokenThatHangsHoldsNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, store := &issuer{}, &auth.MemoryStore{}
		hangs := id.step()
		wake := make(chan struct{})
		hangs.OnToken = func(*oauth2.Token) { <-wake }
		stuck := fleet(t, 1, store, newResource(), func() *auth.OAuth2 { return hangs })
		var wg sync.WaitGroup
		wg.Go(func() { _ = all(stuck) })
		synctest.Wait()
		begun := time.Now()
		requireNone(t, all(fleet(t, 1, store, newResource(), id.step)))
		require.Zero(t, time.Since(begun), "the token is in the store before it is told")
		require.Equal(t, 1, id.count())
		close(wake)
		wg.Wait()
	})
}

func TestALeaseOfAGrantThatHangsEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, store := &issuer{}, &auth.MemoryStore{}
		wake := make(chan struct{})
		deaf := &auth.OAuth2{Grant: grantFunc(func(context.Context, *http.Client, *oauth2.Token) (*oauth2.Token, error) {
			<-wake // it does not obey its context
			return &oauth2.Token{AccessToken: "late"}, nil
		})}
		var told atomic.Int32
		deaf.OnStoreError = func(error) { told.Add(1) }
		stuck := fleet(t, 1, store, newResource(), func() *auth.OAuth2 { return deaf })
		var wg sync.WaitGroup
		wg.Go(func() { _ = all(stuck) })
		synctest.Wait()
		begun := time.Now()
		requireNone(t, all(fleet(t, 1, store, newResource(), id.step)))
		require.Less(t, time.Since(begun), 25*time.Second)
		close(wake)
		wg.Wait()
		require.EqualValues(t, 1, told.Load(), "and the late one is told that its token is not shared")
	})
}

func TestARenewalThatFailsTakesNoGoodTokenFromTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, store, rt := &issuer{}, &auth.MemoryStore{}, newResource()
		requireNone(t, all(fleet(t, 1, store, rt, id.step)))
		time.Sleep(time.Hour - 55*time.Second)
		early := fleet(t, 1, store, rt, id.step)
		requireNone(t, all(early))
		id.answer = refusing(http.StatusServiceUnavailable, "temporarily_unavailable")
		requireNone(t, all(early)) // ahead, in the background
		synctest.Wait()
		requireNone(t, all(fleet(t, 1, store, rt, id.step)))
	})
}

func TestATokenFromTheStoreHasItsIDToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := &issuer{answer: func(int, url.Values) *http.Response {
			return reply(nil, 200, "application/json", `{"access_token":"AT","expires_in":60,"id_token":"IDT","scope":"read","more":"x"}`)
		}}
		store := &auth.MemoryStore{}
		for range 2 {
			step := id.step()
			step.Store, step.Key = store, "shop"
			token, err := step.Token(t.Context())
			require.NoError(t, err)
			require.Equal(t, "IDT", token.Extra("id_token"))
			require.Equal(t, "read", token.Extra("scope"))
		}
		require.Equal(t, 1, id.count())
		require.NotContains(t, fmt.Sprintf("%#v %+v %s", store, store, store), "AT")
	})
}

func TestALoadThatFailsOnceLosesNoRefreshToken(t *testing.T) {
	for n := int32(1); n <= 5; n++ {
		synctest.Test(t, func(t *testing.T) {
			store := &oddStore{load: func(at int32, do func() ([]byte, error)) ([]byte, error) {
				if at == n {
					return nil, errors.New("connection reset")
				}
				return do()
			}}
			id := newRotator()
			step := func() *auth.OAuth2 { return id.refreshing(&oauth2.Token{RefreshToken: "R0"}) }
			requireNone(t, all(fleet(t, 1, store, newResource(), step)))
			time.Sleep(time.Hour)
			requireNone(t, all(fleet(t, 1, store, newResource(), step)))
			require.Equal(t, []string{"R0", "R1"}, refreshTokens(id), "load %d", n)
		})
	}
}

func TestAStoreWithoutAnEndIsNotWaitedForWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := [2]string{`{"lease":{"id":"a","until":"2100-01-01T00:00:00Z"}}`, `{"lease":{"id":"b","until":"2100-01-01T00:00:00Z"}}`}
		store := &oddStore{load: func(n int32, _ func() ([]byte, error)) ([]byte, error) { return []byte(held[n%2]), nil }}
		id := &issuer{}
		begun := time.Now()
		requireNone(t, all(fleet(t, 1, store, newResource(), id.step)))
		require.Less(t, time.Since(begun), time.Minute)
	})
}

func TestARefusalIsNotAskedForTwiceOfTheSamePerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := &issuer{answer: refusing(400, "invalid_grant")}
		store := &auth.MemoryStore{}
		_, err := store.Swap(t.Context(), "shop", nil, []byte(`{"token":{"refresh_token":"R9","access_token":""}}`))
		require.NoError(t, err)
		config := oauth2.Config{ClientID: "app", Endpoint: oauth2.Endpoint{TokenURL: "https://id.test/token"}}
		step := &auth.OAuth2{
			Grant:  auth.ResourceOwnerPassword{Config: config, Username: "mary", Password: auth.Static("wrong")},
			Client: &http.Client{Transport: id}, Store: store, Key: "shop",
		}
		_, err = step.Token(t.Context())
		require.ErrorContains(t, err, "invalid_grant")
		require.Equal(t, 1, id.count(), "a password that is wrong is sent once")
	})
}
