package restykit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

func TestBasicCredentialsAreAccepted(t *testing.T) {
	t.Parallel()
	c := client(t, auth.Basic{Username: "ada", Password: auth.Static("pass word:1")}, middleware.RequireStatus{})
	inEachMode(t, func(t *testing.T, do send) {
		_, body, err := do(t, c.R(), "GET", "/basic-auth/ada/pass%20word:1")
		require.NoError(t, err)
		require.Contains(t, body, `"authenticated"`)
		_, _, err = do(t, c.R(), "GET", "/basic-auth/ada/another")
		require.ErrorIs(t, err, middleware.ErrUnauthorized)
	})
}

func TestBearerTokenIsAccepted(t *testing.T) {
	t.Parallel()
	c := client(t, auth.Bearer{Token: auth.Static("token-1")}, middleware.RequireStatus{})
	inEachMode(t, func(t *testing.T, do send) {
		_, body, err := do(t, c.R(), "GET", "/bearer")
		require.NoError(t, err)
		require.Contains(t, body, `"token-1"`)
		_, _, err = do(t, c.R().SetContext(middleware.With(t.Context(), middleware.Off("bearer"))), "GET", "/bearer")
		require.ErrorIs(t, err, middleware.ErrUnauthorized)
	})
}

func TestAPIKeysArriveInHeaderAndQueryAndDoNotShow(t *testing.T) {
	t.Parallel()
	c := client(t,
		auth.APIKey{Header: "X-API-Key", Key: auth.Static("key-1")},
		auth.APIKey{Header: "X-App-Key", Key: auth.Static("key-2")},
		auth.APIKey{Query: "api_key", Key: auth.Static("key-3")})
	inEachMode(t, func(t *testing.T, do send) {
		resp, body, err := do(t, c.R().SetQueryParam("page", "1"), "GET", "/get")
		require.NoError(t, err)
		saw := echo(t, body)
		require.Equal(t, "key-1", saw.Headers.Get("X-API-Key"))
		require.Equal(t, "key-2", saw.Headers.Get("X-App-Key"))
		require.Equal(t, url.Values{"page": {"1"}, "api_key": {"key-3"}}, saw.Args)
		require.NotContains(t, resp.RawResponse.Request.URL.String(), "key-3")
		require.NotContains(t, resp.RawResponse.Request.Header, "X-Api-Key")
	})
}

func TestOAuth2TokenIsMintedOnceAndKept(t *testing.T) {
	t.Parallel()
	bin := httpbin(t)
	var minted atomic.Int32
	c := clientOn(t, bin, middleware.RequireStatus{}, &auth.OAuth2{
		Grant: auth.ClientCredentials{Config: clientcredentials.Config{
			ClientID: "shop", ClientSecret: "client-secret",
			TokenURL: tokenURL(t, bin, map[string]string{"access_token": "token-1", "token_type": "Bearer", "expires_in": "3600"}),
		}},
		OnToken: func(*oauth2.Token) { minted.Add(1) },
	})
	inEachMode(t, func(t *testing.T, do send) {
		for range 3 {
			_, body, err := do(t, c.R(), "GET", "/bearer")
			require.NoError(t, err)
			require.Contains(t, body, `"token-1"`)
		}
		require.EqualValues(t, 1, minted.Load())
	})
}

func TestOAuth2TokenThatExpiredIsRefreshed(t *testing.T) {
	t.Parallel()
	bin := httpbin(t)
	var saved atomic.Pointer[oauth2.Token]
	c := clientOn(t, bin, middleware.RequireStatus{}, &auth.OAuth2{
		Grant: auth.RefreshToken{
			Config: oauth2.Config{ClientID: "shop", Endpoint: oauth2.Endpoint{TokenURL: tokenURL(t, bin, map[string]string{
				"access_token": "token-2", "token_type": "Bearer", "expires_in": "3600", "refresh_token": "refresh-2",
			})}},
			Token: &oauth2.Token{AccessToken: "token-1", RefreshToken: "refresh-1", Expiry: time.Now().Add(-time.Minute)},
		},
		OnToken: func(token *oauth2.Token) { saved.Store(token) },
	})
	_, body, err := decoded(t, c.R(), "GET", "/bearer")
	require.NoError(t, err)
	require.Contains(t, body, `"token-2"`)
	require.Equal(t, "refresh-2", saved.Load().RefreshToken)
	require.WithinDuration(t, time.Now().Add(time.Hour), saved.Load().Expiry, time.Minute)
}

func TestOAuth2TokenThatIsRefusedIsReplacedOnceWithTheBodyIntact(t *testing.T) {
	t.Parallel()
	inEachMode(t, func(t *testing.T, do send) {
		var minted, refused atomic.Int32
		bin := inFront(t, func(w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("Authorization") != "Bearer token-1" {
				return false
			}
			refused.Add(1)
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(401)
			return true
		})
		c := clientOn(t, bin, middleware.RequireStatus{}, &auth.OAuth2{Grant: grant(func() string {
			return []string{"token-1", "token-2"}[minted.Add(1)-1]
		})})
		for range 2 {
			_, body, err := do(t, c.R().SetBody("a body"), "POST", "/post")
			require.NoError(t, err)
			require.Equal(t, "a body", echo(t, body).Data)
			require.Equal(t, "Bearer token-2", echo(t, body).Headers.Get("Authorization"))
		}
		require.EqualValues(t, 2, minted.Load())
		require.EqualValues(t, 1, refused.Load())
	})
}

