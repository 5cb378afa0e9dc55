package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
)

// rfcExample is a signature of a request in RFC 9421 appendix B.
type rfcExample struct {
	name      string
	step      auth.Signature
	send      func(*resty.Request) (*resty.Response, error)
	base      string // without the last line
	input     string
	signature string
	exact     bool // the algorithm gives the same each time
}

// rfcPost is the request of appendix B.2, with a body that the step digests.
func rfcPost(r *resty.Request) (*resty.Response, error) {
	return r.SetHeader("Date", "Tue, 20 Apr 2021 02:07:55 GMT").SetHeader("Content-Type", "application/json").
		SetBody(`{"hello": "world"}`).Post("https://example.com/foo?param=Value&Pet=dog")
}

const (
	rfcDigest = "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"
	rfcCert   = ":MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMMEkxBIEludGVybWVkaWF0ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaUgmnMtOXU/IncWalRhebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDAWgBRm3WjLa38lbEYCuiCPct0ZaSED2DAOBgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmRjQGV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEUCIBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU4hBVZ1yhk=:"
)

var rfcExamples = []rfcExample{
	{
		name: "B.2.1, minimal, rsa-pss-sha512",
		step: auth.Signature{
			Key: auth.Static(rfcKeyRSAPSS), KeyID: "test-key-rsa-pss", Label: "sig-b21",
			Components: []string{}, Nonce: func() string { return "b3k2pp5k7z-50gnwp.yemd" },
		},
		send:      rfcPost,
		input:     `();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd"`,
		signature: "d2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/lkbbHAve4cRAtx31Iq786U7it++wgGxbtRxf8Udx7zFZsckzXaJMkA7ChG52eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/Z2cOGdCbzR72rgFWhzx2VjBqJzsPLMIQKhO4DGezXehhWwE56YCE+O6c0mKZsfxVrogUvA4HELjVKWmAvtl6UnCh8jYzuVG5WSb/QEVPnP5TmcAnLH1g+s++v6d4s8m0gCw1fV5/SITLq9mhho8K3+7EPYTU8IU1bLhdxO5Nyt8C8ssinQ98Xw9Q==",
	},
	{
		name: "B.2.2, selective, rsa-pss-sha512",
		step: auth.Signature{
			Key: auth.Static(rfcKeyRSAPSS), KeyID: "test-key-rsa-pss", Label: "sig-b22", Tag: "header-example", Digest: crypto.SHA512,
			Components: []string{"@authority", "content-digest", `@query-param;name="Pet"`},
		},
		send: rfcPost,
		base: `"@authority": example.com
"content-digest": ` + rfcDigest + `
"@query-param";name="Pet": dog
`,
		input:     `("@authority" "content-digest" "@query-param";name="Pet");created=1618884473;keyid="test-key-rsa-pss";tag="header-example"`,
		signature: "LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxICagShLRiLMlAJjtq6N4CDfKtjvuJyE5qH7KT8UCMkSowOB4+ECxCmT8rtAmj/0PIXxi0A0nxKyB09RNrCQibbUjsLS/2YyFYXEu4TRJQzRw1rLEuEfY17SARYhpTlaqwZVtR8NV7+4UKkjqpcAoFqWFQh62s7Cl+H2fjBSpqfZUJcsIk4N6wiKYd4je2U/lankenQ99PZfB4jY3I5rSV2DSBVkSFsURIjYErOs0tFTQosMTAoxk//0RoKUqiYY8Bh0aaUEb0rQl3/XaVe4bXTugEjHSw==",
	},
	{
		name: "B.2.3, full, rsa-pss-sha512",
		step: auth.Signature{
			Key: auth.Static(rfcKeyRSAPSS), KeyID: "test-key-rsa-pss", Label: "sig-b23", Digest: crypto.SHA512, Algorithm: "rsa-pss-sha512",
			Components: []string{"date", "@method", "@path", "@query", "@authority", "content-type", "content-digest", "content-length"},
		},
		send: rfcPost,
		base: `"date": Tue, 20 Apr 2021 02:07:55 GMT
"@method": POST
"@path": /foo
"@query": ?param=Value&Pet=dog
"@authority": example.com
"content-type": application/json
"content-digest": ` + rfcDigest + `
"content-length": 18
`,
		input:     `("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss"`,
		signature: "bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2voTp768ZrCUb38K0fUxN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/aYA2HXXZzNBXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA1ipwvKvfrs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBrohr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4cUA==",
	},
	{
		name: "B.2.5, hmac-sha256",
		step: auth.Signature{
			Key: auth.Static(rfcSecret), KeyEncoding: auth.Base64, KeyID: "test-shared-secret", Label: "sig-b25", Algorithm: "hmac-sha256",
			Components: []string{"date", "@authority", "content-type"},
		},
		send: rfcPost,
		base: `"date": Tue, 20 Apr 2021 02:07:55 GMT
"@authority": example.com
"content-type": application/json
`,
		input:     `("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"`,
		signature: "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=", exact: true,
	},
	{
		name: "B.2.6, ed25519",
		step: auth.Signature{
			Key: auth.Static(rfcKeyEd25519), KeyID: "test-key-ed25519", Label: "sig-b26",
			Components: []string{"date", "@method", "@path", "@authority", "content-type", "content-length"},
		},
		send: rfcPost,
		base: `"date": Tue, 20 Apr 2021 02:07:55 GMT
"@method": POST
"@path": /foo
"@authority": example.com
"content-type": application/json
"content-length": 18
`,
		input:     `("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"`,
		signature: "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==", exact: true,
	},
	{
		name: "B.3, a request behind a proxy, ecdsa-p256-sha256",
		step: auth.Signature{
			Key: auth.Static(rfcKeyP256), KeyID: "test-key-ecc-p256", Label: "ttrp",
			Components: []string{"@path", "@query", "@method", "@authority", "client-cert"},
		},
		send: func(r *resty.Request) (*resty.Response, error) {
			return r.SetHeader("Client-Cert", rfcCert).SetBody(`{"hello": "world"}`).Post("https://service.internal.example/foo?param=Value&Pet=dog")
		},
		base: `"@path": /foo
"@query": ?param=Value&Pet=dog
"@method": POST
"@authority": service.internal.example
"client-cert": ` + rfcCert + `
`,
		input:     `("@path" "@query" "@method" "@authority" "client-cert");created=1618884473;keyid="test-key-ecc-p256"`,
		signature: "xVMHVpawaAC/0SbHrKRs9i8I3eOs5RtTMGCWXm/9nvZzoHsIg6Mce9315T6xoklyy0yzhD9ah4JHRwMLOgmizw==",
	},
	{
		name: "B.4, a field of several lines, ed25519",
		step: auth.Signature{
			Key: auth.Static(rfcKeyEd25519), KeyID: "test-key-ed25519", Label: "transform",
			Components: []string{"@method", "@path", "@authority", "accept"},
		},
		send: func(r *resty.Request) (*resty.Response, error) {
			r.Header["Accept"] = []string{"application/json", "*/*"}
			return r.Get("https://example.org/demo?name1=Value1&Name2=value2")
		},
		base: `"@method": GET
"@path": /demo
"@authority": example.org
"accept": application/json, */*
`,
		input:     `("@method" "@path" "@authority" "accept");created=1618884473;keyid="test-key-ed25519"`,
		signature: "ZT1kooQsEHpZ0I1IjCqtQppOmIqlJPeo7DHR3SoMn0s5JZ1eRGS0A+vyYP9t/LXlh5QMFFQ6cpLt2m0pmj3NDA==", exact: true,
	},
}

