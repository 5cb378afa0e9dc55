package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

// fleet are clients that share a token in a store, each with a step of its own, as if
// they were processes.
func fleet(t *testing.T, n int, store auth.TokenStore, rt http.RoundTripper, step func() *auth.OAuth2) []*resty.Client {
	out := make([]*resty.Client, n)
	for i := range out {
		s := step()
		s.Store, s.Key = store, "shop"
		out[i] = client(t, rt, s)
	}
	return out
}

// all make a call at once; the errors are those of each.
func all(clients []*resty.Client) []error {
	errs := make([]error, len(clients))
	var wg sync.WaitGroup
	for i, c := range clients {
		wg.Go(func() { _, errs[i] = c.R().Get("/") })
	}
	wg.Wait()
	return errs
}

func requireNone(t *testing.T, errs []error) {
	t.Helper()
	require.NoError(t, errors.Join(errs...))
}

func TestAFleetMakesOneMintForEachExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, rt := &issuer{takes: 200 * time.Millisecond}, newResource()
		clients := fleet(t, 1000, &auth.MemoryStore{}, rt, id.step)
		for n := 1; n <= 5; n++ {
			begun := time.Now()
			requireNone(t, all(clients))
			require.Equal(t, n, id.count())
			require.Less(t, time.Since(begun), 2*time.Second)
			time.Sleep(2 * time.Hour)
		}
	})
}

func TestAFleetSharesShortLivedTokensToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := &issuer{answer: func(n int, _ url.Values) *http.Response { return issued(n, 8) }}
		clients := fleet(t, 50, &auth.MemoryStore{}, newResource(), id.step)
		requireNone(t, all(clients))
		require.Equal(t, 1, id.count())
	})
}

func TestAFleetRenewsItsTokenAheadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := &issuer{takes: 200 * time.Millisecond}
		clients := fleet(t, 100, &auth.MemoryStore{}, newResource(), id.step)
		requireNone(t, all(clients))
		time.Sleep(time.Hour - 30*time.Second)
		for _, c := range clients {
			require.Zero(t, takes(t, c), "the old token is good")
		}
		time.Sleep(time.Minute)
		for _, c := range clients {
			require.Zero(t, takes(t, c))
		}
		require.Equal(t, 2, id.count())
	})
}

func TestARevokedTokenOfAFleetIsReplacedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, rt := &issuer{takes: 50 * time.Millisecond}, newResource()
		clients := fleet(t, 100, &auth.MemoryStore{}, rt, id.step)
		requireNone(t, all(clients))
		rt.revoke("AT1")
		for i, resp := range statuses(t, clients) {
			require.Equal(t, http.StatusOK, resp, "client %d", i)
		}
		require.Equal(t, 2, id.count())
		require.Equal(t, 300, rt.count(), "each was refused once, and answered once")
	})
}

// statuses are those of one call of each client, at once.
func statuses(t *testing.T, clients []*resty.Client) []int {
	out := make([]int, len(clients))
	var wg sync.WaitGroup
	for i, c := range clients {
		wg.Go(func() {
			resp, err := c.R().Get("/")
			if err != nil {
				t.Error(err)
			}
			out[i] = resp.StatusCode()
		})
	}
	wg.Wait()
	return out
}

func TestTheNewestRefreshTokenIsThatOfTheFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := newRotator()
		clients := fleet(t, 20, &auth.MemoryStore{}, newResource(), func() *auth.OAuth2 { return id.refreshing(&oauth2.Token{RefreshToken: "R0"}) })
		for range 5 {
			requireNone(t, all(clients))
			time.Sleep(time.Hour)
		}
		require.Equal(t, []string{"R0", "R1", "R2", "R3", "R4"}, refreshTokens(id))
		late := fleet(t, 1, &auth.MemoryStore{}, newResource(), func() *auth.OAuth2 { return id.refreshing(&oauth2.Token{RefreshToken: "R0"}) })
		_, err := late[0].R().Get("/")
		require.ErrorContains(t, err, "invalid_grant", "who does not share the store is out")
	})
}

