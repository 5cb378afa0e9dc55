package auth_test

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/retry"
)

// counted is the source of a key that knows how often it was read: once for each signature.
func counted(key string) (auth.Source, *atomic.Int32) {
	var n atomic.Int32
	return auth.Func(func(context.Context) (string, error) { n.Add(1); return key, nil }), &n
}

// bearers are the tokens that came.
func (a *api) bearers() []string {
	tokens := a.authorizations()
	for i := range tokens {
		tokens[i] = strings.TrimPrefix(tokens[i], "Bearer ")
	}
	return tokens
}

func TestAJWTIsSignedWithTheKeyAndSaysWhatItsFieldsSay(t *testing.T) {
	rsaKey, edKey := rsa2048(), ed25()
	tests := []struct {
		name, key, algorithm, want string
		public                     crypto.PublicKey
	}{
		{"RSA, PKCS#8", pkcs8(rsaKey), "", "RS256", &rsaKey.PublicKey},
		{"RSA, PKCS#1", pkcs1(rsaKey), "", "RS256", &rsaKey.PublicKey},
		{"P-256", pkcs8(p256()), "", "ES256", &p256().PublicKey},
		{"P-384", sec1(p384()), "", "ES384", &p384().PublicKey},
		{"P-521", sec1(p521()), "", "ES512", &p521().PublicKey},
		{"Ed25519", pkcs8(edKey), "", "EdDSA", edKey.Public()},
		{"with the curve's parameters before it", block("EC PARAMETERS", []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}) + sec1(p256()), "", "ES256", &p256().PublicKey},
		{"with a certificate before it", block("CERTIFICATE", []byte("x")) + pkcs8(edKey), "", "EdDSA", edKey.Public()},
		{"with text and CRLF", "the key:\r\n" + strings.ReplaceAll(pkcs8(edKey), "\n", "\r\n"), "", "EdDSA", edKey.Public()},
		{"a label of another form", strings.ReplaceAll(pkcs1(rsaKey), "RSA PRIVATE", "PRIVATE"), "", "RS256", &rsaKey.PublicKey},
	}
	for _, algorithm := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"} {
		tests = append(tests, struct {
			name, key, algorithm, want string
			public                     crypto.PublicKey
		}{algorithm, pkcs8(rsaKey), algorithm, algorithm, &rsaKey.PublicKey})
	}
	for _, algorithm := range []string{"HS256", "HS384", "HS512"} {
		tests = append(tests, struct {
			name, key, algorithm, want string
			public                     crypto.PublicKey
		}{algorithm, shared, algorithm, algorithm, []byte(shared)})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rt := &api{}
			_, err := client(t, rt, auth.JWT{
				Key: auth.Static(tt.key), Algorithm: tt.algorithm, KeyID: "2X9R4HXF34", Issuer: "me", Subject: "you", Audience: "them",
				Claims: map[string]any{"scope": []string{"GET /v1/apps"}, "nbf": 7},
			}).R().Get("/")
			require.NoError(t, err)
			header, claims := verified(t, rt.bearers()[0], tt.want, tt.public)
			require.Equal(t, map[string]any{"alg": tt.want, "typ": "JWT", "kid": "2X9R4HXF34"}, header)
			require.Equal(t, []string{"aud", "exp", "iat", "iss", "jti", "nbf", "scope", "sub"}, slices.Sorted(maps.Keys(claims)))
			require.Equal(t, []any{"me", "you", "them", []any{"GET /v1/apps"}, 7.0}, []any{claims["iss"], claims["sub"], claims["aud"], claims["scope"], claims["nbf"]})
			require.Greater(t, len(claims["jti"].(string)), 21, "128 bits")
		})
	}
}

