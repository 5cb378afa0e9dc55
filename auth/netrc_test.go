package auth_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/middleware/middlewaretest"
)

// netrcFile is a file with a text, that its owner alone may read.
func netrcFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), ".netrc")
	write(t, path, text)
	return path
}

func pair(login, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(login+":"+password))
}

// redirects answers with a redirect to target, and then with 200.
func redirects(target string) func(*http.Request) (*http.Response, error) {
	return func(req *http.Request) (*http.Response, error) {
		if req.URL.Path != "/leave" {
			return reply(req, 200, "text/plain", ""), nil
		}
		resp := reply(req, http.StatusFound, "text/plain", "")
		resp.Header.Set("Location", target)
		return resp, nil
	}
}

const twoMachines = "machine api.home.test login u password p\nmachine files.test login v password q\n"

func TestNetrcLoginGoesToTheMachineOfItsEntry(t *testing.T) {
	tests := []struct {
		name, text, want string
		step             auth.Netrc
	}{
		{"its entry", twoMachines, pair("u", "p"), auth.Netrc{}},
		{"no entry", "machine files.test login v password q", "", auth.Netrc{}},
		{"an empty file", "", "", auth.Netrc{}},
		{"an entry for a domain is none for what is below", "machine home.test login u password p", "", auth.Netrc{}},
		{"an entry for its port", twoMachines + "machine api.home.test:443 login w password r", pair("w", "r"), auth.Netrc{}},
		{"an entry for another port", "machine api.home.test:8443 login w password r", "", auth.Netrc{}},
		{"the first of two", twoMachines + "machine api.home.test login w password r", pair("u", "p"), auth.Netrc{}},
		{"a login of two", twoMachines + "machine api.home.test login w password r", pair("w", "r"), auth.Netrc{Login: "w"}},
		{"a login that has no entry", twoMachines, "", auth.Netrc{Login: "w"}},
		{"default is for nobody", "default login w password r", "", auth.Netrc{}},
		{"default, asked for", "default login w password r", pair("w", "r"), auth.Netrc{Default: true}},
		{"a token without a login", "machine api.home.test password t0ken", pair("", "t0ken"), auth.Netrc{}},
		{"another machine's entry is wrong", "machine x.test password a b\n" + twoMachines, pair("u", "p"), auth.Netrc{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.step.File = netrcFile(t, tt.text)
			rt := &api{}
			_, err := client(t, rt, tt.step).R().Get("/")
			require.NoError(t, err)
			require.Equal(t, []string{tt.want}, rt.authorizations())
		})
	}
}

func TestNetrcLoginDoesNotFollowARedirectToAMachineThatItsFileNames(t *testing.T) {
	step := auth.Netrc{File: netrcFile(t, twoMachines)}
	rt := &api{answer: redirects("https://files.test/")}
	_, err := client(t, rt, step).R().Get("/leave")
	require.NoError(t, err)
	require.Equal(t, []string{pair("u", "p"), ""}, rt.authorizations())

	step.Origins = []string{"https://files.test"}
	rt = &api{answer: redirects("https://files.test/")}
	_, err = client(t, rt, step).R().Get("/leave")
	require.NoError(t, err)
	require.Equal(t, []string{pair("u", "p"), pair("v", "q")}, rt.authorizations(), "its own login, and not the first one's")

	rt = &api{answer: redirects("https://files.test:8443/")}
	_, err = client(t, rt, step).R().Get("/leave")
	require.NoError(t, err)
	require.Equal(t, []string{pair("u", "p"), ""}, rt.authorizations(), "another port is another origin")
}

