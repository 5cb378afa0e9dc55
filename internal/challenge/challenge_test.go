package challenge_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/internal/challenge"
)

// flat writes challenges in a line each: the scheme, its token68, its parameters.
func flat(lines ...string) []string {
	var out []string
	for _, c := range challenge.Parse(lines) {
		text := c.Scheme
		if c.Token68 != "" {
			text += " " + c.Token68
		}
		if len(c.Params) > 0 {
			text += fmt.Sprintf(" %q", c.Params) // maps print in the order of their keys
		}
		out = append(out, text)
	}
	return out
}

func TestChallengesAreFoundHoweverTheyAreWritten(t *testing.T) {
	for name, tt := range map[string]struct{ lines, want []string }{
		"none":                        {nil, nil},
		"empty":                       {[]string{"", " ", ",,", " , \t,"}, nil},
		"one":                         {[]string{`Digest realm="a", nonce="n"`}, []string{`Digest map["nonce":"n" "realm":"a"]`}},
		"a scheme alone":              {[]string{"Negotiate"}, []string{"Negotiate"}},
		"schemes alone":               {[]string{"Negotiate, NTLM"}, []string{"Negotiate", "NTLM"}},
		"token68":                     {[]string{"Negotiate oYG2/+-._~A=="}, []string{"Negotiate oYG2/+-._~A=="}},
		"token68 and more":            {[]string{`Negotiate YII=,Digest realm="a",NTLM abc , Basic realm=b`}, []string{"Negotiate YII=", `Digest map["realm":"a"]`, "NTLM abc", `Basic map["realm":"b"]`}},
		"RFC 9110 section 11.6.1":     {[]string{`Basic realm="simple", Newauth realm="apps", type=1, title="Login to \"apps\""`}, []string{`Basic map["realm":"simple"]`, `Newauth map["realm":"apps" "title":"Login to \"apps\"" "type":"1"]`}},
		"RFC 9110, the other way":     {[]string{`Newauth realm="apps", type=1, title="Login to \"apps\"", Basic realm="simple"`}, []string{`Newauth map["realm":"apps" "title":"Login to \"apps\"" "type":"1"]`, `Basic map["realm":"simple"]`}},
		"lines":                       {[]string{`Basic realm="a"`, `Digest realm="b", nonce="1"`, `Digest realm="c", nonce="2"`}, []string{`Basic map["realm":"a"]`, `Digest map["nonce":"1" "realm":"b"]`, `Digest map["nonce":"2" "realm":"c"]`}},
		"a comma in quotes":           {[]string{`Digest realm="a, Basic realm=b", nonce="n"`}, []string{`Digest map["nonce":"n" "realm":"a, Basic realm=b"]`}},
		"escapes":                     {[]string{`Digest realm="a\"b\\c\d", nonce="n"`}, []string{`Digest map["nonce":"n" "realm":"a\"b\\cd"]`}},
		"an escaped quote at the end": {[]string{`Digest realm="a\\", nonce="n\""`}, []string{`Digest map["nonce":"n\"" "realm":"a\\"]`}},
		"white space":                 {[]string{"  Digest \t realm \t=  \"a\"\t,\tnonce=\"n\" , , qop = auth ,"}, []string{`Digest map["nonce":"n" "qop":"auth" "realm":"a"]`}},
		"no white space":              {[]string{`Digest realm="a",nonce="n",qop="auth,auth-int",stale=FALSE`}, []string{`Digest map["nonce":"n" "qop":"auth,auth-int" "realm":"a" "stale":"FALSE"]`}},
		"names in any case":           {[]string{`dIGEST Realm="a", NONCE="n"`}, []string{`dIGEST map["nonce":"n" "realm":"a"]`}},
		"no quotes":                   {[]string{`Digest qop=auth, nonce=0a1b, opaque=a/b:c==, algorithm=SHA-256`}, []string{`Digest map["algorithm":"SHA-256" "nonce":"0a1b" "opaque":"a/b:c==" "qop":"auth"]`}},
		"empty in quotes":             {[]string{`Digest realm="", nonce="n"`}, []string{`Digest map["nonce":"n" "realm":""]`}},
		"a name twice":                {[]string{`Digest realm="a", realm="b"`}, []string{`Digest map["realm":"a"]`}},
		"Unicode":                     {[]string{`Digest realm="Über", nonce="n"`}, []string{`Digest map["nonce":"n" "realm":"Über"]`}},
		"a comma before parameters":   {[]string{`Digest , realm="a"`}, []string{`Digest map["realm":"a"]`}},
	} {
		require.Equal(t, tt.want, flat(tt.lines...), name)
	}
}