func TestClaimsThatAreNotSetAreLeftOut(t *testing.T) {
	rt := &api{}
	_, err := client(t, rt, auth.JWT{Key: auth.Static(pkcs8(ed25()))}).R().Get("/")
	require.NoError(t, err)
	header, claims := verified(t, rt.bearers()[0], "EdDSA", ed25().Public())
	require.Equal(t, map[string]any{"alg": "EdDSA", "typ": "JWT"}, header)
	require.Equal(t, []string{"aud", "exp", "iat", "jti"}, slices.Sorted(maps.Keys(claims)))
}

func TestFromIatToExpIsTheLifetimeAndIatIsInThePast(t *testing.T) {
	for lifetime, back := range map[time.Duration]time.Duration{
		0:                time.Minute,
		10 * time.Minute: time.Minute,
		time.Hour:        time.Minute,
		24 * time.Hour:   time.Minute,
		2 * time.Minute:  30 * time.Second,
		12 * time.Second: 3 * time.Second,
	} {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(700 * time.Millisecond) // a claim has whole seconds, and a clock has not
			now, rt := time.Now(), &api{}
			_, err := client(t, rt, auth.JWT{Key: auth.Static(pkcs8(ed25())), Lifetime: lifetime}).R().Get("/")
			require.NoError(t, err)
			_, claims := verified(t, rt.bearers()[0], "EdDSA", ed25().Public())
			if lifetime == 0 {
				lifetime = 5 * time.Minute
			}
			require.InDelta(t, float64(now.Add(-back).Unix()), claims["iat"], 0)
			require.InDelta(t, lifetime.Seconds(), claims["exp"].(float64)-claims["iat"].(float64), 0, "services have a limit for it")
		})
	}
}

func TestWithoutAnAudienceThereIsATokenForEachOrigin(t *testing.T) {
	key, signed := counted(pkcs8(ed25()))
	rt := &api{}
	c := client(t, rt, auth.JWT{Key: key, Issuer: "me", Origins: []string{"https://pubsub.test", "https://storage.test:8443"}})
	for range 2 {
		for _, target := range []string{"/a", "https://pubsub.test/b?c", "https://PUBSUB.test:443/d", "https://storage.test:8443"} {
			_, err := c.R().Get(target)
			require.NoError(t, err)
		}
	}
	var audiences []any
	for _, token := range rt.bearers()[:4] {
		_, claims := verified(t, token, "EdDSA", ed25().Public())
		audiences = append(audiences, claims["aud"])
	}
	require.Equal(t, []any{home + "/", "https://pubsub.test/", "https://pubsub.test/", "https://storage.test:8443/"}, audiences)
	require.EqualValues(t, 3, signed.Load())
}

func TestOneAudienceIsOneToken(t *testing.T) {
	for name, step := range map[string]auth.JWT{
		"Audience":       {Audience: "appstoreconnect-v1"},
		"a list of them": {Claims: map[string]any{"aud": []string{"a", "b"}}},
	} {
		t.Run(name, func(t *testing.T) {
			key, signed := counted(pkcs8(ed25()))
			step.Key, step.Origins = key, []string{"https://files.test"}
			rt := &api{}
			c := client(t, rt, step)
			for _, target := range []string{"/", "https://files.test/"} {
				_, err := c.R().Get(target)
				require.NoError(t, err)
			}
			require.Len(t, slices.Compact(rt.bearers()), 1)
			require.EqualValues(t, 1, signed.Load())
			_, claims := verified(t, rt.bearers()[0], "EdDSA", ed25().Public())
			if list, ok := step.Claims["aud"]; ok {
				require.Equal(t, fmt.Sprint(list), fmt.Sprint(claims["aud"]))
			}
		})
	}
}

func TestATokenIsKeptAndRenewedInItsLastMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, signed := counted(pkcs8(ed25()))
		rt := &api{}
		c := client(t, rt, auth.JWT{Key: key}) // 4 min from now to exp
		takes(t, c)
		time.Sleep(3*time.Minute - time.Second)
		takes(t, c)
		require.EqualValues(t, 1, signed.Load())
		time.Sleep(time.Second)
		takes(t, c)
		synctest.Wait()
		require.EqualValues(t, 2, signed.Load(), "ahead, in the background")
		takes(t, c)
		tokens := rt.bearers()
		require.Equal(t, tokens[0], tokens[2])
		require.NotEqual(t, tokens[0], tokens[3])
	})
}

