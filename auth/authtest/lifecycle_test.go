package authtest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/auth/authtest"
)

// goroutines are those that a provider or a client of HTTP is in.
func goroutines() []string {
	buf := make([]byte, 1<<20)
	var out []string
	for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(stack, "net/http.") || strings.Contains(stack, "authtest.(*Provider)") {
			out = append(out, stack)
		}
	}
	return out
}

func TestNoGoroutineIsLeftAfterTheTest(t *testing.T) {
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	require.Eventually(t, func() bool { return len(goroutines()) == 0 }, time.Minute, time.Millisecond)
	for _, opts := range [][]authtest.Option{nil, {authtest.TLS()}} {
		t.Run("a test", func(t *testing.T) {
			p := authtest.New(t, opts...)
			p.Client("app", authtest.Secret("s3cret"), authtest.RedirectURIs("http://127.0.0.1/back"))
			form := url.Values{"grant_type": {"client_credentials"}}
			require.Equal(t, 200, post(t, p.HTTPClient(), p.TokenURL(), form, "app", "s3cret").status)
			require.NotEmpty(t, goroutines())
			config := oauth2.Config{ClientID: "app", Endpoint: p.Endpoint(), RedirectURL: "http://127.0.0.1/back", Scopes: []string{"openid"}}
			_, err := p.Authorize("alice", config.AuthCodeURL(""))
			require.NoError(t, err)
			p.Fault(1, authtest.Slow(time.Hour))
			waits := make(chan struct{})
			go func() {
				defer close(waits)
				resp, err := p.HTTPClient().PostForm(p.TokenURL(), form)
				if err == nil {
					_ = resp.Body.Close()
				}
			}()
			require.Eventually(t, func() bool { return len(p.Requests()) == 2 }, time.Minute, time.Millisecond)
			begun := time.Now()
			p.Close()
			p.Close()
			require.Less(t, time.Since(begun), 30*time.Second, "nobody waits for the slow one")
			<-waits
		})
		require.Eventually(t, func() bool { return len(goroutines()) == 0 }, time.Minute, time.Millisecond)
	}
}

func TestAllOfItIsSafeAtOnce(t *testing.T) {
	p := authtest.New(t)
	app := p.Client("app", authtest.Secret("s3cret"), authtest.RedirectURIs("http://127.0.0.1/back"))
	p.User("alice", "open sesame")
	api := protected(t, p)
	client := p.HTTPClient()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 5 {
				p.Client(fmt.Sprintf("client %d %d", i, j))
				p.User(fmt.Sprintf("user %d", j), "")
				p.Rotate(j%2 == 0)
				p.Lifetime(time.Duration(j+1) * time.Minute)
				p.Fault(1, authtest.ExpiresIn("1"), authtest.Header("X", "y"))
				post(t, client, p.TokenURL(), url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"open sesame"}}, "app", "s3cret")
				token, err := app.Token("alice", "read")
				if err != nil {
					t.Error(err)
					return
				}
				open(t, api.URL, token.AccessToken)
				post(t, client, p.TokenURL(), url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token.RefreshToken}}, "app", "s3cret")
				config := app.Config("openid")
				if _, err := p.Authorize("alice", config.AuthCodeURL("")); err != nil {
					t.Error(err)
				}
				p.Revoke(token.AccessToken)
				p.Requests()
				p.Mints()
				p.Heal()
				p.RevokeAll()
			}
		})
	}
	wg.Wait()
	require.Len(t, p.Requests(), 80)
}

func TestAProviderOverTLSIsTrustedByItsClient(t *testing.T) {
	p := authtest.New(t, authtest.TLS())
	require.True(t, strings.HasPrefix(p.Issuer, "https://127.0.0.1:"))
	s := ours{p, p.Client("app", authtest.Secret("s3cret"))}
	get(t, using(t, newResource(t, s).URL, &auth.OAuth2{Grant: credentials(s, oauth2.AuthStyleInHeader), Client: p.HTTPClient()}))
	_, err := using(t, newResource(t, s).URL, &auth.OAuth2{Grant: credentials(s, oauth2.AuthStyleInHeader)}).R().Get("/")
	var failed *auth.TokenError
	require.ErrorAs(t, err, &failed, "and by nobody else")
	require.Zero(t, failed.StatusCode)
}

func TestCallerOfIsNobodyWhereNothingIsProtected(t *testing.T) {
	_, ok := authtest.CallerOf(context.Background())
	require.False(t, ok)
}
