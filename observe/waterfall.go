package observe

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// callView is a call with its waterfall: all that took time, a row each.
type callView struct {
	ID                       uint64
	At, Method, Origin, Path string
	Result, Class            string
	Attempts, Took           string
	Line                     lineView // all in one
	Rows                     []rowView
	Ticks                    []string
	Error, Alike             string
	Texts                    []textView
}

type rowView struct {
	Label, Note, Title, Value, Text, Class string // Note and Title are of the connection
	Line                                   lineView
	start                                  time.Time
}

// lineView is one line of time, in a box of 1000 by 10.
type lineView struct {
	Label string
	Bars  []barView
}

type barView struct{ Class, X, W, Title string }

type textView struct{ Title, Text string }

// legend are the parts of a waterfall, by the class of their colour.
func legend() []string {
	return []string{"backoff", "queue", "dns", "connect", "tls", "send", "wait", "receive"}
}

func newCallView(c *RecordedCall) callView {
	v := callView{
		ID: c.ID, At: c.Start.Format("15:04:05.000"), Method: c.Method, Origin: c.Origin, Path: strings.TrimPrefix(c.URL, c.Origin),
		Class: statusClass(c.Status, c.Error), Took: inTime(c.Duration), Error: c.Error, Attempts: plural(c.Attempts, "attempt"),
	}
	if !strings.HasPrefix(c.URL, c.Origin) {
		v.Origin = ""
	}
	if c.URL == "" {
		v.Origin, v.Path = c.Origin, c.Template
	}
	v.Result = result(c.Status, c.ErrorType)
	t := timelineOf(c)
	url := c.Method + " " + c.URL
	for i := range c.Sends {
		row := t.send(&c.Sends[i])
		if row.Text == url { // said above
			row.Text = ""
		} else {
			url = row.Text
		}
		v.Rows = append(v.Rows, row)
		v.Texts = append(v.Texts, texts(&c.Sends[i])...)
	}
	for i := range c.Events {
		v.Rows = append(v.Rows, t.event(&c.Events[i]))
	}
	slices.SortStableFunc(v.Rows, func(a, b rowView) int { return a.start.Compare(b.start) })
	for _, row := range v.Rows {
		if row.Class != "event" {
			v.Line.Bars = append(v.Line.Bars, row.Line.Bars...)
		}
	}
	v.Line.Label = fmt.Sprintf("%s, %s", v.Attempts, v.Took)
	if c.Unrecorded > 0 {
		v.Rows = append(v.Rows, rowView{Label: fmt.Sprintf("and %d more", c.Unrecorded)})
	}
	for i := range 5 {
		v.Ticks = append(v.Ticks, inTime(t.total*time.Duration(i)/4))
	}
	v.Ticks[0] = "0"
	return v
}

// result is a status, or a word for an error, or both.
func result(status int, errorType string) string {
	errorType = strings.TrimPrefix(errorType, "*")
	switch {
	case status == 0:
		return errorType
	case errorType == "" || errorType == fmt.Sprint(status):
		return fmt.Sprint(status)
	}
	return fmt.Sprintf("%d %s", status, errorType)
}

// timeline is the time of a call.
type timeline struct {
	begin time.Time
	total time.Duration
}

func timelineOf(c *RecordedCall) timeline {
	t := timeline{c.Start, max(c.Duration, time.Microsecond)}
	for i := range c.Sends {
		if s := &c.Sends[i]; !s.UnderWay {
			t.total = max(t.total, s.Start.Add(s.Duration).Sub(c.Start))
		}
	}
	return t
}

// bar is a part of the line.
func (t timeline) bar(class, title string, from time.Time, took time.Duration) barView {
	x := min(998, max(0, 1000*float64(from.Sub(t.begin))/float64(t.total)))
	w := min(1000-x, max(2, 1000*float64(took)/float64(t.total)))
	return barView{class, fmt.Sprintf("%.1f", x), fmt.Sprintf("%.1f", w), title + " " + inTime(took)}
}

func (t timeline) send(s *RecordedSend) rowView {
	v := rowView{Label: s.Kind, start: s.Start, Class: statusClass(s.Status, s.Error)}
	if s.Kind == "attempt" {
		v.Label = fmt.Sprintf("attempt %d", s.Attempt)
	}
	if s.UnderWay {
		v.Value = "still under way"
		return v
	}
	v.Value = result(s.Status, s.ErrorType) + " · " + inTime(s.Duration)
	if s.Status > 0 && s.Status < http.StatusBadRequest && s.Received > 0 {
		v.Value += " · " + size(s.Received)
	}
	v.Text = s.Method + " " + s.URL
	if v.Title = s.Remote; s.Reused {
		v.Note = "reused"
	}
	from := s.Start
	for _, part := range []struct {
		class string
		took  time.Duration
	}{
		{"queue", s.Phases.Blocked},
		{"dns", s.Phases.DNS},
		{"connect", s.Phases.Connect},
		{"tls", s.Phases.TLS},
		{"send", s.Phases.Send},
		{"wait", s.Phases.Wait},
		{"receive", s.Phases.Receive},
	} {
		if part.took > 0 {
			v.Line.Bars = append(v.Line.Bars, t.bar(part.class, part.class, from, part.took))
			from = from.Add(part.took)
		}
	}
	if v.Line.Bars == nil {
		v.Line.Bars = []barView{t.bar("wait", s.Kind, s.Start, s.Duration)}
	}
	v.Line.Label = titles(v.Line.Bars)
	return v
}

func titles(bars []barView) string {
	var out []string
	for _, b := range bars {
		out = append(out, b.Title)
	}
	return strings.Join(out, ", ")
}

// event is a row for something that a step has told. A limit tells of a wait that is over,
// and so does who obtains a token; a retry of one that begins.
func (t timeline) event(e *RecordedEvent) rowView {
	v := rowView{Label: e.Kind, Class: "pause", start: e.At, Text: e.Text}
	if e.Step != "" && e.Step != e.Kind {
		v.Label = e.Step + ", " + e.Kind
	}
	if e.Error != "" {
		v.Text = strings.TrimSpace(v.Text + " " + e.Error)
	}
	took, class := e.Wait, "backoff"
	switch {
	case e.Kind == "mint":
		v.start, class = e.At.Add(-took), "token"
	case e.Kind == "wait" && e.Step == "limit":
		v.start = e.At.Add(-took)
	case e.Kind != "wait":
		took = 0
	}
	if end := t.begin.Add(t.total); v.start.Add(took).After(end) { // the call ended before
		took = max(0, end.Sub(v.start))
	}
	if took > 0 {
		v.Value = inTime(took)
	} else {
		v.Class, class = "event", "moment"
	}
	v.Line.Bars = []barView{t.bar(class, v.Label, v.start, took)}
	v.Line.Label = titles(v.Line.Bars)
	return v
}

// texts are the headers and bodies of a send.
func texts(s *RecordedSend) []textView {
	var out []textView
	for _, part := range []struct {
		title string
		h     http.Header
		body  string
	}{{"request", s.RequestHeader, s.RequestBody}, {"answer", s.ResponseHeader, s.ResponseBody}} {
		if part.h == nil {
			continue
		}
		var text strings.Builder
		for _, field := range harHeader(part.h) {
			text.WriteString(field.Name + ": " + field.Value + "\n")
		}
		if part.body != "" {
			text.WriteString("\n" + part.body)
		}
		out = append(out, textView{fmt.Sprintf("%s of attempt %d", part.title, s.Attempt), strings.TrimRight(text.String(), "\n")})
	}
	return out
}
