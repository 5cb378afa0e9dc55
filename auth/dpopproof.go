package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/restykit/restykit/internal/challenge"
	"github.com/restykit/restykit/middleware"
)

const (
	dpopField  = "Dpop" // DPoP, as net/http writes it
	nonceAsked = "use_dpop_nonce"
	badProof   = "invalid_dpop_proof"
)

// proofKey is a key that signs proofs.
type proofKey struct {
	signingKey

	header     map[string]any // of every proof (RFC 9449 section 4.2)
	thumbprint string         // of the public key (RFC 7638)
}

// generatedKey is a key for the life of the process.
func generatedKey() (*proofKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return newProofKey(signingKey{jwt.SigningMethodES256, key})
}

func parseProofKey(method jwt.SigningMethod, text string) (*proofKey, error) {
	k, err := newSigningKey(method, text)
	if err != nil {
		return nil, err
	}
	return newProofKey(k)
}

func newProofKey(k signingKey) (*proofKey, error) {
	public, err := publicJWK(k.key.(crypto.Signer).Public())
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(public) // which sorts the members, as RFC 7638 section 3 wants them
	if err != nil {
		return nil, err
	}
	return &proofKey{
		signingKey: k, thumbprint: hashed(string(text)),
		header: map[string]any{"typ": "dpop+jwt", "alg": k.method.Alg(), "jwk": public},
	}, nil
}

// publicJWK are the members of a public key that it needs, and no others (RFC 7518 section
// 6, RFC 8037 section 2).
func publicJWK(key crypto.PublicKey) (map[string]string, error) {
	encode := base64.RawURLEncoding.EncodeToString
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		point, err := k.Bytes() // 4, x and y
		if err != nil {
			return nil, err
		}
		half := len(point)/2 + 1
		return map[string]string{"kty": "EC", "crv": k.Params().Name, "x": encode(point[1:half]), "y": encode(point[half:])}, nil
	case *rsa.PublicKey:
		return map[string]string{"kty": "RSA", "n": encode(k.N.Bytes()), "e": encode(big.NewInt(int64(k.E)).Bytes())}, nil
	case ed25519.PublicKey:
		return map[string]string{"kty": "OKP", "crv": "Ed25519", "x": encode(k)}, nil
	}
	return nil, final("there is no JWK for this kind of key: give an RSA, ECDSA or Ed25519 key")
}

// hashed is the SHA-256 of a text in base64url.
func hashed(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// proof is a fresh one for a request, with a nonce and for an access token where there are
// such.
func (k *proofKey) proof(req *http.Request, nonce, token string) (string, error) {
	claims := jwt.MapClaims{"jti": rand.Text(), "htm": method(req), "htu": targetURI(req), "iat": time.Now().Unix()}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	if token != "" {
		claims["ath"] = hashed(token)
	}
	return (&jwt.Token{Method: k.method, Header: k.header, Claims: claims}).SignedString(k.key)
}

// targetURI is what a request is for (RFC 9110 section 7.1), without its query.
func targetURI(req *http.Request) string {
	return strings.ToLower(req.URL.Scheme) + "://" + authority(req) + PartPath.text(&signing{req: req})
}

// proving writes the proofs of an attempt, and answers one demand for a nonce.
type proving struct {
	*OAuth2

	call  *middleware.Info
	at    *nonce // of the request's origin
	used  string // the nonce in the last proof
	fresh string // the nonce for the next one, where a server has asked
	asked bool
}

func (p *proving) sign(req *http.Request) error {
	key, err := p.DPoP.key(req.Context())
	if err != nil {
		return err
	}
	p.call = middleware.InfoOf(req.Context())
	p.at = p.DPoP.calls.Of(req.URL, newNonce)
	if p.used = p.fresh; p.used == "" {
		p.used = p.at.now()
	}
	p.fresh = ""
	_, token, _ := strings.Cut(req.Header.Get(authorization), " ")
	proof, err := key.proof(req, p.used, token)
	if err != nil {
		return err
	}
	req.Header[dpopField] = []string{proof}
	p.call.Hide(proof)
	return nil
}

// again tells whether the server asks for a nonce, and names it. The replay has that one,
// and not what another answer has brought since.
func (p *proving) again(_ *http.Request, answer *http.Response) bool {
	next := p.at.hear(answer.Header)
	if dpopError(answer) == nonceAsked && !p.asked && next != "" && next != p.used {
		p.asked, p.fresh = true, next
		return true
	}
	p.explain(answer, next)
	return false
}

// settled hears how the replay ended.
func (p *proving) settled(_ *http.Request, answer *http.Response) {
	if answer != nil {
		p.explain(answer, p.at.hear(answer.Header))
	}
}

// explain tells the call why its proof was refused, as far as that is known here.
func (p *proving) explain(answer *http.Response, next string) {
	var why error
	switch dpopError(answer) {
	case badProof:
		why = proofClock(answer.Header)
	case nonceAsked:
		why = final("the server wants a nonce in the proof (DPoP), and names none that can be sent (RFC 9449 section 9)")
		if next != "" {
			why = final("the server wants one nonce after another in the proof (DPoP), and a call is sent again for one only")
		}
	}
	if why != nil {
		p.call.GiveUp(&unsigned{p.Name(), why})
	}
}

// proofClock tells of a clock that may be why a server refuses a proof.
func proofClock(answer http.Header) error {
	return clockError(answer, "the server takes no proof (DPoP) from the future", "it takes no proof (DPoP) that is so old")
}

// dpopError is why a server refuses a request, by its challenge (RFC 9449 section 7.1), or "".
func dpopError(answer *http.Response) string {
	if answer.StatusCode != http.StatusUnauthorized {
		return ""
	}
	for _, c := range challenge.Parse(answer.Header.Values("WWW-Authenticate")) {
		if why := c.Params["error"]; c.Is(dpopType) && why != "" {
			return why
		}
	}
	return ""
}

// wantsNonce tells whether an answer is about the nonce of the proof, and not the token.
func (o *OAuth2) wantsNonce(answer *http.Response) bool {
	return o.DPoP != nil && dpopError(answer) == nonceAsked
}