func TestAGoodChallengeIsFoundBesideABrokenOne(t *testing.T) {
	const good = `Digest realm="a", nonce="n"`
	want := flat(good)[0]
	for _, broken := range []string{
		`@@@`, `=`, `"`, `"x`, `\`, `realm="b"`, `=x`, `Basic =x`, `Basic realm=, x`, `Basic realm="b" nonce`, `Basic realm="b"x`, `Basic (realm)`,
		`{"error":"json"}`, `<html>, <body class="x">`, "\x00\x01\xff", `Basic realm==`, `Basic realm="b" realm2="c"`, `Basic realm`, `Basic realm = `, `Über x="y"`, `Basic/realm="b"`, `(Basic realm="b"`,
	} {
		require.Contains(t, flat(broken, good), want, "a line before, %q", broken)
		require.Contains(t, flat(good, broken), want, "a line behind, %q", broken)
		if !strings.HasPrefix(broken, `"`) && broken != `Basic realm = ` {
			require.Contains(t, flat(broken+", "+good), want, "before, %q", broken)
		}
		if broken != `realm="b"` && broken != `Basic =x` { // which are parameters of it
			require.Contains(t, flat(good+", "+broken), want, "behind, %q", broken)
		}
	}
	require.Equal(t, []string{`Digest map["realm":"a"]`}, flat(`Digest realm="a", nonce="n`), "what is broken itself is left out")
	require.Equal(t, []string{`Digest map["nonce":"n" "realm":"a"]`}, flat(`Digest realm="a", @@@, nonce="n"`))
}

func TestParametersOfAnotherLineAreNotAChallenges(t *testing.T) {
	require.Equal(t, []string{`Digest map["realm":"a"]`}, flat(`Digest realm="a"`, `nonce="n"`))
}

func TestASchemeIsOneInAnyCase(t *testing.T) {
	c := challenge.Parse([]string{"DiGeSt x=y"})[0]
	require.True(t, c.Is("Digest"))
	require.False(t, c.Is("Basic"))
}

func TestParamsReadsAListOfParameters(t *testing.T) {
	require.Equal(t, map[string]string{"nextnonce": "a,b", "qop": "auth", "nc": "00000001"}, challenge.Params([]string{`NextNonce="a,b", qop=auth`, "nc=00000001, nextnonce=late, @"}))
	require.Empty(t, challenge.Params(nil))
}

func TestWhatIsReadIsBounded(t *testing.T) {
	require.Len(t, challenge.Parse([]string{strings.Repeat("a, ", 1000)}), 64)
	var many strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&many, `p%d="x", `, i)
	}
	require.Len(t, challenge.Params([]string{many.String()}), 64)
	require.Len(t, challenge.Parse([]string{"Digest " + many.String()})[0].Params, 64)
	require.Empty(t, challenge.Params([]string{strings.Repeat(" ", 64<<10), "a=b"}))
	require.Empty(t, challenge.Parse([]string{strings.Repeat(" ", 64<<10), "Basic"}))
}

func TestQuoteIsWhatParseReads(t *testing.T) {
	require.Equal(t, `"a\"b\\c, d"`, challenge.Quote(`a"b\c, d`))
	require.Equal(t, `"Jäsøn"`, challenge.Quote("Jäsøn"), "and not an escape that HTTP does not know")
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`Digest realm="a, b", qop="auth, auth-int", nonce=n==, stale=TRUE`, `Negotiate YII=, Basic realm="x"`, `a "b`, `a b="\`, `a b="\"", c`, "\t,a\t=\tb,", `a b=c d=e`, `=`, `a =`, `a /=`,
	} {
		f.Add(seed, `Basic realm="x"`)
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		found := challenge.Parse([]string{one, two})
		require.LessOrEqual(t, len(found), 64)
		for _, c := range found {
			require.NotEmpty(t, c.Scheme)
			require.NotNil(t, c.Params)
			require.LessOrEqual(t, len(c.Params), 64)
			for name, value := range c.Params {
				require.NotEmpty(t, name)
				require.Equal(t, strings.ToLower(name), name)
				require.Equal(t, map[string]string{name: value}, challenge.Params([]string{name + "=" + challenge.Quote(value)}), "what is read can be written")
			}
		}
		if len(one) > 100 { // it may be all that is read
			return
		}
		require.Subset(t, flat(`Digest realm="a", nonce="n"`, one), []string{`Digest map["nonce":"n" "realm":"a"]`})
		require.Subset(t, flat(one, `Digest realm="a", nonce="n"`), []string{`Digest map["nonce":"n" "realm":"a"]`})
	})
}
