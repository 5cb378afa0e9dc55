package origin_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/internal/origin"
)

func TestParseReadsAnOrigin(t *testing.T) {
	tests := map[string]origin.Origin{
		"https://api.example.com":     {Scheme: "https", Host: "api.example.com", Port: "443"},
		"HTTPS://API.Example.com/":    {Scheme: "https", Host: "api.example.com", Port: "443"},
		"http://api.example.com":      {Scheme: "http", Host: "api.example.com", Port: "80"},
		"https://api.example.com:80":  {Scheme: "https", Host: "api.example.com", Port: "80"},
		"https://[2001:DB8::1]":       {Scheme: "https", Host: "2001:db8::1", Port: "443"},
		"https://[2001:db8::1]:8443/": {Scheme: "https", Host: "2001:db8::1", Port: "8443"},
		"https://HÖME.test":           {Scheme: "https", Host: "hÖme.test", Port: "443"},
		"https://apİ.test":            {Scheme: "https", Host: "apİ.test", Port: "443"},
		"https://api.example.com.":    {Scheme: "https", Host: "api.example.com.", Port: "443"},
	}
	for text, want := range tests {
		got, err := origin.Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
		again, err := origin.Parse(got.String())
		require.NoError(t, err)
		require.Equal(t, got, again)
	}
}

func TestParseRefusesWhatIsNoOriginAndSaysWhatToWrite(t *testing.T) {
	tests := map[string]string{
		"":                                 `"" is no origin: write scheme and host, like https://api.example.com`,
		"api.example.com":                  `"api.example.com" is no origin: write scheme`,
		"//api.example.com":                `"//api.example.com" is no origin: write scheme`,
		"ftp://api.example.com":            `"ftp://api.example.com" is no origin: write scheme`,
		"https://":                         `"https://" is no origin: write scheme`,
		"https://:443":                     `"https://:443" is no origin: write scheme`,
		"https:api.example.com":            `"https:api.example.com" is no origin: write scheme`,
		"https://api.example.com:x":        `"https://api.example.com:x" is no origin: write scheme`,
		"https://u:s3cret@/":               `"/" is no origin: write scheme`,
		"https://*.example.com":            `"https://*.example.com" is no origin: a * stands for nothing here, list each one`,
		"https://%25":                      `"https://%25" is no origin: write scheme`,
		"*":                                `"*" is no origin: write scheme`,
		"https://api.example.com/v1":       `"https://api.example.com" is more than an origin: write https://api.example.com`,
		"https://api.example.com?k=s3cret": `"https://api.example.com" is more than an origin: write https://api.example.com`,
		"https://api.example.com#s3cret":   `"https://api.example.com" is more than an origin: write https://api.example.com`,
		"https://u:s3cret@api.example.com": `"https://api.example.com" is more than an origin: write https://api.example.com`,
	}
	for text, want := range tests {
		_, err := origin.Parse(text)
		require.ErrorContains(t, err, want, text)
		require.NotContains(t, err.Error(), "s3cret")
	}
}

func TestSecureIsTLSOrThisMachine(t *testing.T) {
	tests := map[string]bool{
		"https://api.example.com": true, "https://192.0.2.1": true,
		"http://localhost": true, "http://LocalHost:8080": true, "http://api.localhost": true,
		"http://127.0.0.1": true, "http://127.255.255.254:80": true, "http://[::1]": true, "http://[::ffff:127.0.0.1]": true,
		"http://api.example.com": false, "http://localhost.example.com": false, "http://notlocalhost": false,
		"http://128.0.0.1": false, "http://127.1": false, "http://0.0.0.0": false, "http://[::]": false, "http://[::2]": false,
		"http://127.0.0.1.example.com": false, "http://localhost.": false, "http://2130706433": false,
	}
	for text, want := range tests {
		o, err := origin.Parse(text)
		require.NoError(t, err)
		require.Equal(t, want, o.Secure(), text)
	}
}

func TestBaseRefusesAURLWithoutASchemeAndNeverShowsItsPassword(t *testing.T) {
	u, err := origin.Base("https://api.example.com/v1")
	require.NoError(t, err)
	require.Equal(t, "api.example.com", u.Host)
	for text, want := range map[string]string{
		"api.example.com/v1":               `BaseURL "api.example.com/v1" has no scheme or no host: write https://api.example.com/v1`,
		"//api.example.com":                `BaseURL "//api.example.com" has no scheme or no host: write https://api.example.com`,
		"user:s3cret@api.example.com":      `BaseURL "api.example.com" has no scheme or no host: write https://api.example.com`,
		"https://u:s3cret@api example.com": `BaseURL "api example.com" is no absolute URL: write scheme and host`,
		"api.example.com/?key=s3cret":      `BaseURL "api.example.com/" has no scheme or no host`,
		"%zz":                              `BaseURL "%zz"`,
	} {
		_, err := origin.Base(text)
		require.ErrorContains(t, err, want, text)
		require.NotContains(t, err.Error(), "s3cret")
	}
}

func TestTheZeroOriginIsNone(t *testing.T) {
	require.True(t, origin.Origin{}.IsZero())
	require.False(t, origin.Of(&url.URL{Scheme: "https", Host: "x"}).IsZero())
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"https://api.example.com", "HTTP://A:80/", "https://[::1]:8443", "https://[fe80::1%25eth0]", "https://apİ.test", "https://u:p@h/", "https://h?x", "https://h#x",
		"https://%C3%B6.test", "https://h:", "//h", "https://h:0443", "https://a..b", "https://h\\@x", "https://[::1", "https://K.test",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := origin.Parse(text)
		if err != nil {
			require.NotContains(t, err.Error(), "\n")
			return
		}
		require.Contains(t, []string{"http", "https"}, o.Scheme)
		require.NotEmpty(t, o.Host)
		require.NotEmpty(t, o.Port)
		u, err := url.Parse(text)
		require.NoError(t, err)
		require.True(t, strings.EqualFold(u.Hostname(), o.Host), "nothing but the case of letters changes")
		require.Equal(t, o, origin.Of(&url.URL{Scheme: o.Scheme, Host: u.Host}))
		again, err := origin.Parse(o.String())
		require.NoError(t, err, o.String())
		require.Equal(t, o, again, "an origin is what it prints as")
	})
}
