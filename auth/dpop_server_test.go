package auth_test

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/restykit/restykit/auth"
)

// proof is a DPoP proof as a server has read and verified it.
type proof struct {
	claims jwt.MapClaims
	jwk    map[string]any
	jkt    string
}

func (p proof) text(name string) string { s, _ := p.claims[name].(string); return s }

func unb64(text any) []byte {
	s, _ := text.(string)
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}

func sha256url(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// readJWK reads a JWK, and its thumbprint (RFC 7638), by hand. It has to have the
// members of a public key, and no others.
func readJWK(jwk map[string]any) (key crypto.PublicKey, jkt string, err error) {
	members := slices.Sorted(maps.Keys(jwk))
	text := func(name string) string { s, _ := jwk[name].(string); return s }
	only := func(want ...string) bool { return slices.Equal(members, want) }
	switch kty := text("kty"); {
	case kty == "EC" && only("crv", "kty", "x", "y"):
		curve, ok := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[text("crv")]
		if !ok {
			return nil, "", errors.New("an unknown curve")
		}
		if key, err = ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, unb64(jwk["x"]), unb64(jwk["y"]))); err != nil {
			return nil, "", err
		}
		if len(unb64(jwk["x"])) != len(unb64(jwk["y"])) {
			return nil, "", errors.New("a coordinate that is not as long as the curve says")
		}
		jkt = sha256url(fmt.Sprintf(`{"crv":%q,"kty":"EC","x":%q,"y":%q}`, text("crv"), text("x"), text("y")))
	case kty == "RSA" && only("e", "kty", "n"):
		key = &rsa.PublicKey{N: new(big.Int).SetBytes(unb64(jwk["n"])), E: int(new(big.Int).SetBytes(unb64(jwk["e"])).Int64())}
		jkt = sha256url(fmt.Sprintf(`{"e":%q,"kty":"RSA","n":%q}`, text("e"), text("n")))
	case kty == "OKP" && only("crv", "kty", "x"):
		key = ed25519.PublicKey(unb64(jwk["x"]))
		jkt = sha256url(fmt.Sprintf(`{"crv":"Ed25519","kty":"OKP","x":%q}`, text("x")))
	default:
		return nil, "", fmt.Errorf("a JWK with the members %v", members)
	}
	return key, jkt, nil
}

// readProof checks a proof as RFC 9449 section 4.3 says, but for what needs a memory.
func readProof(text, method, uri string, now time.Time) (p proof, err error) {
	p.claims = jwt.MapClaims{}
	asymmetric := []string{"ES256", "ES384", "ES512", "RS256", "PS256", "PS512", "EdDSA"}
	parser := jwt.NewParser(jwt.WithValidMethods(asymmetric), jwt.WithTimeFunc(func() time.Time { return now }))
	_, err = parser.ParseWithClaims(text, p.claims, func(token *jwt.Token) (any, error) {
		if token.Header["typ"] != "dpop+jwt" {
			return nil, fmt.Errorf("typ is %v", token.Header["typ"])
		}
		if len(token.Header) != 3 {
			return nil, fmt.Errorf("the header is %v", token.Header)
		}
		p.jwk, _ = token.Header["jwk"].(map[string]any)
		key, jkt, err := readJWK(p.jwk)
		p.jkt = jkt
		return key, err
	})
	if err != nil {
		return p, err
	}
	issued, err := p.claims.GetIssuedAt()
	switch {
	case err != nil || issued == nil || now.Sub(issued.Time).Abs() > time.Minute:
		return p, fmt.Errorf("iat is %v, and it is %v", issued, now)
	case len(p.text("jti")) < 16:
		return p, fmt.Errorf("jti is %q", p.text("jti"))
	case p.text("htm") != method:
		return p, fmt.Errorf("htm is %q", p.text("htm"))
	case p.text("htu") != uri:
		return p, fmt.Errorf("htu is %q, and not %q", p.text("htu"), uri)
	}
	return p, nil
}

// strict is an authorization server at id.test and an API everywhere else, which hold their
// clients to RFC 9449 by the letter.
type strict struct {
	takes   time.Duration                             // for an answer of the API
	edit    func(*http.Request, *http.Response)       // changes an answer
	members func(n int, token map[string]any)         // changes a token answer
	clock   time.Duration                             // how far it is ahead
	broken  func(*http.Request, proof) (error string) // why else the API refuses

	mu      sync.Mutex
	nonces  map[string]string // by host: the one that is good, "" is none
	spin    bool              // each answer has the next nonce, and no other is good
	offer   map[string]string // by host: what answers bring along
	seen    map[string]bool   // jti, for good
	bound   map[string]string // the thumbprint of a token
	revoked map[string]bool
	forms   []url.Values
	log     []string // what came, and what became of it
	hits    []*http.Request
	bodies  []string
	proofs  []proof
	fault   []string // what no client may do
	turn    int
}

func newStrict() *strict {
	return &strict{nonces: map[string]string{}, offer: map[string]string{}, seen: map[string]bool{}, bound: map[string]string{}, revoked: map[string]bool{}}
}

// want sets the nonce of a host, and forgets those before.
func (s *strict) want(host, nonce string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nonces[host] = nonce
}

// revoke revokes all tokens there are.
func (s *strict) revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for token := range s.bound {
		s.revoked[token] = true
	}
}

// took is what came since the last time.
func (s *strict) took() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	log := s.log
	s.log = nil
	return log
}

