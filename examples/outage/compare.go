package main

import (
	"runtime"
	"sync"
)

// result is what came of a plan under a strategy.
type result struct {
	plan     plan
	strategy strategy
	record   record
}

// compare runs each strategy before each server, with as many at a time as there are
// processors. A strategy without a budget keeps nothing of a client from call to call, so
// the size of the fleet changes nothing for it: it runs once, with plan.clients 0 in its
// result.
func compare(base plan, fleets []int) []result {
	var results []result
	for _, m := range models() {
		for _, s := range strategies() {
			sizes := fleets
			if s.budget == nil {
				sizes = []int{0}
			}
			for _, n := range sizes {
				p := base
				p.model, p.clients = m, n
				results = append(results, result{plan: p, strategy: s})
			}
		}
	}
	simulateAll(results)
	return results
}

func simulateAll(results []result) {
	var all sync.WaitGroup
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i := range results {
		all.Go(func() {
			free <- struct{}{}
			r := &results[i]
			r.record = simulate(r.plan, r.strategy)
			<-free
		})
	}
	all.Wait()
}
