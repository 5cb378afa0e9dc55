package observe

import (
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/restykit/restykit/internal/origin"
)

const (
	mostOrigins = 64
	mostRoutes  = 512
	mostPaths   = 2048

	otherOrigins = "(other origins)"
	otherRoutes  = "(other routes)"
)

// routePath is a route as a request names it: as it comes, so that finding it costs nothing.
type routePath struct{ method, scheme, host, template string }

// routeName is a route as it is shown.
type routeName struct{ method, template string }

// routeRecord is a route of an origin.
type routeRecord struct {
	tally
	routeName

	origin *originRecord
}

// originRecord is an origin with its calls.
type originRecord struct {
	name   string
	last   atomic.Int64 // when it was called
	routes map[routeName]*routeRecord

	mu     sync.Mutex
	well   ring
	failed ring
	bytes  int
}

// origins are all that there are. Its zero value is ready.
type origins struct {
	mu     sync.RWMutex
	paths  map[routePath]*routeRecord
	named  map[string]*originRecord
	routes int // of all
}

// route finds a route, or makes it.
func (o *origins) route(r *Redactor, p routePath) *routeRecord {
	o.mu.RLock()
	found := o.paths[p]
	o.mu.RUnlock()
	if found == nil {
		found = o.newRoute(r, p)
	}
	return found
}

func (o *origins) newRoute(r *Redactor, p routePath) *routeRecord {
	name := origin.Of(&url.URL{Scheme: p.scheme, Host: p.host}).String()
	if p.host == "" {
		name = "(nowhere)"
	}
	route := routeName{methodOf(p.method), bounded(pathOf(r.urlText(nil, p.template)))}
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	at := o.origin(name, now)
	found := at.routes[route]
	if found == nil {
		if o.routes >= mostRoutes {
			route = routeName{template: otherRoutes}
		}
		if found = at.routes[route]; found == nil {
			found = &routeRecord{routeName: route, origin: at}
			at.routes[route] = found
			o.routes++
		}
	}
	if len(o.paths) < mostPaths {
		o.paths[p] = found
	}
	return found
}

// origin finds an origin, or makes it. The lock is held.
func (o *origins) origin(name string, now time.Time) *originRecord {
	if o.named == nil {
		o.named, o.paths = map[string]*originRecord{}, map[routePath]*routeRecord{}
	}
	at := o.named[name]
	if at == nil && len(o.named) >= mostOrigins && !o.forget(now) {
		name = otherOrigins
		at = o.named[name]
	}
	if at == nil {
		at = &originRecord{name: name, routes: map[routeName]*routeRecord{}}
		o.named[name] = at
	}
	at.last.Store(now.UnixNano())
	return at
}

// forget makes room: it drops the origin that was not called for longest.
func (o *origins) forget(now time.Time) bool {
	var oldest *originRecord
	for _, at := range o.named {
		if at.name != otherOrigins && (oldest == nil || at.last.Load() < oldest.last.Load()) {
			oldest = at
		}
	}
	if oldest == nil || now.Sub(time.Unix(0, oldest.last.Load())) < window {
		return false
	}
	delete(o.named, oldest.name)
	o.routes -= len(oldest.routes)
	for p, route := range o.paths {
		if route.origin == oldest {
			delete(o.paths, p)
		}
	}
	return true
}

// pathOf is a URL as it may be shown, without its origin.
func pathOf(shown string) string {
	if _, rest, ok := strings.Cut(shown, "://"); ok {
		if i := strings.IndexAny(rest, "/?"); i >= 0 {
			return rest[i:]
		}
		return "/"
	}
	return shown
}

// keep files a call that has ended.
func (o *originRecord) keep(r *Recorder, c *record, failed bool, size int) {
	o.last.Store(time.Now().UnixNano())
	o.mu.Lock()
	defer o.mu.Unlock()
	to := &o.well
	if failed {
		to = &o.failed
	}
	o.drop(to.push(c, r.calls()))
	c.size, c.held = size, true
	o.bytes += size
	o.fit(r)
}

// grow notes that a call that is kept takes more.
func (o *originRecord) grow(r *Recorder, c *record, more int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if c.held {
		c.size += more
		o.bytes += more
		o.fit(r)
	}
}

// fit drops the oldest calls until the others fit, and those that failed last.
func (o *originRecord) fit(r *Recorder) {
	for o.bytes > r.maxBytes() {
		c := o.well.pop()
		if c == nil {
			c = o.failed.pop()
		}
		if c == nil {
			return
		}
		o.drop(c)
	}
}

func (o *originRecord) drop(c *record) {
	if c != nil {
		c.held = false
		o.bytes -= c.size
	}
}

// ring keeps the last records.
type ring struct {
	kept  []*record
	begin int
	n     int
}

// push adds a record, and returns the one that has to go for it, or nil.
func (g *ring) push(c *record, most int) (gone *record) {
	if g.kept == nil {
		g.kept = make([]*record, most)
	}
	if g.n == len(g.kept) {
		gone = g.pop()
	}
	g.kept[(g.begin+g.n)%len(g.kept)] = c
	g.n++
	return gone
}

// pop takes the oldest out.
func (g *ring) pop() *record {
	if g.n == 0 {
		return nil
	}
	c := g.kept[g.begin]
	g.kept[g.begin] = nil
	g.begin = (g.begin + 1) % len(g.kept)
	g.n--
	return c
}

// all are those that are kept.
func (g *ring) all() []*record {
	out := make([]*record, 0, g.n)
	for i := range g.n {
		out = append(out, g.kept[(g.begin+i)%len(g.kept)])
	}
	return out
}
