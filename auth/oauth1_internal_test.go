package auth

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The examples of RFC 5849 are of 1974, and have no oauth_version.

func TestOAuth1SignsTheExamplesOfTheRFC(t *testing.T) {
	photos := [2]string{"oauth_consumer_key", "dpf43f3p2l4k3l03"}
	hmacSHA1 := [2]string{"oauth_signature_method", "HMAC-SHA1"}
	for _, tt := range []struct {
		name, method, url string
		protocol          [][2]string
		secrets           oauth1Secrets
		want              string
	}{
		{
			"section 1.2, temporary credentials", http.MethodPost, "https://photos.example.net/initiate",
			[][2]string{photos, hmacSHA1, {"oauth_timestamp", "137131200"}, {"oauth_nonce", "wIjqoS"}, {"oauth_callback", "http://printer.example.com/ready"}},
			oauth1Secrets{consumer: "kd94hf93k423kf44"},
			"74KNZJeDHnMBp0EMJ9ZHt/XKycU=",
		},
		{
			"section 1.2, token credentials", http.MethodPost, "https://photos.example.net/token",
			[][2]string{photos, {"oauth_token", "hh5s93j4hdidpola"}, hmacSHA1, {"oauth_timestamp", "137131201"}, {"oauth_nonce", "walatlh"}, {"oauth_verifier", "hfdp7dh39dks9884"}},
			oauth1Secrets{consumer: "kd94hf93k423kf44", tokenSecret: "hdhd0244k9j7ao03"},
			"gKgrFCywp7rO0OXSjdot/IHF7IU=",
		},
		{
			"section 1.2, the photo", http.MethodGet, "http://photos.example.net/photos?file=vacation.jpg&size=original",
			[][2]string{photos, {"oauth_token", "nnch734d00sl2jdk"}, hmacSHA1, {"oauth_timestamp", "137131202"}, {"oauth_nonce", "chapoH"}},
			oauth1Secrets{consumer: "kd94hf93k423kf44", tokenSecret: "pfkkdhi9sl3r4s00"},
			"MdpQcU8iPSUjWoN/UDMsK2sui9I=",
		},
	} {
		req, err := http.NewRequestWithContext(t.Context(), tt.method, tt.url, nil)
		require.NoError(t, err)
		got, err := OAuth1{}.signature(oauth1Base(req, "", tt.protocol), tt.secrets)
		require.NoError(t, err)
		require.Equal(t, tt.want, got, tt.name)
	}
}

const rfc5849Base = "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q" +
	"%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_" +
	"key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_m" +
	"ethod%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk" +
	"9d7dh3k39sjv7"

