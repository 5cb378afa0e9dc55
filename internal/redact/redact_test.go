package redact_test

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/internal/redact"
)

func TestURLShowsNamesAndNoValues(t *testing.T) {
	for in, want := range map[string]string{
		"https://api.test/users/7":              "https://api.test/users/7",
		"https://api.test/?api_key=sesame&q=x":  "https://api.test/?api_key=REDACTED&q=REDACTED",
		"https://api.test/?sesame":              "https://api.test/?REDACTED",
		"https://api.test/?a=1&sesame":          "https://api.test/?a=REDACTED&REDACTED",
		"https://api.test/?a=b=sesame":          "https://api.test/?a=REDACTED",
		"https://api.test/?a=":                  "https://api.test/?a=REDACTED",
		"https://u:sesame@api.test/x":           "https://REDACTED@api.test/x",
		"https://sesame@api.test/x":             "https://REDACTED@api.test/x",
		"https://api.test/x#access_token=secre": "https://api.test/x",
		"/x?k=sesame":                           "/x?k=REDACTED",
		"https://api.test/a;sid=sesame/b;c":     "https://api.test/a;sid=REDACTED/b;c",
		"https:sesame":                          "https:REDACTED",
		"urn:isbn:1":                            "urn:isbn:1",
	} {
		u, err := url.Parse(in)
		require.NoError(t, err)
		before := *u
		require.Equal(t, want, redact.URL(u))
		require.Equal(t, before, *u, "the URL itself is not changed")
		require.Equal(t, want, redact.String(in))
	}
	require.Empty(t, redact.URL(nil))
}

func TestStringIsSafeForWhatIsNoURL(t *testing.T) {
	for _, in := range []string{
		"https://api.test:port/?k=sesame",
		"https://u:sesame@api.test:port/x",
		"%zz?sesame",
		"https://api.test/\x00?k=sesame",
		"https://u:sesame@[::1/x",
		"https://api.test:port/cb#token=sesame",
		"https://api.test:port/;sid=sesame",
	} {
		require.NotContains(t, redact.String(in), "sesame", in)
	}
}

func TestURLByShowsWhatItIsTold(t *testing.T) {
	u, err := url.Parse("https://u:p@api.test/a;v=1?a%20b=2&c=3%204&d")
	require.NoError(t, err)
	var asked [][2]string
	require.Equal(t, "https://X@api.test/a;v=X?a%20b=X&c=X&X", redact.URLBy(u, func(name, value string) string {
		asked = append(asked, [2]string{name, value})
		return "X"
	}))
	require.Equal(t, [][2]string{{"", ""}, {"v", "1"}, {"a b", "2"}, {"c", "3%204"}, {"", "d"}}, asked)
}

func TestAnExcerptIsOneBoundedCleanLine(t *testing.T) {
	for in, want := range map[string]string{
		"":                     "",
		"a\nb\r\nc\td":         "a b  c d",
		"a\x00b\x1b[mc\x7f":    "ab[mc",
		"\xff\xfebad":          "\uFFFDbad",
		"a\u2028b\u009bc":      "a bc",
		strings.Repeat("x", 9): "xxxxxxxx...",
		"grüße":                "grüße",
	} {
		got := redact.Excerpt([]byte(in), 8)
		require.Equal(t, want, got)
		require.True(t, utf8.ValidString(got))
	}
	require.Equal(t, "short", redact.Excerpt([]byte(" short \n"), 8))
	require.True(t, utf8.ValidString(redact.Excerpt([]byte("ääää"), 3)), "cut in the middle of a character")
}

func FuzzNothingOfAQueryIsShown(f *testing.F) {
	f.Add("https://api.test/?a=sesame")
	f.Add("://?sesame")
	f.Fuzz(func(t *testing.T, s string) {
		if strings.Contains(s, "5ecret") {
			t.Skip()
		}
		before, _, _ := strings.Cut(s, "#")
		before, _, _ = strings.Cut(before, "?")
		require.NotContains(t, redact.String(before+"?k=5ecret"), "5ecret")
		require.NotContains(t, redact.String(before+"?5ecret"), "5ecret")
	})
}