func TestNoTwoTokensHaveTheSameID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt, seen := &api{}, map[any]bool{}
		c := client(t, rt, auth.JWT{Key: auth.Static(pkcs8(ed25()))})
		for range 20 {
			takes(t, c)
			_, claims := verified(t, rt.bearers()[len(seen)], "EdDSA", ed25().Public())
			seen[claims["jti"]] = true
			time.Sleep(time.Hour)
		}
		require.Len(t, seen, 20)
	})
}

func TestAThousandCallersSignOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var signed atomic.Int32
		key := auth.Func(func(context.Context) (string, error) {
			signed.Add(1)
			time.Sleep(50 * time.Millisecond) // a vault
			return pkcs8(ed25()), nil
		})
		rt := &api{}
		c := client(t, rt, auth.JWT{Key: key, Audience: "them"})
		for round := range 3 {
			var wg sync.WaitGroup
			for i := range 1000 {
				wg.Go(func() {
					time.Sleep(time.Duration(i%100) * time.Millisecond) // before, during and after the signature
					takes(t, c)
				})
			}
			wg.Wait()
			require.EqualValues(t, round+1, signed.Load())
			time.Sleep(time.Hour)
		}
	})
}

func TestACallerLeavesWhileAKeyIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read := make(chan struct{})
		c := client(t, &api{}, auth.JWT{Key: auth.Func(func(context.Context) (string, error) { <-read; return pkcs8(ed25()), nil })})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.R().SetContext(ctx).Get("/")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		close(read)
	})
}

func TestTokensSurviveAStepThatMakesTheSame(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.pem")
	write(t, path, pkcs8(ed25()))
	t.Setenv("RESTYKIT_KEY", pkcs8(ed25()))
	for name, source := range map[string]func() auth.Source{
		"static": func() auth.Source { return auth.Static(pkcs8(ed25())) },
		"file":   func() auth.Source { return auth.File(path) },
		"env":    func() auth.Source { return auth.Env("RESTYKIT_KEY") },
	} {
		t.Run(name, func(t *testing.T) {
			step := func() auth.JWT {
				return auth.JWT{Key: source(), Issuer: "me", Audience: "them", Claims: map[string]any{"scope": []string{"a"}}}
			}
			rt := &api{}
			c := client(t, rt, step())
			takes(t, c)
			require.NoError(t, middleware.Use(c, step()))
			takes(t, c)
			other := step()
			other.Origins, other.InsecureHTTP = []string{"https://files.test"}, true
			require.NoError(t, middleware.Use(c, other))
			takes(t, c)
			_, err := c.R().SetContext(middleware.With(t.Context(), step())).Get("/")
			require.NoError(t, err)
			require.Len(t, slices.Compact(rt.bearers()), 1)
		})
	}
}

func TestAStepThatMakesOthersHasItsOwnTokens(t *testing.T) {
	base := auth.JWT{Key: auth.Static(shared), Algorithm: "HS256", Audience: "them"}
	for name, change := range map[string]func(*auth.JWT){
		"key":       func(j *auth.JWT) { j.Key = auth.Static(shared + "2") },
		"algorithm": func(j *auth.JWT) { j.Algorithm = "HS512" },
		"key id":    func(j *auth.JWT) { j.KeyID = "2" },
		"issuer":    func(j *auth.JWT) { j.Issuer = "me" },
		"subject":   func(j *auth.JWT) { j.Subject = "you" },
		"audience":  func(j *auth.JWT) { j.Audience = "you" },
		"lifetime":  func(j *auth.JWT) { j.Lifetime = time.Minute },
		"claims":    func(j *auth.JWT) { j.Claims = map[string]any{"scope": "a"} },
	} {
		t.Run(name, func(t *testing.T) {
			rt, other := &api{}, base
			change(&other)
			c := client(t, rt, base)
			takes(t, c)
			_, err := c.R().SetContext(middleware.With(t.Context(), other)).Get("/")
			require.NoError(t, err)
			takes(t, c)
			tokens := rt.bearers()
			require.NotEqual(t, tokens[0], tokens[1])
			require.Equal(t, tokens[0], tokens[2])
		})
	}
}

