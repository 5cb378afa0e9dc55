package redact_test

import (
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/internal/redact"
)

// spelled is a secret in the ways of some servers.
func spelled(t *testing.T, secret string) map[string]string {
	t.Helper()
	inJSON, err := json.Marshal(secret)
	require.NoError(t, err)
	ascii := fmt.Sprintf("%+q", secret)
	return map[string]string{
		"as it is":        secret,
		"query":           url.QueryEscape(secret),
		"query, lower":    lowerHex(url.QueryEscape(secret)),
		"path":            url.PathEscape(secret),
		"form":            url.Values{"k": {secret}}.Encode()[2:],
		"Go's HTML":       html.EscapeString(secret),
		"HTML, hex":       strings.NewReplacer("&", "&#x26;", "<", "&#x3C;", ">", "&#x3e;", `"`, "&#x0022;", "'", "&#X27;").Replace(secret),
		"HTML, by name":   strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;").Replace(secret),
		"Go's JSON":       string(inJSON[1 : len(inJSON)-1]),
		"Go's %q":         strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%q", secret), `"`), `"`),
		"Python's JSON":   ascii[1 : len(ascii)-1],
		"PHP's JSON":      strings.ReplaceAll(ascii[1:len(ascii)-1], "/", `\/`),
		"JSON of .NET":    strings.NewReplacer("+", `\u002B`, "<", `\u003C`, ">", `\u003E`, "&", `\u0026`, `"`, `\u0022`, "'", `\u0027`, `\`, `\\`, "ü", `\u00FC`).Replace(secret),
		"percent by Java": strings.ReplaceAll(url.QueryEscape(secret), "~", "%7E"),
	}
}

func lowerHex(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' {
			b.WriteString(strings.ToLower(s[i : i+3]))
			i += 2
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func TestASecretIsTakenOutHoweverItIsSpelled(t *testing.T) {
	for _, secret := range []string{"plain", "a.b-c_d", "a+b/c==", `q"u\o'te`, "<&>;", "ümläut", "sp ace", `"""'`, `""""`, "%41%", "~~~~", "(.*)[a-z]$^|", "🗝key", "&amp;", "\\u0041"} {
		for name, s := range spelled(t, secret) {
			require.Equal(t, "before REDACTED behind", string(redact.Secrets([]byte("before "+s+" behind"), []string{"", "other", secret})), "%q, %s: %s", secret, name, s)
			blotted := redact.Blot([]byte("before "+s+" behind"), []string{secret})
			require.Equal(t, "before "+strings.Repeat("*", len(s))+" behind", string(blotted))
			require.LessOrEqual(t, len(s), len(secret)*redact.Spread)
		}
		require.Equal(t, "no such thing", string(redact.Secrets([]byte("no such thing"), []string{secret})))
	}
}

func TestASecretThatBeginsWithAnotherIsTakenOutWhole(t *testing.T) {
	for _, secrets := range [][]string{{"open", "open-sesame"}, {"open-sesame", "open"}} {
		require.Equal(t, "REDACTED, REDACTED", string(redact.Secrets([]byte("open-sesame, open"), secrets)))
	}
}

func TestASecretOfAnySizeAndOfAnyBytesIsTakenOut(t *testing.T) {
	for _, secret := range []string{strings.Repeat("x", 1<<20), strings.Repeat("=", 1<<20), "\xff\xfe-\x80", strings.Repeat("\"", 1<<20)} {
		require.Equal(t, "<REDACTED>", string(redact.Secrets([]byte("<"+secret+">"), []string{secret})))
	}
}

func TestNoSecretsLeaveATextAsItIs(t *testing.T) {
	text := []byte("text")
	require.Equal(t, text, redact.Secrets(text, nil))
	require.Equal(t, text, redact.Secrets(text, []string{"", "t", "ex", "ext"}), "every word has short ones")
}

func FuzzSecrets(f *testing.F) {
	for _, seed := range []string{"plain", "a+b/c==", `q"u\o'te`, "<&>;", "&amp;", "\\u0041", "%2525", "sp ace", "🗝", "\xff\xff\xff\xff", "&#x26;", "üü"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, secret string) {
		if len(secret) < 4 || strings.ContainsFunc(secret, unicode.IsControl) {
			return // it is no secret, or no header carries it
		}
		for name, s := range spelled(t, secret) {
			text := "\x00" + s + "\x00"
			require.Equal(t, "\x00REDACTED\x00", string(redact.Secrets([]byte(text), []string{secret})), "%s: %q", name, s)
			require.Equal(t, "\x00"+strings.Repeat("*", len(s))+"\x00", string(redact.Blot([]byte(text), []string{secret})))
		}
	})
}
