package main

import (
	"fmt"
	"net/http"
	"sync"
)

// tally counts answers by their status. It knows nothing of the kit: decorate is what
// otelhttp, go-vcr and httpcache offer too.
type tally struct {
	mu    sync.Mutex
	count map[int]int
}

func newTally() *tally { return &tally{count: map[int]int{}} }

func (t *tally) decorate(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err != nil {
			return nil, err
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		t.count[resp.StatusCode]++
		return resp, nil
	})
}

// String is "map[200:1 503:3]".
func (t *tally) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return fmt.Sprint(t.count)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
