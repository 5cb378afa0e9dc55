package auth_test

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

// gatekeeper is a server that asks for Digest and is strict: the test fails where
// credentials break a rule of RFC 7616, whatever else becomes of the request.
type gatekeeper struct {
	algorithm, qop string // of the challenge, as it is written there
	extra          string // more of the challenge
	realm          string // "" is "a \"realm\", with \\ in it"
	password       string // "" is s3cret
	fixed          string // the only nonce there is
	uses           int    // how often a nonce is good; 0 is for ever
	ordered        bool   // a count that is not higher than the last is stale
	next           bool   // each answer names the next nonce
	strangers      bool   // credentials of another realm are as none
	accepted       http.HandlerFunc

	url string

	mu     sync.Mutex
	nonces map[string]*gateNonce
	issued int
	hits   []gateHit
	wrong  []string
}

type gateNonce struct {
	seen       map[string]bool // counts
	last, uses int
	prime      string // the nonce and client nonce that -sess began with
}

type gateHit struct {
	authorization, body string
	status              int
}

// start serves until the test ends, which fails where credentials were wrong.
func (g *gatekeeper) start(t *testing.T) *gatekeeper {
	t.Helper()
	if g.realm == "" {
		g.realm = `a "realm", with \ in it`
	}
	if g.password == "" {
		g.password = "s3cret"
	}
	g.nonces = map[string]*gateNonce{}
	srv := httptest.NewServer(g)
	g.url = srv.URL
	t.Cleanup(func() {
		srv.Close()
		require.Empty(t, g.wrong)
	})
	return g
}

// client is a client of the server, with a Digest step.
func (g *gatekeeper) client(t *testing.T, steps ...middleware.Middleware) *resty.Client {
	t.Helper()
	c := resty.New().SetBaseURL(g.url).SetLogger(silence{})
	require.NoError(t, middleware.Use(c, append(steps, &auth.Digest{Username: "ada", Password: auth.Static("s3cret")})...))
	return c
}

// take are the requests since the last time.
func (g *gatekeeper) take() []gateHit {
	g.mu.Lock()
	defer g.mu.Unlock()
	hits := g.hits
	g.hits = nil
	return hits
}

// statuses are what the server answered since the last time.
func (g *gatekeeper) statuses() []int {
	var out []int
	for _, h := range g.take() {
		out = append(out, h.status)
	}
	return out
}

func (g *gatekeeper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	g.mu.Lock()
	h := gateHit{authorization: r.Header.Get("Authorization"), body: string(body)}
	h.status = g.judge(w, r, h)
	g.hits = append(g.hits, h)
	g.mu.Unlock()
	if h.status == http.StatusOK && g.accepted != nil {
		g.accepted(w, r)
		return
	}
	w.WriteHeader(h.status)
}

func (g *gatekeeper) ask(w http.ResponseWriter, stale bool) int {
	w.Header().Add("WWW-Authenticate", `Basic realm="for others", Negotiate YII=`)
	w.Header().Add("WWW-Authenticate", fmt.Sprintf(`Digest realm=%q, qop=%q, nonce=%q, opaque="o\"\\o", stale=%t%s%s`, g.realm, g.qop, g.nonce(), stale, g.algorithmParam(), g.extra))
	return http.StatusUnauthorized
}

func (g *gatekeeper) algorithmParam() string {
	if g.algorithm == "" {
		return ""
	}
	return ", algorithm=" + g.algorithm
}

func (g *gatekeeper) nonce() string {
	nonce := g.fixed
	if nonce == "" {
		g.issued++
		nonce = fmt.Sprintf("nonce/%d==", g.issued)
	}
	if g.nonces[nonce] == nil {
		g.nonces[nonce] = &gateNonce{seen: map[string]bool{}}
	}
	return nonce
}

var (
	gateParam = regexp.MustCompile(`^(?:Digest |, )([a-z]+\*?)=("(?:[^"\\]|\\.)*"|[^ ,"]+)`)
	gateCount = regexp.MustCompile(`^[0-9a-f]{8}$`)
)

// gateParams reads credentials, quotes and all.
func gateParams(text string) (map[string]string, error) {
	params := map[string]string{}
	for text != "" {
		m := gateParam.FindStringSubmatch(text)
		if m == nil {
			return nil, fmt.Errorf("no parameter: %q", text)
		}
		if _, twice := params[m[1]]; twice {
			return nil, fmt.Errorf("%s twice", m[1])
		}
		params[m[1]], text = m[2], text[len(m[0]):]
	}
	return params, nil
}

