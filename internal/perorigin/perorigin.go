// Package perorigin keeps something for each origin, and forgets what is not used.
package perorigin

import (
	"container/list"
	"net/url"
	"sync"

	"github.com/restykit/restykit/internal/origin"
)

// Most is how many origins are remembered. A client that meets more, a crawler, forgets
// those that it has not used for longest.
const Most = 4096

// Map is a value for each origin. Its zero value is ready; it is not safe for concurrent
// use.
type Map[T any] struct {
	at    map[origin.Origin]*list.Element
	order list.List // the newest first
}

type entry[T any] struct {
	origin origin.Origin
	value  T
}

// Get is the value of the origin of a URL.
func (m *Map[T]) Get(target *url.URL) (value T, ok bool) {
	e, ok := m.at[origin.Of(target)]
	if !ok {
		return value, false
	}
	m.order.MoveToFront(e)
	return e.Value.(*entry[T]).value, true
}

// Put sets it.
func (m *Map[T]) Put(target *url.URL, value T) {
	o := origin.Of(target)
	if e, ok := m.at[o]; ok {
		e.Value.(*entry[T]).value = value
		m.order.MoveToFront(e)
		return
	}
	if m.at == nil {
		m.at = map[origin.Origin]*list.Element{}
	}
	m.at[o] = m.order.PushFront(&entry[T]{o, value})
	if m.order.Len() > Most {
		m.remove(m.order.Back())
	}
}

// Drop forgets it.
func (m *Map[T]) Drop(target *url.URL) {
	if e, ok := m.at[origin.Of(target)]; ok {
		m.remove(e)
	}
}

func (m *Map[T]) remove(e *list.Element) {
	m.order.Remove(e)
	delete(m.at, e.Value.(*entry[T]).origin)
}

// All yields each origin and its value, the one used last first.
func (m *Map[T]) All(yield func(origin string, value T)) {
	for e := m.order.Front(); e != nil; e = e.Next() {
		kept := e.Value.(*entry[T])
		yield(kept.origin.String(), kept.value)
	}
}

// Len is how many there are.
func (m *Map[T]) Len() int { return m.order.Len() }

// Each has one thing for each origin, made when it is needed. Its zero value is ready; it
// is safe for concurrent use.
type Each[T any] struct {
	mu sync.Mutex
	at Map[*T]
}

// Of is the thing of the origin of a URL.
func (e *Each[T]) Of(target *url.URL, produce func(origin string) *T) *T {
	e.mu.Lock()
	defer e.mu.Unlock()
	found, ok := e.at.Get(target)
	if !ok {
		found = produce(origin.Of(target).String())
		e.at.Put(target, found)
	}
	return found
}

// All yields each origin and its thing, outside of the lock.
func (e *Each[T]) All(yield func(origin string, thing *T)) {
	e.mu.Lock()
	all := make(map[string]*T, e.at.Len())
	e.at.All(func(origin string, thing *T) { all[origin] = thing })
	e.mu.Unlock()
	for origin, thing := range all {
		yield(origin, thing)
	}
}
