package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"fmt"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// signingKey is a key and the algorithm in which it signs (RFC 7518 section 3.1, RFC 8037
// section 3.1).
type signingKey struct {
	method jwt.SigningMethod
	key    any // a crypto.Signer, or the bytes of a shared secret
}

// newSigningKey reads a key for an algorithm; nil is the one that the key is for.
func newSigningKey(method jwt.SigningMethod, text string) (signingKey, error) {
	if shared, ok := method.(*jwt.SigningMethodHMAC); ok {
		return signingKey{method, []byte(text)}, checkShared(shared, text)
	}
	key, err := parsePrivateKey([]byte(text))
	if err != nil {
		return signingKey{}, err
	}
	own, kind := methodFor(key)
	switch {
	case method == nil && own == nil:
		return signingKey{}, final("there is no algorithm for " + kind + ": give an RSA key, an ECDSA key on P-256, P-384 or P-521, or an Ed25519 key")
	case method == nil:
		return signingKey{own, key}, nil
	case !fits(method, key, own):
		return signingKey{}, final(fmt.Sprintf("the key is %s: %s needs %s", kind, method.Alg(), needs(method)))
	}
	return signingKey{method, key}, nil
}

// methodOf is an algorithm by its name, or nil for "".
func methodOf(name string) (jwt.SigningMethod, error) {
	if name == "" {
		return nil, nil //nolint:nilnil // none is named
	}
	if strings.EqualFold(name, "none") {
		return nil, final(fmt.Sprintf("Algorithm %q signs nothing (RFC 7518 section 3.6): name one that does, or none at all", name))
	}
	var names []string
	for _, m := range []jwt.SigningMethod{
		jwt.SigningMethodRS256, jwt.SigningMethodRS384, jwt.SigningMethodRS512,
		jwt.SigningMethodPS256, jwt.SigningMethodPS384, jwt.SigningMethodPS512,
		jwt.SigningMethodES256, jwt.SigningMethodES384, jwt.SigningMethodES512, jwt.SigningMethodEdDSA,
		jwt.SigningMethodHS256, jwt.SigningMethodHS384, jwt.SigningMethodHS512,
	} {
		if m.Alg() == name {
			return m, nil
		}
		names = append(names, m.Alg())
	}
	return nil, final(fmt.Sprintf("Algorithm %q is none that can be: give one of %s", name, strings.Join(names, ", ")))
}

// methodFor is the algorithm of a key, or nil, and what kind of key it is.
func methodFor(key crypto.Signer) (own jwt.SigningMethod, kind string) {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return jwt.SigningMethodRS256, "RSA"
	case ed25519.PrivateKey:
		return jwt.SigningMethodEdDSA, "Ed25519"
	case *ecdsa.PrivateKey:
		kind = "ECDSA on " + k.Params().Name
		for _, m := range []*jwt.SigningMethodECDSA{jwt.SigningMethodES256, jwt.SigningMethodES384, jwt.SigningMethodES512} {
			if m.CurveBits == k.Params().BitSize {
				return m, kind
			}
		}
		return nil, kind
	}
	return nil, "this kind of key"
}

// fits tells whether a key can sign in an algorithm.
func fits(method jwt.SigningMethod, key crypto.Signer, own jwt.SigningMethod) bool {
	switch method.(type) {
	case *jwt.SigningMethodRSA, *jwt.SigningMethodRSAPSS:
		_, ok := key.(*rsa.PrivateKey)
		return ok
	}
	return method == own
}

func needs(method jwt.SigningMethod) string {
	switch m := method.(type) {
	case *jwt.SigningMethodECDSA:
		return fmt.Sprintf("ECDSA on P-%d", m.CurveBits)
	case *jwt.SigningMethodEd25519:
		return "Ed25519"
	}
	return "RSA"
}

// checkShared refuses a shared secret that is none, or too short (RFC 7518 section 3.2).
func checkShared(method *jwt.SigningMethodHMAC, text string) error {
	if strings.Contains(text, "-----BEGIN ") {
		return final(fmt.Sprintf("the key is a PEM: %s needs a shared secret; for the PEM of a private key leave Algorithm empty", method.Alg()))
	}
	if least := method.Hash.Size(); len(text) < least {
		return final(fmt.Sprintf("the shared secret is too short: %s needs %d bytes or more (RFC 7518 section 3.2)", method.Alg(), least))
	}
	return nil
}

// sign makes a JWS in compact form (RFC 7515 section 7.1).
func (k signingKey) sign(keyID string, claims map[string]any) (string, error) {
	token := jwt.NewWithClaims(k.method, jwt.MapClaims(claims))
	if keyID != "" {
		token.Header["kid"] = keyID
	}
	return token.SignedString(k.key)
}
