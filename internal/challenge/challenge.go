// Package challenge reads the challenges of a WWW-Authenticate field (RFC 9110 section
// 11.6.1), and the parameters of fields that are written like one.
package challenge

import "strings"

// Challenge is what a server asks for.
type Challenge struct {
	Scheme  string            // as it is written; see [Challenge.Is]
	Token68 string            // what stands in the place of parameters, as after Negotiate
	Params  map[string]string // by name in lower case, without quotes and escapes; never nil
}

// Is tells whether the challenge is of a scheme, whatever the case of letters.
func (c Challenge) Is(scheme string) bool { return strings.EqualFold(c.Scheme, scheme) }

// What a server may ask for. The rest is not read.
const (
	maxBytes      = 64 << 10
	maxChallenges = 64
	maxParams     = 64
)

// Parse reads the lines of a field, each of which may hold several challenges. It skips
// what it does not understand up to the next comma, and never fails: a client picks what
// it can answer. Of parameters of one name the first counts, and a value without quotes
// may have characters that no token has, as in opaque=a/b==.
//
// A quote that does not end hides the rest of its line, and no other.
func Parse(lines []string) []Challenge {
	var out []Challenge
	left := maxBytes
	for _, line := range lines {
		line = line[:min(len(line), left)]
		left -= len(line)
		begun := len(out)
		(&scanner{text: line}).elements(func(scheme, token68 string) {
			if len(out) < maxChallenges {
				out = append(out, Challenge{Scheme: scheme, Token68: token68, Params: map[string]string{}})
			}
		}, func(name, value string) {
			if len(out) > begun { // a challenge does not go on from the line before
				put(out[len(out)-1].Params, name, value)
			}
		})
	}
	return out
}

// Params reads the lines of a field that is a list of parameters, such as
// Authentication-Info (RFC 7615), as Parse reads them.
func Params(lines []string) map[string]string {
	params := map[string]string{}
	left := maxBytes
	for _, line := range lines {
		line = line[:min(len(line), left)]
		left -= len(line)
		(&scanner{text: line}).elements(func(string, string) {}, func(name, value string) { put(params, name, value) })
	}
	return params
}

func put(params map[string]string, name, value string) {
	name = strings.ToLower(name)
	if _, ok := params[name]; !ok && len(params) < maxParams {
		params[name] = value
	}
}

// Quote is a quoted-string (RFC 9110 section 5.6.4). What no field can carry, such as a
// line end, the caller has refused before.
func Quote(value string) string {
	var b strings.Builder
	b.Grow(len(value) + 2)
	b.WriteByte('"')
	for i := range len(value) {
		if value[i] == '"' || value[i] == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(value[i])
	}
	b.WriteByte('"')
	return b.String()
}
