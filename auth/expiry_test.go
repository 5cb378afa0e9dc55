package auth_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/retry"
)

func sealed(context.Context) (string, error) { return "", errors.New("the vault is sealed") }

// unsigned is a JWT with these claims, and a signature that is none.
func unsigned(claims string, args ...any) string {
	return withHeader(`{"alg":"RS256","typ":"JWT"}`, fmt.Sprintf(claims, args...))
}

func withHeader(header, claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(header)) + "." + encode([]byte(claims)) + "." + encode([]byte("signature"))
}

// dynamic is a source that Use does not ask.
func dynamic(token string) auth.Source {
	return auth.Func(func(context.Context) (string, error) { return token, nil })
}

func TestAnExpiredTokenIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		for ago, sent := range map[time.Duration]bool{
			-time.Hour: true, 0: true, 30 * time.Second: true, 31 * time.Second: false, 3 * time.Minute: false, 240 * time.Hour: false,
		} {
			rt := &api{}
			c := client(t, rt, auth.Bearer{Token: dynamic(unsigned(`{"sub":"me","exp":%d}`, now.Add(-ago).Unix()))})
			for range 2 { // read, and remembered
				_, err := c.R().Get("/")
				if sent {
					require.NoError(t, err)
					continue
				}
				var expired *auth.ExpiredError
				require.ErrorAs(t, err, &expired)
				require.True(t, expired.Expired.Equal(now.Add(-ago)))
				require.True(t, expired.Unsent())
			}
			require.Equal(t, sent, rt.count() == 2)
		}
		_, err := client(t, &api{}, auth.Bearer{Token: dynamic(unsigned(`{"exp":%d}`, now.Add(-3*time.Minute).Unix()))}).R().Get("/")
		require.ErrorContains(t, err, "bearer: Token: the token expired 3m0s ago (at 1999-12-31T23:57:00Z, by its exp): give a new one, or let auth.OAuth2 or auth.JWT renew it")
	})
}

func TestATokenExpiresWhileItIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := &api{}
		c := client(t, rt, auth.Bearer{Token: auth.Static(unsigned(`{"exp":%d}`, time.Now().Add(time.Hour).Unix()))})
		takes(t, c)
		time.Sleep(time.Hour + 31*time.Second)
		_, err := c.R().Get("/")
		var expired *auth.ExpiredError
		require.ErrorAs(t, err, &expired)
		require.Equal(t, 1, rt.count())
	})
}

func TestUseRefusesATokenThatHasExpired(t *testing.T) {
	old := unsigned(`{"exp":1300819380}`)
	t.Setenv("RESTYKIT_TOKEN", old)
	path := filepath.Join(t.TempDir(), "token")
	write(t, path, old)
	for name, source := range map[string]auth.Source{"static": auth.Static(old), "env": auth.Env("RESTYKIT_TOKEN")} {
		err := middleware.Use(resty.New(), auth.Bearer{Token: source})
		require.ErrorContains(t, err, "bearer: Token: the token expired ", name)
		require.NotContains(t, err.Error(), old)
	}
	require.NoError(t, middleware.Use(resty.New(), auth.Bearer{Token: auth.File(path)}), "another may be on its way")
}

func TestOnlyASourceThatMayBringAnotherTokenIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		token, asked := unsigned(`{"exp":%d}`, time.Now().Add(time.Hour).Unix()), 0
		rt := &api{}
		rotating := auth.Func(func(context.Context) (string, error) {
			asked++
			if asked == 1 {
				return unsigned(`{"exp":1}`), nil
			}
			return token, nil
		})
		_, err := client(t, rt, auth.Bearer{Token: rotating}, retry.Policy{}).R().Post("/")
		require.NoError(t, err)
		require.Equal(t, 2, asked)

		c := client(t, rt, auth.Bearer{Token: auth.Static(token)}, retry.Policy{})
		time.Sleep(2 * time.Hour)
		begun := time.Now()
		_, err = c.R().Get("/")
		var expired *auth.ExpiredError
		require.ErrorAs(t, err, &expired)
		require.True(t, expired.Final())
		require.Zero(t, time.Since(begun), "no second attempt")
		require.Equal(t, 1, rt.count())
	})
}

func TestWhatIsNoJWTIsSentAsItIs(t *testing.T) {
	const old = `{"exp":1300819380}`
	jws := strings.Split(unsigned(old), ".")
	for name, token := range map[string]string{
		"opaque":                      "ghp_0123456789",
		"two dots":                    "a.b.c",
		"dots":                        "..",
		"four parts":                  unsigned(old) + ".x",
		"five, as a JWE":              unsigned(old) + ".x.y",
		"two parts":                   jws[0] + "." + jws[1],
		"no alg":                      withHeader(`{"typ":"JWT"}`, old),
		"alg is no text":              withHeader(`{"alg":256}`, old),
		"ALG":                         withHeader(`{"ALG":"RS256"}`, old),
		"a header that is no object":  withHeader(`["alg"]`, old),
		"no header":                   withHeader(``, old),
		"claims that are no object":   unsigned(`[1300819380]`),
		"no JSON":                     unsigned(`{"exp":1300819380`),
		"no exp":                      unsigned(`{"iat":1300819380}`),
		"EXP":                         unsigned(`{"EXP":1300819380}`),
		"exp is text":                 unsigned(`{"exp":"1300819380"}`),
		"exp is null":                 unsigned(`{"exp":null}`),
		"exp is a list":               unsigned(`{"exp":[1]}`),
		"exp is 0, which means never": unsigned(`{"exp":0}`),
		"exp below zero":              unsigned(`{"exp":-5}`),
		"exp of the end of days":      unsigned(`{"exp":1e300}`),
		"exp in milliseconds":         unsigned(`{"exp":%d}`, time.Now().Add(time.Hour).UnixMilli()),
		"nested exp":                  unsigned(`{"a":{"exp":1300819380}}`),
		"padding":                     strings.Join([]string{base64.URLEncoding.EncodeToString([]byte(`{"alg":"RS256" }`)), jws[1], jws[2]}, "."),
		"no base64 in the signature":  jws[0] + "." + jws[1] + ".!",
		"the format of GitHub":        "ghs_12345_" + unsigned(old),
		"not yet valid":               unsigned(`{"nbf":%d}`, time.Now().Add(time.Hour).Unix()),
	} {
		t.Run(name, func(t *testing.T) {
			rt := &api{}
			_, err := client(t, rt, auth.Bearer{Token: auth.Static(token)}).R().Get("/")
			require.NoError(t, err)
			require.Equal(t, []string{"Bearer " + token}, rt.authorizations())
		})
	}
	for name, token := range map[string]string{
		"a fraction": unsigned(`{"exp":1300819380.5}`), "an exponent": unsigned(`{"exp":1.30081938e9}`),
		"no signature, as alg none": jws[0] + "." + jws[1] + ".", "white space": withHeader("{ \"alg\" : \"HS256\" }", "\n { \"exp\" : 1300819380 } "),
		"RFC 7515 A.1": "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
	} {
		require.ErrorContains(t, auth.Bearer{Token: auth.Static(token)}.Validate(), "the token expired", name)
	}
}
