package redisstore_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/go-resty/resty/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/auth/redisstore"
	"github.com/restykit/restykit/middleware"
)

// redisURL is a Redis: that of REDIS_URL, or else one inside of the process.
func redisURL(t *testing.T) (url string, outside bool) {
	if url := os.Getenv("REDIS_URL"); url != "" {
		return url, true
	}
	return "redis://" + miniredis.RunT(t).Addr(), false
}

func store(t *testing.T, url, prefix string) redisstore.Store {
	options, err := redis.ParseURL(url)
	require.NoError(t, err)
	c := redis.NewClient(options)
	t.Cleanup(func() { _ = c.Close() })
	return redisstore.Store{Client: c, Prefix: prefix, TTL: time.Hour}
}

// server is a token endpoint and an API that takes its tokens.
type server struct {
	*httptest.Server
	mints atomic.Int32
	life  int // of a token, in seconds
	takes time.Duration
}

func newServer(t *testing.T, life int) *server {
	s := &server{life: life, takes: 100 * time.Millisecond}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, _ *http.Request) {
		n := s.mints.Add(1)
		<-time.After(s.takes)
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"access_token":"AT%d","expires_in":%d}`, n, s.life)
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// client is one of a fleet.
func client(t *testing.T, url string, store auth.TokenStore) *resty.Client {
	c := resty.New().SetBaseURL(url)
	require.NoError(t, middleware.Use(c, middleware.RequireStatus{}, &auth.OAuth2{
		Grant: auth.ClientCredentials{Config: clientcredentials.Config{ClientID: "shop", TokenURL: url + "/token"}, Secret: auth.Static("s3cret")},
		Store: store, Key: "shop",
	}))
	return c
}

func TestSwapComparesAndLoadFindsIt(t *testing.T) {
	url, _ := redisURL(t)
	s := store(t, url, t.Name()+strconv.Itoa(os.Getpid())+":")
	ctx := t.Context()
	value, err := s.Load(ctx, "k")
	require.NoError(t, err)
	require.Nil(t, value)
	for _, step := range []struct {
		old, value string
		swapped    bool
	}{
		{"a", "b", false}, {"", "\x00\xff{}\"'\n", true}, {"", "c", false}, {"x", "c", false}, {"\x00\xff{}\"'\n", "c", true}, {"c", "c", true},
	} {
		swapped, err := s.Swap(ctx, "k", []byte(step.old), []byte(step.value))
		require.NoError(t, err)
		require.Equal(t, step.swapped, swapped, "%q", step)
	}
	value, err = s.Load(ctx, "k")
	require.NoError(t, err)
	require.Equal(t, "c", string(value))
	other, err := s.Load(ctx, "another key")
	require.NoError(t, err)
	require.Nil(t, other)
}

func TestOfManyWhoSwapAtOnceOneWins(t *testing.T) {
	url, _ := redisURL(t)
	s := store(t, url, t.Name()+strconv.Itoa(os.Getpid())+":")
	for round := range 20 {
		old := bytes.Repeat([]byte("x"), round)
		var wins atomic.Int32
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				swapped, err := s.Swap(context.Background(), "k", old, bytes.Repeat([]byte("x"), round+1))
				if err != nil {
					t.Error(err)
				}
				if swapped {
					wins.Add(1)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 1, wins.Load())
	}
}

// A thousand processes with a real Redis, and fewer with the one inside.
func TestAFleetOfProcessesMakesOneMint(t *testing.T) {
	if url := os.Getenv("RESTYKIT_FLEET_OF"); url != "" {
		c := client(t, url, store(t, os.Getenv("RESTYKIT_FLEET_REDIS"), os.Getenv("RESTYKIT_FLEET_PREFIX")))
		_, err := c.R().Get("/")
		require.NoError(t, err)
		return
	}
	url, outside := redisURL(t)
	processes := 50
	if outside {
		processes = 1000
	}
	s := newServer(t, 3600)
	var wg sync.WaitGroup
	places := make(chan struct{}, 50)
	for range processes {
		wg.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			cmd := exec.Command(os.Args[0], "-test.run=^TestAFleetOfProcessesMakesOneMint$")
			cmd.Env = append(os.Environ(), "RESTYKIT_FLEET_OF="+s.URL, "RESTYKIT_FLEET_REDIS="+url, "RESTYKIT_FLEET_PREFIX="+t.Name()+strconv.Itoa(os.Getpid())+":")
			if text, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, text)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 1, s.mints.Load(), "%d processes", processes)
}

func TestAThousandClientsMakeOneMintForEachExpiry(t *testing.T) {
	url, _ := redisURL(t)
	s := newServer(t, 8)
	st := store(t, url, t.Name()+strconv.Itoa(os.Getpid())+":")
	clients := make([]*resty.Client, 1000)
	for i := range clients {
		clients[i] = client(t, s.URL, st)
	}
	for n := range 2 {
		var wg sync.WaitGroup
		for _, c := range clients {
			wg.Go(func() {
				if _, err := c.R().Get("/"); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, n+1, s.mints.Load())
		<-time.After(8 * time.Second)
	}
}

func TestRedisThatGoesDownFailsNoCall(t *testing.T) {
	mini := miniredis.RunT(t)
	s := newServer(t, 3600)
	st := store(t, "redis://"+mini.Addr(), "")
	one := client(t, s.URL, st)
	_, err := one.R().Get("/")
	require.NoError(t, err)
	mini.Close()
	begun := time.Now()
	for n := range 3 {
		_, err = client(t, s.URL, st).R().Get("/")
		require.NoError(t, err, "each mints for itself")
		require.EqualValues(t, n+2, s.mints.Load())
	}
	require.Less(t, time.Since(begun), 9*time.Second)
	require.NoError(t, mini.Restart())
	_, err = client(t, s.URL, st).R().Get("/")
	require.NoError(t, err)
	require.EqualValues(t, 4, s.mints.Load(), "and it is shared again")
}

func TestTheLeaseOfAProcessThatCrashedEnds(t *testing.T) {
	url, _ := redisURL(t)
	st := store(t, url, t.Name()+strconv.Itoa(os.Getpid())+":")
	lease, err := json.Marshal(map[string]any{"lease": map[string]any{"id": "crashed", "until": time.Now().Add(-time.Minute)}})
	require.NoError(t, err)
	_, err = st.Swap(t.Context(), "shop", nil, lease)
	require.NoError(t, err)
	s := newServer(t, 3600)
	_, err = client(t, s.URL, st).R().Get("/")
	require.NoError(t, err)
	require.EqualValues(t, 1, s.mints.Load())
}

func TestUseRefusesAStoreThatCannotWork(t *testing.T) {
	for want, s := range map[string]redisstore.Store{
		"Client is nil: give a redis.NewClient":             {},
		"TTL is 1s: give a minute or more, or 0 for ever":   {Client: redis.NewClient(&redis.Options{}), TTL: time.Second},
		"TTL is -1ns: give a minute or more, or 0 for ever": {Client: redis.NewClient(&redis.Options{}), TTL: -1},
	} {
		require.EqualError(t, s.Validate(), want)
	}
	require.Equal(t, "redis restykit:token:*", redisstore.Store{}.String())
}
