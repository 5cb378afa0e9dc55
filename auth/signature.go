package auth

import (
	"cmp"
	"context"
	"crypto"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/dunglas/httpsfv"

	"github.com/restykit/restykit/middleware"
)

// Signature signs requests by HTTP Message Signatures (RFC 9421), and their bodies by a
// Content-Digest (RFC 9530). Each attempt is signed anew, behind all other steps of the
// Auth layer.
//
//	auth.Signature{
//		Key:        auth.File("/run/secrets/key.pem"),
//		KeyID:      "key-1",
//		Components: []string{"@method", "@target-uri", "content-type", "content-digest"},
//	}
//
// A component is written as in RFC 9421, without the quotes around its name:
//
//   - @method, @target-uri, @authority, @scheme, @request-target, @path, @query, or one
//     query parameter as @query-param;name="id" (its name percent-encoded)
//   - a header field, its lines joined: content-type; or cache-control;bs for its bytes,
//     priority;sf in the strict form of structured fields, or priority;key="u" for one
//     member of a dictionary
//
// What a component names has to be there, or the request fails; but fields that describe
// a body, content-digest and the other content-*, are left out where there is none. So
// one list serves GET and POST. The parameters req and tr are for answers and trailers.
//
// A body is read to be digested and again to be sent: it has to be one that can be read
// twice, from bytes or with GetBody. A Content-Digest that the caller set stays, and so
// does a Signature, beside which nothing is signed.
type Signature struct {
	// Key is the private key in PEM (see Algorithm), or the shared secret of hmac-sha256,
	// as it is or as KeyEncoding says. It is asked for each attempt.
	Key         Source
	KeyEncoding Encoding // of a shared secret; 0 is as it is
	KeyID       string   // the parameter keyid; "" is none
	// Algorithm is one of rsa-pss-sha512, rsa-v1_5-sha256, ecdsa-p256-sha256,
	// ecdsa-p384-sha384, ed25519 and hmac-sha256 (RFC 9421 section 3.3). "" is the one that
	// the private key is for, rsa-pss-sha512 for RSA.
	Algorithm string
	// SendAlgorithm adds the parameter alg. Who verifies should know it by the key.
	SendAlgorithm bool
	// Components are what is signed. nil is @method, @target-uri and content-digest.
	Components []string
	Label      string        // of the signature; "" is "sig1"
	Expires    time.Duration // from the time of signing, in whole seconds; 0 is never
	Nonce      func() string // makes the parameter nonce, such as crypto/rand.Text; nil is none
	Tag        string        // the parameter tag; "" is none
	Digest     crypto.Hash   // of Content-Digest: SHA-256, which 0 is, or SHA-512
	Origins    []string      // where else a signed request may go, like "https://files.example.com"
	// InsecureHTTP lets it go over plain http to or through other machines.
	InsecureHTTP bool
}

const (
	signatureField = "Signature"
	inputField     = "Signature-Input"
	digestField    = "Content-Digest"
)

// Name is "signature".
func (Signature) Name() string { return "signature" }

// Layer is [middleware.Auth].
func (Signature) Layer() middleware.Layer { return middleware.Auth }

// Writes is "Signature".
func (Signature) Writes() string { return signatureField }

// Trusts is Origins.
func (g Signature) Trusts() []string { return g.Origins }

// RoundTrip sends the request with its signature, where it may go.
func (g Signature) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	return sender{scheme: g, origins: g.Origins, insecure: g.InsecureHTTP}.send(req, next)
}

func (Signature) has(req *http.Request) bool {
	return hasField(req, signatureField) || hasField(req, inputField)
}

func (g Signature) sign(req *http.Request) error {
	key, err := g.key(req.Context())
	if err != nil {
		return fmt.Errorf("Key: %w", err)
	}
	ids, err := g.components(hasBody(req))
	if err != nil {
		return err
	}
	if err := g.digest(req, ids); err != nil {
		return fmt.Errorf("%s: %w", digestField, err)
	}
	list := g.parameters(time.Now(), key.algorithm)
	list.Items = ids
	base, err := signatureBase(req, list)
	if err != nil {
		return err
	}
	made, err := key.sign([]byte(base))
	if err != nil {
		return fmt.Errorf("Key: %w", err)
	}
	middleware.InfoOf(req.Context()).Hide(base64.StdEncoding.EncodeToString(made))
	return g.write(req, list, made)
}

