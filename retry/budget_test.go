package retry_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/retry"
)

func parsed(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	require.NoError(t, err)
	return u
}

// spends is how many retries a budget pays for at once.
func spends(b retry.Budget, target *url.URL, timeout bool) int {
	for n := range 100_000 {
		if !b.Spend(target, timeout) {
			return n
		}
	}
	return 100_000
}

func TestTokensCountAsTheSDKsOfAWSDo(t *testing.T) {
	a, b := parsed(t, "https://a.test/x"), parsed(t, "https://b.test")
	tokens := &retry.Tokens{}
	require.Equal(t, 100, spends(tokens, a, false), "500 tokens, 5 each")
	require.Equal(t, 50, spends(tokens, b, true), "another origin has its own; a time-out costs 10")

	for range 4 {
		tokens.Report(a, retry.Result{OK: true})
	}
	require.Equal(t, 0, spends(tokens, a, false), "a good answer is one token")
	tokens.Report(a, retry.Result{OK: true})
	require.Equal(t, 1, spends(tokens, a, false))
	tokens.Report(a, retry.Result{OK: true, Retried: true})
	require.Equal(t, 1, spends(tokens, a, false), "a retry that succeeds gets its cost back")
	tokens.Report(a, retry.Result{OK: true, Retried: true, Timeout: true})
	require.Equal(t, 2, spends(tokens, a, false))
	tokens.Report(a, retry.Result{Retried: true})
	tokens.Report(a, retry.Result{})
	require.Equal(t, 0, spends(tokens, a, false), "a failure gets nothing")

	for range 1000 {
		tokens.Report(a, retry.Result{OK: true, Retried: true})
	}
	require.Equal(t, 100, spends(tokens, a, false), "and no bucket runs over")
	require.Zero(t, spends(tokens, parsed(t, "https://A.test:443/y"), false), "one origin, however it is written")
}

func TestTokensOfOnesOwn(t *testing.T) {
	a := parsed(t, "https://a.test")
	require.Equal(t, 4, spends(&retry.Tokens{Size: 20}, a, false))
	require.Equal(t, 20, spends(&retry.Tokens{Size: 20, Cost: 1}, a, false))
	require.Equal(t, 10, spends(&retry.Tokens{Size: 20, Cost: 1}, a, true))
	require.Equal(t, 2, spends(&retry.Tokens{Size: 20, TimeoutCost: 10}, a, true))
	for _, tt := range []struct {
		budget retry.Budget
		says   string
	}{
		{&retry.Tokens{Size: -1}, "Size is -1"},
		{&retry.Tokens{Size: 3}, "Size (3) is below the cost of one retry (10)"},
		{&retry.Tokens{Cost: -2, Reward: -1}, "Reward is -1"},
		{&retry.Ratio{Part: -0.1}, "Part is -0.1"},
		{&retry.Ratio{PerSecond: -1}, "PerSecond is -1"},
		{&retry.Ratio{Window: time.Nanosecond}, "Window is 1ns"},
	} {
		require.ErrorContains(t, middleware.Use(resty.New(), retry.Policy{Budget: tt.budget}), "Budget: ")
		require.ErrorContains(t, middleware.Use(resty.New(), retry.Policy{Budget: tt.budget}), tt.says)
	}
}

func TestARatioIsAPartOfTheCallsOfAWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := parsed(t, "https://a.test")
		ratio := &retry.Ratio{}
		require.Equal(t, 100, spends(ratio, a, false), "10 per second for 10 s")
		for range 1000 {
			ratio.Report(a, retry.Result{})
		}
		require.Equal(t, 200, spends(ratio, a, false), "and 20 % of the calls")
		time.Sleep(11 * time.Second)
		require.Equal(t, 100, spends(ratio, a, false), "the window has gone by")

		own := &retry.Ratio{Part: 0.5, PerSecond: 1, Window: time.Second}
		for range 10 {
			own.Report(a, retry.Result{OK: true})
		}
		require.Equal(t, 6, spends(own, a, false))
		time.Sleep(500 * time.Millisecond)
		require.Equal(t, 0, spends(own, a, false))
	})
}

func TestABudgetIsPrinted(t *testing.T) {
	for _, b := range []retry.Budget{&retry.Tokens{Size: 50}, &retry.Ratio{}, retry.Unlimited} {
		client := resty.New()
		require.NoError(t, middleware.Use(client, retry.Policy{Budget: b}))
		require.Contains(t, middleware.Of(client).String(), "budget "+b.String())
	}
	require.Equal(t, "50 20% and 10/s unlimited", fmt.Sprintf("%v %v %v", &retry.Tokens{Size: 50}, &retry.Ratio{}, retry.Unlimited))
}

// failsAtTimes fails a part of what it is sent.
type failsAtTimes struct {
	mu   sync.Mutex
	part float64
	sent int
	dice *rand.Rand
}

func (f *failsAtTimes) RoundTrip(req *http.Request) (*http.Response, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent++
	if req.Body != nil {
		_ = req.Body.Close()
	}
	switch d := f.dice.Float64(); {
	case d < f.part/2:
		return nil, syscall.ECONNRESET
	case d < f.part:
		return status(503)()
	}
	return status(200)()
}

