package retry

// lefter is a budget that tells what is left of it for each origin.
type lefter interface {
	leftFor(yield func(origin string, left float64))
}

// Gauges yields "budget", what is left of the budget for each origin where it is not full.
func (p Policy) Gauges(yield func(name, origin string, value float64)) {
	if b, ok := p.Budget.(lefter); ok {
		b.leftFor(func(origin string, left float64) { yield("budget", origin, left) })
	}
}

func (t *Tokens) leftFor(yield func(origin string, left float64)) {
	t.mu.Lock()
	all := map[string]int{}
	t.left.All(func(origin string, left int) { all[origin] = left })
	t.mu.Unlock()
	for origin, left := range all {
		yield(origin, float64(left))
	}
}

// The values of the gauge "state" of a Breaker.
const (
	gaugeClosed   = 0
	gaugeHalfOpen = 1
	gaugeOpen     = 2
)

// Gauges yields "state" for each origin: 0 is closed, 1 half-open and 2 open.
func (b *Breaker) Gauges(yield func(name, origin string, value float64)) {
	b.circuits().All(func(origin string, c *circuit) {
		c.mu.Lock()
		state := c.state
		c.mu.Unlock()
		value := float64(gaugeClosed)
		switch state {
		case BreakerHalfOpen:
			value = gaugeHalfOpen
		case BreakerOpen:
			value = gaugeOpen
		}
		yield("state", origin, value)
	})
}

// Gauges yields "under-way" for each origin: how many requests are.
func (l *Limit) Gauges(yield func(name, origin string, value float64)) {
	l.gates().All(func(origin string, g *gate) { yield("under-way", origin, float64(g.inside.Load())) })
}
