package auth

import (
	"context"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/restykit/restykit/internal/challenge"
)

// credentials are the answer to a challenge, for one request (RFC 7616 section 3.4).
type credentials struct {
	*session

	username, password string
	method, uri        string // as they are sent: behind a proxy too servers compare the path
	body               string // its hash, for auth-int
	count              uint32
}

// header is the value of Authorization, and what of it must not show. The order is that
// of curl, which servers know.
func (c credentials) header() (value string, secrets []string) {
	a := algorithmOf(c.algorithm)
	key, response := c.response(a)
	var b strings.Builder
	b.WriteString("Digest " + c.user(a))
	pair := func(name, value string) { b.WriteString(", " + name + "=" + value) }
	pair("realm", challenge.Quote(c.realm))
	pair("nonce", challenge.Quote(c.nonce))
	pair("uri", challenge.Quote(c.uri))
	if c.qop != "" || a.session {
		pair("cnonce", challenge.Quote(c.cnonce))
	}
	if c.qop != "" {
		pair("nc", c.nc())
		pair("qop", c.qop)
	}
	pair("response", challenge.Quote(response))
	if c.hasOpaque {
		pair("opaque", challenge.Quote(c.opaque))
	}
	if c.algorithm != "" {
		pair("algorithm", c.algorithm)
	}
	if c.userhash {
		pair("userhash", "true")
	}
	return b.String(), []string{c.password, key, response}
}

func (c credentials) nc() string { return fmt.Sprintf("%08x", c.count) }

// user is the parameter that names the user. A server that knows UTF-8 knows username*
// too; any other compares what is in the quotes.
func (c credentials) user(a algorithm) string {
	switch {
	case c.userhash:
		return `username="` + a.sum(c.username, c.realm) + `"`
	case c.utf8 && strings.ContainsFunc(c.username, func(r rune) bool { return r >= utf8.RuneSelf }):
		return "username*=UTF-8''" + extValue(c.username)
	}
	return "username=" + challenge.Quote(c.username)
}

// response proves that the password is known. key is a password too, for this realm.
func (c credentials) response(a algorithm) (key, response string) {
	key = a.sum(c.username, c.realm, c.password)
	a1 := key
	if a.session {
		a1 = a.sum(key, c.prime, c.cnonce)
	}
	method := c.method
	if method == "" {
		method = http.MethodGet
	}
	switch c.qop {
	case "":
		return key, a.sum(a1, c.nonce, a.sum(method, c.uri))
	case qopAuthInt:
		return key, a.sum(a1, c.nonce, c.nc(), c.cnonce, c.qop, a.sum(method, c.uri, c.body))
	}
	return key, a.sum(a1, c.nonce, c.nc(), c.cnonce, c.qop, a.sum(method, c.uri))
}

// sum is the hash of parts, joined by colons.
func (a algorithm) sum(parts ...string) string {
	h := a.hash()
	_, _ = io.WriteString(h, strings.Join(parts, ":"))
	return hexOf(h)
}

func hexOf(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// extValue is a text as RFC 5987 section 3.2.1 spells it.
func extValue(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || strings.IndexByte("!#$&+-.^_`|~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

// hashBody reads the body of a request once more than it is sent.
func hashBody(req *http.Request, name string) (string, error) {
	h := algorithmOf(name).hash()
	if req.Body == nil || req.Body == http.NoBody {
		return hexOf(h), nil
	}
	if req.GetBody == nil {
		return "", final("the server wants a hash of the body (qop=auth-int), which can be read only once: give it as bytes, or set GetBody")
	}
	body, err := req.GetBody()
	if err != nil {
		return "", fmt.Errorf("the body cannot be read for its hash (qop=auth-int): %w", err)
	}
	defer func() { _ = body.Close() }()
	if _, err := io.Copy(h, &untilDone{req.Context(), body}); err != nil {
		return "", fmt.Errorf("the body cannot be read for its hash (qop=auth-int): %w", err)
	}
	return hexOf(h), nil
}

// untilDone is a reader that ends with a context.
type untilDone struct {
	ctx context.Context
	io.Reader
}

func (p *untilDone) Read(b []byte) (int, error) {
	if p.ctx.Err() != nil {
		return 0, context.Cause(p.ctx)
	}
	return p.Reader.Read(b)
}
