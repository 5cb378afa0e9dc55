package middleware

import (
	"strings"

	"github.com/restykit/restykit/internal/field"
)

// mediaType is the essence of a Content-Type, "application/json", in lower case and
// without parameters, or "" where there is none (RFC 9110 section 8.3.1; parameters
// that are wrong do not make the essence wrong, as in the WHATWG MIME standard).
func mediaType(contentType string) string {
	essence, _, _ := strings.Cut(contentType, ";")
	essence = strings.Trim(essence, " \t\r\n")
	kind, sub, ok := strings.Cut(essence, "/")
	if !ok || !field.IsToken(kind) || !field.IsToken(sub) {
		return ""
	}
	return strings.ToLower(essence)
}

// isJSON is the WHATWG rule for a JSON MIME type, with the suffix of RFC 6839.
func isJSON(contentType string) bool {
	switch contentType { // what nearly every API sends, at no cost
	case "application/json", "application/json; charset=utf-8":
		return true
	}
	essence := mediaType(contentType)
	return essence == "application/json" || essence == "text/json" || strings.HasSuffix(essence, "+json")
}

// isText tells whether an excerpt of such a body can be read by people.
func isText(contentType string) bool {
	essence := mediaType(contentType)
	return isJSON(contentType) || strings.HasPrefix(essence, "text/") ||
		essence == "application/xml" || strings.HasSuffix(essence, "+xml") || essence == "application/x-www-form-urlencoded"
}