func TestASpentRefreshTokenInTheStoreGivesWayToTheOneThatIsConfigured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, store := newRotator(), &auth.MemoryStore{}
		old := fleet(t, 1, store, newResource(), func() *auth.OAuth2 { return id.refreshing(&oauth2.Token{RefreshToken: "R0"}) })
		requireNone(t, all(old))
		time.Sleep(time.Hour)
		id.newest = "L0" // the person logged in anew, and the old session is over
		again := fleet(t, 1, store, newResource(), func() *auth.OAuth2 { return id.refreshing(&oauth2.Token{RefreshToken: "L0"}) })
		requireNone(t, all(again))
		require.Equal(t, []string{"R0", "R1", "L0"}, refreshTokens(id))
	})
}

func TestAnIllTokenEndpointIsAskedOnceByAWholeFleetForEachPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := &issuer{takes: 50 * time.Millisecond, answer: refusing(http.StatusServiceUnavailable, "temporarily_unavailable")}
		clients := fleet(t, 20, &auth.MemoryStore{}, newResource(), id.step)
		begun := time.Now()
		for _, err := range all(clients) {
			failed, ok := errors.AsType[*auth.TokenError](err)
			require.True(t, ok, "%v", err)
			require.Equal(t, http.StatusServiceUnavailable, failed.StatusCode)
		}
		require.Less(t, time.Since(begun), 2*time.Second)
		require.Equal(t, 1, id.count())
		for time.Since(begun) < time.Minute {
			_ = all(clients)
			time.Sleep(50 * time.Millisecond)
		}
		require.LessOrEqual(t, id.count(), 20, "100 ms, doubling to 5 s")
		require.GreaterOrEqual(t, id.count(), 10)
		id.answer = nil
		time.Sleep(time.Minute)
		before := id.count()
		requireNone(t, all(clients))
		require.Equal(t, before+1, id.count())
	})
}

func TestTheRestThatATokenEndpointAsksForIsThatOfTheFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := &issuer{}
		id.answer = func(int, url.Values) *http.Response {
			resp := reply(nil, 429, "application/json", `{"error":"slow_down"}`)
			resp.Header.Set("Retry-After", "30")
			return resp
		}
		clients := fleet(t, 10, &auth.MemoryStore{}, newResource(), id.step)
		for range 29 {
			_ = all(clients)
			time.Sleep(time.Second)
		}
		require.Equal(t, 1, id.count())
	})
}

func TestTheLeaseOfAMinterThatCrashedIsOverAfterAWhile(t *testing.T) {
	for name, skew := range map[string]time.Duration{"clocks agree": 0, "its clock was ahead by a day": 24 * time.Hour, "its clock was behind by a day": -24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &auth.MemoryStore{}
				until, err := time.Now().Add(skew).Add(10 * time.Second).MarshalText()
				require.NoError(t, err)
				swapped, err := store.Swap(t.Context(), "shop", nil, fmt.Appendf(nil, `{"lease":{"id":"crashed","until":%q}}`, until))
				require.NoError(t, err)
				require.True(t, swapped)
				id := &issuer{}
				clients := fleet(t, 50, store, newResource(), id.step)
				begun := time.Now()
				requireNone(t, all(clients))
				require.Equal(t, 1, id.count())
				require.LessOrEqual(t, time.Since(begun), 13*time.Second)
			})
		})
	}
}

func TestTheLeaseOfASlowMinterHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := &issuer{takes: time.Minute}
		clients := fleet(t, 50, &auth.MemoryStore{}, newResource(), func() *auth.OAuth2 {
			s := id.step()
			s.Timeout = 2 * time.Minute
			return s
		})
		requireNone(t, all(clients))
		require.Equal(t, 1, id.count())
	})
}

// brokenStore is a store that is down: it answers with an error, or not at all.
type brokenStore struct{ hangs, swaps bool }