// grant mints tokens of the names that a function gives.
type grant func() string

func (g grant) Mint(context.Context, *http.Client, *oauth2.Token) (*oauth2.Token, error) {
	return &oauth2.Token{AccessToken: g(), TokenType: "Bearer"}, nil
}

func TestCredentialsOfOneRequestTakeThePlaceOfTheClients(t *testing.T) {
	t.Parallel()
	c := client(t, auth.Bearer{Token: auth.Static("the-clients")})
	ctx := middleware.With(t.Context(), auth.Basic{Username: "ada", Password: auth.Static("hers")})
	_, body, err := decoded(t, c.R().SetContext(ctx), "GET", "/headers")
	require.NoError(t, err)
	require.Equal(t, "Basic YWRhOmhlcnM=", echo(t, body).Headers.Get("Authorization"))
	_, body, err = decoded(t, c.R().SetHeader("Authorization", "Custom 1"), "GET", "/headers")
	require.NoError(t, err)
	require.Equal(t, "Custom 1", echo(t, body).Headers.Get("Authorization"), "what the caller wrote wins")
	_, body, err = decoded(t, c.R(), "GET", "/headers")
	require.NoError(t, err)
	require.Equal(t, "Bearer the-clients", echo(t, body).Headers.Get("Authorization"))
}

func TestNoCredentialFollowsARedirectElsewhere(t *testing.T) {
	t.Parallel()
	for kind, step := range credentials() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			inEachMode(t, func(t *testing.T, do send) {
				there := newElsewhere(t)
				c := client(t, step).SetHeader("X-Own", "secret")
				c.SetCookie(&http.Cookie{Name: "sid", Value: "secret"})
				_, _, err := do(t, c.R(), "GET", redirect(there.URL))
				require.NoError(t, err)
				requireStranger(t, there.only(t))
			})
		})
	}
}

func TestNoCredentialGoesToAnAbsoluteURLElsewhere(t *testing.T) {
	t.Parallel()
	for kind, step := range credentials() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			there := newElsewhere(t)
			_, err := client(t, step).SetHeader("X-Own", "secret").R().Get(there.URL)
			require.NoError(t, err)
			requireStranger(t, there.only(t))
		})
	}
}

func TestCredentialsFollowARedirectAtHome(t *testing.T) {
	t.Parallel()
	c := client(t, auth.Bearer{Token: auth.Static("token-1")}, auth.APIKey{Header: "X-API-Key", Key: auth.Static("key-1")})
	inEachMode(t, func(t *testing.T, do send) {
		_, body, err := do(t, c.R(), "GET", "/redirect/2")
		require.NoError(t, err)
		require.Equal(t, "Bearer token-1", echo(t, body).Headers.Get("Authorization"))
		require.Equal(t, "key-1", echo(t, body).Headers.Get("X-API-Key"))
	})
}

func TestOriginsSayWhereElseCredentialsMayGo(t *testing.T) {
	t.Parallel()
	there := newElsewhere(t)
	c := client(t, auth.Bearer{Token: auth.Static("token-1"), Origins: []string{there.URL}})
	_, err := c.R().Get(redirect(there.URL))
	require.NoError(t, err)
	require.Equal(t, "Bearer token-1", there.only(t).Header.Get("Authorization"))
}

func TestSecretThatIsMissingIsAnErrorOfUse(t *testing.T) {
	t.Parallel()
	err := middleware.Use(bare(""), auth.Bearer{Token: auth.Env("NO_SUCH_VARIABLE")}, auth.APIKey{Header: "X-Key", Key: auth.File("no such file")})
	require.ErrorContains(t, err, "bearer: Token: the environment variable NO_SUCH_VARIABLE is not set")
	require.ErrorContains(t, err, "api-key:x-key: Key: the secret's file cannot be read")
}

func TestSecretsDoNotShow(t *testing.T) {
	t.Parallel()
	for kind, step := range credentials() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			var log strings.Builder
			c := client(t, step, middleware.RequireStatus{}).SetLogger(writerLogger{&log}).SetDebug(true).EnableGenerateCurlOnDebug()
			resp, err := c.R().Get("/status/500")
			require.Error(t, err)
			c.SetBaseURL("http://127.0.0.1:1")
			_, refused := c.R().Get("/get")
			require.Error(t, refused)
			shown := strings.Join([]string{
				log.String(), err.Error(), refused.Error(), middleware.Of(c).String(), resp.RawResponse.Request.URL.String(), resp.Request.GenerateCurlCommand(),
			}, "\n")
			require.NotContains(t, shown, "secret")
			require.NotContains(t, shown, "YWRhOnNlY3JldA==")
			require.Contains(t, log.String(), "/status/500", "the log is on")
		})
	}
}

func TestCredentialsNeverGoOverPlainHTTPToAnotherMachine(t *testing.T) {
	t.Parallel()
	for kind, step := range credentials() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			_, err := clientOn(t, "http://api.example.com", step).R().Get("/")
			insecure, ok := errors.AsType[*auth.InsecureError](err)
			require.True(t, ok, err)
			require.Equal(t, "http://api.example.com", insecure.Origin)
		})
	}
}

// writerLogger is a resty logger that writes.
type writerLogger struct{ w io.Writer }

func (l writerLogger) Errorf(format string, v ...any) { l.Debugf(format, v...) }
func (l writerLogger) Warnf(format string, v ...any)  { l.Debugf(format, v...) }
func (l writerLogger) Debugf(format string, v ...any) { fmt.Fprintf(l.w, format+"\n", v...) }
