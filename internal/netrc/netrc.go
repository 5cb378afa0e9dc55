// Package netrc reads the file in which ftp, curl and many others look for logins.
//
// The format has no standard. This is what GNU inetutils (ftp), curl and Python's netrc
// module agree on; where they read a line in different ways, the entry that it belongs to
// has an error, and no guess is made: a wrong one would send a wrong password, or a part
// of one, to a server.
package netrc

import (
	"fmt"
	"net"
	"strings"
)

// Entry is a login. It is not for printing: [Entry.Password] is a function so that fmt and
// encoders do not find it.
type Entry struct {
	Line     int    // where it begins
	Machine  string // as it is written, "" is the default entry
	Login    string // "" where there is none
	password func() string
	err      error
}

// Password is the password, and an error where the entry has none, or one that programs
// read in different ways. The error names the line and none of its words.
func (e Entry) Password() (string, error) {
	switch {
	case e.err != nil:
		return "", e.err
	case e.password == nil:
		return "", lineError(e.Line, "the entry has no password: add one")
	}
	return e.password(), nil
}

// Secret tells whether the entry has anything to hide: anonymous has not.
func (e Entry) Secret() bool { return e.password != nil && e.Login != "anonymous" }

// Entries are those of a file, in its order.
type Entries []Entry

// Find is the entry of a machine: the first that names host and port ("host:8443"), or
// else the first that names the host alone, or else, with useDefault, the first "default".
// Letters of either case are the same. Where login is not empty, entries with another one
// do not count.
func (all Entries) Find(host, port, login string, useDefault bool) (Entry, bool) {
	wanted := []string{net.JoinHostPort(host, port), host}
	if strings.Contains(host, ":") {
		wanted = append(wanted, "["+host+"]")
	}
	for _, name := range wanted {
		for _, e := range all {
			if e.Machine != "" && same(e.Machine, name) && (login == "" || e.Login == login) {
				return e, true
			}
		}
	}
	for _, e := range all {
		if useDefault && e.Machine == "" && (login == "" || e.Login == login) {
			return e, true
		}
	}
	return Entry{}, false
}

// same compares names in ASCII: strings.EqualFold makes a k of the Kelvin sign, and a
// resolver does not.
func same(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// Error says what is wrong with a line.
type Error struct {
	Line int
	Fact string // without a word of the file
}

// Error is "line 3: ...".
func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Fact) }

// Final is true: the file has to be mended first.
func (*Error) Final() bool { return true }

func lineError(line int, fact string) error { return &Error{Line: line, Fact: fact} }