func TestNetrcReadsNoFileForWhatNeedsNoLogin(t *testing.T) {
	path := netrcFile(t, twoMachines)
	rt := &api{answer: redirects("https://files.test/")}
	c := client(t, rt, auth.Netrc{File: path})
	require.NoError(t, os.Remove(path))
	_, err := c.R().SetHeader("Authorization", "Bearer mine").Get("/leave")
	require.NoError(t, err)
	require.Equal(t, []string{"Bearer mine", ""}, rt.authorizations(), "the caller's own stays, and nothing goes elsewhere")
	_, err = c.R().Get("/")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestNetrcLoginGoesOverTLSOnly(t *testing.T) {
	step := auth.Netrc{File: netrcFile(t, twoMachines)}
	rt := &api{}
	c := resty.New().SetTransport(rt).SetBaseURL("http://api.home.test").SetLogger(silence{})
	require.NoError(t, middleware.Use(c, step))
	_, err := c.R().Get("/")
	var insecure *auth.InsecureError
	require.ErrorAs(t, err, &insecure)
	require.Equal(t, "netrc", insecure.Step)
	require.Zero(t, rt.count())

	c.SetBaseURL("http://other.test") // which has no login
	_, err = c.R().Get("/")
	require.NoError(t, err)
	require.Equal(t, []string{""}, rt.authorizations())

	step.InsecureHTTP = true
	require.NoError(t, middleware.Use(c.SetBaseURL("http://api.home.test"), step))
	_, err = c.R().Get("/")
	require.NoError(t, err)
	require.Equal(t, []string{"", pair("u", "p")}, rt.authorizations())
}

func TestNetrcIsReadAgainWhenItHasChanged(t *testing.T) {
	path := netrcFile(t, twoMachines)
	age(t, path, time.Hour)
	rt := &api{}
	c := client(t, rt, auth.Netrc{File: path})
	get := func() {
		_, err := c.R().Get("/")
		require.NoError(t, err)
	}
	get()
	then, err := os.Stat(path)
	require.NoError(t, err)
	write(t, path, "machine api.home.test login u password x\nmachine files.test login v password q\n") // and nothing shows it
	require.NoError(t, os.Chtimes(path, then.ModTime(), then.ModTime()))
	get()
	ctx := middleware.With(t.Context(), auth.Netrc{File: path, Login: "u"}) // knows what the client's step knows
	_, err = c.R().SetContext(ctx).Get("/")
	require.NoError(t, err)
	write(t, path, "machine api.home.test login u password new")
	get()
	require.Equal(t, []string{pair("u", "p"), pair("u", "p"), pair("u", "p"), pair("u", "new")}, rt.authorizations())
}

func TestNetrcFindsItsFile(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	t.Setenv("NETRC", "")
	ask := func(step auth.Netrc) string {
		rt := &api{}
		_, err := client(t, rt, step).R().Get("/")
		require.NoError(t, err)
		return rt.authorizations()[0]
	}
	require.Empty(t, ask(auth.Netrc{}), "no file is no login")

	name := ".netrc"
	if runtime.GOOS == "windows" {
		name = "_netrc"
	}
	write(t, filepath.Join(home, name), "machine api.home.test login home password p")
	require.Equal(t, pair("home", "p"), ask(auth.Netrc{}))

	t.Setenv("NETRC", netrcFile(t, "machine api.home.test login env password p"))
	require.Equal(t, pair("env", "p"), ask(auth.Netrc{}))
	require.Equal(t, pair("field", "p"), ask(auth.Netrc{File: netrcFile(t, "machine api.home.test login field password p")}))

	t.Setenv("NETRC", os.DevNull)
	require.Empty(t, ask(auth.Netrc{}))

	t.Setenv("NETRC", filepath.Join(home, "absent"))
	err := middleware.Use(resty.New(), auth.Netrc{})
	require.ErrorContains(t, err, "netrc: the file cannot be read: stat "+filepath.Join(home, "absent"))
	require.ErrorIs(t, err, os.ErrNotExist)

	t.Setenv("NETRC", "")
	t.Setenv("HOME", "")
	t.Setenv("USERPROFILE", "")
	require.Empty(t, ask(auth.Netrc{}), "no home, no file")
}

func TestAPasswordInTheHomeDirectoryIsForItsOwnerAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has other rights")
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("NETRC", "")
	path := filepath.Join(home, ".netrc")
	write(t, path, twoMachines)
	age(t, path, time.Hour)
	rt := &api{}
	c := client(t, rt, auth.Netrc{})
	_, err := c.R().Get("/")
	require.NoError(t, err)

	for _, mode := range []os.FileMode{0o640, 0o604, 0o660} {
		require.NoError(t, os.Chmod(path, mode))
		err = middleware.Use(resty.New(), auth.Netrc{})
		require.ErrorContains(t, err, fmt.Sprintf("netrc: %s: its mode %#o lets others at the passwords: chmod 600 it", path, mode))
		_, err = c.R().Get("/")
		require.ErrorContains(t, err, "chmod 600", "a change of the mode alone is seen")
	}
	require.Equal(t, 1, rt.count())
	require.NoError(t, middleware.Use(resty.New(), auth.Netrc{File: path}), "who names a file answers for it")

	write(t, path, "machine a.test login anonymous password me@a.test\nmachine b.test login u\n")
	require.NoError(t, os.Chmod(path, 0o644))
	require.NoError(t, middleware.Use(resty.New(), auth.Netrc{}), "nothing in it is a secret")
}

