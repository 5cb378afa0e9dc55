package auth_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

func TestThereIsOneMintHoweverManyCallersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, rt := &issuer{takes: 3 * time.Second}, &api{}
		c := client(t, rt, id.step())
		begun := time.Now()
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				if _, err := c.R().Get("/"); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		require.Equal(t, 3*time.Second, time.Since(begun))
		require.Equal(t, 1, id.count())
		require.Equal(t, 1000, rt.count())
		for _, sent := range rt.authorizations() {
			require.Equal(t, "Bearer AT1", sent)
		}
	})
}

func TestEachCallerLeavesOnItsOwnContextAndTheMintGoesOn(t *testing.T) {
	shutdown := errors.New("shutdown")
	tests := []struct {
		name  string
		ctx   func(context.Context) (context.Context, context.CancelFunc)
		steps []middleware.Middleware
		check func(*testing.T, error)
	}{
		{"a deadline", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 100*time.Millisecond)
		}, nil, func(t *testing.T, err error) {
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.NotErrorIs(t, err, context.Canceled)
		}},
		{"a cancellation with a cause", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(100*time.Millisecond, func() { cancel(shutdown) })
			return ctx, func() {}
		}, nil, func(t *testing.T, err error) {
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, err, shutdown)
		}},
		{"the limit of an attempt", context.WithCancel, []middleware.Middleware{middleware.Timeout{Attempt: 100 * time.Millisecond}}, func(t *testing.T, err error) {
			var late *middleware.TimeoutError
			require.ErrorAs(t, err, &late)
			require.Equal(t, middleware.TimeoutError{Limit: "attempt", Value: 100 * time.Millisecond}, *late)
		}},
		{"the limit of the call", context.WithCancel, []middleware.Middleware{middleware.Deadline(100 * time.Millisecond)}, func(t *testing.T, err error) {
			var late *middleware.TimeoutError
			require.ErrorAs(t, err, &late)
			require.Equal(t, middleware.TimeoutError{Limit: "deadline", Value: 100 * time.Millisecond}, *late)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				id, rt, begun := &issuer{takes: 3 * time.Second}, &api{}, time.Now()
				c := client(t, rt, append(tt.steps, id.step())...)
				var wg sync.WaitGroup
				var errs [10]error // the first of them begins the mint
				for i := range errs {
					wg.Go(func() {
						ctx, cancel := tt.ctx(context.Background())
						defer cancel()
						_, errs[i] = c.R().SetContext(ctx).Get("/")
					})
				}
				wg.Wait()
				require.Equal(t, 100*time.Millisecond, time.Since(begun))
				for _, err := range errs {
					tt.check(t, err)
				}
				require.Zero(t, rt.count())
				time.Sleep(400 * time.Millisecond)
				patient := middleware.With(context.Background(), middleware.Off("timeout"), middleware.Off("deadline"))
				_, err := c.R().SetContext(patient).Get("/")
				require.NoError(t, err)
				require.Equal(t, 3*time.Second, time.Since(begun), "the mint that the others began")
				require.Equal(t, 1, id.count())
			})
		})
	}
}

func TestWaitingForATokenIsNoSilenceOfTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, rt := &issuer{takes: 5 * time.Second}, newResource()
		c := client(t, rt, id.step(), middleware.Timeout{Connect: time.Second, Read: 2 * time.Second})
		require.Equal(t, 5*time.Second, takes(t, c))
		rt.revoke("AT1")
		rt.takes = time.Second
		resp, err := c.R().SetBody(strings.Repeat("x", 1<<20)).Put("/")
		require.NoError(t, err)
		require.Equal(t, 200, resp.StatusCode())
		require.Equal(t, 2, id.count())
	})
}

func TestTheMintKnowsNothingOfItsCaller(t *testing.T) {
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		var ctx context.Context
		grant := grantFunc(func(c context.Context, client *http.Client, last *oauth2.Token) (*oauth2.Token, error) {
			ctx = c
			until, ok := c.Deadline()
			require.True(t, ok)
			require.Equal(t, 10*time.Second, time.Until(until))
			require.Nil(t, last)
			require.NotNil(t, client)
			return &oauth2.Token{AccessToken: "AT"}, nil
		})
		c := client(t, &api{}, &auth.OAuth2{Grant: grant})
		_, err := c.R().SetContext(context.WithValue(t.Context(), key{}, "the caller's")).Get("/")
		require.NoError(t, err)
		require.Nil(t, ctx.Value(key{}))
		require.Nil(t, middleware.InfoOf(ctx))
		require.ErrorIs(t, ctx.Err(), context.Canceled, "and its context ends with it")
	})
}

