package auth

import (
	"cmp"
	"context"
	"crypto"
	"crypto/hmac"
	_ "crypto/sha1" //nolint:gosec // some APIs sign with it, and as an HMAC it holds
	_ "crypto/sha256"
	_ "crypto/sha512"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/restykit/restykit/internal/field"
	"github.com/restykit/restykit/middleware"
)

// HMAC signs requests with a shared secret (RFC 2104), as many APIs and webhooks ask for,
// each in its own way: what is signed, how it is written, and what goes with it. Each
// attempt is signed anew, behind all other steps of the Auth layer, with a new time and
// nonce. For example Slack's:
//
//	auth.HMAC{
//		Key:    auth.Env("SLACK_SIGNING_SECRET"),
//		Fields: map[string]auth.Part{"X-Slack-Request-Timestamp": auth.PartUnix},
//		Parts:  []auth.Part{auth.PartText("v0"), auth.PartUnix, auth.PartBody}, Separator: ":",
//		Header: "X-Slack-Signature",
//		Value:  []auth.Part{auth.PartText("v0="), auth.PartMAC},
//	}
//
// For an API that follows RFC 9421, see [Signature].
//
// A body is read to be signed and again to be sent: it has to be one that can be read
// twice, from bytes or with GetBody, or the request fails. What the transport adds by
// itself (Accept-Encoding, a Content-Length of a body) is not there to be signed as a
// field; Host and Content-Length are, see [PartHeader].
//
// Where the caller has set the signature's field or parameter, nothing is signed. Fields
// and Params replace what the caller has set. The key and the signature are kept out of
// all that is printed.
type HMAC struct {
	Key Source
	// KeyEncoding is how the key is written. 0 is as it is; most often else Base64.
	KeyEncoding Encoding
	KeyID       string      // what PartKeyID is; for a header of its own, see [APIKey]
	Hash        crypto.Hash // 0 is SHA-256; one beyond SHA-1 and SHA-2 needs its package imported
	// Parts are what is signed, one behind the other.
	Parts     []Part
	Separator string   // between Parts
	Encoding  Encoding // of the signature; 0 is Hex

	Header string // the field of the signature, like "X-Signature"; or
	Query  string // its parameter, the last of the query
	Value  []Part // what is written there, without the Separator; nil is PartMAC alone

	// Params are query parameters that are added before the request is signed, and Fields
	// are header fields, in the order of their names, Params first:
	// {"X-Timestamp": auth.PartUnix}.
	Params map[string]Part
	Fields map[string]Part

	Origins []string // where else a signed request may go, like "https://files.example.com"
	// InsecureHTTP lets it go over plain http to or through other machines.
	InsecureHTTP bool
}

// Name is "hmac".
func (HMAC) Name() string { return "hmac" }

// Layer is [middleware.Auth].
func (HMAC) Layer() middleware.Layer { return middleware.Auth }

// Writes is the field, or "?signature" for a parameter.
func (h HMAC) Writes() string {
	if h.Header == "" {
		return "?" + h.Query
	}
	return http.CanonicalHeaderKey(h.Header)
}

// Trusts is Origins.
func (h HMAC) Trusts() []string { return h.Origins }

// RoundTrip sends the request with its signature, where it may go.
func (h HMAC) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	return sender{scheme: h, origins: h.Origins, insecure: h.InsecureHTTP}.send(req, next)
}

func (h HMAC) has(req *http.Request) bool {
	if h.Header == "" {
		return req.URL.Query().Has(h.Query)
	}
	return hasField(req, h.Writes())
}

func (h HMAC) sign(req *http.Request) error {
	key, err := h.key(req.Context())
	if err != nil {
		return fmt.Errorf("Key: %w", err)
	}
	s := &signing{req: req, at: time.Now(), keyID: h.KeyID}
	if err := h.addTo(s); err != nil {
		return err
	}
	mac := hmac.New(h.hash().New, key)
	if err := writeParts(mac, s, h.Separator, h.Parts); err != nil {
		return fmt.Errorf("Parts: %w", err)
	}
	s.mac = cmp.Or(h.Encoding, Hex).encode(mac.Sum(nil))
	middleware.InfoOf(req.Context()).Hide(s.mac)
	value := s.mac
	if h.Value != nil {
		if value, err = s.text("", h.Value...); err != nil {
			return fmt.Errorf("Value: %w", err)
		}
	}
	if h.Header != "" {
		req.Header[h.Writes()] = []string{value}
	} else {
		setParam(req, h.Query, value)
	}
	return nil
}

