// Package origin tells whether two URLs share an origin (RFC 6454 section 4:
// scheme, host and port), the boundary that no credential of the kit crosses.
package origin

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// Origin is a scheme, a host and a port, comparable with ==. Scheme and host are
// in lower case (of ASCII) and a port that is the scheme's default is written out.
// Nothing else is made equal: a trailing dot, or a name in Unicode beside its A-label,
// is another origin, because withholding a credential is the safe mistake.
type Origin struct{ Scheme, Host, Port string }

// Of is the origin of an absolute URL.
func Of(u *url.URL) Origin {
	o := Origin{Scheme: lower(u.Scheme), Host: lower(u.Hostname()), Port: u.Port()}
	if o.Port == "" {
		switch o.Scheme {
		case "https":
			o.Port = "443"
		case "http":
			o.Port = "80"
		}
	}
	return o
}

// lower is strings.ToLower for ASCII alone: that one makes an i of İ, and then a name
// with the one is a name with the other, which it is not to a resolver.
func lower(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return 'A' <= r && r <= 'Z' }) {
		return s
	}
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// Parse reads what a user lists as an origin: "https://api.example.com", with a
// port where it is not the default, and nothing behind it but one slash.
func Parse(s string) (Origin, error) {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || (u.Host[0] != '[' && strings.Contains(u.Host, "%")) {
		return Origin{}, fmt.Errorf("%q is no origin: write scheme and host, like https://api.example.com", trim(s))
	}
	if strings.Contains(u.Host, "*") {
		return Origin{}, fmt.Errorf("%q is no origin: a * stands for nothing here, list each one", trim(s))
	}
	if u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return Origin{}, fmt.Errorf("%q is more than an origin: write %s", Of(u), Of(u))
	}
	return Of(u), nil
}

// Base reads the BaseURL of a client.
func Base(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || (u.Host == "" && strings.Contains(s, "://")) {
		return nil, fmt.Errorf("BaseURL %q is no absolute URL: write scheme and host, like https://api.example.com", trim(s))
	}
	if u.Scheme == "" || u.Host == "" {
		return nil, fmt.Errorf("BaseURL %q has no scheme or no host: write https://%s", trim(s), trim(strings.TrimLeft(s, "/")))
	}
	return u, nil
}

// trim keeps userinfo and a query out of a message.
func trim(s string) string {
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		s = s[i+1:]
	}
	s, _, _ = strings.Cut(s, "?")
	return s
}

// IsZero tells whether there is no origin.
func (o Origin) IsZero() bool { return o == Origin{} }

// String is the origin as a user writes it, without a default port.
func (o Origin) String() string {
	host := o.Host
	if strings.Contains(host, ":") {
		host = "[" + strings.ReplaceAll(host, "%", "%25") + "]"
	}
	if (o.Scheme == "https" && o.Port == "443") || (o.Scheme == "http" && o.Port == "80") || o.Port == "" {
		return o.Scheme + "://" + host
	}
	return o.Scheme + "://" + host + ":" + o.Port
}

// Secure tells whether a secret may travel there: over TLS, or to this machine
// (127.0.0.0/8, ::1, localhost and names under localhost, RFC 6761 section 6.3).
func (o Origin) Secure() bool {
	return o.Scheme == "https" || o.Loopback()
}

// Loopback tells whether the host is this machine by its name.
func (o Origin) Loopback() bool {
	if o.Host == "localhost" || strings.HasSuffix(o.Host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(o.Host)
	return err == nil && addr.Unmap().IsLoopback()
}
