package auth_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
)

// fieldNames are the spellings of a field's name that a request has.
func fieldNames(req *http.Request, name string) []string {
	var names []string
	for key := range req.Header {
		if strings.EqualFold(key, name) {
			names = append(names, key)
		}
	}
	return names
}

// sourceOf is the function of a source with a text that Use does not see.
func sourceOf(text string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return text, nil }
}

// quoteAny is a value as JSON, or why it has none.
func quoteAny(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte(err.Error())
	}
	return b
}