// addTo writes the parameters and fields that are signed.
func (h HMAC) addTo(s *signing) error {
	for _, name := range slices.Sorted(maps.Keys(h.Params)) {
		value, err := s.text("", h.Params[name])
		if err != nil {
			return fmt.Errorf("Params: %s: %w", name, err)
		}
		setParam(s.req, name, value)
	}
	for _, name := range slices.Sorted(maps.Keys(h.Fields)) {
		value, err := s.text("", h.Fields[name])
		if err != nil {
			return fmt.Errorf("Fields: %s: %w", name, err)
		}
		for key := range s.req.Header {
			if strings.EqualFold(key, name) {
				delete(s.req.Header, key)
			}
		}
		s.req.Header[http.CanonicalHeaderKey(name)] = []string{value}
	}
	return nil
}

// key is the key in bytes.
func (h HMAC) key(ctx context.Context) ([]byte, error) {
	text, err := secret(ctx, h.Key)
	if err != nil {
		return nil, err
	}
	middleware.InfoOf(ctx).Hide(text)
	return h.decodeKey(text)
}

func (h HMAC) decodeKey(text string) ([]byte, error) {
	if text == "" {
		return nil, errEmpty
	}
	return cmp.Or(h.KeyEncoding, Raw).decode(text)
}

func (h HMAC) hash() crypto.Hash { return cmp.Or(h.Hash, crypto.SHA256) }

// Validate refuses a signature that cannot be made.
func (h HMAC) Validate() error {
	errs := []error{checkHash(h.hash()), validateOrigins(h.Origins)}
	switch {
	case h.Header == "" && h.Query == "":
		errs = append(errs, errors.New("neither Header nor Query says where the signature goes"))
	case h.Header != "" && h.Query != "":
		errs = append(errs, errors.New("both Header and Query are set: use one"))
	case h.Header != "":
		errs = append(errs, field.CheckName(h.Header))
	}
	if h.Value != nil && !writesMAC(h.Value) {
		errs = append(errs, errors.New("Value has no auth.PartMAC: the signature would not be sent"))
	}
	if len(h.Parts) == 0 {
		errs = append(errs, errors.New("Parts is empty: say what is signed, such as auth.PartBody"))
	}
	errs = append(errs, prefixed("Parts", checkParts(h.Parts, false)), prefixed("Value", checkParts(h.Value, true)))
	for _, name := range slices.Sorted(maps.Keys(h.Fields)) {
		errs = append(errs, prefixed("Fields", errors.Join(field.CheckName(name), checkParts([]Part{h.Fields[name]}, false))))
	}
	for _, name := range slices.Sorted(maps.Keys(h.Params)) {
		errs = append(errs, prefixed("Params", checkParts([]Part{h.Params[name]}, false)))
	}
	errs = append(errs, prefixed("Encoding", h.Encoding.check()), prefixed("KeyEncoding", h.KeyEncoding.check()))
	if known, ok := h.Key.(static); ok && errors.Join(errs...) == nil {
		_, err := h.decodeKey(known.secret())
		errs = append(errs, prefixed("Key", err))
	}
	return errors.Join(append(errs, validateSource("Key", h.Key))...)
}

// String is the place, the hash, and the key's source.
func (h HMAC) String() string {
	place := "query " + h.Query
	if h.Header != "" {
		place = h.Writes()
	}
	return place + " by " + h.hash().String() + ", key " + sourceName(h.Key)
}

// Format prints the step without its secret, whatever the verb.
func (h HMAC) Format(f fmt.State, _ rune) { format(f, h) }
