package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProgramPrintsATableAndDrawsAPlot(t *testing.T) {
	file := filepath.Join(t.TempDir(), "outage.svg")
	var out strings.Builder
	require.NoError(t, run(&out, plan{load: 100, until: time.Minute, seed: 1}, "10,1000", file))
	for _, line := range []string{
		"calls in 1m0s, 100 in a second; capacity 130; outage from 10s to 40s.\n",
		"\nA server that refuses ", "\nA server that hangs ",
		"\nno retries                     any     1.00     1.00 ",
		"\nrestykit                        10 ", "\nrestykit                     1,000 ",
		"\nThe plot is in " + file + ".\n",
	} {
		require.Contains(t, out.String(), line)
	}
	width := 0
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, " any ") || strings.HasPrefix(line, "restykit") {
			width = max(width, len(line))
			require.Len(t, line, width)
		}
	}
	svg, err := os.ReadFile(file)
	require.NoError(t, err)
	requireXML(t, svg)
	for _, text := range []string{"time (s)", "units of capacity", "offered load: requests that arrive", "restykit, budget 20, 1,000 clients", "Liberation Sans,Arial"} {
		require.Contains(t, string(svg), text)
	}
}

func requireXML(t *testing.T, text []byte) {
	for d := xml.NewDecoder(strings.NewReader(string(text))); ; {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
	}
}

// TestTheDocsShowWhatThisPrints: the run is the same each time, on processors that round
// alike.
func TestTheDocsShowWhatThisPrints(t *testing.T) {
	if testing.Short() || runtime.GOARCH != "amd64" {
		t.Skip("the whole run, on amd64")
	}
	file := filepath.Join(t.TempDir(), "outage.svg")
	var out strings.Builder
	require.NoError(t, run(&out, plan{load: load, until: span, seed: 1}, sizes, file))
	table, _, _ := strings.Cut(out.String(), "\n\nThe plot")
	page, err := os.ReadFile("../../docs/outage.md")
	require.NoError(t, err)
	require.Contains(t, string(page), table, "go -C examples/outage run . -out ../../docs/outage.svg")
	drawn, err := os.ReadFile(file)
	require.NoError(t, err)
	kept, err := os.ReadFile("../../docs/outage.svg")
	require.NoError(t, err)
	require.Equal(t, string(kept), string(drawn))
}

func TestFleetIsAListOfNumbers(t *testing.T) {
	fleets, err := parseFleets("1000, 50")
	require.NoError(t, err)
	require.Equal(t, []int{1000, 50}, fleets)
	for _, text := range []string{"", "0", "-1", "1e6", "10,,20", "many"} {
		_, err := parseFleets(text)
		require.ErrorContains(t, err, "is no size of a fleet: give numbers like 1000,10000", text)
	}
}

func TestPlotThatCannotBeWrittenIsAnError(t *testing.T) {
	err := run(io.Discard, plan{load: 10, until: time.Minute, seed: 1}, "10", filepath.Join(t.TempDir(), "no", "outage.svg"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestNumbersAreGrouped(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1076740: "1,076,740"} {
		require.Equal(t, want, grouped(n))
	}
}