// The signature that the RFC prints in section 3.1, bYT5CMsGcbgUdFHObYMEfcx6bsw=, is not that
// of its base string by its secrets, and neither is the one of section 3.4.1.3.1.
func TestOAuth1MakesTheBaseStringOfTheRFC(t *testing.T) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://example.com/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b", strings.NewReader("c2&a3=2+q"))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	form, isForm, err := formOf(req)
	require.NoError(t, err)
	require.True(t, isForm)
	protocol := [][2]string{
		{"oauth_consumer_key", "9djdj82h48djs9d2"},
		{"oauth_token", "kkk9d7dh3k39sjv7"},
		{"oauth_signature_method", "HMAC-SHA1"},
		{"oauth_timestamp", "137131201"},
		{"oauth_nonce", "7d8f3e4a"},
	}
	require.Equal(t, rfc5849Base, oauth1Base(req, form, protocol))
	got, err := OAuth1{}.signature(rfc5849Base, oauth1Secrets{consumer: "j49sk3j29djd", tokenSecret: "dh893hdasih9"})
	require.NoError(t, err)
	require.Equal(t, "r6/TJjbCOr97/+UU0NsvSne7s5g=", got)
	require.Equal(t, `OAuth realm="Example", oauth_consumer_key="9djdj82h48djs9d2", oauth_token="kkk9d7dh3k39sjv7", oauth_signature_method="HMAC-SHA1", `+
		`oauth_timestamp="137131201", oauth_nonce="7d8f3e4a", oauth_signature="r6%2FTJjbCOr97%2F%2BUU0NsvSne7s5g%3D"`,
		oauth1Header("Example", append(protocol, [2]string{"oauth_signature", got})))
	require.Equal(t, `OAuth realm="a \"b\" \\"`, oauth1Header(`a "b" \`, nil))
}

// The cases of section 3.4.1.2, and those of oauthlib's test_base_string_uri that are URLs
// of net/http (github.com/oauthlib/oauthlib, commit 40b0ab5, BSD license).
func TestOAuth1SignsTheURLInOneSpelling(t *testing.T) {
	for target, want := range map[string]string{
		"http://EXAMPLE.COM:80/r%20v/X?id=123":             "http://example.com/r%20v/X",
		"https://www.example.net:8080/?q=1":                "https://www.example.net:8080/",
		"HTTP://wWW.eXAMPLE.cOM":                           "http://www.example.com/",
		"https://192.168.0.1:13000":                        "https://192.168.0.1:13000/",
		"https://[123:db8:fd00:1000::5]:13000":             "https://[123:db8:fd00:1000::5]:13000/",
		"https://[123:db8:fd00:1000::5]":                   "https://[123:db8:fd00:1000::5]/",
		"https://[123:db8:fd00:1000::5]:443":               "https://[123:db8:fd00:1000::5]/",
		"https://www.example.com:443/":                     "https://www.example.com/",
		"HTTP://www.example.com:443/":                      "http://www.example.com:443/",
		"HTTPS://www.example.com:80/":                      "https://www.example.com:80/",
		"http://www.example.com:/":                         "http://www.example.com/",
		"http://www.example.com:8080":                      "http://www.example.com:8080/",
		"http://www.example.com/foo/bar/":                  "http://www.example.com/foo/bar/",
		"https://www.example.com/path?foo=bar#fragment":    "https://www.example.com/path",
		"https://www.example.com/hello world":              "https://www.example.com/hello%20world",
		"https://user:pass@www.example.com/a%2Fb;c(d)?e?f": "https://www.example.com/a%2Fb;c(d)",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
		require.NoError(t, err)
		require.Equal(t, want, oauth1URL(req), target)
	}
	req, err := http.NewRequestWithContext(t.Context(), "poST", "http://ignored.example.com", nil)
	require.NoError(t, err)
	req.Host = "ACTUAL.example.com"
	require.Equal(t, "POST&http%3A%2F%2Factual.example.com%2F&", oauth1Base(req, "", nil))
}

// Signatures of oauthlib's tests of the same base string, made with OpenSSL. The key has
// 1024 bits, which the step refuses.
func TestOAuth1SignsAsOauthlibDoes(t *testing.T) {
	shared := oauth1Secrets{consumer: "ECrDNoq1VYzzzzzzzzzyAK7TwZNtPnkqatqZZZZ", tokenSecret: "just-a-string    asdasd"}
	for method, want := range map[string]string{
		"HMAC-SHA1":   "wsdNmjGB7lvis0UJuPAmjvX/PXw=",
		"HMAC-SHA256": "wdfdHUKXHbOnOGZP8WFAWMSAmWzN3EVBWWgXGlC/Eo4=",
		"PLAINTEXT":   "ECrDNoq1VYzzzzzzzzzyAK7TwZNtPnkqatqZZZZ&just-a-string%20%20%20%20asdasd",
	} {
		got, err := OAuth1{Method: method}.signature(rfc5849Base, shared)
		require.NoError(t, err)
		require.Equal(t, want, got, method)
	}
	block, _ := pem.Decode([]byte(oauthlibKey))
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	require.NoError(t, err)
	for hash, want := range map[crypto.Hash]string{
		crypto.SHA1:   "mFY2KOEnlYWsTvUA+5kxuBIcvBYXu+ljw9ttVJQxKduMueGSVPCB1tK1PlqVLK738HK0t19ecBJfb6rMxUwrriw+MlBO+jpojkZIWccw1J4cAb4qu4M81DbpUAq4j/1w/QyTR4TWCODlEfN7Zfgy8+pf+TjiXfIwRC1jEWbuL1E=",
		crypto.SHA256: "jqKl6m0WS69tiVJV8ZQ6aQEfJqISoZkiPBXRv6Al2+iFSaDpfeXjYm+Hbx6m1azRdrZ/35PM3cvuid3LwW/siAkzb0xQcGnTyAPH8YcGWzmnKGY7LsB7fkqThchNxvRK/N7s9M1WMnfZZ+1dQbbwtTs1TG1+iexUcV7r3M7Heec=",
	} {
		got, err := rsaSignature(key, hash, rfc5849Base)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err = parseRSA(oauthlibKey)
	require.EqualError(t, err, "the RSA key has 1024 bits: make one of 2048 or more (RFC 7518 section 3.3)")
}

const oauthlibKey = `-----BEGIN RSA PRIVATE KEY-----
MIICXgIBAAKBgQDk1/bxyS8Q8jiheHeYYp/4rEKJopeQRRKKpZI4s5i+UPwVpupG
AlwXWfzXwSMaKPAoKJNdu7tqKRniqst5uoHXw98gj0x7zamu0Ck1LtQ4c7pFMVah
5IYGhBi2E9ycNS329W27nJPWNCbESTu7snVlG8V8mfvGGg3xNjTMO7IdrwIDAQAB
AoGBAOQ2KuH8S5+OrsL4K+wfjoCi6MfxCUyqVU9GxocdM1m30WyWRFMEz2nKJ8fR
p3vTD4w8yplTOhcoXdQZl0kRoaDzrcYkm2VvJtQRrX7dKFT8dR8D/Tr7dNQLOXfC
DY6xveQczE7qt7Vk7lp4FqmxBsaaEuokt78pOOjywZoInjZhAkEA9wz3zoZNT0/i
rf6qv2qTIeieUB035N3dyw6f1BGSWYaXSuerDCD/J1qZbAPKKhyHZbVawFt3UMhe
542UftBaxQJBAO0iJy1I8GQjGnS7B3yvyH3CcLYGy296+XO/2xKp/d/ty1OIeovx
C60pLNwuFNF3z9d2GVQAdoQ89hUkOtjZLeMCQQD0JO6oPHUeUjYT+T7ImAv7UKVT
Suy30sKjLzqoGw1kR+wv7C5PeDRvscs4wa4CW9s6mjSrMDkDrmCLuJDtmf55AkEA
kmaMg2PNrjUR51F0zOEFycaaqXbGcFwe1/xx9zLmHzMDXd4bsnwt9kk+fe0hQzVS
JzatanQit3+feev1PN3QewJAWv4RZeavEUhKv+kLe95Yd0su7lTLVduVgh4v5yLT
Ga6FHdjGPcfajt+nrpB1n8UQBEH9ZxniokR/IPvdMlxqXA==
-----END RSA PRIVATE KEY-----
`
