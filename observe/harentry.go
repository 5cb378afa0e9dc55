package observe

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// harEntry is an entry of HAR 1.2, with fields of our own, which begin with _.
type harEntry struct {
	Started  string      `json:"startedDateTime"`
	Time     float64     `json:"time"`
	Request  harRequest  `json:"request"`
	Response harResponse `json:"response"`
	Cache    struct{}    `json:"cache"`
	Timings  harTimings  `json:"timings"`
	Server   string      `json:"serverIPAddress,omitempty"`
	Call     int64       `json:"_call"`
	Attempt  int         `json:"_attempt"`
	Template string      `json:"_template,omitempty"`
	Error    string      `json:"_error,omitempty"`
	Kind     string      `json:"_resourceType"`
}

type harRequest struct {
	Method      string    `json:"method"`
	URL         string    `json:"url"`
	HTTPVersion string    `json:"httpVersion"`
	Cookies     []harPair `json:"cookies"` // they are in the headers, as far as they are shown
	Headers     []harPair `json:"headers"`
	Query       []harPair `json:"queryString"`
	PostData    *harPost  `json:"postData,omitempty"`
	HeadersSize int       `json:"headersSize"`
	BodySize    int64     `json:"bodySize"`
}

type harPair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type harPost struct {
	MIMEType string `json:"mimeType"`
	Text     string `json:"text"`
}

type harResponse struct {
	Status      int        `json:"status"`
	StatusText  string     `json:"statusText"`
	HTTPVersion string     `json:"httpVersion"`
	Cookies     []harPair  `json:"cookies"`
	Headers     []harPair  `json:"headers"`
	Content     harContent `json:"content"`
	RedirectURL string     `json:"redirectURL"`
	HeadersSize int        `json:"headersSize"`
	BodySize    int64      `json:"bodySize"`
	Transferred int64      `json:"_transferSize"`
}

type harContent struct {
	Size     int64  `json:"size"`
	MIMEType string `json:"mimeType"`
	Text     string `json:"text,omitempty"`
}

// harTimings are in milliseconds; connect has ssl in it.
type harTimings struct {
	Blocked float64 `json:"blocked"`
	DNS     float64 `json:"dns"`
	Connect float64 `json:"connect"`
	Send    float64 `json:"send"`
	Wait    float64 `json:"wait"`
	Receive float64 `json:"receive"`
	SSL     float64 `json:"ssl"`
}

func newHAREntry(r *Redactor, x *exchange, call int64) *harEntry {
	e := &harEntry{
		Started: x.begun.Format("2006-01-02T15:04:05.000Z07:00"), Request: newHARRequest(r, x), Response: newHARResponse(r, x),
		Kind: "fetch", Call: call, Attempt: x.attempt, Template: r.urlText(x.info, x.info.Template()),
	}
	e.Timings, e.Time = newHARTimings(x)
	if host, _, err := net.SplitHostPort(x.phases.remote); err == nil && net.ParseIP(host) != nil {
		e.Server = host
	}
	if x.err != nil {
		e.Error = shownError(r, x.info, x.err)
	}
	return e
}

func newHARRequest(r *Redactor, x *exchange) harRequest {
	out := harRequest{
		Method: x.request.Method, URL: r.url(x.info, x.request.URL), HTTPVersion: x.request.Proto,
		Cookies: []harPair{}, Headers: harHeader(r.header(x.info, x.request.Header)), HeadersSize: -1, BodySize: x.sent.size,
	}
	if out.Method == "" {
		out.Method = http.MethodGet
	}
	if x.answer != nil {
		out.HTTPVersion = x.answer.Proto
	}
	out.Query = harQuery(out.URL)
	if x.sent.begin != nil {
		kind := x.request.Header.Get("Content-Type")
		out.PostData = &harPost{MIMEType: r.text(x.info, kind), Text: r.body(x.info, kind, x.sent)}
	}
	return out
}

func newHARResponse(r *Redactor, x *exchange) harResponse {
	out := harResponse{Cookies: []harPair{}, Headers: []harPair{}, Content: harContent{MIMEType: "x-unknown"}, HeadersSize: -1, BodySize: -1}
	if x.answer == nil {
		return out
	}
	_, text, _ := strings.Cut(x.answer.Status, " ")
	kind := x.answer.Header.Get("Content-Type")
	out.Status, out.StatusText, out.HTTPVersion = x.answer.StatusCode, r.text(x.info, text), x.answer.Proto
	out.Headers = harHeader(r.header(x.info, x.answer.Header))
	out.BodySize, out.Content.Size, out.Transferred = x.received.size, x.received.size, x.received.size
	if kind != "" {
		out.Content.MIMEType = r.text(x.info, kind)
	}
	if x.received.begin != nil {
		out.Content.Text = r.body(x.info, kind, x.received)
	}
	if to, err := x.answer.Location(); err == nil {
		out.RedirectURL = r.url(x.info, to)
	}
	return out
}

// harHeader is a header that may be shown, as a list.
func harHeader(h http.Header) []harPair {
	out := make([]harPair, 0, len(h))
	for name, values := range h {
		for _, value := range values {
			out = append(out, harPair{name, value})
		}
	}
	slices.SortStableFunc(out, func(a, b harPair) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// harQuery is the query of a URL that may be shown.
func harQuery(shown string) []harPair {
	out := []harPair{}
	u, err := url.Parse(shown)
	if err != nil {
		return out
	}
	for part := range strings.SplitSeq(u.RawQuery, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		for _, s := range []*string{&name, &value} {
			if plain, err := url.QueryUnescape(*s); err == nil {
				*s = plain
			}
		}
		out = append(out, harPair{name, value})
	}
	return out
}

func newHARTimings(x *exchange) (timings harTimings, total float64) {
	p := x.phases
	known := func(d time.Duration) float64 {
		if d == 0 {
			return -1
		}
		return milliseconds(d)
	}
	t := harTimings{
		Blocked: known(p.blocked), DNS: known(p.dns), Connect: known(p.connect + p.tls), SSL: known(p.tls),
		Send: milliseconds(p.send), Wait: milliseconds(p.wait), Receive: milliseconds(p.receive),
	}
	if p == (phases{}) { // the transport tells of nothing
		t.Wait = milliseconds(x.took)
	}
	return t, max(0, t.Blocked) + max(0, t.DNS) + max(0, t.Connect) + t.Send + t.Wait + t.Receive
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Microseconds()) / 1000
}

// line is the entry as JSON, in one line.
func (e *harEntry) line() []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(e) // texts and numbers, none of which is NaN
	return bytes.TrimRight(out.Bytes(), "\n")
}
