package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"mime"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// tokenAnswer is what a token endpoint says (RFC 6749 sections 5.1 and 5.2).
type tokenAnswer struct {
	members map[string]any
	begun   time.Time               // when the request was: lifetimes begin there
	bound   bool                    // the request had a proof of DPoP
	wrong   func(error) *TokenError // the error of an answer that does not do
}

// parseTokenAnswer reads JSON, and the form that some servers send in its place.
func parseTokenAnswer(contentType string, body []byte) (tokenAnswer, error) {
	a := tokenAnswer{members: map[string]any{}}
	if len(body) > maxTokenBody {
		return a, errors.New("the answer is larger than 1 MiB")
	}
	kind, _, _ := mime.ParseMediaType(contentType)
	if kind == "application/x-www-form-urlencoded" || (kind == "text/plain" && !strings.HasPrefix(strings.TrimSpace(string(body)), "{")) {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return a, errors.New("the answer is no form")
		}
		for name := range form {
			a.members[name] = form.Get(name)
		}
	} else if err := json.Unmarshal(body, &a.members); a.members == nil || (err != nil && !tooLarge(err)) {
		return tokenAnswer{}, fmt.Errorf("the answer (%q) is no JSON object", kind)
	}
	return a, nil
}

// tooLarge tells a number that no float64 can hold. Unmarshal leaves it out, and reads on.
func tooLarge(err error) bool {
	t, ok := errors.AsType[*json.UnmarshalTypeError](err)
	return ok && strings.HasPrefix(t.Value, "number ")
}

func (a tokenAnswer) text(name string) string {
	s, _ := a.members[name].(string)
	return s
}

// token is the token of an answer that is not an error.
func (a tokenAnswer) token() (*oauth2.Token, error) {
	t := &oauth2.Token{AccessToken: a.text("access_token"), TokenType: a.text("token_type"), RefreshToken: a.text("refresh_token")}
	switch kind := t.TokenType; {
	case t.AccessToken == "":
		return nil, errors.New("the answer has no access_token")
	case a.bound && !strings.EqualFold(kind, dpopType):
		return nil, notBound(kind)
	case a.bound:
		t.TokenType = dpopType
	case strings.EqualFold(kind, dpopType):
		return nil, fmt.Errorf("the token is of the type %q, and of no use without proofs (RFC 9449): set DPoP", kind)
	case kind != "" && !strings.EqualFold(kind, "Bearer"):
		return nil, fmt.Errorf("the token is of the type %q, and only Bearer is known here (RFC 6749 section 7.1): ask the server for that, or wrap the Grant and set the TokenType", kind)
	}
	life, known := lifetime(a.members["expires_in"])
	if known {
		t.Expiry = a.begun.Add(life)
	}
	return t.WithExtra(a.members), nil
}

// maxLifetime is where a lifetime is as good as none, and far from any overflow.
const maxLifetime = 10 * 365 * 24 * time.Hour

// lifetime reads expires_in: a number of seconds, which some servers send as a string,
// and others leave out.
func lifetime(v any) (time.Duration, bool) {
	var seconds float64
	switch v := v.(type) {
	case float64:
		seconds = v
	case string:
		s, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return 0, false
		}
		seconds = s
	default:
		return 0, false
	}
	switch {
	case math.IsNaN(seconds):
		return 0, false
	case seconds >= maxLifetime.Seconds():
		return maxLifetime, true
	case seconds <= 0:
		return 0, true
	}
	return time.Duration(seconds * float64(time.Second)), true
}
