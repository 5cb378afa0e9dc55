package retry_test

import (
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/retry"
)

func TestWhatIsLateIsLearned(t *testing.T) {
	for name, tt := range map[string]struct {
		hedge *retry.Hedge
		late  time.Duration // when the second is sent
	}{
		"the slowest 5 %":         {&retry.Hedge{}, 95 * ms},
		"the slower half":         {&retry.Hedge{Quantile: 0.5}, 50 * ms},
		"the slowest 1 %":         {&retry.Hedge{Quantile: 0.99}, 99 * ms},
		"but After at the least":  {&retry.Hedge{Quantile: 0.5, After: 80 * ms}, 80 * ms},
		"a fixed time is no less": {&retry.Hedge{After: 20 * ms}, 20 * ms},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var sent []time.Time // of one call
				call := 0
				tr := &track{lanes: func(int, *http.Request) lane {
					sent = append(sent, time.Now())
					if len(sent) == 1 && call <= 100 {
						return lane{takes: time.Duration(call) * ms, status: 200}
					}
					return lane{takes: slow, status: 200}
				}}
				c := hedged(t, tr, tt.hedge)
				for call = 1; call <= 100; call++ {
					sent = nil
					_, err := c.R().Get("/")
					require.NoError(t, err)
					if tt.hedge.Quantile > 0 && call <= 20 {
						require.Len(t, sent, 1, "nothing is hedged before 20 are known")
					}
					synctest.Wait() // for the loser
				}
				sent = nil
				_, err := c.R().Get("/")
				require.NoError(t, err)
				require.Len(t, sent, 2)
				require.InDelta(t, tt.late, sent[1].Sub(sent[0]), float64(8*ms), "as of a few answers before")
				tr.quiet(t)
			})
		})
	}
}

func TestAnOriginLearnsForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := lanes(lane{takes: ms, status: 200})
		c := hedged(t, tr, &retry.Hedge{})
		for range 50 {
			_, err := c.R().Get("/")
			require.NoError(t, err)
		}
		synctest.Wait() // for the losers
		tr.n.Store(0)
		tr.lanes = func(int, *http.Request) lane { return lane{takes: time.Second, status: 200} }
		_, err := c.R().Get("https://other.example.com/")
		require.NoError(t, err)
		require.EqualValues(t, 1, tr.n.Load(), "of which nothing is known")
		_, err = c.R().SetContext(middleware.With(t.Context(), &retry.Hedge{Max: 2})).Get("/")
		require.NoError(t, err)
		require.EqualValues(t, 4, tr.n.Load(), "another hedge for a request knows what the client's has learned")
		tr.quiet(t)
	})
}

func TestAHedgeIsPaidFromTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, steps := range map[string]middleware.Stack{
			"the policy's": {retry.Policy{Attempts: 2}}, "its own": {}, "a small one": {retry.Policy{Attempts: 2, Budget: &retry.Tokens{Size: 50}}},
		} {
			heard := &hears{}
			tr := lanes(lane{takes: time.Second, status: 503})
			c := hedged(t, tr, append(steps, &retry.Hedge{After: ms}, heard)...)
			for range 200 {
				_, err := c.R().Get("/")
				require.NoError(t, err)
			}
			require.EqualValues(t, 200+map[string]int{"the policy's": 100, "its own": 100, "a small one": 10}[name], tr.n.Load(), name)
			require.Contains(t, heard.kinds, "hedge")
			require.Contains(t, heard.kinds, "budget")
			tr.quiet(t)
		}
	})
}

// hears is a step that keeps the kinds of the events, and the last of them.
type hears struct {
	kinds []string
	last  middleware.Event
}

func (*hears) Name() string            { return "hears" }
func (*hears) Layer() middleware.Layer { return middleware.Call }
func (h *hears) Observe(_ *middleware.Info, e middleware.Event) {
	h.kinds, h.last = append(h.kinds, e.Kind), e
}

func TestHedgesAreInTheHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := lanes(lane{takes: slow, status: 200}, lane{status: 503}, lane{takes: 2 * time.Second, status: 200})
		begun := time.Now()
		resp, err := hedged(t, tr, &retry.Hedge{After: time.Second, Max: 2}, retry.Policy{}).R().Get("/")
		require.NoError(t, err)
		history := retry.History(resp)
		require.Len(t, history, 3)
		require.ErrorIs(t, history[0].Err, retry.ErrOutrun)
		require.Equal(t, 503, history[1].StatusCode)
		require.Equal(t, begun.Add(time.Second), history[1].Start)
		require.Equal(t, 200, history[2].StatusCode)
		for i, a := range history {
			require.Equal(t, i+1, a.Number)
		}
		tr.quiet(t)
	})
}

// TestManyHedgesAtOnce is for the race detector.
func TestManyHedgesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := &track{lanes: func(n int, _ *http.Request) lane {
			return lane{takes: time.Duration(n%7) * ms, status: []int{200, 200, 503, 0, 200}[n%5], body: "x"}
		}}
		c := hedged(t, tr, &retry.Hedge{After: 2 * ms, Max: 2}, retry.Policy{Budget: retry.Unlimited}, middleware.RequireStatus{})
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				for range 20 {
					_, _ = c.R().SetBody("payload").Put("/")
				}
			})
		}
		wg.Wait()
		tr.quiet(t)
		for _, body := range tr.bodies {
			require.Equal(t, "payload", body)
		}
	})
}

// TestAnAttemptThatLosesIsLateToo: else an origin that became slow would seem as fast as
// those that outran it, and all of its requests would be sent twice.
func TestAnAttemptThatLosesIsLateToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := lanes(lane{takes: 5 * ms, status: 200})
		c := hedged(t, tr, &retry.Hedge{Quantile: 0.5}, retry.Policy{Budget: retry.Unlimited})
		for range 20 {
			_, err := c.R().Get("/")
			require.NoError(t, err)
		}
		var sent []time.Time // of one call
		tr.lanes = func(int, *http.Request) lane {
			sent = append(sent, time.Now())
			return lane{takes: time.Duration(max(2-len(sent), 0))*time.Second + 10*ms, status: 200}
		}
		for range 200 {
			sent = nil
			_, err := c.R().Get("/")
			require.NoError(t, err)
			synctest.Wait()
		}
		require.Greater(t, sent[1].Sub(sent[0]), 14*ms)
		tr.quiet(t)
	})
}

// TestHedgesOfRequestsShareABudget: on a client that has none.
func TestHedgesOfRequestsShareABudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := lanes(lane{takes: time.Second, status: 503})
		c := hedged(t, tr, middleware.RequireStatus{})
		for range 200 {
			_, _ = c.R().SetContext(middleware.With(t.Context(), &retry.Hedge{After: 100 * ms})).Get("/")
		}
		require.EqualValues(t, 300, tr.n.Load())
		tr.quiet(t)
	})
}
