package auth

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
)

// Encoding is how bytes are written.
type Encoding uint8

// The encodings of keys, digests and signatures.
const (
	Hex       Encoding = iota + 1 // in lower case
	Base64                        // with padding (RFC 4648 section 4)
	Base64URL                     // without padding (RFC 4648 section 5)
	Raw                           // as they are
)

func (e Encoding) encode(b []byte) string {
	switch e {
	case Hex:
		return hex.EncodeToString(b)
	case Base64:
		return base64.StdEncoding.EncodeToString(b)
	case Base64URL:
		return base64.RawURLEncoding.EncodeToString(b)
	}
	return string(b)
}

// decode takes hex of either case, and base64 with or without padding. Its error does not
// show the text.
func (e Encoding) decode(text string) ([]byte, error) {
	var b []byte
	var err error
	name := "base64"
	switch e {
	case Hex:
		name = "hex"
		b, err = hex.DecodeString(text)
	case Base64:
		b, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	case Base64URL:
		b, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	default:
		return []byte(text), nil
	}
	if err != nil {
		return nil, final("the secret is no " + name + ": set KeyEncoding to what it is")
	}
	return b, nil
}

func (e Encoding) check() error {
	if e > Raw {
		return errors.New("use Hex, Base64, Base64URL, Raw or 0")
	}
	return nil
}