func TestTwoClientsShareNoToken(t *testing.T) {
	step, rt := auth.JWT{Key: auth.Static(pkcs8(ed25()))}, &api{}
	takes(t, client(t, rt, step))
	takes(t, client(t, rt, step))
	require.Len(t, slices.Compact(rt.bearers()), 2)
}

func TestAJWTThatNobodyBoundSignsForEachAttempt(t *testing.T) {
	rt, step := &api{}, auth.JWT{Key: auth.Static(pkcs8(ed25()))}
	c := client(t, rt, middleware.Func("mine", middleware.Auth, step.RoundTrip))
	takes(t, c)
	takes(t, c)
	require.Len(t, slices.Compact(rt.bearers()), 2)
	verified(t, rt.bearers()[0], "EdDSA", ed25().Public())
}

func TestAKeyFileThatIsReplacedSignsTheNextToken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.pem")
	write(t, path, pkcs8(ed25()))
	age(t, path, time.Hour)
	rt := newResource()
	c := client(t, rt, auth.JWT{Key: auth.File(path)})
	takes(t, c)
	verified(t, rt.bearers()[0], "EdDSA", ed25().Public())
	write(t, path, pkcs8(p256()))
	rt.revoke(rt.bearers()[0]) // its public key is gone from the server
	takes(t, c)
	require.Len(t, rt.bearers(), 3)
	verified(t, rt.bearers()[2], "ES256", &p256().PublicKey)
}

func TestARefusedJWTIsReplacedAndTheRequestSentOnceMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, signed := counted(pkcs8(ed25()))
		rt := newResource()
		c := client(t, rt, auth.JWT{Key: key})
		takes(t, c)
		time.Sleep(time.Second)
		rt.revoke(rt.bearers()[0])
		resp, err := c.R().SetBody("the body").Put("/")
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, resp.StatusCode())
		require.Equal(t, []string{"", "the body", "the body"}, rt.body)
		tokens := rt.bearers()
		require.Equal(t, tokens[0], tokens[1])
		require.NotEqual(t, tokens[0], tokens[2])
		takes(t, c)
		require.Equal(t, tokens[2], rt.bearers()[3])
		require.EqualValues(t, 2, signed.Load())
	})
}

func TestAJWTThatWasJustMadeIsNotReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, signed := counted(pkcs8(ed25()))
		rt := newResource()
		rt.refuse(true)
		c := client(t, rt, auth.JWT{Key: key})
		takes(t, c)
		require.Equal(t, 1, rt.count(), "another would be refused as well")
		time.Sleep(time.Second / 2)
		takes(t, c)
		require.Equal(t, 2, rt.count(), "nor at once by a later call")
		require.EqualValues(t, 1, signed.Load())
	})
}

func TestAServerThatRefusesAllHasNotTwiceTheLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, signed := counted(pkcs8(ed25()))
		rt := newResource()
		rt.refuse(true)
		c := client(t, rt, auth.JWT{Key: key, Lifetime: 24 * time.Hour})
		const calls = 3600
		for range calls {
			takes(t, c)
			time.Sleep(time.Second)
		}
		require.LessOrEqual(t, rt.count(), calls+66, "six while the doubt grows, and then one a minute")
		require.LessOrEqual(t, signed.Load(), int32(67))
		rt.refuse(false)
		rt.revoke(rt.bearers()[rt.count()-1])
		time.Sleep(time.Minute)
		takes(t, c)
		require.Equal(t, "Bearer "+rt.bearers()[rt.count()-1], rt.authorizations()[rt.count()-1])
		require.NotEqual(t, rt.bearers()[rt.count()-2], rt.bearers()[rt.count()-1], "it is trusted again")
	})
}

