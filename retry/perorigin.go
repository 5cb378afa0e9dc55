package retry

import (
	"container/list"
	"net/url"
	"sync"

	"github.com/restykit/restykit/internal/origin"
)

// maxOrigins is how many origins a step remembers. A client that meets more, a crawler,
// forgets those that it has not used for longest.
const maxOrigins = 4096

// perOrigin is a value for each origin. Its zero value is ready; it is not safe for
// concurrent use.
type perOrigin[T any] struct {
	at    map[origin.Origin]*list.Element
	order list.List // the newest first
}

type originEntry[T any] struct {
	origin origin.Origin
	value  T
}

func (p *perOrigin[T]) get(target *url.URL) (value T, ok bool) {
	e, ok := p.at[origin.Of(target)]
	if !ok {
		return value, false
	}
	p.order.MoveToFront(e)
	return e.Value.(*originEntry[T]).value, true
}

func (p *perOrigin[T]) put(target *url.URL, value T) {
	o := origin.Of(target)
	if e, ok := p.at[o]; ok {
		e.Value.(*originEntry[T]).value = value
		p.order.MoveToFront(e)
		return
	}
	if p.at == nil {
		p.at = map[origin.Origin]*list.Element{}
	}
	p.at[o] = p.order.PushFront(&originEntry[T]{o, value})
	if p.order.Len() > maxOrigins {
		p.remove(p.order.Back())
	}
}

func (p *perOrigin[T]) drop(target *url.URL) {
	if e, ok := p.at[origin.Of(target)]; ok {
		p.remove(e)
	}
}

func (p *perOrigin[T]) remove(e *list.Element) {
	p.order.Remove(e)
	delete(p.at, e.Value.(*originEntry[T]).origin)
}

func (p *perOrigin[T]) len() int { return p.order.Len() }

// eachOrigin has one thing for each origin, made when it is needed. Its zero value is ready;
// it is safe for concurrent use.
type eachOrigin[T any] struct {
	mu sync.Mutex
	at perOrigin[*T]
}

func (e *eachOrigin[T]) of(target *url.URL, produce func(origin string) *T) *T {
	e.mu.Lock()
	defer e.mu.Unlock()
	found, ok := e.at.get(target)
	if !ok {
		found = produce(origin.Of(target).String())
		e.at.put(target, found)
	}
	return found
}
