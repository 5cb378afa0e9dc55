package auth

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestLifetime(t *testing.T) {
	tests := []struct {
		in    any
		want  time.Duration
		known bool
	}{
		{3600.0, time.Hour, true},
		{0.5, 500 * time.Millisecond, true},
		{"3600", time.Hour, true},
		{" 60 ", time.Minute, true},
		{"1e2", 100 * time.Second, true},
		{0.0, 0, true},
		{-1.0, 0, true},
		{"-5", 0, true},
		{math.Inf(-1), 0, true},
		{"-Inf", 0, true},
		{1e-300, 0, true},
		{1e308, maxLifetime, true},
		{math.Inf(1), maxLifetime, true},
		{"1e999", maxLifetime, true},
		{float64(math.MaxInt64), maxLifetime, true},
		{maxLifetime.Seconds(), maxLifetime, true},
		{maxLifetime.Seconds() - 1, maxLifetime - time.Second, true},
		{nil, 0, false},
		{"", 0, false},
		{"soon", 0, false},
		{"3600s", 0, false},
		{true, 0, false},
		{map[string]any{}, 0, false},
		{[]any{3600.0}, 0, false},
		{math.NaN(), 0, false},
		{"NaN", 0, false},
	}
	for _, tt := range tests {
		got, known := lifetime(tt.in)
		require.Equal(t, tt.want, got, "%#v", tt.in)
		require.Equal(t, tt.known, known, "%#v", tt.in)
	}
}

func FuzzLifetime(f *testing.F) {
	for _, seed := range []string{`3600`, `"3600"`, `1e308`, `"1e999"`, `-1`, `0`, `null`, `{}`, `[1]`, `true`, `"NaN"`, `"0x1p-2"`, `"1_000"`, `9223372036854775807`, `1e-400`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var v any
		if json.Unmarshal([]byte(text), &v) != nil {
			v = text
		}
		life, known := lifetime(v)
		require.GreaterOrEqual(t, life, time.Duration(0))
		require.LessOrEqual(t, life, maxLifetime)
		if !known {
			require.Zero(t, life)
		}
		if seconds, ok := v.(float64); ok {
			require.True(t, known)
			again, _ := lifetime(text)
			require.Equal(t, life, again, "%v as a string says the same", seconds)
		}
	})
}

func FuzzParseTokenAnswer(f *testing.F) {
	for _, seed := range []struct{ kind, body string }{
		{"application/json", `{"access_token":"AT","token_type":"bearer","expires_in":3600,"refresh_token":"R"}`},
		{"application/json", `{"access_token":"AT","expires_in":1e400}`},
		{"application/json", `{"access_token":"AT","token_type":"mac"}`},
		{"application/json; charset=utf-8", `{"error":"invalid_client","error_description":"no","error_uri":"x"}`},
		{"application/x-www-form-urlencoded", "access_token=AT&expires_in=60"},
		{"text/plain", "access_token=AT"},
		{"text/plain", ` {"access_token":"AT"}`},
		{"text/html", "<html>"},
		{"", "null"},
		{"", "[]"},
		{"", `{"access_token":"AT","access_token":""}`},
		{"application/x-www-form-urlencoded", "a=%zz;b"},
		{"x/y; z", "7"},
	} {
		f.Add(seed.kind, seed.body)
	}
	begun := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, kind, body string) {
		answer, err := parseTokenAnswer(kind, []byte(body))
		if err != nil {
			require.NotContains(t, err.Error(), "\n")
			return
		}
		require.NotNil(t, answer.members)
		answer.begun = begun
		token, err := answer.token()
		if err != nil {
			require.Nil(t, token)
			kind := answer.text("token_type")
			require.True(t, answer.text("access_token") == "" || (kind != "" && !strings.EqualFold(kind, "Bearer")), "%v", err)
			return
		}
		require.NotEmpty(t, token.AccessToken)
		require.True(t, token.Expiry.IsZero() || !token.Expiry.Before(begun))
		require.False(t, token.Expiry.After(begun.Add(maxLifetime)))
		if utf8.ValidString(body) && !strings.Contains(body, `\`) && !strings.ContainsAny(body, "%+") {
			require.Contains(t, body, token.AccessToken, "a token is what the server said")
		}
	})
}
