package observe

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/restykit/restykit/middleware"
)

// gauges are what the steps of a client say of themselves whenever somebody collects.
type gauges struct {
	once  sync.Once
	meter metric.Meter
	step  metric.Float64ObservableGauge
}

func (g *gauges) make(meter metric.Meter) error {
	var err error
	g.meter = meter
	g.step, err = meter.Float64ObservableGauge("restykit.step.gauge", metric.WithDescription("What steps say of themselves: budgets, breakers, places, tokens."))
	return err
}

// gauge begins to ask the steps of the client that a context belongs to.
func (m *meters) gauge(ctx context.Context) {
	m.gauges.once.Do(func() {
		var all []middleware.Gauger
		for _, step := range middleware.StepsOf(ctx) {
			if g, ok := step.(middleware.Gauger); ok {
				all = append(all, g)
			}
		}
		if len(all) == 0 {
			return
		}
		if _, err := m.gauges.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
			for _, g := range all {
				g.Gauges(func(name, origin string, value float64) { m.observe(o, g.Name(), name, origin, value) })
			}
			return nil
		}, m.gauges.step); err != nil {
			otel.Handle(err)
		}
	})
}

func (m *meters) observe(o metric.Observer, step, name, origin string, value float64) {
	attrs := append([]attribute.KeyValue{attribute.String("restykit.step", step), attribute.String("restykit.gauge", name)}, m.client...)
	if origin != "" {
		attrs = append(attrs, attribute.String("restykit.origin", origin))
	}
	o.ObserveFloat64(m.gauges.step, value, metric.WithAttributes(attrs...))
}
