package auth

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/internal/challenge"
	"github.com/restykit/restykit/middleware"
)

// answerTo is the first answer to a challenge, with a client nonce that is known.
func answerTo(t *testing.T, asked, cnonce string, c credentials) (value string, params map[string]string) {
	t.Helper()
	read, _, err := readChallenges([]string{asked})
	require.NoError(t, err)
	c.session = &session{digestChallenge: read, prime: read.nonce, cnonce: cnonce}
	c.count = 1
	value, _ = c.header()
	parsed := challenge.Parse([]string{value})
	require.Len(t, parsed, 1)
	return value, parsed[0].Params
}

func TestDigestAnswersTheExamplesOfTheRFCs(t *testing.T) {
	const (
		rfc7616 = `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=%, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`
		cnonce  = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
		rfc2617 = `Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"`
		rfc2069 = `Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"`
		sha512  = `Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true`
	)
	mufasa := credentials{username: "Mufasa", password: "Circle of Life", method: "GET", uri: "/dir/index.html"}
	old := mufasa
	old.password = "Circle Of Life"
	older := mufasa
	older.password = "CircleOfLife"
	tests := map[string]struct {
		challenge, cnonce string
		credentials
		want string
	}{
		"RFC 7616 section 3.9.1, MD5":     {strings.Replace(rfc7616, "%", "MD5", 1), cnonce, mufasa, "8ca523f5e9506fed4657c9700eebdbec"},
		"RFC 7616 section 3.9.1, SHA-256": {strings.Replace(rfc7616, "%", "SHA-256", 1), cnonce, mufasa, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"},
		"RFC 7616 section 3.9.2, as erratum 4897 has it": {
			sha512, "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
			credentials{username: "Jäsøn Doe", password: "Secret, or not?", method: "GET", uri: "/doe.json"},
			"3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5",
		},
		"RFC 2617 section 3.5":                       {rfc2617, "0a4f113b", old, "6629fae49393a05397450978507c4ef1"},
		"RFC 2069 section 2.4, as its errata has it": {rfc2069, "", older, "1949323746fe6a43ef61f9606e7febea"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, params := answerTo(t, tt.challenge, tt.cnonce, tt.credentials)
			require.Equal(t, tt.want, params["response"])
		})
	}
	value, _ := answerTo(t, sha512, "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v", tests["RFC 7616 section 3.9.2, as erratum 4897 has it"].credentials)
	require.Equal(t, `Digest username="793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b", realm="api@example.org", `+
		`nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", uri="/doe.json", cnonce="NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v", `+
		`nc=00000001, qop=auth, response="3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5", `+
		`opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", algorithm=SHA-512-256, userhash=true`, value)
	value, _ = answerTo(t, rfc2069, "", older)
	require.Equal(t, `Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", `+
		`response="1949323746fe6a43ef61f9606e7febea", opaque="5ccc069c403ebaf9f0171e9517f40e41"`, value)
}

func TestTheStrongestChallengeThatCanBeAnsweredIs(t *testing.T) {
	const (
		md5     = `Digest realm="md5", nonce="n", algorithm=MD5`
		none    = `Digest realm="none", nonce="n"`
		sha256  = `Digest realm="sha256", nonce="n", algorithm=sha-256-SESS, qop=auth`
		sha512  = `Digest realm="sha512", nonce="n", algorithm="SHA-512-256"`
		unknown = `Digest realm="unknown", nonce="n", algorithm=SHA-1024, qop=auth`
	)
	tests := map[string][]string{
		"md5":    {md5},
		"none":   {none + ", " + md5, unknown},
		"sha256": {none, sha256, md5, `Basic realm="x"`},
		"sha512": {unknown + ", " + md5 + "," + sha256 + "," + sha512},
		"usable": {
			`Digest realm="no nonce", algorithm=SHA-512-256`, `Digest nonce="no realm", algorithm=SHA-512-256`, `Digest realm="r", nonce="", algorithm=SHA-512-256`,
			"Digest realm=\"a\rb\", nonce=\"n\", algorithm=SHA-512-256", "Digest realm=\"a\", nonce=\"n\x00\", algorithm=SHA-512-256", "Digest realm=\"a\", nonce=\"n\", opaque=\"\x7f\", algorithm=SHA-512-256",
			`Digest realm="no qop", nonce="n", qop="auth-conf", algorithm=SHA-512-256`, `Digest realm="unended, nonce="n"`,
			`Digest realm="usable", nonce="n", algorithm=SHA-256`, `Digest realm="the second", nonce="n", algorithm=SHA-256`,
		},
	}
	for want, lines := range tests {
		got, _, err := readChallenges(lines)
		require.NoError(t, err)
		require.Equal(t, want, got.realm)
	}
}

func TestQOPIsAuthWhereItIsOffered(t *testing.T) {
	for offered, want := range map[string]string{
		"": "", " , ": "", "auth": "auth", "AUTH": "auth", "auth-int": "auth-int", "auth-int,auth": "auth", " auth-conf ,\tAuth-Int": "auth-int",
	} {
		got, err := chooseQOP(offered)
		require.NoError(t, err)
		require.Equal(t, want, got, offered)
	}
	_, err := chooseQOP("auth-conf")
	require.EqualError(t, err, `the server asks for the Digest qop "auth-conf", which is not supported`)
}

