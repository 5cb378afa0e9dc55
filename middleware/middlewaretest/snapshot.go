package middlewaretest

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
)

// snapshot is what a request was like.
type snapshot struct {
	req    http.Request
	url    url.URL
	header http.Header
	ctx    context.Context //nolint:containedctx // what is compared
	body   io.ReadCloser
}

func snap(req *http.Request) snapshot {
	s := snapshot{req: *req, header: req.Header.Clone(), ctx: req.Context(), body: req.Body}
	if req.URL != nil {
		s.url = *req.URL
	}
	return s
}

// changed says what is different in the request now, or nothing.
func (s *snapshot) changed(req *http.Request) string {
	const advice = ": change the request that middleware.Mutable returns"
	switch {
	case req.Method != s.req.Method:
		return fmt.Sprintf("it changed the Method of the request it was given from %s to %s", s.req.Method, req.Method) + advice
	case req.URL != s.req.URL:
		return "it replaced the URL of the request it was given" + advice
	case req.URL != nil && !reflect.DeepEqual(*req.URL, s.url):
		return "it wrote into the URL of the request it was given: copy the URL, and set the copy on the request that middleware.Mutable returns"
	case req.Host != s.req.Host:
		return "it changed the Host of the request it was given" + advice
	case req.Body != s.body:
		return "it replaced the Body of the request it was given" + advice
	case (req.GetBody == nil) != (s.req.GetBody == nil):
		return "it changed GetBody of the request it was given" + advice
	case req.ContentLength != s.req.ContentLength:
		return "it changed the ContentLength of the request it was given" + advice
	case req.Context() != s.ctx:
		return "it replaced the context of the request it was given" + advice
	}
	if name := headerChange(s.header, req.Header); name != "" {
		return "it changed the header field " + name + " of the request it was given" + advice
	}
	return ""
}

// headerChange is the name of a field that is different.
func headerChange(before, now http.Header) string {
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if !slices.Equal(before[name], now[name]) {
			return name
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, there := now[name]; !there {
			return name
		}
	}
	return ""
}

// isNil tells a nil step from one.
func isNil(step any) bool {
	if step == nil {
		return true
	}
	v := reflect.ValueOf(step)
	return v.Kind() == reflect.Pointer && v.IsNil()
}