func TestAnotherStatusThan401ChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := &api{answer: func(req *http.Request) (*http.Response, error) { return reply(req, http.StatusForbidden, "", ""), nil }}
		c := client(t, rt, auth.JWT{Key: auth.Static(pkcs8(ed25()))})
		for range 3 {
			takes(t, c)
			time.Sleep(time.Second)
		}
		require.Equal(t, 3, rt.count())
		require.Len(t, slices.Compact(rt.bearers()), 1)
	})
}

func TestAKeyThatCannotBeReadFailsTheRequestUnsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sealed, reads := errors.New("the vault is sealed"), 0
		rt, heard := &api{}, &listener{}
		c := client(t, rt, heard, auth.JWT{Key: auth.Func(func(context.Context) (string, error) {
			reads++
			if reads < 3 {
				return "", sealed
			}
			return pkcs8(ed25()), nil
		})})
		_, err := c.R().Get("/")
		require.ErrorIs(t, err, sealed)
		require.ErrorContains(t, err, "jwt: Key: the vault is sealed")
		_, err = c.R().Get("/")
		require.ErrorIs(t, err, sealed)
		require.Equal(t, 1, reads, "it rests for 100 ms")
		require.Zero(t, rt.count())
		require.Len(t, heard.events, 1)
		require.Equal(t, "jwt", heard.events[0].Step)
		require.NoError(t, middleware.Use(c, retry.Policy{Wait: 200 * time.Millisecond, Jitter: retry.NoJitter}))
		_, err = c.R().Post("/")
		require.NoError(t, err, "nothing was sent, so a POST may be repeated")
	})
}

func TestAKeyThatIsNoneEndsTheCall(t *testing.T) {
	rt := &api{}
	key, reads := counted("s3cret")
	c := client(t, rt, retry.Policy{}, auth.JWT{Key: key})
	_, err := c.R().Get("/")
	require.ErrorContains(t, err, "jwt: Key: no PEM block: give the private key's PEM, as in -----BEGIN PRIVATE KEY-----")
	require.NotContains(t, err.Error(), "s3cret")
	require.EqualValues(t, 1, reads.Load())
	require.Zero(t, rt.count())
}

// mistaken is a JWT that cannot be, and what Use says of it.
type mistaken struct {
	name string
	step auth.JWT
	want string
}

func (m mistaken) run(t *testing.T) {
	err := middleware.Use(resty.New(), m.step)
	require.ErrorContains(t, err, m.want)
	require.NotContains(t, err.Error(), "s3cret")
	require.NotContains(t, err.Error(), "MC4CAQ", "the beginning of a key")
	require.NotContains(t, err.Error(), "\n", "one mistake, one line")
}

