package auth_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

func TestBasicIsWhatRFC7617Says(t *testing.T) {
	tests := []struct{ name, username, password, want string }{
		{"section 2", "Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
		{"section 2.1, UTF-8", "test", "123£", "Basic dGVzdDoxMjPCow=="},
		{"colons in the password", "user", "a:b:c", "Basic dXNlcjphOmI6Yw=="},
		{"empty password", "user", "", "Basic dXNlcjo="},
		{"base64 beyond letters and digits", "??>", "~~~?", "Basic Pz8+On5+fj8="},
		{"spaces stay", " u ", " p ", "Basic IHUgOiBwIA=="},
		{"UTF-8 user", "jürgen@example.com", "пароль", "Basic " + base64.StdEncoding.EncodeToString([]byte("jürgen@example.com:пароль"))},
		{"long", strings.Repeat("u", 300), strings.Repeat("p", 4000), "Basic " + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("u", 300)+":"+strings.Repeat("p", 4000)))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rt := &api{}
			_, err := client(t, rt, auth.Basic{Username: tt.username, Password: auth.Static(tt.password)}).R().Get("/")
			require.NoError(t, err)
			require.Equal(t, []string{tt.want}, rt.authorizations())
			username, password, ok := rt.last(t).BasicAuth()
			require.True(t, ok)
			require.Equal(t, []string{tt.username, tt.password}, []string{username, password})
		})
	}
}

func TestUseRefusesABasicThatCannotBeSent(t *testing.T) {
	tests := []struct {
		name string
		step auth.Basic
		want string
	}{
		{"no user name", auth.Basic{Password: auth.Static("p")}, "basic: Username is empty"},
		{"colon", auth.Basic{Username: "a:b", Password: auth.Static("p")}, "basic: Username has a colon, which separates it from the password (RFC 7617 section 2)"},
		{"line end", auth.Basic{Username: "a\r\nX: y", Password: auth.Static("p")}, "basic: Username has a colon"},
		{"control character", auth.Basic{Username: "a\x7f", Password: auth.Static("p")}, "basic: Username has a control character (RFC 7617 section 2)"},
		{"no password", auth.Basic{Username: "u"}, "basic: Password is nil: give auth.Env, auth.File, auth.Func or auth.Static"},
		{"password with a line end", auth.Basic{Username: "u", Password: auth.Static("s3cret\n")}, "basic: Password: the secret ends in a line end"},
		{"no origin", auth.Basic{Username: "u", Password: auth.Static("p"), Origins: []string{"files.example.com"}}, `basic: Origins: "files.example.com" is no origin: write scheme and host, like https://api.example.com`},
		{"more than an origin", auth.Basic{Username: "u", Password: auth.Static("p"), Origins: []string{"https://files.example.com/v1"}}, `basic: Origins: "https://files.example.com" is more than an origin: write https://files.example.com`},
		{"all at once", auth.Basic{Origins: []string{"x", "y"}}, `basic: Username is empty; basic: Password is nil: give auth.Env, auth.File, auth.Func or auth.Static; basic: Origins: "x" is no origin: write scheme and host, like https://api.example.com; basic: Origins: "y" is`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := middleware.Use(resty.New(), tt.step)
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "s3cret")
			require.NotContains(t, err.Error(), "\n")
		})
	}
}
