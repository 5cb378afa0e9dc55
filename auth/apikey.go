package auth

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/restykit/restykit/internal/field"
	"github.com/restykit/restykit/middleware"
)

// APIKey is a key in a header field, or in a query parameter where an API knows no
// better: servers and proxies log URLs. The kit keeps the parameter out of everything
// on this side, a Referer included. Several stack: a step's name is "api-key:" and the
// name of the field or parameter. A field and a parameter of one name do not, and are an
// error of [middleware.Use]. A field or a parameter of that name that the caller set on the
// request stays, and the key is not sent.
type APIKey struct {
	Header  string // the field, like "X-API-Key"; or
	Query   string // the parameter, like "api_key"
	Key     Source
	Origins []string // where else it may go, like "https://files.example.com"
	// InsecureHTTP lets it go over plain http to or through other machines.
	InsecureHTTP bool
}

// Name is "api-key:x-api-key" for the field X-API-Key.
func (k APIKey) Name() string {
	switch {
	case k.Query != "":
		return "api-key:" + k.Query
	case k.Header != "":
		return "api-key:" + strings.ToLower(k.Header)
	}
	return "api-key"
}

// Layer is [middleware.Auth].
func (APIKey) Layer() middleware.Layer { return middleware.Auth }

// Writes is the field, or "?api_key" for a parameter.
func (k APIKey) Writes() string {
	if k.Header == "" {
		return "?" + k.Query
	}
	return http.CanonicalHeaderKey(k.Header)
}

// Trusts is Origins.
func (k APIKey) Trusts() []string { return k.Origins }

// RoundTrip sends the request with the key, where it may go.
func (k APIKey) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	return sender{scheme: k, origins: k.Origins, insecure: k.InsecureHTTP}.send(req, next)
}

func (k APIKey) has(req *http.Request) bool {
	if k.Query != "" {
		return req.URL.RawQuery != "" && req.URL.Query().Has(k.Query)
	}
	return hasField(req, k.Writes())
}

func (k APIKey) sign(req *http.Request) error {
	key, err := secret(req.Context(), k.Key)
	if err == nil && key == "" {
		err = errEmpty
	}
	if err != nil {
		return fmt.Errorf("Key: %w", err)
	}
	middleware.InfoOf(req.Context()).Hide(key)
	if k.Query == "" {
		req.Header[k.Writes()] = []string{key}
		return nil
	}
	u := *req.URL
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += url.QueryEscape(k.Query) + "=" + url.QueryEscape(key)
	req.URL = &u
	return nil
}

// Validate refuses a key without a place, or with two.
func (k APIKey) Validate() error {
	var errs []error
	switch {
	case k.Header == "" && k.Query == "":
		errs = append(errs, errors.New("neither Header nor Query says where the key goes"))
	case k.Header != "" && k.Query != "":
		errs = append(errs, errors.New("both Header and Query are set: use one, or two steps"))
	case k.Header != "":
		errs = append(errs, field.CheckName(k.Header))
	}
	return errors.Join(append(errs, validateFilled("Key", k.Key), validateOrigins(k.Origins))...)
}

// Bind is the key. Where it would take the place of one that goes elsewhere, Fit says so.
func (k APIKey) Bind(old middleware.Middleware) middleware.Middleware {
	switch had := old.(type) {
	case APIKey:
		if had.Writes() != k.Writes() {
			return misplaced{APIKey: k, had: had}
		}
	case misplaced:
		return misplaced{APIKey: k, had: had.APIKey}
	}
	return k
}

// misplaced is a key that has the name of another, which goes elsewhere.
type misplaced struct {
	APIKey

	had APIKey
}

// Fit refuses a key in a header field beside one in a query parameter of the same name:
// one would silently replace the other.
func (k APIKey) Fit(all middleware.Stack) error {
	for _, step := range all {
		if m, ok := step.(misplaced); ok && m.Name() == k.Name() {
			return fmt.Errorf("the key in the %s would replace the one in the %s, which has the same name: switch that off before with middleware.Off(%q), or send one of them with a step of your own",
				m.place(), m.had.place(), k.Name())
		}
	}
	return nil
}

func (k APIKey) place() string {
	if k.Query != "" {
		return "query parameter " + k.Query
	}
	return "header field " + k.Writes()
}

// String is the key's place and source.
func (k APIKey) String() string {
	if k.Query != "" {
		return "query " + k.Query + ", " + sourceName(k.Key)
	}
	return sourceName(k.Key)
}

// Format prints the step without its secret, whatever the verb.
func (k APIKey) Format(f fmt.State, _ rune) { format(f, k) }
