package auth

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// The algorithms of RFC 9421 section 3.3.
const (
	rsaPSS    = "rsa-pss-sha512"
	rsaPKCS   = "rsa-v1_5-sha256"
	ecdsaP256 = "ecdsa-p256-sha256"
	ecdsaP384 = "ecdsa-p384-sha384"
	edDSA     = "ed25519"
	hmac256   = "hmac-sha256"
)

func checkAlgorithm(name string) error {
	switch name {
	case "", rsaPSS, rsaPKCS, ecdsaP256, ecdsaP384, edDSA, hmac256:
		return nil
	}
	return fmt.Errorf("Algorithm %q is none of RFC 9421 section 3.3: use %s, %s, %s, %s, %s or %s", name, rsaPSS, rsaPKCS, ecdsaP256, ecdsaP384, edDSA, hmac256)
}

// signatureKey signs in one way.
type signatureKey struct {
	algorithm string
	sign      func(base []byte) ([]byte, error)
}

func (g Signature) parseKey(text string) (signatureKey, error) {
	if g.Algorithm == hmac256 {
		secret, err := cmp.Or(g.KeyEncoding, Raw).decode(text)
		return signatureKey{hmac256, func(base []byte) ([]byte, error) {
			mac := hmac.New(sha256.New, secret)
			mac.Write(base)
			return mac.Sum(nil), nil
		}}, err
	}
	key, err := parsePrivateKey([]byte(text))
	if err != nil {
		return signatureKey{}, err
	}
	name, fit := g.Algorithm, algorithmsOf(key)
	if name == "" && len(fit) > 0 {
		name = fit[0]
	}
	if !slices.Contains(fit, name) {
		return signatureKey{}, final("the private key is not one for " + cmp.Or(name, "any algorithm of RFC 9421 section 3.3"))
	}
	return signatureKey{name, func(base []byte) ([]byte, error) { return signWith(key, name, base) }}, nil
}

// algorithmsOf are those that a key is for, the best first.
func algorithmsOf(key crypto.Signer) []string {
	switch k := key.Public().(type) {
	case *rsa.PublicKey:
		return []string{rsaPSS, rsaPKCS}
	case ed25519.PublicKey:
		return []string{edDSA}
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return []string{ecdsaP256}
		case elliptic.P384():
			return []string{ecdsaP384}
		}
	}
	return nil
}

func signWith(key crypto.Signer, algorithm string, base []byte) ([]byte, error) {
	hash, options := crypto.SHA256, crypto.SignerOpts(crypto.SHA256)
	switch algorithm {
	case edDSA:
		return key.Sign(rand.Reader, base, crypto.Hash(0))
	case rsaPSS:
		hash, options = crypto.SHA512, &rsa.PSSOptions{SaltLength: 64, Hash: crypto.SHA512}
	case ecdsaP384:
		hash, options = crypto.SHA384, crypto.SHA384
	}
	digest := hash.New()
	digest.Write(base)
	made, err := key.Sign(rand.Reader, digest.Sum(nil), options)
	if err != nil {
		return nil, err
	}
	if algorithm != ecdsaP256 && algorithm != ecdsaP384 {
		return made, nil
	}
	var pair struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(made, &pair); err != nil {
		return nil, err
	}
	size := hash.Size() // which is that of the curve
	return append(pair.R.FillBytes(make([]byte, size)), pair.S.FillBytes(make([]byte, size))...), nil
}

// parsePSSKey reads an RSA key that is marked for PSS alone (RFC 4055 section 1.2), as
// PKCS #8, which crypto/x509 does not.
func parsePSSKey(der []byte) (*rsa.PrivateKey, error) {
	var outer struct {
		Version    int
		Algorithm  pkix.AlgorithmIdentifier
		PrivateKey []byte
		Attributes asn1.RawValue `asn1:"optional,tag:0"`
	}
	if _, err := asn1.Unmarshal(der, &outer); err != nil {
		return nil, err
	}
	if !outer.Algorithm.Algorithm.Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}) {
		return nil, errors.ErrUnsupported
	}
	return x509.ParsePKCS1PrivateKey(outer.PrivateKey)
}
