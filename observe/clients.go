package observe

import (
	"reflect"
	"slices"
	"strings"
	"sync"
	"weak"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/middleware"
)

// mostClients bounds how many clients are remembered.
const mostClients = 256

// clients are those that have made a call, as long as somebody else uses them. Its zero
// value is ready.
type clients struct {
	mu    sync.RWMutex
	known map[uintptr]weak.Pointer[resty.Client]
}

// note remembers a client.
func (k *clients) note(c *resty.Client) {
	at := reflect.ValueOf(c).Pointer()
	k.mu.RLock()
	known := k.known[at].Value() == c
	k.mu.RUnlock()
	if known || c == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil {
		k.known = map[uintptr]weak.Pointer[resty.Client]{}
	}
	if len(k.known) >= mostClients {
		for other, p := range k.known {
			if p.Value() == nil {
				delete(k.known, other)
			}
		}
	}
	if len(k.known) < mostClients {
		k.known[at] = weak.Make(c)
	}
}

// all are those that are still there.
func (k *clients) all() []*resty.Client {
	k.mu.RLock()
	defer k.mu.RUnlock()
	var out []*resty.Client
	for _, p := range k.known {
		if c := p.Value(); c != nil {
			out = append(out, c)
		}
	}
	return out
}

// stats are the pipelines of the clients, each once.
func (k *clients) stats(r *Redactor) []ClientStats {
	var out []ClientStats
	for _, c := range k.all() {
		steps := middleware.Of(c)
		text := r.text(nil, steps.String())
		at := slices.IndexFunc(out, func(s ClientStats) bool { return s.Pipeline == text })
		if at < 0 {
			at = len(out)
			out = append(out, ClientStats{Pipeline: text})
		}
		out[at].Clients++
		out[at].gauge(r, steps)
	}
	slices.SortFunc(out, func(a, b ClientStats) int { return strings.Compare(a.Pipeline, b.Pipeline) })
	return out
}

// gauge adds what steps say of themselves. Clients that share a step say it once.
func (s *ClientStats) gauge(r *Redactor, steps middleware.Stack) {
	for _, step := range steps {
		g, ok := step.(middleware.Gauger)
		if !ok {
			continue
		}
		g.Gauges(func(name, origin string, value float64) {
			one := Gauge{r.text(nil, g.Name()), r.text(nil, name), r.text(nil, origin), value}
			if !slices.Contains(s.Gauges, one) {
				s.Gauges = append(s.Gauges, one)
			}
		})
	}
}
