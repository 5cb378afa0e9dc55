package restykit_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

// digest is the step for the password of /digest-auth/auth/ada/secret.
func digest() *auth.Digest { return &auth.Digest{Username: "ada", Password: auth.Static("secret")} }

func TestDigestCredentialsAreAccepted(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"", "/MD5", "/SHA-256"} {
		c := client(t, digest(), middleware.RequireStatus{})
		inEachMode(t, func(t *testing.T, do send) {
			for range 3 {
				_, body, err := do(t, c.R(), "GET", "/digest-auth/auth/ada/secret"+algorithm)
				require.NoError(t, err)
				require.Contains(t, body, `"authenticated"`)
			}
			_, _, err := do(t, c.R(), "GET", "/digest-auth/auth/ada/another"+algorithm)
			require.ErrorIs(t, err, middleware.ErrUnauthorized)
		})
	}
}

// go-httpbin knows qop auth and these two algorithms only; the original knows auth-int, both
// at once, and nonces that go stale.
func TestDigestAnswersWhatTheOriginalHTTPBinAsksFor(t *testing.T) {
	t.Parallel()
	bin := httpbin(t)
	if isGo(t, bin) {
		t.Skip("go-httpbin asks for qop auth alone")
	}
	for _, path := range []string{"auth-int/ada/secret", "auth-int/ada/secret/SHA-256", "both/ada/secret", "auth/ada/secret/MD5/1", "auth/ada/secret/SHA-256/2"} {
		c := clientOn(t, bin, digest(), middleware.RequireStatus{})
		for range 5 {
			_, err := c.R().Get("/digest-auth/" + path)
			require.NoError(t, err, path)
		}
	}
	_, err := clientOn(t, bin, digest(), middleware.RequireStatus{}).R().Get("/digest-auth/auth/ada/secret/SHA-512")
	require.ErrorContains(t, err, `digest: the server asks for the Digest algorithm "SHA-512", which is not supported`)
}

func TestDigestIsAskedForOnce(t *testing.T) {
	t.Parallel()
	var with, without atomic.Int32
	bin := inFront(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Authorization") == "" {
			without.Add(1)
		} else {
			with.Add(1)
		}
		return false
	})
	c := clientOn(t, bin, digest(), middleware.RequireStatus{})
	_, err := c.R().Get("/digest-auth/auth/ada/secret")
	require.NoError(t, err)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if _, err := c.R().Get("/digest-auth/auth/ada/secret"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, without.Load())
	require.EqualValues(t, 51, with.Load())
}

func TestDigestGoesToNoOtherOrigin(t *testing.T) {
	t.Parallel()
	there := newElsewhere(t)
	c := client(t, digest())
	_, err := c.R().Get("/digest-auth/auth/ada/secret")
	require.NoError(t, err)
	_, err = c.R().Get(redirect(there.URL))
	require.NoError(t, err)
	requireStranger(t, there.only(t))
}
