package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

func TestThePasswordGrantIsWhatRFC6749Says(t *testing.T) {
	g := auth.ResourceOwnerPassword{
		Config:   oauth2.Config{ClientID: "app", Scopes: []string{"read"}, Endpoint: oauth2.Endpoint{TokenURL: "https://id.test/token"}},
		Username: "mary", Password: auth.Static("p4ss&w0rd"),
	}
	id := &issuer{}
	_, err := mint(t, id, g)
	require.NoError(t, err)
	require.Equal(t, url.Values{"grant_type": {"password"}, "username": {"mary"}, "password": {"p4ss&w0rd"}, "client_id": {"app"}, "scope": {"read"}}, id.last(t).form)
	require.Equal(t, "password of mary, client of app at https://id.test/token", g.String())

	id.answer = func(int, url.Values) *http.Response {
		return reply(nil, 400, "application/json", `{"error":"invalid_grant","error_description":"p4ss&w0rd is wrong"}`)
	}
	_, err = mint(t, id, g)
	require.ErrorContains(t, err, "invalid_grant")
	require.NotContains(t, err.Error(), "p4ss&w0rd")

	g.Password = auth.Func(func(context.Context) (string, error) { return "", errors.New("sealed") })
	_, err = mint(t, id, g)
	require.EqualError(t, err, "Password: sealed")
}

func TestATokenExchangeIsWhatRFC8693Says(t *testing.T) {
	const word = "urn:ietf:params:oauth:token-type:"
	config := clientcredentials.Config{TokenURL: "https://id.test/token"}
	named := config
	named.ClientID, named.Scopes, named.EndpointParams = "gateway", []string{"read"}, url.Values{"audience": {"orders"}, "resource": {"https://a.test", "https://b.test"}}
	tests := []struct {
		name  string
		grant auth.TokenExchange
		form  url.Values
	}{
		{"the least", auth.TokenExchange{Config: config, Subject: auth.Static("U5ER")}, url.Values{"subject_token": {"U5ER"}, "subject_token_type": {word + "access_token"}}},
		{"the most", auth.TokenExchange{
			Config: named, Secret: auth.Static("s3cret"), Subject: auth.Static("U5ER"), SubjectType: "jwt", Actor: auth.Static("ACT0R"), ActorType: "id_token", Requested: "urn:example:own",
		}, url.Values{
			"subject_token": {"U5ER"}, "subject_token_type": {word + "jwt"}, "actor_token": {"ACT0R"}, "actor_token_type": {word + "id_token"},
			"requested_token_type": {"urn:example:own"}, "scope": {"read"}, "audience": {"orders"}, "resource": {"https://a.test", "https://b.test"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id := &issuer{}
			_, err := mint(t, id, tt.grant)
			require.NoError(t, err)
			tt.form.Set("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")
			require.Equal(t, tt.form, id.last(t).form)
			require.NoError(t, middleware.Use(client(t, &api{}), &auth.OAuth2{Grant: tt.grant}))
		})
	}
	for want, g := range map[string]auth.TokenExchange{
		"oauth2: Subject is nil: give auth.Env, auth.File, auth.Func or auth.Static":    {Config: config},
		"oauth2: Subject: the secret is empty":                                          {Config: config, Subject: auth.Static("")},
		"oauth2: Actor: the secret is empty":                                            {Config: config, Subject: auth.Static("U5ER"), Actor: auth.Static("")},
		`oauth2: SubjectType "JWT" is no type of RFC 8693 section 3, and no URI`:        {Config: config, Subject: auth.Static("U5ER"), SubjectType: "JWT"},
		`oauth2: Requested "access-token" is no type of RFC 8693 section 3, and no URI`: {Config: config, Subject: auth.Static("U5ER"), Requested: "access-token"},
		`oauth2: ActorType "id" is no type of RFC 8693 section 3, and no URI`:           {Config: config, Subject: auth.Static("U5ER"), ActorType: "id"},
	} {
		require.EqualError(t, middleware.Use(client(t, &api{}), &auth.OAuth2{Grant: g}), want)
	}
	for want, g := range map[string]auth.TokenExchange{
		"Subject: the secret is empty": {Config: config, Subject: auth.Func(func(context.Context) (string, error) { return "", nil })},
		"Actor: the secret is empty":   {Config: config, Subject: auth.Static("U5ER"), Actor: auth.Func(func(context.Context) (string, error) { return "", nil })},
	} {
		id := &issuer{}
		_, err := mint(t, id, g)
		require.EqualError(t, err, want)
		require.Zero(t, id.count())
	}
}

// sourceFunc is a token source of the ecosystem.
type sourceFunc func() (*oauth2.Token, error)

func (f sourceFunc) Token() (*oauth2.Token, error) { return f() }

func TestATokenSourceOfTheEcosystemIsAdopted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		source := sourceFunc(func() (*oauth2.Token, error) {
			return &oauth2.Token{AccessToken: fmt.Sprint("AT", asked.Add(1)), Expiry: time.Now().Add(time.Hour)}, nil
		})
		rt := newResource()
		c := client(t, rt, &auth.OAuth2{Grant: auth.FromTokenSource(source)})
		takes(t, c)
		takes(t, c)
		require.EqualValues(t, 1, asked.Load())
		time.Sleep(2 * time.Hour)
		takes(t, c)
		rt.revoke("AT2")
		takes(t, c)
		require.EqualValues(t, 3, asked.Load())
		require.Equal(t, []string{"Bearer AT1", "Bearer AT1", "Bearer AT2", "Bearer AT2", "Bearer AT3"}, rt.authorizations())
	})
}

