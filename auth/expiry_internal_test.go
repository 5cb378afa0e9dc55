package auth

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func FuzzExpiry(f *testing.F) {
	for _, seed := range [][2]string{
		{`{"alg":"RS256"}`, `{"exp":1300819380}`},
		{`{"alg":"none"}`, `{"exp":1e300}`},
		{`{"alg":1}`, `{"exp":"1"}`},
		{`{`, `}`},
		{`{"alg":"a","alg":""}`, `{"exp":1,"exp":-1}`},
		{`{"alg":"\u0061"}`, `{"exp":1.5}`},
		{`[]`, `null`},
	} {
		f.Add(seed[0], seed[1], "c2ln")
	}
	f.Add("", "", ".")
	f.Fuzz(func(t *testing.T, header, claims, signature string) {
		encode := base64.RawURLEncoding.EncodeToString
		for _, token := range []string{encode([]byte(header)) + "." + encode([]byte(claims)) + "." + signature, header + "." + claims + "." + signature, header} {
			at := new(expiries).of(token)
			require.Equal(t, at, (*expiries)(nil).of(token))
			if at.IsZero() {
				continue
			}
			parts := strings.Split(token, ".")
			require.Len(t, parts, 3)
			var head, body map[string]any
			for i, into := range []*map[string]any{&head, &body} {
				text, err := base64.RawURLEncoding.DecodeString(parts[i])
				require.NoError(t, err)
				require.NoError(t, json.Unmarshal(text, into))
			}
			require.IsType(t, "", head["alg"])
			require.InDelta(t, body["exp"], float64(at.Unix()), 1)
			require.True(t, at.After(time.Unix(0, 0)))
			require.NotContains(t, fmt.Sprint(new(expiries).expired(token, true)), token)
		}
	})
}

func BenchmarkExpiry(b *testing.B) {
	encode := base64.RawURLEncoding.EncodeToString
	token := encode([]byte(`{"alg":"RS256","typ":"JWT","kid":"1"}`)) + "." +
		encode(fmt.Appendf(nil, `{"iss":"https://id.test","sub":"1234567890","exp":%d,"scope":%q}`, time.Now().Add(time.Hour).Unix(), strings.Repeat("a", 500))) + "." + strings.Repeat("s", 342)
	for name, tt := range map[string]struct {
		token string
		with  *expiries
	}{"opaque": {strings.Repeat("x", len(token)), &expiries{}}, "remembered": {token, &expiries{}}, "read": {token, nil}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := tt.with.expired(tt.token, false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestReadingTheExpiryAgainCostsNothing(t *testing.T) {
	encode := base64.RawURLEncoding.EncodeToString
	jws := encode([]byte(`{"alg":"RS256"}`)) + "." + encode([]byte(`{"exp":4102444800}`)) + ".c2ln"
	for _, token := range []string{jws, "opaque", strings.Repeat("x", 4096)} {
		b := Bearer{Token: Static(token)}.Bind(nil).(Bearer)
		again := Bearer{Token: Static(token), Origins: []string{"https://files.test"}}.Bind(b).(Bearer)
		require.NoError(t, b.checkToken(token))
		require.Zero(t, testing.AllocsPerRun(100, func() {
			if again.checkToken(token) != nil || b.checkToken(token) != nil {
				t.Error("it has not expired")
			}
		}))
		require.Same(t, b.expiries, again.expiries)
		require.NotSame(t, b.expiries, Bearer{Token: Static("other")}.Bind(b).(Bearer).expiries, "nobody's token is kept for another's")
	}
}
