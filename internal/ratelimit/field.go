package ratelimit

import "strings"

// Quota is one quota of the RateLimit field.
type quota struct {
	remaining int64
	reset     int64 // seconds, or -1 where it is not told
}

// parse reads the RateLimit field of draft-ietf-httpapi-ratelimit-headers, as it is now
// (a list of policies, "default";r=50;t=30) and as it was before (a dictionary, limit=100,
// remaining=50, reset=30). A member that cannot be read is left out: the field is a hint.
func parse(lines []string) []quota {
	var out []quota
	before := quota{remaining: -1, reset: -1}
	for _, member := range split(strings.Join(lines, ","), ',') {
		name, value, dictionary := strings.Cut(member, "=")
		if dictionary && !strings.Contains(name, ";") {
			n, ok := digits(value)
			switch {
			case ok && name == "remaining":
				before.remaining = n
			case ok && name == "reset":
				before.reset = n
			}
			continue
		}
		if q := policy(split(member, ';')[1:]); q.remaining >= 0 {
			out = append(out, q)
		}
	}
	if before.remaining >= 0 {
		out = append(out, before)
	}
	return out
}

// policy reads the parameters of a policy.
func policy(parameters []string) quota {
	q := quota{remaining: -1, reset: -1}
	for _, p := range parameters {
		name, value, _ := strings.Cut(p, "=")
		n, ok := digits(value)
		switch {
		case ok && name == "r":
			q.remaining = n
		case ok && name == "t":
			q.reset = n
		}
	}
	return q
}

// split is strings.Split, but not within a quoted string, and without the white space
// around the parts.
func split(s string, at byte) []string {
	var parts []string
	quoted, from := false, 0
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == at && !quoted:
			parts = append(parts, strings.Trim(s[from:i], " \t"))
			from = i + 1
		}
	}
	return append(parts, strings.Trim(s[from:], " \t"))
}
