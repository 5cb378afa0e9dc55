package observe

import (
	"fmt"
	"slices"
)

// mostOfKind is how many failures are shown that look the same.
const mostOfKind = 3

// lastCalls are the newest that failed, and the newest of the others.
func lastCalls(s *Snapshot) (failed, well []callView) {
	var all []*RecordedCall
	for i := range s.Origins {
		for j := range s.Origins[i].Calls {
			all = append(all, &s.Origins[i].Calls[j])
		}
	}
	slices.SortFunc(all, func(a, b *RecordedCall) int { return b.Start.Compare(a.Start) })
	type kind struct{ origin, method, template, result string }
	kinds := map[kind]int{}
	first := map[kind]int{}
	for _, c := range all {
		if !c.Failed() {
			if len(well) < mostLatest {
				well = append(well, newCallView(c))
			}
			continue
		}
		k := kind{c.Origin, c.Method, c.Template, result(c.Status, c.ErrorType)}
		kinds[k]++
		if kinds[k] > mostOfKind || len(failed) == mostFailures {
			continue
		}
		if kinds[k] == 1 {
			first[k] = len(failed)
		}
		failed = append(failed, newCallView(c))
	}
	for k, i := range first {
		if kinds[k] > mostOfKind {
			failed[i].Alike = fmt.Sprintf("%d like this", kinds[k])
		}
	}
	return failed, well
}
