package auth

import (
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
)

// oauth1Secrets are what the sources of an OAuth1 say for one attempt.
type oauth1Secrets struct {
	consumer, token, tokenSecret, verifier string

	key *rsa.PrivateKey
}

func (o OAuth1) read(req *http.Request) (oauth1Secrets, error) {
	var s oauth1Secrets
	ctx := req.Context()
	for _, from := range []struct {
		field  string
		source Source
		to     *string
		filled bool
	}{
		{"ConsumerSecret", o.ConsumerSecret, &s.consumer, false},
		{"Token", o.Token, &s.token, true},
		{"TokenSecret", o.TokenSecret, &s.tokenSecret, false},
		{"Verifier", o.Verifier, &s.verifier, true},
	} {
		if from.source == nil {
			continue
		}
		text, err := secret(ctx, from.source)
		if err == nil && text == "" && from.filled {
			err = errEmpty
		}
		if err != nil {
			return s, fmt.Errorf("%s: %w", from.field, err)
		}
		*from.to = text
	}
	if !o.isRSA() {
		return s, nil
	}
	text, err := keyText(ctx, o.Key)
	if err == nil {
		s.key, err = parseRSA(text)
	}
	if err != nil {
		return s, fmt.Errorf("Key: %w", err)
	}
	return s, nil
}

func parseRSA(text string) (*rsa.PrivateKey, error) {
	key, err := parsePrivateKey([]byte(text))
	if err != nil {
		return nil, err
	}
	if k, ok := key.(*rsa.PrivateKey); ok {
		return k, nil
	}
	return nil, final("the key is not one of RSA: give that whose certificate the server has")
}

// signature is that of a base string (RFC 5849 section 3.4).
func (o OAuth1) signature(base string, s oauth1Secrets) (string, error) {
	shared := escape(s.consumer) + "&" + escape(s.tokenSecret)
	if o.method() == plaintext {
		return shared, nil
	}
	hash := o.hash()
	if o.isRSA() {
		return rsaSignature(s.key, hash, base)
	}
	mac := hmac.New(hash.New, []byte(shared))
	mac.Write([]byte(base))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil)), nil
}

func rsaSignature(key *rsa.PrivateKey, hash crypto.Hash, base string) (string, error) {
	digest := hash.New()
	digest.Write([]byte(base))
	made, err := rsa.SignPKCS1v15(nil, key, hash, digest.Sum(nil))
	if err != nil {
		return "", fmt.Errorf("Key: %w", err)
	}
	return base64.StdEncoding.EncodeToString(made), nil
}

func (o OAuth1) bodyHash(req *http.Request) (string, error) {
	digest := o.hash().New()
	if err := writeBody(digest, req); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(digest.Sum(nil)), nil
}

// oauth1Base is what is signed (RFC 5849 section 3.4.1): method, URL, and all parameters of
// the query, of the form and of the protocol, sorted.
func oauth1Base(req *http.Request, form string, protocol [][2]string) string {
	all := []string{req.URL.RawQuery, form}
	for _, p := range protocol {
		all = append(all, escape(p[0])+"="+escape(p[1]))
	}
	return strings.Join([]string{
		escape(strings.ToUpper(method(req))), escape(oauth1URL(req)), escape(sortedQuery(strings.Join(all, "&"))),
	}, "&")
}

// oauth1URL is the base string URI (RFC 5849 section 3.4.1.2).
func oauth1URL(req *http.Request) string {
	scheme, authority := strings.ToLower(req.URL.Scheme), strings.ToLower(host(req))
	port := ":80"
	if scheme == "https" {
		port = ":443"
	}
	path, _, _ := strings.Cut(req.URL.RequestURI(), "?")
	return scheme + "://" + strings.TrimSuffix(authority, port) + path
}

// formOf is a body that is a form (RFC 5849 section 3.4.1.3.1), and whether it is one.
func formOf(req *http.Request) (form string, isForm bool, err error) {
	kinds := fieldLines(req, "Content-Type")
	if len(kinds) == 0 {
		return "", false, nil
	}
	kind, _, _ := strings.Cut(kinds[0], ";")
	if !strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded") {
		return "", false, nil
	}
	var b strings.Builder
	if err := writeBody(&b, req); err != nil {
		return "", true, err
	}
	return b.String(), true, nil
}

// oauth1Header is the field (RFC 5849 section 3.5.1).
func oauth1Header(realm string, protocol [][2]string) string {
	var list []string
	if realm != "" {
		list = append(list, `realm="`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(realm)+`"`)
	}
	for _, p := range protocol {
		list = append(list, escape(p[0])+`="`+escape(p[1])+`"`)
	}
	return "OAuth " + strings.Join(list, ", ")
}
