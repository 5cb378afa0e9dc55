package authtest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth/authtest"
)

// TestMain keeps what the engine logs out of the tests' output.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

// said is the answer of an endpoint.
type said struct {
	status int
	header http.Header
	body   map[string]any
}

func (s said) text(name string) string { text, _ := s.body[name].(string); return text }

// post sends a form as it is, with a client of Basic or without.
func post(t *testing.T, client *http.Client, to string, form url.Values, basic ...string) said {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, to, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if len(basic) == 2 {
		req.SetBasicAuth(url.QueryEscape(basic[0]), url.QueryEscape(basic[1]))
	}
	return do(t, client, req)
}

func do(t *testing.T, client *http.Client, req *http.Request) said {
	t.Helper()
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	s := said{status: resp.StatusCode, header: resp.Header}
	_ = json.Unmarshal(text, &s.body)
	return s
}

// protected is a resource server of the provider's, which says who calls.
func protected(t *testing.T, p *authtest.Provider) *httptest.Server {
	t.Helper()
	api := httptest.NewServer(p.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, _ := authtest.CallerOf(r.Context())
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(caller)
	})))
	t.Cleanup(api.Close)
	return api
}

// open asks a protected resource with a token.
func open(t *testing.T, to, token string) said {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, to, http.NoBody)
	require.NoError(t, err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	client := &http.Client{}
	defer client.CloseIdleConnections()
	return do(t, client, req)
}

// claims are those of an assertion that is good for the provider.
func claims(p *authtest.Provider, issuer, subject string) jwt.Claims {
	now := time.Now()
	return jwt.Claims{
		Issuer: issuer, Subject: subject, Audience: jwt.Audience{p.TokenURL()}, ID: rand.Text(),
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(time.Minute)),
	}
}

func sign(t *testing.T, alg jose.SignatureAlgorithm, key any, c jwt.Claims) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	require.NoError(t, err)
	text, err := jwt.Signed(signer).Claims(c).Serialize()
	require.NoError(t, err)
	return text
}

// pairs are keys, by the algorithm that they sign with.
func pairs(t *testing.T) map[jose.SignatureAlgorithm]crypto.Signer {
	t.Helper()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return map[jose.SignatureAlgorithm]crypto.Signer{jose.ES256: ec, jose.EdDSA: ed, jose.RS256: rs, jose.PS256: rs}
}

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// with is a form and more fields, by name and value in turn.
func with(form url.Values, more ...string) url.Values {
	out := url.Values(http.Header(form).Clone())
	if out == nil {
		out = url.Values{}
	}
	for i := 0; i+1 < len(more); i += 2 {
		out.Set(more[i], more[i+1])
	}
	return out
}