// judge is the status for a request, with what its header says.
func (g *gatekeeper) judge(w http.ResponseWriter, r *http.Request, h gateHit) int {
	if h.authorization == "" {
		return g.ask(w, false)
	}
	quoted, err := gateParams(h.authorization)
	if err != nil {
		return g.broken("%v in %q", err, h.authorization)
	}
	p := map[string]string{}
	for name, value := range quoted {
		p[name] = value
		if value[0] == '"' {
			p[name] = regexp.MustCompile(`\\(.)`).ReplaceAllString(value[1:len(value)-1], "$1")
		}
		unquoted := name == "algorithm" || name == "qop" || name == "nc" || name == "userhash" || name == "username*"
		if unquoted != (value[0] != '"') {
			return g.broken("%s is %s", name, value)
		}
	}
	if g.strangers && p["realm"] != g.realm {
		return g.ask(w, false)
	}
	target := r.RequestURI
	if r.URL.IsAbs() { // as a proxy gets it, which asks the server for the path
		target = r.URL.RequestURI()
	}
	for name, want := range map[string]string{"realm": g.realm, "uri": target, "opaque": `o"\o`, "algorithm": g.algorithm} {
		if p[name] != want {
			return g.broken("%s is %q and not %q", name, p[name], want)
		}
	}
	n := g.nonces[p["nonce"]]
	if n == nil {
		return g.ask(w, true)
	}
	if want := g.response(n, p, r.Method, target, h.body); p["response"] != want {
		return g.ask(w, false)
	}
	return g.count(w, n, p)
}

// count judges the count of a request that has the password.
func (g *gatekeeper) count(w http.ResponseWriter, n *gateNonce, p map[string]string) int {
	if g.qop == "" {
		if p["nc"] != "" || p["qop"] != "" {
			return g.broken("there is a count without qop: %v", p)
		}
	} else {
		count, err := strconv.ParseInt(p["nc"], 16, 64)
		if err != nil || !gateCount.MatchString(p["nc"]) || count < 1 {
			return g.broken("nc is %q", p["nc"])
		}
		if n.seen[p["nc"]] {
			return g.broken("nc %s of %s comes again", p["nc"], p["nonce"])
		}
		n.seen[p["nc"]] = true
		if g.ordered && int(count) <= n.last {
			return g.ask(w, true)
		}
		n.last = max(n.last, int(count))
	}
	n.uses++
	if g.uses > 0 && n.uses > g.uses {
		return g.ask(w, true)
	}
	if g.next {
		next := g.nonce()
		g.nonces[next].prime = n.prime
		w.Header().Set("Authentication-Info", fmt.Sprintf(`qop=auth, NextNonce=%q`, next))
	}
	return http.StatusOK
}

func (g *gatekeeper) broken(format string, v ...any) int {
	g.wrong = append(g.wrong, fmt.Sprintf(format, v...))
	return http.StatusBadRequest
}

// response is what RFC 7616 section 3.4.1 says, of a user ada.
func (g *gatekeeper) response(n *gateNonce, p map[string]string, method, uri, body string) string {
	name, session := strings.CutSuffix(strings.ToUpper(g.algorithm), "-SESS")
	h := func(text string) string {
		sum := map[string]func() hash.Hash{"": md5.New, "MD5": md5.New, "SHA-256": sha256.New, "SHA-512-256": sha512.New512_256}[name]()
		_, _ = io.WriteString(sum, text)
		return hex.EncodeToString(sum.Sum(nil))
	}
	a1 := h("ada:" + g.realm + ":" + g.password)
	if session {
		if n.prime == "" {
			n.prime = p["nonce"] + ":" + p["cnonce"]
		}
		a1 = h(a1 + ":" + n.prime)
	}
	a2 := method + ":" + uri
	switch p["qop"] {
	case "":
		return h(a1 + ":" + p["nonce"] + ":" + h(a2))
	case "auth-int":
		a2 += ":" + h(body)
	}
	return h(a1 + ":" + p["nonce"] + ":" + p["nc"] + ":" + p["cnonce"] + ":" + p["qop"] + ":" + h(a2))
}
