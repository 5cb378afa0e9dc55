package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/retry"
)

func named(t *testing.T, name string) strategy {
	for _, s := range strategies() {
		if s.name == name {
			return s
		}
	}
	require.Fail(t, "no such strategy", name)
	return strategy{}
}

func TestTheSameSeedIsTheSameRun(t *testing.T) {
	p := plan{model: models()[1], clients: 100, load: 100, until: time.Minute, seed: 1}
	for _, s := range strategies() {
		first, again := simulate(p, s), simulate(p, s)
		require.Equal(t, first, again, s.name)
		other := p
		other.seed = 2
		require.NotEqual(t, first, simulate(other, s), s.name)
	}
}

func TestEveryStrategyMeetsTheSameCalls(t *testing.T) {
	p := plan{model: models()[1], clients: 100, load: 100, until: time.Minute, seed: 1}
	first := simulate(p, strategies()[0])
	for _, s := range strategies()[1:] {
		for i, second := range simulate(p, s).seconds {
			require.Equal(t, first.seconds[i].calls, second.calls, s.name)
		}
	}
}

func TestWithoutABudgetTheSizeOfTheFleetChangesNothing(t *testing.T) {
	for _, s := range strategies() {
		few := simulate(plan{model: models()[1], clients: 7, load: 100, until: time.Minute, seed: 1}, s)
		many := simulate(plan{model: models()[1], clients: 100_000, load: 100, until: time.Minute, seed: 1}, s)
		if s.budget == nil {
			require.Equal(t, few, many, s.name)
		} else {
			require.NotEqual(t, few, many, s.name)
		}
	}
}

func TestEveryCallEndsOnce(t *testing.T) {
	for _, m := range models() {
		for _, s := range strategies() {
			all := simulate(plan{model: m, clients: 100, load: 100, until: time.Minute, seed: 1}, s).all()
			require.Equal(t, all.calls, all.good+all.lost, s.name)
			require.LessOrEqual(t, all.sent, 4*all.calls, s.name)
		}
	}
}

// The default budget is 500, and a retry costs 5, or 10 after a time-out.
func TestBudgetBoundsTheRetriesOfEachClient(t *testing.T) {
	for _, m := range models() {
		price := 5
		if m.silent {
			price = 10
		}
		outage := simulate(plan{model: m, clients: 10, load: 100, until: time.Minute, seed: 1}, named(t, "restykit")).total(outageFrom, outageTo)
		require.Equal(t, 10*500/price, outage.sent-outage.calls, m.name)
	}
}

func TestStrategiesRetryThreeTimesUnlessTheirNameSaysLess(t *testing.T) {
	fewer := map[string]int{"no retries": 0, "one retry, no budget": 1}
	for _, s := range strategies() {
		retries := 0
		for attempt := 1; ; attempt++ {
			d := s.decide(outcome(&call{attempt: attempt, status: 503}, 0.5))
			require.True(t, d.Transient, s.name)
			if !d.Retry {
				break
			}
			retries++
		}
		want, ok := fewer[s.name]
		if !ok {
			want = 3
		}
		require.Equal(t, want, retries, s.name)
		require.Equal(t, retry.Decision{}, s.decide(outcome(&call{attempt: 1, status: 200}, 0.5)), s.name)
	}
}

func TestWaitsAreDrawnAsTheNameSays(t *testing.T) {
	for name, bounds := range map[string][2]time.Duration{ // of the second retry
		"resty's own loop":       {100 * time.Millisecond, 200 * time.Millisecond},
		"exponential, no jitter": {200 * time.Millisecond, 200 * time.Millisecond},
		"full jitter, no budget": {0, 200 * time.Millisecond},
		"restykit":               {0, 200 * time.Millisecond},
		"restykit, budget 20":    {0, 200 * time.Millisecond},
	} {
		for i, random := range []float64{0, 1} {
			d := named(t, name).decide(outcome(&call{attempt: 2}, random))
			require.Equal(t, bounds[i], d.Wait, name)
		}
	}
}

func TestBudgetOfAClientIsItsOwnAndFilledByItsGoodCalls(t *testing.T) {
	s := newSimulation(plan{clients: 2, load: 1}, named(t, "restykit, budget 20"))
	one, other := &call{client: 0, status: 503}, &call{client: 1}
	for range 4 {
		require.True(t, s.spend(one))
	}
	require.False(t, s.spend(one))
	require.True(t, s.spend(other)) // at twice the price, after a time-out
	require.True(t, s.spend(other))
	require.False(t, s.spend(other))
	for range 5 {
		s.report(&call{client: 0, attempt: 1}, true)
		s.report(&call{client: 1, attempt: 1}, false)
	}
	require.True(t, s.spend(one))
	require.False(t, s.spend(other))
	s.report(&call{client: 1, attempt: 2, costly: true}, true)
	require.True(t, s.spend(other))
}

func TestAfterTheOutageGoodCallsFillTheBudgets(t *testing.T) {
	during := newSimulation(plan{model: models()[0], clients: 10, load: 100, until: outageTo, seed: 1}, named(t, "restykit"))
	after := newSimulation(plan{model: models()[0], clients: 10, load: 100, until: outageTo + 20*time.Second, seed: 1}, named(t, "restykit"))
	during.run()
	after.run()
	for i := range 10 {
		c := &call{client: i, status: 503}
		require.False(t, during.spend(c))
		require.True(t, after.spend(c))
	}
}

func TestRestysWaitsAreThoseOfRestysLoop(t *testing.T) {
	ms := time.Millisecond
	for attempt, bounds := range map[int][2]time.Duration{
		0: {100 * ms, 100 * ms}, 1: {100 * ms, 200 * ms}, 2: {200 * ms, 400 * ms}, 3: {400 * ms, 800 * ms}, 9: {1000 * ms, 2000 * ms},
	} {
		require.Equal(t, bounds[0], restyBackoff(attempt, 0), attempt)
		require.Equal(t, bounds[1], restyBackoff(attempt, 1), attempt)
	}
}
