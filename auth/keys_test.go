package auth_test

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

func rsaKey(bits int) func() *rsa.PrivateKey {
	return sync.OnceValue(func() *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			panic(err)
		}
		return key
	})
}

func ecKey(curve elliptic.Curve) func() *ecdsa.PrivateKey {
	return sync.OnceValue(func() *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			panic(err)
		}
		return key
	})
}

// Keys are made once: an RSA key takes a while.
var (
	rsa2048, rsa1024 = rsaKey(2048), rsaKey(1024)
	p224, p256       = ecKey(elliptic.P224()), ecKey(elliptic.P256())
	p384, p521       = ecKey(elliptic.P384()), ecKey(elliptic.P521())
	ed25             = sync.OnceValue(func() ed25519.PrivateKey {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			panic(err)
		}
		return key
	})
)

func x25519() *ecdh.PrivateKey {
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

// shared is a secret for each of the HS algorithms.
const shared = "s3cret-s3cret-s3cret-s3cret-s3cret-s3cret-s3cret-s3cret-s3cret-s"

// pkcs8 is a private key as most tools write it.
func pkcs8(key any) string {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return block("PRIVATE KEY", der)
}

func pkcs1(key *rsa.PrivateKey) string {
	return block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
}

func sec1(key *ecdsa.PrivateKey) string {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		panic(err)
	}
	return block("EC PRIVATE KEY", der)
}

func block(label string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}))
}

// verified is a token as a server reads it, which knows the public key and the only
// algorithm that it takes.
func verified(t *testing.T, token, algorithm string, key crypto.PublicKey) (header, claims map[string]any) {
	t.Helper()
	into := jwt.MapClaims{}
	parsed, err := jwt.NewParser(jwt.WithValidMethods([]string{algorithm}), jwt.WithIssuedAt(), jwt.WithExpirationRequired()).
		ParseWithClaims(token, into, func(*jwt.Token) (any, error) { return key, nil })
	require.NoError(t, err)
	require.True(t, parsed.Valid)
	return parsed.Header, into
}
