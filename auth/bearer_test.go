package auth_test

import (
	"context"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

func TestBearerSendsItsToken(t *testing.T) {
	tests := []struct {
		name string
		step auth.Bearer
		want string
	}{
		{"RFC 6750 section 2.1", auth.Bearer{Token: auth.Static("mF_9.B5f-4.1JqM")}, "Bearer mF_9.B5f-4.1JqM"},
		{"another word", auth.Bearer{Token: auth.Static("t0ken"), Scheme: "token"}, "token t0ken"},
		{"GenieKey", auth.Bearer{Token: auth.Static("k"), Scheme: "GenieKey"}, "GenieKey k"},
		{"a token with spaces", auth.Bearer{Token: auth.Static(`token="a", id=7`), Scheme: "Token"}, `Token token="a", id=7`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rt := &api{}
			_, err := client(t, rt, tt.step).R().Get("/")
			require.NoError(t, err)
			require.Equal(t, []string{tt.want}, rt.authorizations())
		})
	}
}

func TestUseRefusesABearerThatCannotBeSent(t *testing.T) {
	tests := []struct {
		name string
		step auth.Bearer
		want string
	}{
		{"two words", auth.Bearer{Token: auth.Static("t"), Scheme: "Bearer token"}, `bearer: Scheme "Bearer token" is not one word`},
		{"line end", auth.Bearer{Token: auth.Static("t"), Scheme: "Bearer\r\nX:"}, `bearer: Scheme "Bearer\r\nX:" is not one word`},
		{"not ASCII", auth.Bearer{Token: auth.Static("t"), Scheme: "Träger"}, `bearer: Scheme "Träger" is not one word`},
		{"no origin", auth.Bearer{Token: auth.Static("t"), Origins: []string{"ftp://example.com"}}, `bearer: Origins: "ftp://example.com" is no origin`},
		{"an origin with a password", auth.Bearer{Token: auth.Static("t"), Origins: []string{"https://u:s3cret@example.com"}}, `bearer: Origins: "https://example.com" is more than an origin: write https://example.com`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := middleware.Use(resty.New(), tt.step)
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
}

func TestATokenWithItsSchemeIsRefused(t *testing.T) {
	for _, tt := range []auth.Bearer{
		{Token: auth.Static("Bearer abc")},
		{Token: auth.Static("bearer abc")},
		{Token: auth.Static("Token abc"), Scheme: "Token"},
	} {
		err := middleware.Use(resty.New(), tt)
		require.ErrorContains(t, err, "bearer: Token: the token begins with its scheme")
		require.NotContains(t, err.Error(), "abc")

		text, _ := tt.Token.Secret(t.Context())
		rt := &api{}
		tt.Token = auth.Func(func(context.Context) (string, error) { return text, nil })
		_, err = client(t, rt, tt).R().Get("/")
		require.ErrorContains(t, err, "bearer: Token: the token begins with its scheme")
		require.Zero(t, rt.count())
	}
	for _, fine := range []auth.Bearer{{Token: auth.Static("Bearerabc")}, {Token: auth.Static("Bearer")}, {Token: auth.Static("Bearer abc"), Scheme: "Token"}} {
		require.NoError(t, middleware.Use(resty.New(), fine))
	}
}