func TestNetrcSaysFileAndLineAndNoWordOfIt(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"a space", "machine api.home.test\nlogin u password s3cret-1 s3cret-2", "line 2: a word is no keyword: put a value that has spaces or quotes into double quotes"},
		{"no password", "machine api.home.test login s3cret-1", "line 1: the entry has no password: add one"},
		{"a colon", "\nmachine api.home.test login s3cret:1 password s3cret-2", "line 2: the login has a colon or a control character, which the Basic scheme cannot send (RFC 7617 section 2)"},
		{"a control character", "machine api.home.test login u password s3cret-1\x00", "line 1: the secret has a control character at byte 8, such as a line end: no header can carry it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := netrcFile(t, tt.text)
			rt := &api{}
			_, err := client(t, rt, auth.Netrc{File: path}).R().Get("/")
			require.ErrorContains(t, err, "netrc: "+path+": "+tt.want)
			require.NotContains(t, shown(err), "s3cret")
			require.Zero(t, rt.count())
			var last interface{ Final() bool }
			require.ErrorAs(t, err, &last)
			require.True(t, last.Final())
		})
	}
}

func TestUseRefusesANetrcThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	noNetrc := netrcFile(t, "s3cret")
	tests := []struct {
		name string
		step auth.Netrc
		want string
	}{
		{"absent", auth.Netrc{File: filepath.Join(dir, "absent")}, "netrc: the file cannot be read: stat " + filepath.Join(dir, "absent")},
		{"a directory", auth.Netrc{File: dir}, "netrc: " + dir + ": it is no regular file, or larger than 1 MiB"},
		{"no netrc", auth.Netrc{File: noNetrc}, "netrc: " + noNetrc + ": line 1: this is no netrc file: it begins with neither machine nor default"},
		{"a colon", auth.Netrc{File: os.DevNull, Login: "a:b"}, "netrc: the login has a colon"},
		{"no origin", auth.Netrc{File: os.DevNull, Origins: []string{"x"}}, `netrc: Origins: "x" is no origin`},
		{"beside Bearer", auth.Netrc{File: os.DevNull}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.want == "" {
				require.ErrorContains(t, middleware.Use(resty.New(), tt.step, bearer), "writes Authorization")
				return
			}
			err := middleware.Use(resty.New(), tt.step)
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "s3cret")
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestNetrcPrintsItsFileAndNoSecret(t *testing.T) {
	path := netrcFile(t, "machine api.home.test login user password "+`"s3cret p"`)
	rt := &api{answer: func(req *http.Request) (*http.Response, error) {
		return reply(req, 500, "text/plain", "you sent s3cret p as "+req.Header.Get("Authorization")), nil
	}}
	c := client(t, rt, auth.Netrc{File: path, Login: "user"}, middleware.RequireStatus{})
	require.Contains(t, middleware.Of(c).String(), "auth  netrc           "+path+", login user, only https://api.home.test")
	_, err := c.R().Get("/")
	require.Error(t, err)
	require.NotContains(t, shown(err), "s3cret")
	require.NotContains(t, shown(err), pair("user", "s3cret p")[len("Basic "):])
	require.NotContains(t, printed(auth.Netrc{File: path}.Bind(nil)), "s3cret")
	require.Equal(t, "netrc($NETRC or ~/.netrc)", printed(auth.Netrc{})[:len("netrc($NETRC or ~/.netrc)")])
}

func TestNetrcKeepsTheContract(t *testing.T) {
	t.Setenv("NETRC", netrcFile(t, "machine api.test login u password p\nmachine example.com login u password p\ndefault login x password y"))
	middlewaretest.Run(t, func() middleware.Middleware { return auth.Netrc{} })
	middlewaretest.Run(t, func() middleware.Middleware { return auth.Netrc{Default: true} })
	broken := netrcFile(t, "default login x password y z")
	middlewaretest.Run(t, func() middleware.Middleware { return auth.Netrc{File: broken, Default: true} })
}