func (s brokenStore) Load(context.Context, string) ([]byte, error) {
	if s.swaps {
		return nil, nil
	}
	return nil, s.fail()
}

func (s brokenStore) Swap(context.Context, string, []byte, []byte) (bool, error) {
	return false, s.fail()
}

func (s brokenStore) fail() error {
	if s.hangs {
		time.Sleep(time.Hour)
	}
	return errors.New("connection refused")
}

func TestAStoreThatIsDownMakesEachMintForItselfAndFailsNoCall(t *testing.T) {
	for name, store := range map[string]brokenStore{"refuses": {}, "refuses to swap": {swaps: true}, "hangs": {hangs: true}, "hangs in a swap": {true, true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				id := &issuer{}
				var mu sync.Mutex
				var heard []middleware.Event
				clients := fleet(t, 10, store, newResource(), id.step)
				for _, c := range clients {
					require.NoError(t, middleware.Use(c, &hearer{func(e middleware.Event) {
						mu.Lock()
						defer mu.Unlock()
						if e.Kind == "store" {
							heard = append(heard, e)
						}
					}}))
				}
				begun := time.Now()
				requireNone(t, all(clients))
				require.LessOrEqual(t, time.Since(begun), 2*time.Second)
				require.Equal(t, 10, id.count())
				require.Len(t, heard, 10)
				require.ErrorContains(t, heard[0].Err, "token store: ")
				time.Sleep(2 * time.Hour)
			})
		})
	}
}

// hearer hears events.
type hearer struct{ hear func(middleware.Event) }

func (*hearer) Name() string                                     { return "hearer" }
func (*hearer) Layer() middleware.Layer                          { return middleware.Call }
func (h *hearer) Observe(_ *middleware.Info, e middleware.Event) { h.hear(e) }

func TestWhatIsNoEntryInAStoreIsReplaced(t *testing.T) {
	for _, value := range []string{"", "garbage", "[]", "null", `{"token":7}`, `{"token":{"access_token":"A\r\nX: y"}}`, `{"token":{"access_token":"old","expiry":"1999-01-01T00:00:00Z"},"good":"1999-01-01T00:00:00Z"}`, `{"lease":{"until":"soon"}}`} {
		synctest.Test(t, func(t *testing.T) {
			store := &auth.MemoryStore{}
			_, err := store.Swap(t.Context(), "shop", nil, []byte(value))
			require.NoError(t, err)
			rt, id := newResource(), &issuer{}
			requireNone(t, all(fleet(t, 2, store, rt, id.step)))
			require.Equal(t, 1, id.count())
			require.Equal(t, "Bearer AT1", rt.last(t).Header.Get("Authorization"))
		})
	}
}

func TestATokenThatCannotBeMintedHereIsMintedElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, store := &issuer{}, &auth.MemoryStore{}
		sealed := errors.New("the vault is sealed")
		without := fleet(t, 1, store, newResource(), func() *auth.OAuth2 {
			return &auth.OAuth2{Grant: grantFunc(func(context.Context, *http.Client, *oauth2.Token) (*oauth2.Token, error) { return nil, sealed })}
		})
		require.ErrorIs(t, errors.Join(all(without)...), sealed)
		requireNone(t, all(fleet(t, 1, store, newResource(), id.step)))
		time.Sleep(time.Second)
		requireNone(t, all(without))
		require.Equal(t, 1, id.count())
	})
}

func TestUseRefusesAStoreWithoutAKey(t *testing.T) {
	const want = "oauth2: Store and Key belong together: Key is the name of the token in the Store, for all who share it"
	s := (&issuer{}).step()
	s.Store = &auth.MemoryStore{}
	require.EqualError(t, middleware.Use(client(t, &api{}), s), want)
	s.Store, s.Key = nil, "shop"
	require.EqualError(t, middleware.Use(client(t, &api{}), s), want)
	s.Store = auth.FileStore{}
	require.EqualError(t, middleware.Use(client(t, &api{}), s), "oauth2: Store: Path is empty")
}
