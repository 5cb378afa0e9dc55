package netrc_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/internal/netrc"
)

// login is what an entry says, in one line: "machine login password".
func login(t *testing.T, e netrc.Entry) string {
	t.Helper()
	password, err := e.Password()
	require.NoError(t, err)
	return e.Machine + " " + e.Login + " " + password
}

func TestParseReadsWhatFtpCurlAndPythonAgreeOn(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", nil},
		{"one line", "machine a.test login u password p", []string{"a.test u p"}},
		{"many lines", "machine a.test\n\tlogin u\n\tpassword p\n", []string{"a.test u p"}},
		{"CRLF", "machine a.test\r\nlogin u\r\npassword p\r\n", []string{"a.test u p"}},
		{"byte order mark", "\uFEFFmachine a.test login u password p", []string{"a.test u p"}},
		{"upper case", "MACHINE A.test Login U PASSWORD P", []string{"A.test U P"}},
		{"order", "machine a.test password p login u", []string{"a.test u p"}},
		{"other words for it", "machine a.test user u passwd p", []string{"a.test u p"}},
		{"account", "machine a.test login u account acc password p", []string{"a.test u p"}},
		{"no login", "machine a.test password p", []string{"a.test  p"}},
		{"default", "default login anonymous password me@a.test", []string{" anonymous me@a.test"}},
		{"several", "machine a.test login u password p machine b.test login v password q", []string{"a.test u p", "b.test v q"}},
		{"# in a password", "machine a.test login u password p#w", []string{"a.test u p#w"}},
		{"# before a password", "machine a.test login u password #pw", []string{"a.test u #pw"}},
		{"a comment behind", "machine a.test login u password p # machine b.test", []string{"a.test u p"}},
		{"a comment before", "# login x\nmachine a.test login u # the old one\npassword p", []string{"a.test u p"}},
		{"a comment without a space", "#comment\nmachine a.test login u password p\n#machine b.test", []string{"a.test u p"}},
		{"quotes", `machine a.test login "u v" password "p w"`, []string{"a.test u v p w"}},
		{"quotes in quotes", `machine a.test login u password "p\"\\w"`, []string{`a.test u p"\w`}},
		{"a quote inside a word", `machine a.test login u password p"w`, []string{`a.test u p"w`}},
		{"an empty password", `machine a.test login u password ""`, []string{"a.test u "}},
		{"keywords as values", "machine machine login login password password", []string{"machine login password"}},
		{"a comma is a letter", "machine a.test login u password p,w", []string{"a.test u p,w"}},
		{"UTF-8", "machine a.test login jürgen password пароль", []string{"a.test jürgen пароль"}},
		{"a macro", "macdef init\nmachine x.test\nlogin y password z\n\nmachine a.test login u password p", []string{"a.test u p"}},
		{"a macro with CRLF", "macdef init\r\nmachine x.test\r\n\r\nmachine a.test login u password p", []string{"a.test u p"}},
		{"a macro with a bad quote", "macdef init\nput \"x\n\nmachine a.test login u password p", []string{"a.test u p"}},
		{"a macro at the end", "machine a.test login u password p\nmacdef init\ncd x", []string{"a.test u p"}},
		{"a macro inside an entry", "machine a.test login u\nmacdef init\nquit\n\npassword p", []string{"a.test u p"}},
		{"a line of spaces ends no macro", "macdef init\n \nmachine x.test login y password z\n\nmachine a.test login u password p", []string{"a.test u p"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			entries, err := netrc.Parse(tt.text)
			require.NoError(t, err)
			var got []string
			for _, e := range entries {
				got = append(got, login(t, e))
			}
			require.Equal(t, tt.want, got)
		})
	}
}

