package auth

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/restykit/restykit/internal/origin"
	"github.com/restykit/restykit/internal/redact"
	"github.com/restykit/restykit/middleware"
)

// scheme is one way to prove who one is. It does no I/O but for its secret: it writes on
// the request it is given, which is its own to change.
type scheme interface {
	middleware.Middleware
	// has tells whether the caller wrote such credentials, which then stay.
	has(*http.Request) bool
	sign(*http.Request) error
}

// challenged is a scheme that reads each answer to what it signed, and may ask for one
// more try. settled hears how that ended, and nil where it came to no answer.
type challenged interface {
	again(signed *http.Request, answer *http.Response) bool
	settled(answer *http.Response)
}

// sender holds the rules that are the same for every scheme.
type sender struct {
	scheme   scheme
	origins  []string
	insecure bool
}

func (s sender) send(req *http.Request, next middleware.Next) (*http.Response, error) {
	if !middleware.Trusted(req, s.origins) || s.scheme.has(req) {
		return next(req)
	}
	if req.URL.Host == "" {
		return nil, &unsigned{s.scheme.Name(), final(fmt.Sprintf("the URL %q has no host: set a BaseURL, or ask for an absolute URL", redact.URL(req.URL)))}
	}
	if !s.insecure {
		if err := checkWay(s.scheme.Name(), req.URL, func() *url.URL { return middleware.Proxy(req) }); err != nil {
			return nil, err
		}
	}
	signed, err := s.signed(middleware.Mutable(req))
	if err != nil {
		return nil, err
	}
	resp, err := next(signed)
	c, ok := s.scheme.(challenged)
	if err != nil || !ok || !c.again(signed, resp) {
		return resp, err
	}
	var answer *http.Response
	defer func() { c.settled(answer) }()
	replay, err := middleware.Rewind(req)
	if errors.Is(err, middleware.ErrBodyConsumed) {
		return resp, nil
	}
	middleware.Discard(resp)
	if err != nil {
		return nil, err
	}
	if replay, err = s.signed(replay); err != nil {
		return nil, err
	}
	answer, err = next(replay)
	return answer, err
}

func (s sender) signed(req *http.Request) (*http.Request, error) {
	if err := s.scheme.sign(req); err != nil {
		return nil, &unsigned{s.scheme.Name(), err}
	}
	return req, nil
}

const authorization = "Authorization"

// hasAuthorization tells whether the caller authorized the request.
func hasAuthorization(req *http.Request) bool { return hasField(req, authorization) }

// hasField tells whether a request has a field, in whatever letters the caller wrote it.
func hasField(req *http.Request, name string) bool {
	if len(req.Header[name]) > 0 {
		return true
	}
	for key, values := range req.Header {
		if len(key) == len(name) && len(values) > 0 && strings.EqualFold(key, name) {
			return true
		}
	}
	return false
}

// authorize writes the field, and keeps its secrets out of what the call prints.
func authorize(req *http.Request, value string, secrets ...string) {
	req.Header[authorization] = []string{value}
	info := middleware.InfoOf(req.Context())
	for _, s := range secrets {
		info.Hide(s)
	}
}

// validateOrigins refuses what is no origin.
func validateOrigins(origins []string) error {
	var errs []error
	for _, o := range origins {
		if _, err := origin.Parse(o); err != nil {
			errs = append(errs, fmt.Errorf("Origins: %w", err))
		}
	}
	return errors.Join(errs...)
}
