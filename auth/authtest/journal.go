package authtest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Request is one request to the token endpoint, and how it ended. It has the secrets in it.
type Request struct {
	Grant      string // grant_type
	ClientID   string // who the client says it is
	ClientAuth string // how it would prove it: [AuthNone], [AuthBasic], ...
	Form       url.Values
	Header     http.Header
	At         time.Time
	Status     int    // of the answer; 0 while there is none
	Error      string // error of the answer (RFC 6749 section 5.2)
	Minted     bool   // a token was made, even if the answer was spoiled or lost
}

// Requests are what the token endpoint was asked until now, in the order in which it came:
// all, or those for the grants.
func (p *Provider) Requests(grants ...string) []Request {
	p.journal.mu.Lock()
	defer p.journal.mu.Unlock()
	var out []Request
	for _, r := range p.journal.entries {
		if len(grants) == 0 || slices.Contains(grants, r.Grant) {
			one := *r
			one.Form, one.Header = url.Values(http.Header(r.Form).Clone()), r.Header.Clone()
			out = append(out, one)
		}
	}
	return out
}

// Mints is how often the token endpoint made a token: in all, or for the grants.
func (p *Provider) Mints(grants ...string) int {
	made := 0
	for _, r := range p.Requests(grants...) {
		if r.Minted {
			made++
		}
	}
	return made
}

// journal is what the token endpoint was asked.
type journal struct {
	mu      sync.Mutex
	entries []*Request
}

func (j *journal) begin(r *http.Request) *Request {
	id, _, _ := r.BasicAuth()
	if plain, err := url.QueryUnescape(id); err == nil {
		id = plain
	}
	if id == "" {
		id = r.PostForm.Get("client_id")
	}
	method := presented(r.Header.Get("Authorization"), r.PostForm)
	if method == AuthNone && len(certificatesOf(r.Context())) > 0 {
		method = AuthTLS
	}
	if text := r.PostForm.Get("client_assertion"); text != "" && id == "" {
		if token, err := jwt.ParseSigned(text, append(asymmetric(), symmetric()...)); err == nil {
			var claims jwt.Claims
			_ = token.UnsafeClaimsWithoutVerification(&claims)
			id = claims.Issuer
		}
	}
	entry := &Request{
		Grant: r.PostForm.Get("grant_type"), ClientID: id, ClientAuth: method,
		Form: url.Values(http.Header(r.PostForm).Clone()), Header: r.Header.Clone(), At: time.Now(),
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, entry)
	return entry
}

func (j *journal) end(entry *Request, a *answer) {
	var said struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal(a.body.Bytes(), &said)
	j.mu.Lock()
	defer j.mu.Unlock()
	entry.Status, entry.Error, entry.Minted = a.status, said.Error, a.minted
}

// presented is the way in which a request would prove who the client is, certificates aside.
func presented(authorization string, form url.Values) string {
	scheme, _, _ := strings.Cut(authorization, " ")
	switch {
	case strings.EqualFold(scheme, "Basic"):
		return AuthBasic
	case form.Get("client_assertion") != "":
		token, err := jwt.ParseSigned(form.Get("client_assertion"), append(asymmetric(), symmetric()...))
		if err == nil && slices.Contains(symmetric(), jose.SignatureAlgorithm(token.Headers[0].Algorithm)) {
			return AuthSecret
		}
		return AuthKey
	case form.Get("client_secret") != "":
		return AuthPost
	}
	return AuthNone
}
