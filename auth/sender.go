package auth

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/restykit/restykit/internal/origin"
	"github.com/restykit/restykit/internal/redact"
	"github.com/restykit/restykit/middleware"
)

// signer writes on a request. It does no I/O but for its secret.
type signer interface {
	Name() string
	sign(*http.Request) error
}

// scheme is one way to prove who one is: it signs the request it is given, which is its own
// to change.
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
	settled(signed *http.Request, answer *http.Response)
}

// sender holds the rules that are the same for every scheme.
type sender struct {
	scheme   scheme
	origins  []string
	insecure bool
	then     signer // signs what scheme has signed, with a replay of its own; or nil
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
	if s.then == nil {
		return roundTrip(s.scheme, req, next)
	}
	return roundTrip(s.scheme, req, func(signed *http.Request) (*http.Response, error) {
		return roundTrip(s.then, signed, next)
	})
}

// roundTrip signs a request and sends it, and once more where a challenged signer wants
// that.
func roundTrip(by signer, req *http.Request, next middleware.Next) (*http.Response, error) {
	c, ok := by.(challenged)
	own := middleware.Mutable(req)
	if ok && own == req { // a step above has made it: the steps below write on it, too
		req = unchanged(req)
	}
	signed, err := signedBy(by, own)
	if err != nil {
		return nil, err
	}
	resp, err := next(signed)
	if err != nil || !ok || !c.again(signed, resp) {
		return resp, err
	}
	last := signed
	var answer *http.Response
	defer func() { c.settled(last, answer) }()
	replay, err := middleware.Rewind(req)
	if errors.Is(err, middleware.ErrBodyConsumed) {
		middleware.InfoOf(req.Context()).GiveUp(&unsigned{by.Name(), err})
		return resp, nil
	}
	middleware.Discard(resp)
	if err != nil {
		return nil, err
	}
	if replay, err = signedBy(by, replay); err != nil {
		return nil, err
	}
	last = replay
	answer, err = next(replay)
	return answer, err
}

// unchanged is a request as it is now, whatever is written on it later.
func unchanged(req *http.Request) *http.Request {
	kept := *req
	kept.Header = maps.Clone(req.Header)
	return &kept
}

func signedBy(s signer, req *http.Request) (*http.Request, error) {
	if err := s.sign(req); err != nil {
		return nil, &unsigned{s.Name(), err}
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
