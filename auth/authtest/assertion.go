package authtest

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// longest is how far in the future an assertion may expire (RFC 7523 section 3, point 4).
const longest = time.Hour

// verify reads an assertion (RFC 7523 section 3): signed with the key or the secret of the
// client that issued it, for the provider, not expired, not seen before.
func (s *storage) verify(ctx context.Context, text string) (jwt.Claims, *Client, error) {
	var said jwt.Claims
	token, err := jwt.ParseSigned(text, append(asymmetric(), symmetric()...))
	if err != nil {
		return said, nil, fmt.Errorf("the assertion is no signed JWT: %w", err)
	}
	if err := token.UnsafeClaimsWithoutVerification(&said); err != nil {
		return said, nil, fmt.Errorf("the assertion has no claims: %w", err)
	}
	c := s.client(said.Issuer)
	if c == nil {
		return said, nil, fmt.Errorf("the issuer %q of the assertion is no client", said.Issuer)
	}
	key, err := c.verifier(jose.SignatureAlgorithm(token.Headers[0].Algorithm))
	if err != nil {
		return said, nil, err
	}
	var claims jwt.Claims
	if err := token.Claims(key, &claims); err != nil {
		return claims, nil, fmt.Errorf("the signature of the assertion is wrong: %w", err)
	}
	issuer := op.IssuerFromContext(ctx)
	now := time.Now().Add(skewOf(ctx))
	err = claims.ValidateWithLeeway(jwt.Expected{AnyAudience: jwt.Audience{issuer, issuer + pathToken}, Time: now}, time.Second)
	switch {
	case err != nil:
		return claims, nil, fmt.Errorf("the assertion is not good: %w", err)
	case claims.Expiry == nil:
		return claims, nil, errors.New("the assertion has no exp")
	case claims.Expiry.Time().After(now.Add(longest)):
		return claims, nil, fmt.Errorf("the assertion expires in more than %v", longest)
	case claims.Subject == "":
		return claims, nil, errors.New("the assertion has no sub")
	case claims.ID != "" && !s.first(claims.Issuer, claims.ID, claims.Expiry.Time().Add(time.Second)):
		return claims, nil, errors.New("the assertion was used before")
	}
	return claims, c, nil
}

func asymmetric() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	}
}

func symmetric() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512}
}

// verifier is what the signature of a client is verified with.
func (c *Client) verifier(alg jose.SignatureAlgorithm) (any, error) {
	if slices.Contains(symmetric(), alg) {
		if !slices.Contains(c.methods, AuthSecret) {
			return nil, fmt.Errorf("the client does not sign with its secret, by %s", alg)
		}
		return []byte(c.Secret), nil
	}
	switch c.key.(type) {
	case nil:
		return nil, errors.New("the client has no key to sign with")
	case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
		return c.key, nil
	}
	return nil, fmt.Errorf("the client's key is a %T: give the public one", c.key)
}
