package observe

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Snapshot is what the Recorder knows now. It costs a few milliseconds at most, and calls
// hardly wait for it.
func (r *Recorder) Snapshot() Snapshot {
	s := Snapshot{At: time.Now(), Events: r.news.all(), Clients: r.clients.stats(r.Redactor)}
	if since := r.since.Load(); since != 0 {
		s.Since = time.Unix(0, since)
	}
	all := sum{}
	for at, routes := range r.origins.all() {
		o, total := OriginStats{Origin: at.name}, sum{}
		for _, route := range routes {
			one := sum{}
			one.look(s.At, &route.tally)
			total.look(s.At, &route.tally)
			all.look(s.At, &route.tally)
			o.Routes = append(o.Routes, RouteStats{route.method, route.template, one.done(s.At, s.Since)})
		}
		slices.SortFunc(o.Routes, func(a, b RouteStats) int {
			return cmp.Or(cmp.Compare(b.Recent.Calls, a.Recent.Calls), cmp.Compare(a.Template, b.Template), cmp.Compare(a.Method, b.Method))
		})
		o.Stats = total.done(s.At, s.Since)
		for _, c := range at.records() {
			o.Calls = append(o.Calls, c.copied())
		}
		slices.SortFunc(o.Calls, func(a, b RecordedCall) int { return cmp.Compare(b.ID, a.ID) })
		s.Origins = append(s.Origins, o)
	}
	s.All = all.done(s.At, s.Since)
	slices.SortFunc(s.Origins, func(a, b OriginStats) int { return cmp.Compare(a.Origin, b.Origin) })
	return s
}

// all are the origins with their routes.
func (o *origins) all() map[*originRecord][]*routeRecord {
	o.mu.RLock()
	defer o.mu.RUnlock()
	out := make(map[*originRecord][]*routeRecord, len(o.named))
	for _, at := range o.named {
		for _, route := range at.routes {
			out[at] = append(out[at], route)
		}
	}
	return out
}

func (o *originRecord) records() []*record {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append(o.well.all(), o.failed.all()...)
}

// mostNews is how many events are kept beside those of the calls.
const mostNews = 100

// news are the last events. Its zero value is ready.
type news struct {
	mu   sync.Mutex
	kept []RecordedEvent // the newest last
}

func (n *news) add(e RecordedEvent) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.kept) >= mostNews {
		n.kept = slices.Delete(n.kept, 0, 1)
	}
	n.kept = append(n.kept, e)
}

// all are those that are kept, the newest first.
func (n *news) all() []RecordedEvent {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := slices.Clone(n.kept)
	slices.Reverse(out)
	return out
}
