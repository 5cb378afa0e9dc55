// Command outage simulates a fleet of clients before a server of fixed capacity that fails
// for a while and recovers: what several ways to retry do to the server, and how long it
// takes until it serves again. See docs/outage.md.
//
//	go -C examples/outage run .
//	go -C examples/outage run . -clients 1000,50000 -seed 2 -out outage.svg
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The run of the program.
const (
	load  = 5000 // calls in a second, of the whole fleet
	span  = 100 * time.Second
	sizes = "1000,10000,100000,1000000"
)

func main() {
	clients := flag.String("clients", sizes, "the `sizes` of the fleet")
	out := flag.String("out", filepath.Join(os.TempDir(), "outage.svg"), "the `file` for the plot")
	seed := flag.Uint64("seed", 1, "the `number` that all chance comes from: the same is the same run")
	flag.Parse()
	if err := run(os.Stdout, plan{load: load, until: span, seed: *seed}, *clients, *out); err != nil {
		fmt.Fprintln(os.Stderr, "outage:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, base plan, clients, file string) error {
	fleets, err := parseFleets(clients)
	if err != nil {
		return err
	}
	results := compare(base, fleets)
	printTable(w, results)
	if err := writePlot(file, results); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nThe plot is in %s.\n", file)
	return nil
}

// parseFleets reads "1000,10000".
func parseFleets(list string) ([]int, error) {
	var fleets []int
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-clients: %q is no size of a fleet: give numbers like 1000,10000", text)
		}
		fleets = append(fleets, n)
	}
	return fleets, nil
}