func TestUseRefusesAKeyThatCannotSign(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	write(t, empty, "")
	t.Setenv("RESTYKIT_KEY", "s3cret")
	escaped := strings.ReplaceAll(pkcs8(ed25()), "\n", `\n`)
	damaged := strings.Replace(pkcs8(ed25()), "MC4CAQ", "s3cret", 1)
	encrypted := "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nczNjcmV0\n-----END RSA PRIVATE KEY-----\n"
	for _, tt := range []mistaken{
		{"no key", auth.JWT{}, "jwt: Key is nil: give auth.Env, auth.File, auth.Func or auth.Static"},
		{"an empty key", auth.JWT{Key: auth.Static("")}, "jwt: Key: the secret is empty"},
		{"no file", auth.JWT{Key: auth.File(filepath.Join(dir, "none"))}, "jwt: Key: the secret's file cannot be read: "},
		{"no path", auth.JWT{Key: auth.File("")}, "jwt: Key: the path of the secret's file is empty"},
		{"an empty file", auth.JWT{Key: auth.File(empty)}, "empty is empty"},
		{"no variable", auth.JWT{Key: auth.Env("NO_SUCH_VARIABLE")}, "jwt: Key: the environment variable NO_SUCH_VARIABLE is not set, or empty"},
		{"no name of one", auth.JWT{Key: auth.Env("")}, "jwt: Key: the name of the environment variable is empty"},
		{"no function", auth.JWT{Key: auth.Func(nil)}, "jwt: Key: the function is nil"},
		{"no PEM", auth.JWT{Key: auth.Env("RESTYKIT_KEY")}, "jwt: Key: no PEM block: give the private key's PEM, as in -----BEGIN PRIVATE KEY-----"},
		{"no line ends", auth.JWT{Key: auth.Static(escaped)}, `jwt: Key: the PEM has the two characters \n in the place of line ends: write line ends`},
		{"half a PEM", auth.JWT{Key: auth.Static(pkcs8(ed25())[:60])}, "jwt: Key: there is no whole PEM block of a private key"},
		{"an indented PEM", auth.JWT{Key: auth.Static("  " + strings.ReplaceAll(pkcs8(ed25()), "\n", "\n  "))}, "and nothing before -----BEGIN on its line"},
		{"a damaged PEM", auth.JWT{Key: auth.Static(damaged)}, "jwt: Key: the PEM block PRIVATE KEY holds no key that can be read"},
		{"the file of a service account", auth.JWT{Key: auth.Static(`{"private_key": "s3cret"}`)}, "jwt: Key: no PEM block"},
		{"encrypted, PKCS#1", auth.JWT{Key: auth.Static(encrypted)}, "jwt: Key: the key is encrypted with a passphrase"},
		{"encrypted, PKCS#8", auth.JWT{Key: auth.Static(block("ENCRYPTED PRIVATE KEY", []byte("s3cret")))}, "jwt: Key: the key is encrypted with a passphrase"},
		{"OpenSSH", auth.JWT{Key: auth.Static(block("OPENSSH PRIVATE KEY", []byte("s3cret")))}, "jwt: Key: the key is in the format of OpenSSH: write it as PKCS#8"},
		{"a public key", auth.JWT{Key: auth.Static(block("PUBLIC KEY", []byte("s3cret")))}, "jwt: Key: there is a public key or a certificate, and no private key"},
		{"a short RSA key", auth.JWT{Key: auth.Static(pkcs1(rsa1024()))}, "jwt: Key: the RSA key has 1024 bits: make one of 2048 or more (RFC 7518 section 3.3)"},
		{"a curve without an algorithm", auth.JWT{Key: auth.Static(sec1(p224()))}, "jwt: Key: there is no algorithm for ECDSA on P-224"},
		{"key agreement", auth.JWT{Key: auth.Static(pkcs8(x25519()))}, "jwt: Key: the key cannot sign, it is for key agreement"},
	} {
		t.Run(tt.name, tt.run)
	}
}