func TestWhatProgramsReadInDifferentWaysIsAnErrorOfItsEntryAlone(t *testing.T) {
	const backslash = `a backslash outside quotes, which programs read in different ways: put the value into double quotes, and write \\ there`
	tests := map[string]struct {
		entry string
		line  int
		fact  string
	}{
		"a password with a space":     {"machine a.test login u\npassword s3cret-1 s3cret-2", 4, "a word is no keyword: put a value that has spaces or quotes into double quotes"},
		"a quoted keyword":            {`machine a.test login u "password" s3cret-1`, 3, "a word is no keyword: put a value that has spaces or quotes into double quotes"},
		"letters behind a quote":      {`machine a.test login u password "s3cret-1"s3cret-2`, 3, "a word is no keyword: put a value that has spaces or quotes into double quotes"},
		"a backslash":                 {`machine a.test login u password s3cret-1\2`, 3, backslash},
		"a backslash in the login":    {`machine a.test login dom\s3cret-u password p`, 3, backslash},
		"a quote that is not closed":  {"machine a.test login u\npassword \"s3cret-1\n", 4, "a quote is not closed on its line"},
		"a quote that ends in \\":     {"machine a.test login u\npassword \"s3cret-1\\\n", 4, "a quote is not closed on its line"},
		"a line end in quotes":        {`machine a.test login u password "s3cret-1\n"`, 3, `a backslash before n, r or t, which programs read in different ways: no name or password may have a control character, and a backslash is \\`},
		"no password":                 {"machine a.test login u", 3, "the entry has no password: add one"},
		"two logins":                  {"machine a.test login u password p login s3cret-v", 3, "a second login for one machine: begin a new entry with machine"},
		"two passwords":               {"machine a.test login u password s3cret-1 password s3cret-2", 3, "a second password for one machine: begin a new entry with machine"},
		"a misspelled machine":        {"machine a.test login u\npassword s3cret-1\nmachin s3cret.test login s3cret-v password s3cret-2", 5, "a word is no keyword: put a value that has spaces or quotes into double quotes"},
		"a keyword at the file's end": {"machine a.test login u password", 3, "password has no value"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			text := "machine x.test login y password z\n\n" + tt.entry
			if tt.fact != "password has no value" {
				text += "\nmachine b.test login v password q"
			}
			entries, err := netrc.Parse(text)
			require.NoError(t, err)
			require.Equal(t, "x.test y z", login(t, entries[0]))
			if len(entries) > 2 {
				require.Equal(t, "b.test v q", login(t, entries[2]))
			}
			_, err = entries[1].Password()
			require.EqualError(t, err, fmt.Sprintf("line %d: %s", tt.line, tt.fact))
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
}

func TestAFileThatIsNoNetrcIsRefusedWithoutAWordOfIt(t *testing.T) {
	for text, want := range map[string]string{
		"s3cret":                           "line 1: this is no netrc file: it begins with neither machine nor default",
		"# x\n\n{\"password\":\"s3cret\"}": "line 3: this is no netrc file: it begins with neither machine nor default",
		"login u password s3cret":          "line 1: this is no netrc file: it begins with neither machine nor default",
		"machine":                          "line 1: machine has no name: write it behind, and separate words by spaces",
		"\nmachine \"\" password s3cret":   "line 2: machine has no name: write it behind, and separate words by spaces",
		`machine s3cret\x password p`:      "line 1: machine has no name: write it behind, and separate words by spaces",
	} {
		_, err := netrc.Parse(text)
		require.EqualError(t, err, want, text)
		var wrong *netrc.Error
		require.ErrorAs(t, err, &wrong)
		require.True(t, wrong.Final())
	}
}

func TestFindIsTheFirstEntryThatNamesTheMachine(t *testing.T) {
	entries, err := netrc.Parse(`
		default                 login first  password d
		machine api.test        login u      password 1
		machine api.test        login v      password 2
		machine API.test:8443   login w      password 3
		machine ::1             login six    password 4
		machine [fe80::2]       login seven  password 5
		machine [fe80::2]:8080  login eight  password 6
		default                 login anon   password 7`)
	require.NoError(t, err)
	tests := []struct {
		host, port, login string
		useDefault        bool
		want              string
	}{
		{"api.test", "443", "", false, "api.test u 1"},
		{"API.TEST", "443", "", true, "api.test u 1"},
		{"api.test", "443", "v", false, "api.test v 2"},
		{"api.test", "443", "x", false, ""},
		{"api.test", "443", "anon", true, " anon 7"},
		{"api.test", "8443", "", false, "API.test:8443 w 3"},
		{"api.test", "8443", "u", false, "api.test u 1"},
		{"::1", "80", "", false, "::1 six 4"},
		{"fe80::2", "80", "", false, "[fe80::2] seven 5"},
		{"fe80::2", "8080", "", false, "[fe80::2]:8080 eight 6"},
		{"sub.api.test", "443", "", false, ""},
		{"test", "443", "", false, ""},
		{"api.test.", "443", "", false, ""},
		{"", "", "", false, ""},
		{"other.test", "443", "", true, " first d"},
	}
	for _, tt := range tests {
		e, found := entries.Find(tt.host, tt.port, tt.login, tt.useDefault)
		require.Equal(t, tt.want != "", found, tt)
		if found {
			require.Equal(t, tt.want, login(t, e), tt)
		}
	}
	kelvin, err := netrc.Parse("machine \u212A.test login u password p") // strings.EqualFold makes a k of it
	require.NoError(t, err)
	_, found := kelvin.Find("k.test", "443", "", false)
	require.False(t, found)
}

func TestAnEntryDoesNotPrintItsPassword(t *testing.T) {
	entries, err := netrc.Parse("machine a.test login u password s3cret")
	require.NoError(t, err)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		require.NotContains(t, fmt.Sprintf(format, entries), "s3cret")
	}
	require.True(t, entries[0].Secret())
}

// quote is a value as each program reads it.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"machine a.test login u password p", "default password \"p\\\"", "macdef x\n\n", "# c\nmachine a\r\nlogin \"u", "machine \\", "machine a login \"\\", "\uFEFFmachine a.test password \"\\\n\"",
	} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		entries, err := netrc.Parse(text)
		if err != nil {
			require.Nil(t, entries)
		}
		for _, e := range entries {
			require.Positive(t, e.Line)
			require.LessOrEqual(t, e.Line, strings.Count(text, "\n")+1)
			if _, err := e.Password(); err != nil {
				var wrong *netrc.Error
				require.ErrorAs(t, err, &wrong)
				require.LessOrEqual(t, wrong.Line, strings.Count(text, "\n")+1)
			}
		}
		if strings.Contains(value, "\n") || value == "" {
			return
		}
		entries, err = netrc.Parse("machine a.test login " + quote(value) + " password " + quote(value) + "\nmachine b.test password q")
		require.NoError(t, err)
		require.Len(t, entries, 2)
		require.Equal(t, "a.test "+value+" "+value, login(t, entries[0]), "what is quoted is what is read")
	})
}
