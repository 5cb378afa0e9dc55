package main

import (
	"fmt"
	"io"
	"strconv"
)

// printTable prints what came of each strategy, by server.
func printTable(w io.Writer, results []result) {
	p := results[0].plan
	fmt.Fprintf(w, "%s calls in %v, %s in a second; capacity %s; outage from %v to %v.\n",
		grouped(results[0].record.all().calls), p.until, grouped(int(p.load)), grouped(int(p.capacity())), outageFrom, outageTo)
	name := ""
	for _, r := range results {
		if r.plan.model.name != name {
			name = r.plan.model.name
			printHead(w, name)
		}
		fmt.Fprintf(w, "%-24s %9s %8.2f %8.2f %7.2f %9s %11s\n", r.strategy.name, r.fleet(),
			r.record.total(outageFrom, outageTo).perCall(), r.record.all().perCall(),
			float64(r.record.peak())/r.plan.capacity(), r.recovery(), grouped(r.record.all().lost))
	}
}

func printHead(w io.Writer, name string) {
	fmt.Fprintf(w, "\n%-34s requests per call   peak   back to      calls\n", "A server that "+name)
	fmt.Fprintf(w, "%-24s %9s  outage      all    load      99 %%       lost\n", "strategy", "clients")
}

// fleet is the size of the fleet.
func (r result) fleet() string {
	if r.plan.clients == 0 {
		return "any"
	}
	return grouped(r.plan.clients)
}

// recovery is the time to recover.
func (r result) recovery() string {
	if d, ok := r.record.recovered(); ok {
		return d.String()
	}
	return "never"
}

// grouped is 1,234,567.
func grouped(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s,%03d", grouped(n/1000), n%1000)
}