// calls makes 10,000 by several workers, in a bubble, and counts the lost.
func (f *failsAtTimes) calls(t *testing.T, p retry.Policy) (lost int) {
	t.Helper()
	client := resty.New().SetBaseURL("https://api.test").SetTransport(f)
	require.NoError(t, middleware.Use(client, p, middleware.RequireStatus{}))
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10_000 / 8 {
				if _, err := client.R().Get("/"); err != nil {
					mu.Lock()
					lost++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return lost
}

// TestABudgetLosesNoCallThatCouldBeSaved: with every tenth request failing, only those are
// lost that four attempts do not save.
func TestABudgetLosesNoCallThatCouldBeSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, b := range map[string]retry.Budget{"tokens": nil, "ratio": &retry.Ratio{}} {
			f := &failsAtTimes{part: 0.1, dice: rand.New(rand.NewPCG(1, 2))}
			without := &failsAtTimes{part: 0.1, dice: rand.New(rand.NewPCG(1, 2))}
			lost, bare := f.calls(t, retry.Policy{Attempts: 6, Budget: b}), without.calls(t, retry.Policy{Attempts: 6, Budget: retry.Unlimited})
			require.Zero(t, bare, "one in a million")
			require.Zero(t, lost, name)
		}
	})
}

// TestAnOutageCostsAHundredRequests: for tokens whatever the number of calls, for a ratio
// its part.
func TestAnOutageCostsAHundredRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &failsAtTimes{part: 1, dice: rand.New(rand.NewPCG(1, 2))}
		require.Equal(t, 10_000, f.calls(t, retry.Policy{}))
		require.LessOrEqual(t, f.sent, 10_100)
		require.Greater(t, f.sent, 10_050)

		f = &failsAtTimes{part: 1, dice: rand.New(rand.NewPCG(1, 2))}
		begun := time.Now()
		require.Equal(t, 10_000, f.calls(t, retry.Policy{Budget: &retry.Ratio{}}))
		require.LessOrEqual(t, float64(f.sent-10_000), 2000+100+10*time.Since(begun).Seconds())
	})
}

// TestManyOriginsAreForgottenNotHoarded: a crawler's client stays small, and the origins it
// uses keep their state.
func TestManyOriginsAreForgottenNotHoarded(t *testing.T) {
	tokens, used := &retry.Tokens{}, parsed(t, "https://used.test")
	require.Equal(t, 100, spends(tokens, used, false))
	for i := range 10_000 {
		tokens.Spend(parsed(t, fmt.Sprintf("https://%d.test", i)), false)
		require.False(t, tokens.Spend(used, false))
	}
	require.Equal(t, 99, spends(tokens, parsed(t, "https://9999.test"), false))
	require.Equal(t, 100, spends(tokens, parsed(t, "https://0.test"), false), "forgotten long ago")
}

// TestPoliciesOfRequestsShareABudget: on a client that has none, each context brings its own
// policy, and another hedge.
func TestPoliciesOfRequestsShareABudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sends := func(step func() middleware.Middleware) int {
			f := &failsAtTimes{part: 1, dice: rand.New(rand.NewPCG(1, 2))}
			client := resty.New().SetBaseURL("https://api.test").SetTransport(f)
			require.NoError(t, middleware.Use(client, middleware.RequireStatus{}))
			for range 1000 {
				_, _ = client.R().SetContext(middleware.With(t.Context(), step())).Get("/")
			}
			return f.sent
		}
		require.LessOrEqual(t, sends(func() middleware.Middleware { return retry.Policy{} }), 1100)
		require.Equal(t, 4000, sends(func() middleware.Middleware { return retry.Policy{Budget: retry.Unlimited} }))
		n := 0
		require.LessOrEqual(t, sends(func() middleware.Middleware {
			n++
			if n <= 10 {
				return retry.Policy{Budget: retry.Unlimited}
			}
			return retry.Policy{}
		}), 1130, "what one of them brings is its own")
	})
}

// TestBudgetsThatWouldBoundNothingAreRefused: NaN is in no order with anything, and a nil
// pointer is no budget.
func TestBudgetsThatWouldBoundNothingAreRefused(t *testing.T) {
	var tokens *retry.Tokens
	var ratio *retry.Ratio
	for _, tt := range []struct {
		budget retry.Budget
		says   string
	}{
		{&retry.Ratio{Part: math.NaN()}, "Part is NaN"},
		{&retry.Ratio{PerSecond: math.NaN()}, "PerSecond is NaN"},
		{&retry.Ratio{PerSecond: math.Inf(1)}, "PerSecond is +Inf"},
		{&retry.Tokens{Size: math.MaxInt, Cost: math.MaxInt}, "Size is"},
		{tokens, "it is a nil *retry.Tokens: leave the field out"},
		{ratio, "it is a nil *retry.Ratio: leave the field out"},
	} {
		err := middleware.Use(resty.New(), retry.Policy{Budget: tt.budget})
		require.ErrorContains(t, err, "retry: Budget: "+tt.says)
	}
}