// last is the last proof that was good.
func (s *strict) last(t *testing.T) proof {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	require.NotEmpty(t, s.proofs)
	return s.proofs[len(s.proofs)-1]
}

// RoundTrip answers as such servers do.
func (s *strict) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		_ = req.Body.Close()
	}
	if s.takes > 0 && req.URL.Host != "id.test" {
		time.Sleep(s.takes)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	resp, what := s.answer(req, string(body))
	s.log = append(s.log, fmt.Sprintf("%s %s: %s", req.Method, req.URL.Path, what))
	s.hits, s.bodies = append(s.hits, req.Clone(req.Context())), append(s.bodies, string(body))
	resp.Request = req
	resp.Header.Set("Date", time.Now().Add(s.clock).UTC().Format(http.TimeFormat))
	if s.edit != nil {
		s.edit(req, resp)
	}
	return resp, nil
}

func (s *strict) answer(req *http.Request, body string) (resp *http.Response, what string) {
	host := req.URL.Host
	token, why := "", ""
	if host != "id.test" {
		scheme, value, _ := strings.Cut(req.Header.Get("Authorization"), " ")
		if token = value; scheme != "DPoP" {
			why = "invalid_token"
		}
	}
	p, named, err := s.check(req, token)
	switch {
	case err != nil:
		why = "invalid_dpop_proof"
	case named != "":
		why = "use_dpop_nonce"
	case host != "id.test" && s.revoked[token]:
		why = "invalid_token"
	case host != "id.test" && s.bound[token] != p.jkt:
		why = "invalid_token"
	case host != "id.test" && s.broken != nil:
		why = s.broken(req, p)
	}
	resp, what = s.reply(host, body, p, why, err), why
	if what == "" {
		what = "ok"
		s.proofs = append(s.proofs, p)
	}
	if nonce := named; nonce != "" {
		resp.Header.Set("DPoP-Nonce", nonce)
	} else if nonce := s.offer[host]; nonce != "" {
		resp.Header.Set("DPoP-Nonce", nonce)
		s.nonces[host] = nonce
	} else if s.spin && s.nonces[host] != "" {
		resp.Header.Set("DPoP-Nonce", s.nonces[host])
	}
	return resp, what
}

// check checks a proof, and names the nonce that it should have had.
func (s *strict) check(req *http.Request, token string) (p proof, named string, err error) {
	values := req.Header.Values("DPoP")
	if len(values) != 1 {
		return p, "", fmt.Errorf("%d proofs", len(values))
	}
	p, err = readProof(values[0], req.Method, req.URL.Scheme+"://"+req.URL.Host+cmp.Or(req.URL.EscapedPath(), "/"), time.Now().Add(s.clock))
	ath, hasAth := p.claims["ath"]
	switch {
	case err != nil:
		return p, "", err
	case s.seen[p.text("jti")]:
		s.fault = append(s.fault, "a jti that was used before")
		return p, "", errors.New("the jti was used before")
	case token == "" && hasAth, token != "" && ath != sha256url(token):
		return p, "", fmt.Errorf("ath is %v", ath)
	}
	s.seen[p.text("jti")] = true
	want := s.nonces[req.URL.Host]
	if want == p.text("nonce") && want != "" && s.spin {
		s.nonces[req.URL.Host] = rand.Text()
	}
	if want != "" && p.text("nonce") != want {
		return p, want, nil
	}
	if want == "" && p.text("nonce") != "" {
		s.fault = append(s.fault, "a nonce of another server")
		return p, "", errors.New("a nonce that is not of this server")
	}
	return p, "", nil
}

func (s *strict) reply(host, body string, p proof, why string, err error) *http.Response {
	if host != "id.test" {
		if why == "" {
			return reply(nil, http.StatusOK, "application/json", `{}`)
		}
		resp := reply(nil, http.StatusUnauthorized, "application/json", fmt.Sprintf(`{"error":%q}`, why))
		resp.Header.Set("WWW-Authenticate", fmt.Sprintf(`Bearer, DPoP algs="ES256", error=%q, error_description=%q`, why, fmt.Sprint(err)))
		return resp
	}
	form, _ := url.ParseQuery(body)
	s.forms = append(s.forms, form)
	if why != "" {
		return reply(nil, http.StatusBadRequest, "application/json", fmt.Sprintf(`{"error":%q}`, why))
	}
	if !form.Has("grant_type") {
		return reply(nil, http.StatusOK, "application/json", `{"device_code":"D","user_code":"U","verification_uri":"https://id.test/go","interval":1}`)
	}
	s.turn++
	token := fmt.Sprintf("AT%d", s.turn)
	s.bound[token] = p.jkt
	members := map[string]any{"access_token": token, "token_type": "DPoP", "expires_in": 3600}
	if s.members != nil {
		s.members(s.turn, members)
	}
	text, _ := json.Marshal(members)
	return reply(nil, http.StatusOK, "application/json", string(text))
}

// step is an OAuth2 with its tokens, bound to a key.
func (s *strict) step(d *auth.DPoP) *auth.OAuth2 {
	return &auth.OAuth2{Grant: s.machine(), Client: &http.Client{Transport: s}, DPoP: d}
}

func (s *strict) machine() auth.ClientCredentials {
	return auth.ClientCredentials{Config: clientcredentials.Config{
		ClientID: "shop", ClientSecret: "s3cret-client", TokenURL: "https://id.test/token", AuthStyle: oauth2.AuthStyleInHeader,
	}}
}

// requireFair asks that no client did what none may.
func (s *strict) requireFair(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Empty(t, s.fault)
}