// Where an algorithm is not deterministic, our signature and the RFC's are both of the
// RFC's signature base.
func TestSignatureIsWhatRFC9421Says(t *testing.T) {
	for _, tt := range rfcExamples {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(time.Unix(1618884473, 0)))
				rt := &api{}
				_, err := tt.send(client(t, rt, tt.step).SetBaseURL("").R())
				require.NoError(t, err)
				req := rt.last(t)
				require.Equal(t, tt.step.Label+"="+tt.input, req.Header.Get("Signature-Input"))
				base := tt.base + `"@signature-params": ` + tt.input
				requireVerifies(t, tt.step, base, tt.signature)
				ours, found := strings.CutPrefix(req.Header.Get("Signature"), tt.step.Label+"=:")
				require.True(t, found)
				ours = strings.TrimSuffix(ours, ":")
				requireVerifies(t, tt.step, base, ours)
				if tt.exact {
					require.Equal(t, tt.signature, ours)
				}
				if strings.Contains(tt.base, "content-digest") {
					require.Equal(t, rfcDigest, req.Header.Get("Content-Digest"))
				}
			})
		})
	}
}

// requireVerifies is what a server does.
func requireVerifies(t *testing.T, step auth.Signature, base, signature string) {
	t.Helper()
	made, err := base64.StdEncoding.DecodeString(signature)
	require.NoError(t, err)
	text, err := step.Key.Secret(t.Context())
	require.NoError(t, err)
	if step.Algorithm == "hmac-sha256" {
		key, err := base64.StdEncoding.DecodeString(text)
		require.NoError(t, err)
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(base))
		require.Equal(t, mac.Sum(nil), made)
		return
	}
	require.True(t, verifies(t, text, step.Algorithm, []byte(base), made), "the signature is of another base")
}

func verifies(t *testing.T, key, algorithm string, base, made []byte) bool {
	t.Helper()
	sum256, sum384, sum512 := sha256.Sum256(base), sha512.Sum384(base), sha512.Sum512(base)
	switch k := publicKey(t, key).(type) {
	case *rsa.PublicKey:
		if algorithm == "rsa-v1_5-sha256" {
			return rsa.VerifyPKCS1v15(k, crypto.SHA256, sum256[:], made) == nil
		}
		return rsa.VerifyPSS(k, crypto.SHA512, sum512[:], made, &rsa.PSSOptions{SaltLength: 64}) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(k, base, made)
	case *ecdsa.PublicKey:
		half := len(made) / 2
		r, s := new(big.Int).SetBytes(made[:half]), new(big.Int).SetBytes(made[half:])
		if k.Params().BitSize == 384 {
			return half == 48 && ecdsa.Verify(k, sum384[:], r, s)
		}
		return half == 32 && ecdsa.Verify(k, sum256[:], r, s)
	}
	return false
}

// publicKey is that of a private key, read without the code under test.
func publicKey(t *testing.T, text string) crypto.PublicKey {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	require.NotNil(t, block)
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		return key.(crypto.Signer).Public()
	}
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return key.Public()
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key.Public()
	}
	var outer struct {
		Version   int
		Algorithm asn1.RawValue
		Key       []byte
	}
	_, err := asn1.Unmarshal(block.Bytes, &outer)
	require.NoError(t, err)
	key, err := x509.ParsePKCS1PrivateKey(outer.Key)
	require.NoError(t, err)
	return key.Public()
}