// parameters are those of the signature (RFC 9421 section 2.3).
func (g Signature) parameters(now time.Time, algorithm string) httpsfv.InnerList {
	p := httpsfv.NewParams()
	p.Add("created", now.Unix())
	if g.KeyID != "" {
		p.Add("keyid", g.KeyID)
	}
	if g.SendAlgorithm {
		p.Add("alg", algorithm)
	}
	if g.Expires > 0 {
		p.Add("expires", now.Add(g.Expires).Unix())
	}
	if g.Nonce != nil {
		p.Add("nonce", g.Nonce())
	}
	if g.Tag != "" {
		p.Add("tag", g.Tag)
	}
	return httpsfv.InnerList{Params: p}
}

func (g Signature) write(req *http.Request, list httpsfv.InnerList, made []byte) error {
	for name, member := range map[string]httpsfv.Member{inputField: list, signatureField: httpsfv.NewItem(made)} {
		dictionary := httpsfv.NewDictionary()
		dictionary.Add(g.label(), member)
		text, err := httpsfv.Marshal(dictionary)
		if err != nil {
			return final(fmt.Sprintf("Label %q is no key of a structured field: use lower-case letters and digits (RFC 9651 section 3.1.2)", g.label()))
		}
		req.Header[name] = []string{text}
	}
	return nil
}

func (g Signature) label() string { return cmp.Or(g.Label, "sig1") }

// digest writes Content-Digest where it is signed (RFC 9530 section 2).
func (g Signature) digest(req *http.Request, ids []httpsfv.Item) error {
	if hasField(req, digestField) || !covers(ids, strings.ToLower(digestField)) {
		return nil
	}
	hash := cmp.Or(g.Digest, crypto.SHA256).New()
	if err := writeBody(hash, req); err != nil {
		return err
	}
	name := "sha-256"
	if g.Digest == crypto.SHA512 {
		name = "sha-512"
	}
	req.Header[digestField] = []string{name + "=:" + base64.StdEncoding.EncodeToString(hash.Sum(nil)) + ":"}
	return nil
}

func (g Signature) key(ctx context.Context) (signatureKey, error) {
	text, err := keyText(ctx, g.Key)
	if err != nil {
		return signatureKey{}, err
	}
	return g.parseKey(text)
}

// Validate refuses a signature that cannot be made. A key of auth.Env, auth.File and
// auth.Static is read.
func (g Signature) Validate() error {
	errs := []error{validateOrigins(g.Origins)}
	if _, err := g.components(true); err != nil {
		errs = append(errs, err)
	}
	if g.Digest != 0 && g.Digest != crypto.SHA256 && g.Digest != crypto.SHA512 {
		errs = append(errs, fmt.Errorf("Digest is %s: use SHA-256 or SHA-512 (RFC 9530 section 5)", g.Digest))
	}
	if g.Expires != 0 && g.Expires < time.Second {
		errs = append(errs, fmt.Errorf("Expires is %v: give a second or more, or 0 for never", g.Expires))
	}
	once := g
	once.Nonce = nil
	list := once.parameters(time.Unix(0, 0), "")
	if _, err := httpsfv.Marshal(list); err != nil {
		errs = append(errs, errors.New("KeyID or Tag has a character that is not in ASCII (RFC 9651 section 3.3.3)"))
	} else if err := g.write(&http.Request{Header: http.Header{}}, list, nil); err != nil {
		errs = append(errs, err)
	}
	errs = append(errs, checkAlgorithm(g.Algorithm), prefixed("KeyEncoding", g.KeyEncoding.check()))
	return errors.Join(append(errs, validateKeyText(g.Key, func(text string) error {
		_, err := g.parseKey(text)
		return err
	}))...)
}

// String is the algorithm, the key's id and its source.
func (g Signature) String() string {
	text := cmp.Or(g.Algorithm, "as the key is")
	if g.KeyID != "" {
		text += ", key " + g.KeyID
	}
	return text + ", " + sourceName(g.Key)
}

// Format prints the step without its secret, whatever the verb.
func (g Signature) Format(f fmt.State, _ rune) { format(f, g) }
