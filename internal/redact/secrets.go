package redact

import (
	"bytes"
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"strings"
)

// Spellings are secrets as they can stand in a text: as they are, and as a URL, JSON
// or HTML spells them. The longest come first, because one may begin with another.
func Spellings(secrets []string) []string {
	var out []string
	for _, s := range secrets {
		if s != "" {
			out = append(out, s, url.QueryEscape(s), url.PathEscape(s), html.EscapeString(s), quoted(s, true), quoted(s, false))
		}
	}
	slices.SortFunc(out, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	return slices.Compact(out)
}

// quoted is a string between the quotes of JSON, with and without the escapes of HTML.
func quoted(s string, html bool) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(html)
	_ = e.Encode(s) // a string can be encoded
	return b.String()[1 : b.Len()-len("\"\n")]
}

// Secrets puts the mark in the place of secrets, however they are spelled.
func Secrets(text string, secrets []string) string {
	for _, s := range Spellings(secrets) {
		text = strings.ReplaceAll(text, s, Mark)
	}
	return text
}
