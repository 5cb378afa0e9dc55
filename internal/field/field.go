// Package field says what a header field may be (RFC 9110 section 5).
package field

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// IsToken tells a token of RFC 9110 section 5.6.2.
func IsToken(s string) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return true
}

// CheckName says what is wrong with the name of a field that a step sets.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("the header name is empty")
	case !IsToken(name):
		return fmt.Errorf("the header name %q has a character that no header name may have (RFC 9110 section 5.6.2)", name)
	}
	switch canonical := http.CanonicalHeaderKey(name); canonical {
	case "Host", "Content-Length", "Transfer-Encoding", "Trailer", "Connection":
		return fmt.Errorf("net/http does not take %s from the header: set it on the request", canonical)
	}
	return nil
}

// CheckValue says what is wrong with a value, and never the value.
func CheckValue(value string) error {
	if i := strings.IndexFunc(value, func(r rune) bool { return (r < ' ' && r != '\t') || r == 0x7f }); i >= 0 {
		return fmt.Errorf("the header value has a control character at byte %d, such as a line end: remove it", i)
	}
	return nil
}
