package authtest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// keys is the key with which the provider signs, by ES256.
type keys struct {
	id  string
	key *ecdsa.PrivateKey
}

func newKeys() (keys, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return keys{id: rand.Text(), key: key}, err
}

type signing struct{ keys }

func (k signing) ID() string                                { return k.id }
func (k signing) Key() any                                  { return k.key }
func (signing) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.ES256 }

type public struct{ keys }

func (k public) ID() string                       { return k.id }
func (k public) Key() any                         { return &k.key.PublicKey }
func (public) Algorithm() jose.SignatureAlgorithm { return jose.ES256 }
func (public) Use() string                        { return "sig" }

// SigningKey is the key.
func (s *storage) SigningKey(context.Context) (op.SigningKey, error) { return signing{s.keys}, nil }

// SignatureAlgorithms is what discovery says of it.
func (*storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.ES256}, nil
}

// KeySet is what others verify with.
func (s *storage) KeySet(context.Context) ([]op.Key, error) { return []op.Key{public{s.keys}}, nil }

// NewCertificate is a client's certificate, which it signed itself, with its key. It is good
// for a day. Its Leaf goes to [Certificate], and itself to [Provider.HTTPClient].
func NewCertificate(name string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
}