func TestAMintIsSeenByObservers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := &issuer{takes: time.Second}
		heard := &listener{}
		c := client(t, &api{}, id.step(), heard)
		takes(t, c)
		takes(t, c)
		require.Equal(t, []middleware.Event{{Step: "oauth2", Kind: "mint", Wait: time.Second}}, heard.events)
	})
}

// listener keeps the events of calls.
type listener struct{ events []middleware.Event }

func (*listener) Name() string                                     { return "listener" }
func (*listener) Layer() middleware.Layer                          { return middleware.Call }
func (l *listener) Observe(_ *middleware.Info, e middleware.Event) { l.events = append(l.events, e) }

func TestAGrantThatEndsItsGoroutineLetsItsWaitersGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		grant := grantFunc(func(context.Context, *http.Client, *oauth2.Token) (*oauth2.Token, error) {
			time.Sleep(time.Second)
			runtime.Goexit() // as t.FailNow does
			return nil, nil
		})
		c := client(t, &api{}, &auth.OAuth2{Grant: grant})
		var wg sync.WaitGroup
		var errs [10]error
		for i := range errs {
			wg.Go(func() { _, errs[i] = c.R().Get("/") })
		}
		wg.Wait()
		for _, err := range errs {
			require.ErrorContains(t, err, "oauth2: the grant, Open or OnToken did not return: it panicked, or ended its goroutine")
		}
	})
}

