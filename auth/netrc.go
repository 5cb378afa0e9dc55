package auth

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"unicode"

	"github.com/restykit/restykit/internal/netrc"
	"github.com/restykit/restykit/internal/origin"
	"github.com/restykit/restykit/middleware"
)

// Netrc is the Basic scheme (RFC 7617) with the login that a netrc file has for the host
// of the request, as for curl, ftp and Python's requests.
//
// The entry that counts is the first that names host and port ("machine api.test:8443"),
// or else the first that names the host. A login goes to exactly the host that its entry
// names, and like any secret only where that is an origin of the call: that of the client,
// or one of Origins, which has an entry of its own. A request to a host without an entry
// goes out as it is, also where the file is not there; an Authorization that the caller
// set stays.
//
// The file is read again when it has changed. "account" and macros are skipped. A line
// that curl, ftp and Python read in different ways is not guessed at: the request fails
// with an error that names the file and the line, and says how to write it. That is a value
// with spaces or a backslash without quotes, a \n in quotes, or a login without a password;
// a password without a login goes with an empty name.
//
// Where the file is ~/.netrc and has a password, only its owner may have a right to it
// (chmod 600), as ftp and Python demand, but on Windows. A file that File or $NETRC names is
// not asked: an orchestrator mounts secrets with its own modes.
type Netrc struct {
	// File is the path. "" is what the environment variable NETRC says, or else ~/.netrc
	// (~/_netrc on Windows). What is named by File or NETRC has to be there; the null
	// device is an empty file.
	File  string
	Login string // where a host has several, the one to use; "" is the first entry
	// Default lets the entry "default" be used for a host that has none of its own. ftp
	// means it for anonymous; a password there would go to each host that the client calls.
	Default bool
	Origins []string // where else logins may go, like "https://files.example.com"
	// InsecureHTTP lets them go over plain http to or through other machines.
	InsecureHTTP bool

	held *watched[netrc.Entries]
}

// Name is "netrc".
func (Netrc) Name() string { return "netrc" }

// Layer is [middleware.Auth].
func (Netrc) Layer() middleware.Layer { return middleware.Auth }

// Writes is "Authorization".
func (Netrc) Writes() string { return authorization }

// Trusts is Origins.
func (n Netrc) Trusts() []string { return n.Origins }

// Bind is the step with what it knows of its file.
func (n Netrc) Bind(old middleware.Middleware) middleware.Middleware {
	if had, ok := old.(Netrc); ok && had.File == n.File {
		n.held = had.held
	}
	if n.held == nil {
		n.held = new(watched[netrc.Entries])
	}
	return n
}

// RoundTrip sends the request with the login of its host, where there is one and it may go.
func (n Netrc) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	if !middleware.Trusted(req, n.Origins) || hasAuthorization(req) {
		return next(req)
	}
	entry, found, err := n.find(req.URL)
	if err != nil {
		return nil, &unsigned{n.Name(), err}
	}
	if !found {
		return next(req)
	}
	return sender{scheme: login{n, entry}, origins: n.Origins, insecure: n.InsecureHTTP}.send(req, next)
}

func (n Netrc) find(u *url.URL) (netrc.Entry, bool, error) {
	entries, err := n.entries()
	if err != nil {
		return netrc.Entry{}, false, err
	}
	at := origin.Of(u)
	entry, found := entries.Find(at.Host, at.Port, n.Login, n.Default)
	return entry, found, nil
}

// login is the step with the entry for one request.
type login struct {
	Netrc

	entry netrc.Entry
}

func (login) has(req *http.Request) bool { return hasAuthorization(req) }

func (l login) sign(req *http.Request) error {
	password, err := l.entry.Password()
	if err == nil {
		err = prefixed(fmt.Sprintf("line %d", l.entry.Line), cmp.Or(checkLogin(l.entry.Login), checkSecret(password)))
	}
	if err != nil {
		path, _ := l.path()
		return fmt.Errorf("%s: %w", path, err)
	}
	pair := base64.StdEncoding.EncodeToString([]byte(l.entry.Login + ":" + password))
	authorize(req, "Basic "+pair, password, pair)
	return nil
}

func checkLogin(name string) error {
	if strings.Contains(name, ":") || strings.ContainsFunc(name, unicode.IsControl) {
		return final("the login has a colon or a control character, which the Basic scheme cannot send (RFC 7617 section 2)")
	}
	return nil
}

// path is the file, and whether somebody named it.
func (n Netrc) path() (path string, named bool) {
	if n.File != "" {
		return n.File, true
	}
	if path = os.Getenv("NETRC"); path != "" {
		return path, true
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", false
	}
	name := ".netrc"
	if runtime.GOOS == "windows" {
		name = "_netrc"
	}
	return filepath.Join(home, name), false
}

// entries are those of the file, and none where there is none.
func (n Netrc) entries() (netrc.Entries, error) {
	path, named := n.path()
	if path == "" || path == os.DevNull {
		return nil, nil
	}
	held := n.held
	if held == nil {
		held = new(watched[netrc.Entries])
	}
	entries, err := held.get(path, func(now os.FileInfo, text string) (netrc.Entries, error) {
		all, err := netrc.Parse(text)
		if err == nil && !named {
			err = checkMode(now, all)
		}
		return all, err
	})
	if err == nil || (!named && errors.Is(err, os.ErrNotExist)) {
		return entries, nil
	}
	if _, system := errors.AsType[*os.PathError](err); system {
		return nil, fmt.Errorf("the file cannot be read: %w", err)
	}
	return nil, fmt.Errorf("%s: %w", path, err)
}

// checkMode refuses a file with a password that others may read or write.
func checkMode(file os.FileInfo, entries netrc.Entries) error {
	mode := file.Mode().Perm()
	if runtime.GOOS == "windows" || mode&0o077 == 0 || !slices.ContainsFunc(entries, netrc.Entry.Secret) {
		return nil
	}
	return final(fmt.Sprintf("its mode %#o lets others at the passwords: chmod 600 it", mode))
}

// Validate refuses a file that is not there, or is no netrc. What is wrong with one entry
// is the error of a request that needs it.
func (n Netrc) Validate() error {
	errs := []error{checkLogin(n.Login), validateOrigins(n.Origins)}
	_, err := n.entries()
	return errors.Join(append(errs, err)...)
}

// String is the file, and the login where one is chosen.
func (n Netrc) String() string {
	text := n.File
	if text == "" {
		text = "$NETRC or ~/.netrc"
	}
	if n.Login != "" {
		text += ", login " + n.Login
	}
	return text
}

// Format prints the step without its secrets, whatever the verb.
func (n Netrc) Format(f fmt.State, _ rune) { format(f, n) }
