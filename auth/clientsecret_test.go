package auth_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

// sourced are the grants whose client secret comes from a source, beside one that stands
// in the configuration.
func sourced(secret auth.Source, configured string) map[string]auth.Grant {
	endpoint := oauth2.Endpoint{TokenURL: "https://id.test/token"}
	return map[string]auth.Grant{
		"client credentials": auth.ClientCredentials{
			Config: clientcredentials.Config{ClientID: "shop", ClientSecret: configured, TokenURL: endpoint.TokenURL}, Secret: secret,
		},
		"refresh token": auth.RefreshToken{
			Config: oauth2.Config{ClientID: "shop", ClientSecret: configured, Endpoint: endpoint}, Secret: secret,
			Token: &oauth2.Token{RefreshToken: "R0"},
		},
	}
}

func TestUseRefusesAClientSecretThatIsNotThere(t *testing.T) {
	tests := []struct {
		name       string
		source     auth.Source
		configured string
		want       string
	}{
		{"two", auth.Static("s3cret"), "s3cret", "both Secret and Config.ClientSecret are set: use one"},
		{"two, one of them not there", auth.Env("RESTYKIT_NOT_SET"), "s3cret", "both Secret and Config.ClientSecret are set: use one"},
		{"no variable", auth.Env("RESTYKIT_NOT_SET"), "", "Secret: the environment variable RESTYKIT_NOT_SET is not set, or empty"},
		{"empty", auth.Static(""), "", "Secret: the secret is empty"},
		{"line end", auth.Static("s3cret\n"), "", "Secret: the secret ends in a line end: strip it, or use auth.File, which does"},
		{"no function", auth.Func(nil), "", "Secret: the function is nil"},
	}
	for _, tt := range tests {
		for name, grant := range sourced(tt.source, tt.configured) {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				err := middleware.Use(client(t, &api{}), &auth.OAuth2{Grant: grant})
				require.EqualError(t, err, "oauth2: "+tt.want)
			})
		}
	}
}

func TestAClientSecretIsReadAnewForEachToken(t *testing.T) {
	for name := range sourced(nil, "") {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var left []time.Duration
				id := &issuer{}
				secret := auth.Func(func(ctx context.Context) (string, error) {
					until, _ := ctx.Deadline()
					left = append(left, time.Until(until))
					return fmt.Sprint("s3cret-", len(left)), nil
				})
				step := id.step()
				step.Grant, step.Timeout = sourced(secret, "")[name], 3*time.Second
				c := client(t, &api{}, step)
				require.Empty(t, left)
				for range 3 {
					for range 2 {
						_, err := c.R().Get("/")
						require.NoError(t, err)
					}
					user, password, _ := id.last(t).req.BasicAuth()
					require.Equal(t, []string{"shop", fmt.Sprint("s3cret-", id.count())}, []string{user, password})
					time.Sleep(2 * time.Hour)
				}
				require.Equal(t, 3, id.count())
				require.Equal(t, []time.Duration{3 * time.Second, 3 * time.Second, 3 * time.Second}, left, "it is read under the context of the token request")
			})
		})
	}
}

func TestWithoutItsClientSecretNoTokenIsAskedFor(t *testing.T) {
	sealed := errors.New("the vault is sealed")
	for want, source := range map[string]func() (string, error){
		"Secret: the vault is sealed":     func() (string, error) { return "s3cret", sealed },
		"Secret: the secret is empty":     func() (string, error) { return "", nil },
		"Secret: the secret ends in a li": func() (string, error) { return "s3cret\n", nil },
	} {
		secret := auth.Func(func(context.Context) (string, error) { return source() })
		for name, grant := range sourced(secret, "") {
			t.Run(want+"/"+name, func(t *testing.T) {
				id, rt := &issuer{}, &api{}
				step := id.step()
				step.Grant = grant
				_, err := client(t, rt, step).R().Get("/")
				require.ErrorContains(t, err, "oauth2: "+want)
				require.NotContains(t, err.Error(), "s3cret")
				require.Equal(t, want == "Secret: the vault is sealed", errors.Is(err, sealed))
				require.Zero(t, id.count())
				require.Zero(t, rt.count())
			})
		}
	}
}

// fmt prints an unexported field by its own fields, and asks no Format of it.
func TestAClientSecretFromASourceIsOutOfFmtsSight(t *testing.T) {
	t.Setenv("RESTYKIT_SECRET", odd)
	path := t.TempDir() + "/secret"
	write(t, path, odd)
	s := secretive{secrets: []string{odd}}
	for kind, source := range map[string]auth.Source{"static": auth.Static(odd), "env": auth.Env("RESTYKIT_SECRET"), "file": auth.File(path)} {
		for name, grant := range sourced(source, "") {
			_, err := mint(t, &issuer{}, grant)
			require.NoError(t, err)
			s.requireSilent(t, kind+", "+name, printed(struct{ grant auth.Grant }{grant}))
		}
	}
	cc := sourced(auth.Static(odd), "")["client credentials"].(auth.ClientCredentials)
	require.Contains(t, printed(struct{ grant auth.ClientCredentials }{cc}), "shop", "the field is printed")
	s.requireSilent(t, "by value", printed(struct{ grant auth.ClientCredentials }{cc}))
}