// A panic of a grant is one in a goroutine without callers: it ends the process, at
// once and with the grant's stack, as singleflight and errgroup have it.
func TestAGrantThatPanicsEndsTheProcess(t *testing.T) {
	if os.Getenv("RESTYKIT_PANIC") != "" {
		grant := grantFunc(func(context.Context, *http.Client, *oauth2.Token) (*oauth2.Token, error) { panic("grant of a test") })
		_, _ = client(t, &api{}, &auth.OAuth2{Grant: grant}).R().Get("/")
		select {} // the panic comes
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestAGrantThatPanicsEndsTheProcess$")
	cmd.Env = append(os.Environ(), "RESTYKIT_PANIC=1")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.NoError(t, ctx.Err(), "it did not hang")
	require.True(t, bytes.Contains(out, []byte("panic: grant of a test")), "%s", out)
}

func TestAGrantThatReturnsNothingIsAnError(t *testing.T) {
	tests := map[string]*oauth2.Token{
		"the grant returned neither a token nor an error":       nil,
		"the grant returned a token without an AccessToken":     {TokenType: "bearer"},
		"the token cannot be sent: the secret has a control":    {AccessToken: "s3c\r\nret"},
		"the token cannot be sent: the secret has a control ch": {AccessToken: "s3cret", TokenType: "Bearer\r\nX:"},
	}
	for want, token := range tests {
		rt := &api{}
		told := 0
		step := &auth.OAuth2{OnToken: func(*oauth2.Token) { told++ }, Grant: grantFunc(func(context.Context, *http.Client, *oauth2.Token) (*oauth2.Token, error) { return token, nil })}
		_, err := client(t, rt, step).R().Get("/")
		require.ErrorContains(t, err, "oauth2: "+want)
		require.NotContains(t, err.Error(), "s3c")
		require.Zero(t, rt.count())
		require.Zero(t, told)
	}
}

func TestATokenIsSentWithItsType(t *testing.T) {
	for kind, want := range map[string]string{"": "Bearer", "bearer": "Bearer", "BEARER": "Bearer", "token": "token", "DPoP": "DPoP"} {
		rt := &api{}
		step := &auth.OAuth2{Grant: grantFunc(func(context.Context, *http.Client, *oauth2.Token) (*oauth2.Token, error) {
			return &oauth2.Token{AccessToken: "AT", TokenType: kind}, nil
		})}
		_, err := client(t, rt, step).R().Get("/")
		require.NoError(t, err)
		require.Equal(t, []string{want + " AT"}, rt.authorizations())
	}
}

func TestTheCallersOwnAuthorizationMintsNothing(t *testing.T) {
	id, rt := &issuer{}, &api{}
	c := client(t, rt, id.step())
	_, err := c.R().SetAuthToken("mine").Get("/")
	require.NoError(t, err)
	_, err = c.R().Get("https://evil.test/")
	require.NoError(t, err)
	require.Zero(t, id.count())
	_, err = c.R().SetContext(middleware.With(t.Context(), auth.Bearer{Token: auth.Static("mine")})).Get("/")
	require.NoError(t, err)
	require.Zero(t, id.count())
}

func TestUseRefusesAnOAuth2ThatCannotWork(t *testing.T) {
	endpoint := func(u string) auth.Grant {
		g := (&issuer{}).step().Grant.(auth.ClientCredentials)
		g.Config.TokenURL = u
		return g
	}
	secret := func(id, s string) auth.Grant {
		g := (&issuer{}).step().Grant.(auth.ClientCredentials)
		g.Config.ClientID, g.Config.ClientSecret = id, s
		return g
	}
	refresh := func(token *oauth2.Token) auth.Grant {
		return auth.RefreshToken{Config: oauth2.Config{ClientID: "app", Endpoint: oauth2.Endpoint{TokenURL: "https://id.test/token"}}, Token: token}
	}
	tests := []struct {
		name string
		step *auth.OAuth2
		want string
	}{
		{"no grant", &auth.OAuth2{}, "oauth2: Grant is nil: give one, such as auth.ClientCredentials"},
		{"negative timeout", &auth.OAuth2{Grant: granting("AT"), Timeout: -1}, "oauth2: Timeout is -1ns: give a positive duration, or 0 for 10s"},
		{"no origin", &auth.OAuth2{Grant: granting("AT"), Origins: []string{"x"}}, `oauth2: Origins: "x" is no origin`},
		{"no client id", &auth.OAuth2{Grant: secret("", "s3cret")}, "oauth2: ClientID is empty"},
		{"no client secret", &auth.OAuth2{Grant: secret("shop", "")}, "oauth2: ClientSecret is empty: give Secret a source, such as auth.Env"},
		{"secret with a line end", &auth.OAuth2{Grant: secret("shop", "s3cret\n")}, "oauth2: ClientSecret: the secret ends in a line end"},
		{"no endpoint", &auth.OAuth2{Grant: endpoint("")}, "oauth2: TokenURL is empty"},
		{"relative endpoint", &auth.OAuth2{Grant: endpoint("/token")}, `oauth2: TokenURL "/token" is no absolute http(s) URL`},
		{"no URL", &auth.OAuth2{Grant: endpoint("https://id.test/%zz?k=s3cret")}, `oauth2: TokenURL "https://id.test/%zz" is no absolute http(s) URL`},
		{"another scheme", &auth.OAuth2{Grant: endpoint("ldap://id.test/token?k=s3cret")}, `oauth2: TokenURL "ldap://id.test/token?k=REDACTED" is no absolute http(s) URL`},
		{"plain http", &auth.OAuth2{Grant: endpoint("http://id.test/token")}, "oauth2: TokenURL: credentials are not sent over plain http to http://id.test: use https, or set InsecureHTTP"},
		{"no token", &auth.OAuth2{Grant: refresh(nil)}, "oauth2: Token has no RefreshToken: save the one that the login returned"},
		{"no refresh token", &auth.OAuth2{Grant: refresh(&oauth2.Token{AccessToken: "s3cret"})}, "oauth2: Token has no RefreshToken"},
		{"a saved token with a line end", &auth.OAuth2{Grant: refresh(&oauth2.Token{AccessToken: "s3cret\n", RefreshToken: "R"})}, "oauth2: Token: the token cannot be sent: the secret ends in a line end"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := client(t, &api{})
			err := middleware.Use(c, tt.step)
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
	for _, fine := range []string{"http://127.0.0.1:8080/token", "http://localhost/token", "https://id.test"} {
		require.NoError(t, middleware.Use(client(t, &api{}), &auth.OAuth2{Grant: endpoint(fine)}))
	}
	require.NoError(t, middleware.Use(client(t, &api{}), &auth.OAuth2{Grant: endpoint("http://id.test/token"), InsecureHTTP: true}))
}
