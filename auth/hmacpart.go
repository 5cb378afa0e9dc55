package auth

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/restykit/restykit/internal/field"
)

// Part is a piece of what [HMAC] signs or writes: a [PartKind], or what [PartText],
// [PartHeader], [PartTime], [PartDigest], [PartJoin] or [PartFunc] makes.
type Part interface {
	write(w io.Writer, s *signing) error
	check(withMAC bool) error
}

// PartKind is a part that needs no more to be said.
type PartKind uint8

// The parts of a request, each as it is sent.
const (
	// PartMethod is the method, such as POST.
	PartMethod PartKind = iota + 1
	// PartHost is what the field Host says: the host, and the port where the URL has one.
	PartHost
	// PartPath is the path, percent-encoded as it is sent, and "/" where it is empty.
	PartPath
	// PartQuery is the query as it is sent, in its own order, without the question mark.
	PartQuery
	// PartSortedQuery is the query with its parameters sorted by name and then by value,
	// both encoded anew: a space is %20, and all but letters, digits, "-", ".", "_" and "~"
	// is percent-encoded. One without a value ends in "=".
	PartSortedQuery
	// PartTarget is the path, and a question mark and the query where there is one.
	PartTarget
	// PartURL is the whole URL, without userinfo and fragment.
	PartURL
	// PartBody is the body, byte by byte.
	PartBody
	// PartBodyHash is the SHA-256 of the body in Hex; see [PartDigest] for another.
	PartBodyHash
	// PartUnix is the time in seconds since 1970. All parts of one signature have one time.
	PartUnix
	// PartUnixMilli is the time in milliseconds since 1970.
	PartUnixMilli
	// PartNonce is 128 random bits in Hex, the same in all parts of one signature.
	PartNonce
	// PartKeyID is HMAC.KeyID.
	PartKeyID
	// PartMAC is the signature in HMAC.Encoding. It stands in HMAC.Value alone.
	PartMAC
)

func (k PartKind) write(w io.Writer, s *signing) error {
	switch k {
	case PartBody:
		return writeBody(w, s.req)
	case PartBodyHash:
		return PartDigest(crypto.SHA256, Hex, PartBody).write(w, s)
	}
	_, err := io.WriteString(w, k.text(s))
	return err
}

func (k PartKind) text(s *signing) string {
	switch k {
	case PartMethod:
		return method(s.req)
	case PartHost:
		return host(s.req)
	case PartPath:
		path, _, _ := strings.Cut(s.req.URL.RequestURI(), "?")
		return path
	case PartQuery:
		return s.req.URL.RawQuery
	case PartSortedQuery:
		return sortedQuery(s.req.URL.RawQuery)
	case PartTarget:
		return s.req.URL.RequestURI()
	case PartURL:
		return s.req.URL.Scheme + "://" + host(s.req) + s.req.URL.RequestURI()
	case PartUnix:
		return strconv.FormatInt(s.at.Unix(), 10)
	case PartUnixMilli:
		return strconv.FormatInt(s.at.UnixMilli(), 10)
	case PartNonce:
		return s.nonce()
	case PartKeyID:
		return s.keyID
	case PartMAC:
		return s.mac
	}
	return ""
}

func (k PartKind) check(withMAC bool) error {
	if k == 0 || k > PartMAC {
		return fmt.Errorf("auth.PartKind(%d) is none: use one of its constants", k)
	}
	if k == PartMAC && !withMAC {
		return errors.New("auth.PartMAC is the signature itself: it stands in Value alone")
	}
	return nil
}

// signing is one request while it is signed.
type signing struct {
	req   *http.Request
	at    time.Time
	keyID string
	once  string // the nonce
	mac   string
}

// text is what parts come to.
func (s *signing) text(separator string, parts ...Part) (string, error) {
	var b strings.Builder
	if err := writeParts(&b, s, separator, parts); err != nil {
		return "", err
	}
	return b.String(), field.CheckValue(b.String())
}

func writeParts(w io.Writer, s *signing, separator string, parts []Part) error {
	for i, p := range parts {
		if i > 0 {
			if _, err := io.WriteString(w, separator); err != nil {
				return err
			}
		}
		if err := p.write(w, s); err != nil {
			return err
		}
	}
	return nil
}

// nonce is made once for a signature.
func (s *signing) nonce() string {
	if s.once == "" {
		random := make([]byte, 16)
		_, _ = rand.Read(random) // it never fails
		s.once = hex.EncodeToString(random)
	}
	return s.once
}

// partFunc is a part that a function knows.
type partFunc struct {
	f     func(w io.Writer, s *signing) error
	wrong error
	inner []Part
}

func (p partFunc) write(w io.Writer, s *signing) error { return p.f(w, s) }

func (p partFunc) check(withMAC bool) error {
	return errors.Join(p.wrong, checkParts(p.inner, withMAC))
}

func stringPart(f func(s *signing) string) partFunc {
	return partFunc{f: func(w io.Writer, s *signing) error {
		_, err := io.WriteString(w, f(s))
		return err
	}}
}

// PartText is a fixed text.
func PartText(text string) Part { return stringPart(func(*signing) string { return text }) }

// PartTime is the time in UTC, in a layout of package time: [http.TimeFormat] for a Date,
// "2006-01-02T15:04:05.000Z" for milliseconds.
func PartTime(layout string) Part {
	return stringPart(func(s *signing) string { return s.at.UTC().Format(layout) })
}

// PartHeader is a header field: its lines without the spaces around them, joined by ", ",
// and empty where there is none. It finds what Fields and the other steps have set. Host
// is PartHost, and Content-Length is that of the body, empty where there is none or its
// length is not known.
func PartHeader(name string) Part {
	return stringPart(func(s *signing) string { return strings.Join(fieldLines(s.req, name), ", ") })
}

// PartDigest is the hash of parts, one behind the other.
func PartDigest(hash crypto.Hash, encoding Encoding, parts ...Part) Part {
	return partFunc{
		wrong: errors.Join(checkHash(hash), cmp.Or(encoding, Hex).check()), inner: parts,
		f: func(w io.Writer, s *signing) error {
			digest := hash.New()
			if err := writeParts(digest, s, "", parts); err != nil {
				return err
			}
			_, err := io.WriteString(w, cmp.Or(encoding, Hex).encode(digest.Sum(nil)))
			return err
		},
	}
}

// PartJoin is parts with a separator of their own.
func PartJoin(separator string, parts ...Part) Part {
	return partFunc{inner: parts, f: func(w io.Writer, s *signing) error { return writeParts(w, s, separator, parts) }}
}

// PartFunc is what a function makes of the request, for all that there is no part for. The
// request is not to be changed, and its body is read through GetBody. Where a value is
// sent and signed, such as a nonce of another form, put it into HMAC.Fields and sign that
// with [PartHeader]. The function is called for each attempt; its error ends the attempt.
func PartFunc(f func(*http.Request) ([]byte, error)) Part {
	if f == nil {
		return partFunc{wrong: errors.New("the function of auth.PartFunc is nil")}
	}
	return partFunc{f: func(w io.Writer, s *signing) error {
		text, err := f(s.req)
		if err == nil {
			_, err = w.Write(text)
		}
		return err
	}}
}
