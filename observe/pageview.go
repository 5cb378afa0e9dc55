package observe

import (
	"fmt"
	"html/template"
	"net/http"
	"time"
)

// pageView is what the page's template shows.
type pageView struct {
	Refresh            int
	CSS                template.CSS
	JS                 template.JS
	Now, Since, Zone   string
	ScaleFrom, ScaleTo string // of all histograms
	Tiles              []tileView
	Origins            []originView
	Failures, Calls    []callView
	Events             []eventView
	Clients            []clientView
}

type tileView struct{ Label, Value, Note, Class string }

type chipView struct{ Label, Value, Class string }

type originView struct {
	Name   string
	Chips  []chipView
	Series barsView
	Routes []routeView
}

type routeView struct {
	Method, Template         string
	Calls, AllCalls          int64
	Rate, Errors, ErrorClass string
	Refused, Failed          int64
	P50, P95, P99, Max       string
	Retries, Waited, In, Out string
	Histogram                histogramView
	Series                   barsView
}

type eventView struct{ At, Name, Origin, Text string }

type clientView struct {
	Title, Pipeline string
	Chips           []chipView
}

// What the page shows at most.
const (
	mostFailures = 25
	mostLatest   = 40
	mostEvents   = 25
)

func newPageView(s Snapshot) *pageView {
	v := &pageView{Now: s.At.Format(time.TimeOnly), Zone: zoneOf(s.At)}
	if !s.Since.IsZero() {
		v.Since = "Recording since " + s.Since.Format(time.DateTime) + "."
	}
	scale := scaleOf(&s)
	v.ScaleFrom, v.ScaleTo = scale.ends()
	for i := range s.Origins {
		v.Origins = append(v.Origins, newOriginView(&s, &s.Origins[i], scale))
	}
	v.Tiles = tiles(&s)
	v.Failures, v.Calls = lastCalls(&s)
	for i := range s.Events[:min(len(s.Events), mostEvents)] {
		v.Events = append(v.Events, newEventView(&s.Events[i]))
	}
	for _, c := range s.Clients {
		one := clientView{Title: plural(c.Clients, "client"), Pipeline: c.Pipeline}
		for _, g := range c.Gauges {
			if g.Origin == "" {
				one.Chips = append(one.Chips, newChip(g))
			}
		}
		v.Clients = append(v.Clients, one)
	}
	return v
}

func zoneOf(t time.Time) string {
	name, _ := t.Zone()
	return name
}

func tiles(s *Snapshot) []tileView {
	c, l := &s.All.Recent, &s.All.Latency
	out := []tileView{
		{Label: "calls", Value: perSecond(s.All.Rate), Note: count(c.Calls) + " in all"},
		{Label: "errors", Value: percent(c.Refused+c.Failed, c.Calls), Note: fmt.Sprintf("%s refused, %s failed", count(c.Refused), count(c.Failed)), Class: errorClass(c)},
		{Label: "p50", Value: inTime(l.P50), Note: "of whole calls"},
		{Label: "p95", Value: inTime(l.P95), Note: "p99 " + inTime(l.P99)},
		{Label: "retries", Value: count(c.Retries), Note: "of " + count(c.Sends) + " sends"},
		{Label: "waited", Value: inTime(c.Waited), Note: "before attempts"},
		{Label: "reused", Value: percent(c.Reused, c.Reused+c.Dialed), Note: plural(int(c.Dialed), "connection") + " made"},
		{Label: "under way", Value: count(int64(s.All.Active)), Note: "sends, now"},
	}
	out[0].Note = count(c.Calls) + " in five minutes"
	return out
}

func newOriginView(s *Snapshot, o *OriginStats, scale histogramScale) originView {
	v := originView{Name: o.Origin, Series: newBars(o.Series)}
	for _, c := range s.Clients {
		for _, g := range c.Gauges {
			if g.Origin == o.Origin {
				v.Chips = append(v.Chips, newChip(g))
			}
		}
	}
	if n := o.Recent.Reused + o.Recent.Dialed; n > 0 {
		v.Chips = append(v.Chips, chipView{Label: "connections reused", Value: percent(o.Recent.Reused, n)})
	}
	if o.Active > 0 {
		v.Chips = append(v.Chips, chipView{Label: "under way", Value: count(int64(o.Active))})
	}
	for i := range o.Routes {
		v.Routes = append(v.Routes, newRouteView(&o.Routes[i], scale))
	}
	return v
}

func newRouteView(r *RouteStats, scale histogramScale) routeView {
	c, l := &r.Recent, &r.Latency
	v := routeView{
		Method: r.Method, Template: r.Template, Calls: c.Calls, AllCalls: r.Total.Calls, Rate: perSecond(r.Rate),
		Errors: percent(c.Refused+c.Failed, c.Calls), ErrorClass: errorClass(c), Refused: c.Refused, Failed: c.Failed,
		P50: inTime(l.P50), P95: inTime(l.P95), P99: inTime(l.P99), Max: inTime(l.Max),
		Retries: count(c.Retries), Waited: inTime(c.Waited), In: size(c.Received), Out: size(c.Sent),
		Histogram: newHistogram(l, scale), Series: newBars(r.Series),
	}
	if r.Template == otherRoutes {
		v.Method = ""
	}
	return v
}

func errorClass(c *Counts) string {
	switch {
	case c.Failed > 0:
		return "bad"
	case c.Refused > 0:
		return "warn"
	}
	return ""
}

// newChip is a number that a step shows.
func newChip(g Gauge) chipView {
	v := chipView{Label: g.Step + " " + g.Name, Value: fmt.Sprintf("%.4g", g.Value)}
	switch {
	case g.Step == "breaker" && g.Name == "state":
		v.Label = "breaker"
		states := [...]chipView{{Value: "closed", Class: "good"}, {Value: "half open", Class: "warn"}, {Value: "open", Class: "bad"}}
		if i := int(g.Value); i >= 0 && i < len(states) {
			v.Value, v.Class = states[i].Value, states[i].Class
		}
	case g.Name == "token-age":
		v.Label, v.Value = "token, "+g.Step, inTime(ofSeconds(g.Value))+" old"
	case g.Name == "token-left":
		v.Label, v.Value = "token expires in", inTime(ofSeconds(g.Value))
		if g.Value <= 0 {
			v.Label, v.Value, v.Class = "token", "expired", "warn"
		}
	case g.Name == "budget":
		v.Label, v.Value = "budget left", fmt.Sprintf("%.0f", g.Value)
		if g.Value < 1 {
			v.Class = "bad"
		}
	case g.Name == "under-way":
		v.Label = g.Step
		v.Value += " under way"
	}
	return v
}

func newEventView(e *RecordedEvent) eventView {
	v := eventView{At: e.At.Format(time.TimeOnly), Name: e.Kind, Origin: e.Origin, Text: e.Text}
	if e.Step != "" && e.Step != e.Kind {
		v.Name = e.Step + " " + e.Kind
	}
	if e.Wait > 0 {
		v.Text += " " + inTime(e.Wait)
	}
	if e.Error != "" {
		v.Text += " " + e.Error
	}
	return v
}

// statusClass is the colour of a result.
func statusClass(status int, failure string) string {
	switch {
	case status >= http.StatusInternalServerError, status == 0, failure != "" && status < http.StatusBadRequest:
		return "bad"
	case status >= http.StatusBadRequest:
		return "warn"
	}
	return "good"
}
