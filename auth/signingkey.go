package auth

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
)

// minRSA is the length of an RSA key from which on it may sign (RFC 7518 section 3.3).
const minRSA = 2048

// keyText reads the source of a key, which may have the line ends that no header can carry.
func keyText(ctx context.Context, s Source) (string, error) {
	var text string
	var err error
	if f, ok := s.(*file); ok {
		text, err = f.text()
	} else {
		text, err = s.Secret(ctx)
	}
	if err == nil && text == "" {
		err = errEmpty
	}
	return text, err
}

// validateKeyText gives what the source of a key says to check, where that is known now.
func validateKeyText(s Source, check func(text string) error) error {
	known := false
	switch s := s.(type) {
	case static:
		known = true
	case env:
		known = s != ""
	case *file:
		known = s.path != ""
	}
	if !known {
		return validateSource("Key", s)
	}
	text, err := keyText(context.Background(), s)
	if err == nil {
		err = check(text)
	}
	return prefixed("Key", err)
}

// sameSource tells whether two sources certainly say the same.
func sameSource(a, b Source) bool {
	switch a := a.(type) {
	case static:
		b, ok := b.(static)
		return ok && a.secret() == b.secret()
	case *file:
		b, ok := b.(*file)
		return ok && a.path == b.path
	case env:
		return a == b
	}
	return false
}

// parsePrivateKey reads the first private key in a PEM (RFC 7468), in the clear: PKCS#8,
// PKCS#1 or SEC 1, for RSA of 2048 bits or more, ECDSA or Ed25519. What else is in the
// PEM, certificates or the parameters of a curve, is passed over. Its errors are final and
// show nothing of the text.
func parsePrivateKey(text []byte) (crypto.Signer, error) {
	text = keyOfAccount(text)
	public := false
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
			if strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
				return nil, errEncrypted
			}
			return parseKeyBlock(block)
		case "ENCRYPTED PRIVATE KEY":
			return nil, errEncrypted
		case "OPENSSH PRIVATE KEY":
			return nil, final("the key is in the format of OpenSSH: write it as PKCS#8, as with ssh-keygen -p -m PKCS8 on a copy")
		case "PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE":
			public = true
		}
	}
	return nil, noPrivateKey(text, public)
}

// keyOfAccount is the key in the file of a Google service account, or else the text itself.
func keyOfAccount(text []byte) []byte {
	var account struct {
		PrivateKey string `json:"private_key"`
	}
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) && json.Unmarshal(text, &account) == nil && account.PrivateKey != "" {
		return []byte(account.PrivateKey)
	}
	return text
}

const errEncrypted = final("the key is encrypted with a passphrase: give it in the clear, as openssl pkey writes it, from a place that keeps secrets")

// noPrivateKey says why there is no private key in a text.
func noPrivateKey(text []byte, public bool) error {
	switch {
	case public:
		return final("there is a public key or a certificate, and no private key: the private key signs")
	case bytes.Contains(text, []byte(`-----\n`)):
		return final(`the PEM has the two characters \n in the place of line ends: write line ends`)
	case bytes.Contains(text, []byte("-----BEGIN ")):
		return final("there is no whole PEM block of a private key: give it from -----BEGIN to -----END, with its line ends, and nothing before -----BEGIN on its line")
	case bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")):
		return final("the key is JSON without a private_key: give the file of a Google service account, or a PEM")
	}
	return final("no PEM block: give the private key's PEM, as in -----BEGIN PRIVATE KEY-----, or name the algorithm of a shared secret")
}

// parseKeyBlock reads a private key, whichever of the three forms its label promises: some
// tools mix them up.
func parseKeyBlock(block *pem.Block) (crypto.Signer, error) {
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		if k, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
			key = k
		} else if k, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
			key = k
		} else if k, err := parsePSSKey(block.Bytes); err == nil {
			key = k
		}
	}
	switch k := key.(type) {
	case nil: // what the parsers say may have a part of the key in it
		return nil, final("the PEM block " + block.Type + " holds no key that can be read: it is damaged, or of a kind that Go does not know")
	case *rsa.PrivateKey:
		if n := k.N.BitLen(); n < minRSA {
			return nil, final(fmt.Sprintf("the RSA key has %d bits: make one of %d or more (RFC 7518 section 3.3)", n, minRSA))
		}
		return k, nil
	case crypto.Signer:
		return k, nil
	}
	return nil, final("the key cannot sign, it is for key agreement: give an RSA, ECDSA or Ed25519 key")
}
