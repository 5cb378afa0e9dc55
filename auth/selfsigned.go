package auth

import (
	"context"
	"crypto/rand"
	"maps"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"github.com/restykit/restykit/internal/perorigin"
	"github.com/restykit/restykit/middleware"
)

// assertion signs one fresh token, which nobody keeps, with these claims where the fields
// are empty: for those that send it elsewhere than in Authorization, as RFC 7523 does.
func (j JWT) assertion(ctx context.Context, issuer, subject, audience string) (string, error) {
	token, _, err := j.mint(ctx, issuer, subject, audience)
	return token, err
}

// mint signs a token, and tells when it expires.
func (j JWT) mint(ctx context.Context, issuer, subject, audience string) (string, time.Time, error) {
	method, err := methodOf(j.Algorithm)
	if err != nil {
		return "", time.Time{}, err
	}
	text, err := keyText(ctx, j.Key)
	if err != nil {
		return "", time.Time{}, prefixed("Key", err)
	}
	key, err := newSigningKey(method, text)
	if err != nil {
		return "", time.Time{}, prefixed("Key", err)
	}
	lifetime := j.Lifetime
	if lifetime == 0 {
		lifetime = defaultLifetime
	}
	issued := time.Now().Add(-min(maxBackdate, lifetime/4)).Truncate(time.Second)
	expires := issued.Add(lifetime).Truncate(time.Second)
	claims := map[string]any{"iat": issued.Unix(), "exp": expires.Unix(), "jti": rand.Text()}
	fill := func(name, own, given string) {
		if own == "" {
			own = given
		}
		if own != "" {
			claims[name] = own
		}
	}
	fill("iss", j.Issuer, issuer)
	fill("sub", j.Subject, subject)
	fill("aud", j.Audience, audience)
	maps.Copy(claims, j.Claims)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	token, err := key.sign(j.KeyID, claims)
	return token, expires, err
}

// jwtTokens are the tokens of a client.
type jwtTokens struct {
	one  *minter                // where all origins have the same audience
	each perorigin.Each[minter] // or else for each of them
}

func newJWTTokens() *jwtTokens { return &jwtTokens{one: newJWTMinter("")} }

func newJWTMinter(string) *minter { return &minter{step: "jwt"} }

func (t *jwtTokens) of(target *url.URL, same bool) *minter {
	if same {
		return t.one
	}
	return t.each.Of(target, newJWTMinter)
}

// selfSigned is a JWT during one attempt.
type selfSigned struct {
	JWT

	from  *minter
	fresh bool // the token was made while this attempt waited
}

// jwtUsedKey finds what a call has to itself.
type jwtUsedKey struct{}

func (s *selfSigned) sign(req *http.Request) error {
	audience := s.audience(req.URL)
	s.from = s.tokens.of(req.URL, audience == s.Audience)
	begun := time.Now()
	token, err := s.from.get(req.Context(), s.minting(audience), s.used(req))
	if err != nil {
		return err
	}
	made, _ := token.Extra(madeAt).(time.Time)
	s.fresh = !made.Before(begun)
	authorize(req, header(token), token.AccessToken)
	return nil
}

// madeAt is where a token has the time at which it was made.
const madeAt = "made"

// minting signs a token in the background, for all who wait.
func (s *selfSigned) minting(audience string) mintFunc {
	j := s.JWT
	return func(wish) (made, error) {
		ctx, cancel := context.WithTimeout(context.Background(), defaultMintTimeout)
		defer cancel()
		value, expires, err := j.mint(ctx, "", "", audience)
		if err != nil {
			return made{}, err
		}
		token := &oauth2.Token{AccessToken: value, Expiry: expires}
		return made{token: token.WithExtra(map[string]any{madeAt: time.Now()})}, nil
	}
}

// again tells whether a 401 came for a token that may be too old. With one that was made
// just now, another would be refused as well.
func (s *selfSigned) again(signed *http.Request, answer *http.Response) bool {
	refused := answer.StatusCode == http.StatusUnauthorized
	if s.fresh {
		s.from.settle(signed.Header.Get(authorization), refused)
		s.explain(signed, answer, refused)
		return false
	}
	by := s.used(signed)
	return refused && s.from.refuse(by, signed.Header.Get(authorization)) && by.replays()
}

// settled hears how the replay ended.
func (s *selfSigned) settled(replay *http.Request, answer *http.Response) {
	s.used(replay).settled()
	if answer != nil {
		refused := answer.StatusCode == http.StatusUnauthorized
		s.from.settle(replay.Header.Get(authorization), refused)
		s.explain(replay, answer, refused)
	}
}

// explain tells the call of a clock that may be why a fresh token was refused.
func (s *selfSigned) explain(sent *http.Request, answer *http.Response, refused bool) {
	if !refused {
		return
	}
	if why := clockError(answer.Header, "the token is from the future for it", "the token may have expired for it"); why != nil {
		middleware.InfoOf(sent.Context()).GiveUp(&unsigned{s.Name(), why})
	}
}

func (*selfSigned) used(req *http.Request) *used {
	return middleware.InfoOf(req.Context()).Memo(jwtUsedKey{}, func() any { return &used{} }).(*used)
}
