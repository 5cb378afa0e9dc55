package auth

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

func unbase64(t testing.TB, text string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(text)
	require.NoError(t, err)
	return b
}

func pemOf(t testing.TB, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// rfc7515RSA is the key of RFC 7515 appendix A.2.1.
func rfc7515RSA(t testing.TB) *rsa.PrivateKey {
	number := func(text string) *big.Int { return new(big.Int).SetBytes(unbase64(t, text)) }
	return &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{E: 65537, N: number("ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddx" +
			"HmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSH" +
			"SXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8" +
			"NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ")},
		D: number("Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97I" +
			"jlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn" +
			"439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLh" +
			"BOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ"),
		Primes: []*big.Int{
			number("4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPG" +
				"BY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc"),
			number("uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA" +
				"-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc"),
		},
	}
}

func TestSignaturesAreThoseOfTheRFCs(t *testing.T) {
	const joe = ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
	seed := unbase64(t, "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
	for name, tt := range map[string]struct{ key, algorithm, input, want string }{
		"RFC 7515 A.1, HS256": {
			string(unbase64(t, "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")), "HS256",
			"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9" + joe,
			"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
		},
		"RFC 7515 A.2, RS256": {
			pemOf(t, rfc7515RSA(t)), "", "eyJhbGciOiJSUzI1NiJ9" + joe,
			"cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7" +
				"AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4" +
				"BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K" +
				"0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqv" +
				"hJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB" +
				"p0igcN_IoypGlUPQGe77Rw",
		},
		"RFC 8037 A.4, EdDSA": {
			pemOf(t, ed25519.NewKeyFromSeed(seed)), "",
			"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
			"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
		},
	} {
		t.Run(name, func(t *testing.T) {
			method, err := methodOf(tt.algorithm)
			require.NoError(t, err)
			key, err := newSigningKey(method, tt.key)
			require.NoError(t, err)
			signature, err := key.method.Sign(tt.input, key.key)
			require.NoError(t, err)
			require.Equal(t, tt.want, base64.RawURLEncoding.EncodeToString(signature))
		})
	}
}

func TestAnAssertionIsFreshAndFillsWhatTheFieldsLeaveOpen(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	claims := func(j JWT, issuer, subject, audience string) jwt.MapClaims {
		j.Key = Static(pemOf(t, key))
		require.NoError(t, j.validateKey())
		token, err := j.assertion(t.Context(), issuer, subject, audience)
		require.NoError(t, err)
		into := jwt.MapClaims{}
		_, err = jwt.NewParser(jwt.WithValidMethods([]string{"EdDSA"})).ParseWithClaims(token, into, func(*jwt.Token) (any, error) { return key.Public(), nil })
		require.NoError(t, err)
		return into
	}
	a, b := claims(JWT{}, "client", "client", "https://id.test/token"), claims(JWT{}, "client", "client", "https://id.test/token")
	require.Equal(t, []any{"client", "client", "https://id.test/token"}, []any{a["iss"], a["sub"], a["aud"]})
	require.NotEqual(t, a["jti"], b["jti"])
	require.InDelta(t, float64(time.Now().Add(4*time.Minute).Unix()), a["exp"], 5)
	own := claims(JWT{Issuer: "i", Subject: "s", Audience: "a", Claims: map[string]any{"scope": "x"}}, "client", "client", "https://id.test/token")
	require.Equal(t, []any{"i", "s", "a", "x"}, []any{own["iss"], own["sub"], own["aud"], own["scope"]})
	list := claims(JWT{Claims: map[string]any{"aud": []string{"a"}, "iss": "i", "sub": "s"}}, "client", "client", "https://id.test/token")
	require.Equal(t, []any{"i", "s", []any{"a"}}, []any{list["iss"], list["sub"], list["aud"]})
	none := claims(JWT{}, "", "", "")
	require.Len(t, none, 3, "iat, exp, jti")
}

func TestAnAssertionUsesTheContext(t *testing.T) {
	j := JWT{Key: Func(func(ctx context.Context) (string, error) { return "", ctx.Err() })}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := j.assertion(ctx, "", "", "")
	require.ErrorContains(t, err, "Key: context canceled")
}

func FuzzPrivateKey(f *testing.F) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(f, err)
	f.Add(pemOf(f, key))
	f.Add(pemOf(f, rfc7515RSA(f)))
	f.Add("-----BEGIN EC PRIVATE KEY-----\nc2VjcmV0\n-----END EC PRIVATE KEY-----\n")
	f.Add("-----BEGIN PRIVATE KEY-----\\nabcdefghijkl")
	f.Add(`{"kty":"OKP"}`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, algorithm := range []string{"", "PS256", "ES512", "EdDSA", "HS256"} {
			method, err := methodOf(algorithm)
			require.NoError(t, err)
			signing, err := newSigningKey(method, text)
			if err == nil {
				token, err := signing.sign("1", map[string]any{"iss": "me"})
				require.NoError(t, err)
				require.Equal(t, 2, strings.Count(token, "."))
				continue
			}
			var is interface{ Final() bool }
			require.True(t, errors.As(err, &is) && is.Final())
			for line := range strings.Lines(text) {
				if line = strings.TrimSpace(line); len(line) > 16 && !strings.Contains(line, " KEY") { // a label is no secret
					require.NotContains(t, err.Error(), line)
				}
			}
			require.NotContains(t, err.Error(), "\n")
		}
	})
}
