package httpbintest

import (
	"encoding/json"
	"net/http"
	"net/url"
)

// Echo is what httpbin says of a request (/headers, /get, /anything, ...). The original
// writes values as strings, go-httpbin as lists of strings; it takes both.
type Echo struct {
	Method  string
	Args    url.Values
	Form    url.Values
	Headers http.Header
	Data    string
	JSON    json.RawMessage
	URL     string
}

// UnmarshalJSON reads either kind.
func (e *Echo) UnmarshalJSON(text []byte) error {
	var raw struct {
		Method, Data, URL   string
		Args, Form, Headers map[string]values
		JSON                json.RawMessage
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return err
	}
	*e = Echo{Method: raw.Method, Data: raw.Data, URL: raw.URL, JSON: raw.JSON, Args: url.Values{}, Form: url.Values{}, Headers: http.Header{}}
	for name, v := range raw.Args {
		e.Args[name] = v
	}
	for name, v := range raw.Form {
		e.Form[name] = v
	}
	for name, v := range raw.Headers {
		e.Headers[http.CanonicalHeaderKey(name)] = v
	}
	return nil
}

// values is a string or a list of them.
type values []string

func (v *values) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*v = values{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(v))
}
