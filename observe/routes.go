package observe

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// route is what is the same in all requests of one kind. It has no path: there is no end
// of paths.
type route struct {
	method, scheme, host, port string // of a call the host is its origin
	template                   string // as the caller wrote it; "" where a redirect led elsewhere
}

// routeOf is the route of a send.
func routeOf(req *http.Request, template string) route {
	r := route{method: methodOf(req.Method), scheme: req.URL.Scheme, host: req.URL.Hostname(), port: req.URL.Port()}
	if req.Response == nil { // a redirect leads to another route, of which nobody knows the template
		r.template = template
	}
	if r.port == "" {
		r.port = defaultPort(r.scheme)
	}
	return r
}

func defaultPort(scheme string) string {
	if scheme == "https" {
		return "443"
	}
	return "80"
}

const otherMethod = "_OTHER"

// methodOf is a method of RFC 9110 or PATCH, or a word for all others.
func methodOf(method string) string {
	switch method {
	case "":
		return http.MethodGet
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace, "QUERY":
		return method
	}
	return otherMethod
}

// name is the name of its spans.
func (r route) name() string {
	method := r.method
	if method == otherMethod {
		method = "HTTP"
	}
	if r.template == "" {
		return method
	}
	return method + " " + r.template
}

// attributes are those of the conventions, and some more.
func (r route) attributes(more ...attribute.KeyValue) []attribute.KeyValue {
	kv := append([]attribute.KeyValue{semconv.HTTPRequestMethodKey.String(r.method)}, more...)
	host, port := r.host, r.port
	if u, err := url.Parse(host); err == nil && u.Host != "" { // the origin of a call
		host, port = u.Hostname(), cmp.Or(u.Port(), defaultPort(u.Scheme))
	}
	if host != "" {
		kv = append(kv, semconv.ServerAddress(host))
	}
	if port, err := strconv.Atoi(port); err == nil {
		kv = append(kv, semconv.ServerPort(port))
	}
	if r.template != "" {
		kv = append(kv, semconv.URLTemplate(r.template))
	}
	return kv
}

// maxRoutes bounds what is kept: whatever a redirect names is a route.
const maxRoutes = 1024

// routes keeps something for each route. Its zero value is ready.
type routes[T any] struct {
	mu   sync.RWMutex
	kept map[route]T
}

// of is what is kept for a route, made at the first request for it.
func (s *routes[T]) of(r route, produce func(route) T) T {
	s.mu.RLock()
	v, ok := s.kept[r]
	s.mu.RUnlock()
	if ok {
		return v
	}
	v = produce(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil {
		s.kept = map[route]T{}
	}
	if len(s.kept) < maxRoutes {
		s.kept[r] = v
	}
	return v
}
