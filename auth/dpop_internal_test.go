package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// public is a key pair of which only the public half is known.
type public struct{ crypto.Signer }

func (p public) Public() crypto.PublicKey { return p.Signer.(holder).key }

type holder struct {
	crypto.Signer
	key crypto.PublicKey
}

func number(t *testing.T, text string) *big.Int {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(text)
	require.NoError(t, err)
	return new(big.Int).SetBytes(b)
}

func TestTheThumbprintsOfTheRFCs(t *testing.T) {
	point := slices.Concat([]byte{4}, number(t, "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs").Bytes(), number(t, "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA").Bytes())
	ec, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	require.NoError(t, err)
	r := &rsa.PublicKey{E: 65537, N: number(t, "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw")}
	ed := ed25519.PublicKey(number(t, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").Bytes())
	for want, tt := range map[string]struct {
		key    crypto.PublicKey
		method jwt.SigningMethod
	}{
		"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I": {ec, jwt.SigningMethodES256}, // RFC 9449 section 6.1
		"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs": {r, jwt.SigningMethodRS256},  // RFC 7638 section 3.1
		"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k": {ed, jwt.SigningMethodEdDSA}, // RFC 8037 appendix A.3
	} {
		k, err := newProofKey(signingKey{tt.method, public{holder{key: tt.key}}})
		require.NoError(t, err)
		require.Equal(t, want, k.thumbprint)
	}
}

func TestTheHashOfATokenIsThatOfTheRFC(t *testing.T) {
	require.Equal(t, "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo", hashed("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"), "RFC 9449 section 7.1")
	k, err := generatedKey()
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://resource.example.org/protectedresource?q#f", nil)
	require.NoError(t, err)
	made, err := k.proof(req, "eyJ7S_zG.eyJH0-Z.HX4w-7v", "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU")
	require.NoError(t, err)
	claims := strings.Split(made, ".")[1]
	require.Equal(t, "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo", member[string](claims, "ath"))
	require.Equal(t, "https://resource.example.org/protectedresource", member[string](claims, "htu"))
	require.Equal(t, "GET", member[string](claims, "htm"))
	require.Equal(t, "eyJ7S_zG.eyJH0-Z.HX4w-7v", member[string](claims, "nonce"))
}

func FuzzReadNonce(f *testing.F) {
	for _, seed := range []string{"", "eyJ7S_zG.eyJH0-Z.HX4w-7v", `a"b`, `a\b`, "a b", "a\x7f", "ä", "\xff", strings.Repeat("x", 3000), "!#[]~"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		h := http.Header{"Dpop-Nonce": {text}}
		got := readNonce(h)
		legal := len(text) <= maxNonce
		for i := range len(text) { // NQCHAR of RFC 6749 appendix A
			c := text[i]
			legal = legal && (c == 0x21 || (c >= 0x23 && c <= 0x5b) || (c >= 0x5d && c <= 0x7e))
		}
		if legal {
			require.Equal(t, text, got)
		} else {
			require.Empty(t, got)
		}
		require.Empty(t, readNonce(http.Header{"Dpop-Nonce": {text, text}}))
	})
}
