package auth

import (
	"crypto/fips140"
	"crypto/md5" //nolint:gosec // what servers ask for
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
	"strings"

	"github.com/restykit/restykit/internal/challenge"
	"github.com/restykit/restykit/internal/redact"
)

// digestChallenge is what a Digest server asks for (RFC 7616 section 3.3). It is
// comparable, and the same as long as the nonce is.
type digestChallenge struct {
	realm, nonce string
	algorithm    string // as the server wrote it, or "" where it did not
	opaque       string
	hasOpaque    bool
	qop          string // the one to use, or "" for RFC 2069
	userhash     bool
	utf8         bool
}

const (
	qopAuth    = "auth"
	qopAuthInt = "auth-int"
)

// readChallenges is the strongest challenge that can be answered, or why there is none.
// Of two that are as strong the first counts.
func readChallenges(lines []string) (best digestChallenge, stale bool, err error) {
	found := 0
	var others []string
	for _, c := range challenge.Parse(lines) {
		if !c.Is("Digest") {
			others = append(others, c.Scheme)
			continue
		}
		read, strength, why := readChallenge(c.Params)
		if why != nil {
			err = why
		}
		if why == nil && strength > found {
			best, found = read, strength
			stale = strings.EqualFold(c.Params["stale"], "true")
		}
	}
	switch {
	case found > 0:
		return best, stale, nil
	case err != nil:
		return digestChallenge{}, false, err
	case len(others) > 0:
		return digestChallenge{}, false, final("the server asks for " + redact.Excerpt([]byte(strings.Join(others, ", ")), 100) + ", and not for Digest: use the step for that")
	}
	return digestChallenge{}, false, final("the 401 has no challenge that can be read")
}

// readChallenge reads a challenge, and says how strong it is, from 1 on.
func readChallenge(params map[string]string) (c digestChallenge, strength int, err error) {
	c = digestChallenge{
		realm: params["realm"], nonce: params["nonce"], algorithm: params["algorithm"], opaque: params["opaque"],
		userhash: strings.EqualFold(params["userhash"], "true"), utf8: strings.EqualFold(params["charset"], "UTF-8"),
	}
	_, c.hasOpaque = params["opaque"]
	if _, ok := params["realm"]; !ok || c.nonce == "" {
		return c, 0, final("the Digest challenge lacks its realm or nonce")
	}
	if !sendable(c.realm + c.nonce + c.opaque) {
		return c, 0, final("the Digest challenge has a control character, which no credentials can repeat")
	}
	a := algorithmOf(c.algorithm)
	if a.hash == nil {
		return c, 0, final(fmt.Sprintf("the server asks for the Digest algorithm %q, which is not supported", redact.Excerpt([]byte(c.algorithm), 40)))
	}
	c.qop, err = chooseQOP(params["qop"])
	return c, a.strength, err
}

// chooseQOP is auth where the server takes it.
func chooseQOP(offered string) (string, error) {
	best := ""
	if strings.Trim(offered, " \t,") == "" {
		return best, nil
	}
	for qop := range strings.SplitSeq(offered, ",") {
		switch strings.ToLower(strings.Trim(qop, " \t")) {
		case qopAuth:
			return qopAuth, nil
		case qopAuthInt:
			best = qopAuthInt
		}
	}
	if best == "" {
		return best, final(fmt.Sprintf("the server asks for the Digest qop %q, which is not supported", redact.Excerpt([]byte(offered), 40)))
	}
	return best, nil
}

// algorithm is a hash function of RFC 7616 section 6.1.
type algorithm struct {
	hash     func() hash.Hash // nil where it is not supported
	strength int
	session  bool // -sess
}

// algorithmOf is the algorithm of a name, and MD5 for none.
func algorithmOf(name string) algorithm {
	base, session := strings.CutSuffix(strings.ToUpper(name), "-SESS")
	switch base {
	case "SHA-512-256":
		return algorithm{sha512.New512_256, 3, session}
	case "SHA-256":
		return algorithm{sha256.New, 2, session}
	case "MD5", "":
		if (base == "" && session) || fips140.Enforced() { // there MD5 panics
			break
		}
		return algorithm{md5.New, 1, session}
	}
	return algorithm{}
}

// sendable tells whether a header field can carry a text.
func sendable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return (r < ' ' && r != '\t') || r == 0x7f })
}
