package origin_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/internal/origin"
)

func of(t *testing.T, s string) origin.Origin {
	t.Helper()
	u, err := url.Parse(s)
	require.NoError(t, err)
	return origin.Of(u)
}

func TestWhatIsOneOriginAndWhatIsNot(t *testing.T) {
	const home = "https://api.test/v1"
	for other, same := range map[string]bool{
		"https://api.test":               true,
		"https://api.test/other?x#y":     true,
		"HTTPS://API.test":               true,
		"https://api.test:443":           true,
		"https://user:pw@api.test":       true,
		"http://api.test":                false,
		"http://api.test:443":            false,
		"https://api.test:8443":          false,
		"https://sub.api.test":           false,
		"https://test":                   false,
		"https://api.test.":              false,
		"https://api.test.evil.test":     false,
		"https://evil.test/api.test":     false,
		"https://api.test@evil.test":     false,
		"https://api.test%2eevil.test":   false,
		"wss://api.test":                 false,
		"//api.test":                     false,
		"https://xn--api-9qa.test":       false,
		"https://api.test:443.evil.test": false,
	} {
		u, err := url.Parse(other)
		if err != nil {
			require.False(t, same, other)
			continue
		}
		require.Equal(t, same, origin.Of(u) == of(t, home), other)
	}
	require.NotEqual(t, of(t, "http://127.0.0.1:80"), of(t, "http://127.0.0.1:8080"))
	require.Equal(t, of(t, "http://[::1]"), of(t, "http://[::1]:80"))
}

func TestOriginsPrintAsUsersWriteThem(t *testing.T) {
	for in, want := range map[string]string{
		"HTTPS://API.test:443/x":   "https://api.test",
		"http://api.test:80":       "http://api.test",
		"http://api.test:443":      "http://api.test:443",
		"https://api.test:8443/":   "https://api.test:8443",
		"http://[::1]:8080":        "http://[::1]:8080",
		"https://[fe80::1]":        "https://[fe80::1]",
		"https://u:p@api.test/?k#": "https://api.test",
	} {
		require.Equal(t, want, of(t, in).String())
	}
}