func TestUseRefusesAJWTThatCannotBe(t *testing.T) {
	good := auth.Static(pkcs8(ed25()))
	for _, tt := range []mistaken{
		{"an algorithm of RSA", auth.JWT{Key: good, Algorithm: "PS256"}, "jwt: Key: the key is Ed25519: PS256 needs RSA"},
		{"an algorithm of EC", auth.JWT{Key: auth.Static(pkcs8(rsa2048())), Algorithm: "ES384"}, "jwt: Key: the key is RSA: ES384 needs ECDSA on P-384"},
		{"of another curve", auth.JWT{Key: auth.Static(sec1(p256())), Algorithm: "ES512"}, "jwt: Key: the key is ECDSA on P-256: ES512 needs ECDSA on P-521"},
		{"EdDSA", auth.JWT{Key: auth.Static(sec1(p256())), Algorithm: "EdDSA"}, "jwt: Key: the key is ECDSA on P-256: EdDSA needs Ed25519"},
		{"HS with a private key", auth.JWT{Key: good, Algorithm: "HS256"}, "jwt: Key: the key is a PEM: HS256 needs a shared secret"},
		{"a secret without HS", auth.JWT{Key: auth.Static(shared)}, "jwt: Key: no PEM block"},
		{"a short secret", auth.JWT{Key: auth.Static(shared[:47]), Algorithm: "HS384"}, "jwt: Key: the shared secret is too short: HS384 needs 48 bytes or more (RFC 7518 section 3.2)"},
		{"none", auth.JWT{Key: good, Algorithm: "none"}, `jwt: Algorithm "none" signs nothing`},
		{"None", auth.JWT{Key: good, Algorithm: "None"}, `jwt: Algorithm "None" signs nothing`},
		{"unknown", auth.JWT{Key: good, Algorithm: "rs256"}, `jwt: Algorithm "rs256" is none that can be: give one of RS256, `},
		{"lifetime below zero", auth.JWT{Key: good, Lifetime: -1}, "jwt: Lifetime is -1ns: give 10s to 24h0m0s, or 0 for 5m0s"},
		{"lifetime of a moment", auth.JWT{Key: good, Lifetime: time.Second}, "jwt: Lifetime is 1s: give 10s"},
		{"a long lifetime", auth.JWT{Key: good, Lifetime: 24*time.Hour + 1}, "jwt: Lifetime is 24h0m0.000000001s: give"},
		{"iat", auth.JWT{Key: good, Claims: map[string]any{"iat": 1}}, "jwt: Claims has iat, which the step writes: leave it out"},
		{"exp", auth.JWT{Key: good, Claims: map[string]any{"exp": 1}}, "jwt: Claims has exp, which"},
		{"jti", auth.JWT{Key: good, Claims: map[string]any{"jti": "1"}}, "jwt: Claims has jti, which"},
		{"iss", auth.JWT{Key: good, Issuer: "a", Claims: map[string]any{"iss": "b"}}, "jwt: Claims has iss, and so has Issuer: use one"},
		{"sub", auth.JWT{Key: good, Subject: "a", Claims: map[string]any{"sub": "b"}}, "jwt: Claims has sub, and so has Subject: use one"},
		{"aud", auth.JWT{Key: good, Audience: "a", Claims: map[string]any{"aud": "b"}}, "jwt: Claims has aud, and so has Audience: use one"},
		{"no JSON", auth.JWT{Key: good, Claims: map[string]any{"f": func() {}}}, "jwt: Claims cannot be written as JSON: "},
		{"no origin", auth.JWT{Key: good, Origins: []string{"ftp://x.test"}}, `jwt: Origins: "ftp://x.test" is no origin`},
	} {
		t.Run(tt.name, tt.run)
	}
}

func TestUseTakesAKeyThatIsKnownLater(t *testing.T) {
	require.NoError(t, middleware.Use(resty.New(), auth.JWT{Key: auth.Func(func(context.Context) (string, error) {
		t.Error("a function may be slow: it is not asked")
		return "", nil
	})}))
}

func TestAJWTAndAnotherWriterOfAuthorizationAreRefused(t *testing.T) {
	err := middleware.Use(resty.New(), auth.JWT{Key: auth.Static(pkcs8(ed25()))}, bearer)
	require.ErrorContains(t, err, "Authorization")
}

func TestAJWTGoesOnlyWhereItMay(t *testing.T) {
	key, signed := counted(pkcs8(ed25()))
	rt := &api{}
	c := client(t, rt, auth.JWT{Key: key})
	_, err := c.R().Get("https://elsewhere.test/")
	require.NoError(t, err)
	_, err = c.R().SetHeader("Authorization", "mine").Get("/")
	require.NoError(t, err)
	require.Equal(t, []string{"", "mine"}, rt.authorizations())
	require.Zero(t, signed.Load(), "what is not sent is not signed")
	_, err = client(t, rt, auth.JWT{Key: key}).SetBaseURL("http://api.test").R().Get("/")
	var insecure *auth.InsecureError
	require.ErrorAs(t, err, &insecure)
	require.Zero(t, signed.Load())
}
