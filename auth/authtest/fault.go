package authtest

import (
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Fault is one way in which the token endpoint misbehaves. [Provider.Fault] takes it.
type Fault func(*fault)

// fault is all that is wrong with one answer.
type fault struct {
	slow        time.Duration
	status      int // 0 is to ask the engine
	header      http.Header
	body        string
	contentType string
	expires     *string
	skew        time.Duration
	lost        bool
}

// Slow waits before the request is looked at, or until the caller has gone.
func Slow(d time.Duration) Fault { return func(f *fault) { f.slow = d } }

// Status answers with a status and a page of text. The request is not looked at.
func Status(code int) Fault {
	return func(f *fault) { f.status, f.body, f.contentType = code, http.StatusText(code)+"\n", "text/plain" }
}

// Error answers with an error of RFC 6749 section 5.2. The request is not looked at.
func Error(status int, code, description string) Fault {
	return func(f *fault) {
		text, _ := json.Marshal(map[string]string{"error": code, "error_description": description})
		f.status, f.body, f.contentType = status, string(text), "application/json"
	}
}

// RetryAfter answers with a status, and the field Retry-After in whole seconds. The request
// is not looked at.
func RetryAfter(code int, d time.Duration) Fault {
	return func(f *fault) {
		Status(code)(f)
		Header("Retry-After", strconv.FormatInt(int64(d/time.Second), 10))(f)
	}
}

// Body answers 200 with a text. The request is not looked at.
func Body(contentType, text string) Fault {
	return func(f *fault) { f.status, f.body, f.contentType = http.StatusOK, text, contentType }
}

// Header adds a field to the answer.
func Header(name, value string) Fault {
	return func(f *fault) {
		if f.header == nil {
			f.header = http.Header{}
		}
		f.header.Set(name, value)
	}
}

// ContentType says that the answer is of another type than it is.
func ContentType(name string) Fault { return func(f *fault) { f.contentType = name } }

// ExpiresIn says a lifetime in JSON, whatever it is: `"3600"`, `3600.5`, `-1`, `null`,
// `1e400`, `"soon"`. "" leaves it out. The token lives as long as without.
func ExpiresIn(text string) Fault { return func(f *fault) { f.expires = &text } }

// Skew puts the provider's clock ahead by d, or behind where d is negative: it judges
// assertions by it, says so in the field Date, and its token ends d sooner than the answer
// says.
func Skew(d time.Duration) Fault { return func(f *fault) { f.skew = d } }

// Lost does what is asked, and ends the connection without an answer. A refresh token that
// is rotated is used then.
func Lost() Fault { return func(f *fault) { f.lost = true } }

// Fault makes the next times answers of the token endpoint go wrong, in all these ways at
// once. Of several calls the first is for the first answers. [Provider.Heal] ends it.
func (p *Provider) Fault(times int, ways ...Fault) {
	p.faults.mu.Lock()
	defer p.faults.mu.Unlock()
	for range times {
		p.faults.queue = append(p.faults.queue, ways)
	}
}

// Heal forgets the faults that are still to come, and tells how many they were.
func (p *Provider) Heal() int {
	p.faults.mu.Lock()
	defer p.faults.mu.Unlock()
	left := len(p.faults.queue)
	p.faults.queue = nil
	return left
}

// faults are those that are still to come.
type faults struct {
	mu    sync.Mutex
	queue [][]Fault
}

// next is what is wrong with the answer to come.
func (q *faults) next() fault {
	q.mu.Lock()
	defer q.mu.Unlock()
	var f fault
	if len(q.queue) == 0 {
		return f
	}
	for _, way := range q.queue[0] {
		way(&f)
	}
	q.queue = q.queue[1:]
	return f
}

// instead is the answer to a request that is not looked at, or nil.
func (f fault) instead() *answer {
	if f.status == 0 {
		return nil
	}
	a := newAnswer(f.status)
	_, _ = a.body.WriteString(f.body)
	return a
}

// spoil does to an answer what can be done to any.
func (f fault) spoil(a *answer) {
	if f.contentType != "" {
		a.header.Set("Content-Type", f.contentType)
	}
	maps.Copy(a.header, f.header)
	if f.skew != 0 {
		a.header.Set("Date", time.Now().Add(f.skew).UTC().Format(http.TimeFormat))
	}
	if f.expires == nil || !a.minted {
		return
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(a.body.Bytes(), &members) != nil {
		return
	}
	delete(members, "expires_in")
	text, err := json.Marshal(members)
	if err != nil {
		return
	}
	a.body.Reset()
	_, _ = a.body.WriteString("{")
	if *f.expires != "" {
		_, _ = a.body.WriteString(`"expires_in":` + *f.expires + `,`) // by hand: it may be no JSON at all
	}
	_, _ = a.body.Write(text[1:])
}