func TestASourceThatKeepsItsTokenIsNotAskedByEachCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		reused := oauth2.ReuseTokenSource(nil, sourceFunc(func() (*oauth2.Token, error) {
			return &oauth2.Token{AccessToken: fmt.Sprint("AT", time.Now().Unix()), Expiry: time.Now().Add(time.Hour)}, nil
		}))
		source := sourceFunc(func() (*oauth2.Token, error) { asked++; return reused.Token() })
		c := client(t, &api{}, &auth.OAuth2{Grant: auth.FromTokenSource(source)})
		takes(t, c)
		time.Sleep(time.Hour - 30*time.Second)
		for range 100 {
			takes(t, c)
			synctest.Wait()
		}
		require.Equal(t, 2, asked, "once ahead, in vain")
		time.Sleep(31 * time.Second)
		takes(t, c)
		require.Equal(t, 3, asked)
	})
}

func TestASourceThatDoesNotReturnIsLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wake := make(chan struct{})
		source := sourceFunc(func() (*oauth2.Token, error) { <-wake; return &oauth2.Token{AccessToken: "late"}, nil })
		c := client(t, &api{}, &auth.OAuth2{Grant: auth.FromTokenSource(source), Timeout: 2 * time.Second})
		begun := time.Now()
		_, err := c.R().Get("/")
		require.ErrorContains(t, err, "oauth2: the token source did not return in time: context deadline exceeded")
		require.Equal(t, 2*time.Second, time.Since(begun))
		close(wake)
	})
}

func TestTheErrorOfATokenSourceDoesNotRepeatTheAnswer(t *testing.T) {
	said := &oauth2.RetrieveError{Response: &http.Response{StatusCode: 429, Header: http.Header{"Retry-After": {"7"}}}, Body: []byte("s3cret"), ErrorCode: "slow_down"}
	source := sourceFunc(func() (*oauth2.Token, error) { return nil, fmt.Errorf("google: %w", said) })
	_, err := client(t, &api{}, &auth.OAuth2{Grant: auth.FromTokenSource(source)}).R().Get("/")
	require.ErrorContains(t, err, "oauth2: token: token source: 429 slow_down")
	require.NotContains(t, err.Error(), "s3cret")
	failed, ok := errors.AsType[*auth.TokenError](err)
	require.True(t, ok)
	require.False(t, failed.Final())
	sealed := errors.New("no metadata server")
	_, err = client(t, &api{}, &auth.OAuth2{Grant: auth.FromTokenSource(sourceFunc(func() (*oauth2.Token, error) { return nil, sealed }))}).R().Get("/")
	require.ErrorIs(t, err, sealed)
	require.EqualError(t, middleware.Use(client(t, &api{}), &auth.OAuth2{Grant: auth.FromTokenSource(nil)}), "oauth2: the token source is nil")
}