func TestWhyNoChallengeCanBeAnswered(t *testing.T) {
	for want, lines := range map[string][]string{
		"the 401 has no challenge that can be read":                                       nil,
		"the 401 has no challenge that can be read ":                                      {"@@@"},
		"the server asks for Basic, Negotiate, and not for Digest: use the step for that": {`Basic realm="x", Negotiate`},
		"the Digest challenge lacks its realm or nonce":                                   {`Basic realm="x", Digest realm="x"`},
		"the Digest challenge has a control character, which no credentials can repeat":   {"Digest realm=\"\x01\", nonce=n"},
		`the server asks for the Digest algorithm "SHA-512", which is not supported`:      {`Digest realm="x", nonce="n", algorithm=SHA-512`},
		`the server asks for the Digest algorithm "-sess", which is not supported`:        {`Digest realm="x", nonce="n", algorithm=-sess`},
	} {
		_, _, err := readChallenges(lines)
		require.EqualError(t, err, strings.TrimSpace(want))
		require.Implements(t, (*interface{ Final() bool })(nil), err)
	}
}

func TestACountHasEightDigitsAndThenTheServerIsAskedAgain(t *testing.T) {
	o := &sessions{}
	s := o.enter(digestChallenge{nonce: "n"})
	o.replace(nil, s)
	s.counts = 1<<32 - 2
	require.Same(t, s, o.current())
	require.EqualValues(t, 1<<32-1, o.count(s))
	require.Nil(t, o.current())
}

func TestNothingIsKeptOfReplaysThatAreOver(t *testing.T) {
	o := &sessions{}
	one, two := o.enter(digestChallenge{nonce: "n"}), o.enter(digestChallenge{nonce: "n"})
	require.Same(t, one, two, "a nonce has one count")
	require.NotSame(t, one, o.enter(digestChallenge{nonce: "m"}))
	o.leave(one)
	require.Len(t, o.challenged, 2)
	o.leave(two)
	require.Len(t, o.challenged, 1)
	o.replace(nil, one)
	require.Same(t, one, o.enter(digestChallenge{nonce: "n"}), "and has it for as long as it is used")
}

func TestALateAnswerDoesNotBringANonceBack(t *testing.T) {
	o := &sessions{}
	one, two := o.enter(digestChallenge{nonce: "n"}), o.enter(digestChallenge{nonce: "m"})
	o.replace(nil, one)
	o.replace(one, two)
	o.replace(one, one.after(&http.Response{}))
	require.Same(t, two, o.current())
	o.replace(one, one.after(&http.Response{Header: http.Header{"Authentication-Info": {`nextnonce="l"`}}}))
	require.Same(t, two, o.current())
}

// However a replay ends, it is over.
func TestNothingIsKeptOfAReplayThatCameToNothing(t *testing.T) {
	ask := func(req *http.Request) *http.Response {
		return &http.Response{StatusCode: 401, Header: http.Header{"Www-Authenticate": {`Digest realm="r", nonce="n", qop="auth"`}}, Body: http.NoBody, Request: req}
	}
	for name, tt := range map[string]struct {
		body     io.Reader
		password Source
		replay   func() (*http.Response, error)
	}{
		"a body that cannot be read again": {body: io.MultiReader(strings.NewReader("once"))},
		"no password":                      {password: Func(func(context.Context) (string, error) { return "", errors.New("sealed") })},
		"no connection":                    {replay: func() (*http.Response, error) { return nil, errors.New("reset") }},
		"refused":                          {replay: func() (*http.Response, error) { return ask(nil), nil }},
		"a panic":                          {replay: func() (*http.Response, error) { panic("boom") }},
	} {
		t.Run(name, func(t *testing.T) {
			d := &Digest{Username: "ada", Password: cmp.Or[Source](tt.password, Static("s3cret"))}
			c := http.Client{Transport: middleware.Stack{d}.RoundTripper(middleware.Next(func(req *http.Request) (*http.Response, error) {
				if req.Header.Get("Authorization") == "" {
					return ask(req), nil
				}
				return tt.replay()
			}))}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://api.home.test/", tt.body)
			require.NoError(t, err)
			func() {
				defer func() { _ = recover() }()
				if resp, err := c.Do(req); err == nil {
					_ = resp.Body.Close()
				}
			}()
			at := d.origins.Of(req.URL, func(string) *sessions { t.Error("it was not asked"); return &sessions{} })
			require.NotNil(t, at.challenged)
			require.Empty(t, at.challenged)
			require.Nil(t, at.now)
		})
	}
}

// FuzzDigest answers whatever a server may ask for: what it says is one field that says
// what was asked.
func FuzzDigest(f *testing.F) {
	f.Add(`Digest realm="a\"b", nonce="n", qop="auth,auth-int", opaque="\\", algorithm=MD5-sess, charset=UTF-8`, "user", "/x?a=b")
	f.Add(`Digest realm="Jä", nonce=n==, userhash=true, algorithm=sha-512-256`, `J"äsøn\`, `/"`)
	f.Add("Basic x, Digest realm=\"\t\", nonce=\"\\\n\"", "u", "*")
	f.Fuzz(func(t *testing.T, asked, user, uri string) {
		c, _, err := readChallenges([]string{asked})
		if err != nil || !sendable(user+uri) {
			return
		}
		value, secrets := credentials{session: &session{digestChallenge: c, cnonce: "c"}, username: user, password: "p4ss", method: "GET", uri: uri}.header()
		require.True(t, sendable(value), "%q", value)
		said := challenge.Parse([]string{value})
		if len(value) > 60<<10 {
			return
		}
		require.Len(t, said, 1)
		p := said[0].Params
		require.Equal(t, []string{c.realm, c.nonce, uri, c.opaque, c.algorithm, c.qop}, []string{p["realm"], p["nonce"], p["uri"], p["opaque"], p["algorithm"], p["qop"]})
		require.Equal(t, secrets[2], p["response"])
		_, plain := p["username"]
		_, extended := p["username*"]
		require.NotEqual(t, plain, extended, "one of them")
		if plain && !c.userhash {
			require.Equal(t, user, p["username"])
		}
	})
}
