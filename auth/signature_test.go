package auth_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/middleware/middlewaretest"
)

// requireBase asks that a signature is the one of these lines and of the parameters, as a
// server does.
func requireBase(t *testing.T, req *http.Request, want string) {
	t.Helper()
	input, ok := strings.CutPrefix(req.Header.Get("Signature-Input"), "sig1=")
	require.True(t, ok, req.Header)
	if want != "" {
		want += "\n"
	}
	mac := hmac.New(sha256.New, []byte("s3cret"))
	mac.Write([]byte(want + `"@signature-params": ` + input))
	require.Equal(t, "sig1=:"+base64.StdEncoding.EncodeToString(mac.Sum(nil))+":", req.Header.Get("Signature"), "it is not the signature of\n%s", want)
}

func signs256(components ...string) auth.Signature {
	return auth.Signature{Key: auth.Static("s3cret"), Algorithm: "hmac-sha256", Components: components}
}

// asking makes a request one for a URL, with fields: a name, a value, a name ...
func asking(url string, fields ...string) func(*http.Request) {
	return func(req *http.Request) {
		if u, err := req.URL.Parse(url); err == nil {
			req.URL, req.Host = u, u.Host
		}
		for i := 0; i < len(fields); i += 2 {
			req.Header[fields[i]] = append(req.Header[fields[i]], fields[i+1])
		}
	}
}

// The examples of RFC 9421 section 2, and what it says beside them.
func TestAComponentIsWhatRFC9421SaysOfIt(t *testing.T) {
	const query = "https://www.example.com/parameters?var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something"
	dict := asking("/", "Example-Dict", " a=1,    b=2;x=1;y=2,   c=(a   b   c), d ")
	tests := []struct {
		name, component, want string
		request               func(*http.Request)
	}{
		{"2.1, a field", "x-a", `"x-a": a b`, asking("/", "X-A", " a b\t")},
		{"2.1, upper case", "X-A", `"x-a": a`, asking("/", "X-A", "a")},
		{"2.1, several lines", "cache-control", `"cache-control": max-age=60, must-revalidate`, asking("/", "Cache-Control", "max-age=60", "Cache-Control", "   must-revalidate")},
		{"2.1, an empty field", "x-empty", `"x-empty": `, asking("/", "X-Empty", "")},
		{"2.1, host", "host", `"host": api.home.test`, asking("/")},
		{"2.1.1, as it is", "example-dict", `"example-dict": a=1,    b=2;x=1;y=2,   c=(a   b   c), d`, dict},
		{"2.1.1, sf", "example-dict;sf", `"example-dict";sf: a=1, b=2;x=1;y=2, c=(a b c), d`, dict},
		{"2.1.1, sf of a list", "x-list;sf", `"x-list";sf: "a", "b"`, asking("/", "X-List", `"a"`, "X-List", `"b"`)},
		{"2.1.1, sf of an item", "x-item;sf", `"x-item";sf: ?1;a`, asking("/", "X-Item", "?1; a")},
		{"2.1.2, key", `example-dict;key="a"`, `"example-dict";key="a": 1`, dict},
		{"2.1.2, key with parameters", `example-dict;key="b"`, `"example-dict";key="b": 2;x=1;y=2`, dict},
		{"2.1.2, key of a list", `example-dict;key="c"`, `"example-dict";key="c": (a b c)`, dict},
		{"2.1.2, key without a value", `example-dict;key="d"`, `"example-dict";key="d": ?1`, dict},
		{"2.1.3, bs", "example-header;bs", `"example-header";bs: :dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:`, asking("/", "Example-Header", "value, with, lots", "Example-Header", "of, commas")},
		{"2.1.3, bs of one line", "example-header;bs", `"example-header";bs: :dmFsdWUsIHdpdGgsIGxvdHMsIG9mLCBjb21tYXM=:`, asking("/", "Example-Header", "value, with, lots, of, commas")},
		{"2.1.3, bs beyond ASCII", "x-a;bs", `"x-a";bs: :w7w=:`, asking("/", "X-A", "ü")},
		{"2.2.1, method", "@method", `"@method": GET`, asking("/")},
		{"2.2.2, target URI", "@target-uri", `"@target-uri": https://www.example.com/path?param=value`, asking("https://www.example.com/path?param=value#f")},
		{"2.2.3, authority", "@authority", `"@authority": www.example.com`, asking("https://WWW.Example.com:443/")},
		{"2.2.3, authority with a port", "@authority", `"@authority": www.example.com:8443`, asking("https://www.example.com:8443/")},
		{"2.2.3, another scheme's port", "@authority", `"@authority": www.example.com:80`, asking("https://www.example.com:80/")},
		{"2.2.4, scheme", "@scheme", `"@scheme": https`, asking("/")},
		{"2.2.5, request target", "@request-target", `"@request-target": /path?param=value`, asking("/path?param=value")},
		{"2.2.6, path", "@path", `"@path": /a%2Fb`, asking("/a%2Fb?x")},
		{"2.2.6, no path", "@path", `"@path": /`, asking("https://www.example.com")},
		{"2.2.7, query", "@query", `"@query": ?param=value&foo=bar&baz=bat%2Dman`, asking("/path?param=value&foo=bar&baz=bat%2Dman")},
		{"2.2.7, no query", "@query", `"@query": ?`, asking("/path")},
		{"2.2.8, a parameter", `@query-param;name="baz"`, `"@query-param";name="baz": batman`, asking("/path?param=value&foo=bar&baz=batman&qux=")},
		{"2.2.8, an empty one", `@query-param;name="qux"`, `"@query-param";name="qux": `, asking("/path?param=value&foo=bar&baz=batman&qux=")},
		{"2.2.8, a bare one", `@query-param;name="qux"`, `"@query-param";name="qux": `, asking("/path?qux")},
		{"2.2.8, many lines", `@query-param;name="var"`, `"@query-param";name="var": this%20is%20a%20big%0Amultiline%20value`, asking(query)},
		{"2.2.8, plus", `@query-param;name="bar"`, `"@query-param";name="bar": with%20plus%20whitespace`, asking(query)},
		{"2.2.8, an encoded name", `@query-param;name="fa%C3%A7ade%22%3A%20"`, `"@query-param";name="fa%C3%A7ade%22%3A%20": something`, asking(query)},
		{"2.2.8, the encoding of forms", `@query-param;name="a"`, `"@query-param";name="a": %7E*-._`, asking("/?a=~*%2D._")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rt := &api{}
			c := &http.Client{Transport: middleware.Stack{signs256(tt.component)}.RoundTripper(rt)}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, home, nil)
			require.NoError(t, err)
			tt.request(req)
			_, err = c.Do(req)
			require.NoError(t, err)
			requireBase(t, rt.last(t), tt.want)
		})
	}
}

// A proxy of plain http is told the whole URL (RFC 9112 section 3.2.2).
func TestTheRequestTargetByWayOfAProxyIsTheWholeURL(t *testing.T) {
	line := ""
	proxied := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		line = r.RequestURI
		requireBase(t, r, `"@request-target": `+line)
	}))
	defer proxied.Close()
	target, err := url.Parse(proxied.URL)
	require.NoError(t, err)
	c := resty.New().SetTransport(&http.Transport{Proxy: http.ProxyURL(target)}).SetBaseURL("http://127.0.0.1:9")
	require.NoError(t, middleware.Use(c, signs256("@request-target")))
	_, err = c.R().Get("/a?b")
	require.NoError(t, err)
	require.Equal(t, "http://127.0.0.1:9/a?b", line)
}

func TestSignatureCoversTheBodyWhereThereIsOne(t *testing.T) {
	step := auth.Signature{Key: auth.Static("s3cret"), Algorithm: "hmac-sha256"}
	send := func(step auth.Signature, method string, body any) *http.Request {
		rt := &api{}
		r := client(t, rt, step).R()
		if body != nil {
			r.SetHeader("Content-Type", "text/plain").SetBody(body)
		}
		_, err := r.Execute(method, "/a?b")
		require.NoError(t, err)
		return rt.last(t)
	}
	const digest = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:" // RFC 9530 appendix B.1
	hello := "{\"hello\": \"world\"}\n"
	req := send(step, http.MethodPost, hello)
	require.Equal(t, digest, req.Header.Get("Content-Digest"))
	requireBase(t, req, "\"@method\": POST\n\"@target-uri\": https://api.home.test/a?b\n\"content-digest\": "+digest)

	req = send(step, http.MethodGet, nil)
	require.Empty(t, req.Header.Get("Content-Digest"))
	requireBase(t, req, "\"@method\": GET\n\"@target-uri\": https://api.home.test/a?b")

	step.Components = []string{"content-type", "@method", "content-length"}
	req = send(step, http.MethodPost, hello)
	require.Empty(t, req.Header.Get("Content-Digest"), "what is not signed is not written")
	requireBase(t, req, "\"content-type\": text/plain\n\"@method\": POST\n\"content-length\": 19")
	requireBase(t, send(step, http.MethodGet, nil), `"@method": GET`)

	for hash, want := range map[crypto.Hash]string{ // RFC 9530 appendix D
		crypto.SHA256: digest,
		crypto.SHA512: "sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:",
	} {
		step = signs256("content-digest")
		step.Digest = hash
		req = send(step, http.MethodPost, hello)
		require.Equal(t, want, req.Header.Get("Content-Digest"))
		requireBase(t, req, `"content-digest": `+want)
	}
	rt := &api{}
	_, err := client(t, rt, step).R().SetHeader("Content-Digest", "sha-256=:AAAA:").SetBody("x").Post("/")
	require.NoError(t, err)
	requireBase(t, rt.last(t), `"content-digest": sha-256=:AAAA:`)
}

func TestSignatureHasTheParametersThatAreAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := &api{}
		step := signs256()
		step.Components = []string{}
		step.KeyID, step.SendAlgorithm, step.Expires, step.Tag = `k"1`, true, 90*time.Second, "app"
		step.Nonce = func() string { return "n1" }
		c := client(t, rt, step)
		_, err := c.R().Get("/")
		require.NoError(t, err)
		require.Equal(t, `sig1=();created=946684800;keyid="k\"1";alg="hmac-sha256";expires=946684890;nonce="n1";tag="app"`, rt.last(t).Header.Get("Signature-Input"))
		requireBase(t, rt.last(t), "")
		step.Nonce, step.SendAlgorithm, step.Expires, step.Tag, step.KeyID = nil, false, 0, "", ""
		_, err = c.R().SetContext(middleware.With(t.Context(), step)).Get("/")
		require.NoError(t, err)
		require.Equal(t, `sig1=();created=946684800`, rt.last(t).Header.Get("Signature-Input"))
	})
}

func pemOf(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func TestEachAlgorithmSignsAndIsThatOfItsKey(t *testing.T) {
	tests := []struct{ key, algorithm, want string }{
		{rfcKeyRSAPSS, "", "rsa-pss-sha512"},
		{rfcKeyRSA, "", "rsa-pss-sha512"},
		{rfcKeyRSA, "rsa-v1_5-sha256", "rsa-v1_5-sha256"},
		{rfcKeyP256, "", "ecdsa-p256-sha256"},
		{pemOf(t, p384()), "", "ecdsa-p384-sha384"},
		{pemOf(t, p384()), "ecdsa-p384-sha384", "ecdsa-p384-sha384"},
		{rfcKeyEd25519, "", "ed25519"},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key.pem")
			write(t, path, tt.key)
			rt := &api{}
			c := client(t, rt, auth.Signature{Key: auth.File(path), Algorithm: tt.algorithm, SendAlgorithm: true, Components: []string{"@method"}})
			for range 20 { // a number of ECDSA may begin with a zero
				_, err := c.R().Get("/")
				require.NoError(t, err)
				input := strings.TrimPrefix(rt.last(t).Header.Get("Signature-Input"), "sig1=")
				require.Contains(t, input, `;alg="`+tt.want+`"`)
				made, err := base64.StdEncoding.DecodeString(strings.Trim(strings.TrimPrefix(rt.last(t).Header.Get("Signature"), "sig1="), ":"))
				require.NoError(t, err)
				require.True(t, verifies(t, tt.key, tt.want, []byte("\"@method\": GET\n\"@signature-params\": "+input), made))
			}
		})
	}
}

func TestSignatureSignsEachAttemptAnewAndWhatOtherStepsWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := &api{}
		again := middleware.Func("again", middleware.Retry, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			resp, err := next(req)
			if err != nil {
				return nil, err
			}
			_ = resp.Body.Close()
			time.Sleep(time.Second)
			return next(req)
		})
		late := middleware.Func("zz-late", middleware.Auth, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			req = middleware.Mutable(req)
			req.Header.Set("X-Late", "late")
			return next(req)
		})
		step := signs256("authorization", "x-late", "content-digest")
		step.Nonce = rand.Text
		c := client(t, rt, step, again, late, bearer)
		_, err := c.R().SetBody("body").Post("/")
		require.NoError(t, err)
		require.Equal(t, []string{"body", "body"}, rt.body)
		require.NotEqual(t, rt.seen[0].Header.Get("Signature-Input"), rt.seen[1].Header.Get("Signature-Input"))
		for i, req := range rt.seen {
			require.Contains(t, req.Header.Get("Signature-Input"), []string{"created=946684800", "created=946684801"}[i])
			require.Len(t, req.Header["Signature"], 1)
			requireBase(t, req, `"authorization": `+req.Header.Get("Authorization")+"\n\"x-late\": late\n\"content-digest\": "+req.Header.Get("Content-Digest"))
		}
		require.True(t, strings.HasSuffix(middleware.Of(c).String(), "auth   signature  hmac-sha256, static, only https://api.home.test"), middleware.Of(c).String())
	})
}

func TestSignatureStaysAtItsOriginAndLeavesTheCallers(t *testing.T) {
	rt := &api{answer: redirects("https://files.test/")}
	_, err := client(t, rt, signs256("@method")).R().Get("/leave")
	require.NoError(t, err)
	require.NotEmpty(t, rt.seen[0].Header.Get("Signature"))
	require.Empty(t, rt.seen[1].Header.Get("Signature"))
	require.Empty(t, rt.seen[1].Header.Get("Signature-Input"))

	for _, name := range []string{"Signature", "Signature-Input"} {
		rt = &api{}
		_, err = client(t, rt, signs256("@method")).R().SetHeader(name, "mine").Get("/")
		require.NoError(t, err)
		require.Equal(t, "mine", rt.last(t).Header.Get(name))
		require.Len(t, fieldNames(rt.last(t), "Signature"), len(rt.last(t).Header["Signature"]))
		require.Equal(t, 1, len(rt.last(t).Header["Signature"])+len(rt.last(t).Header["Signature-Input"]))
	}
	plain := resty.New().SetTransport(rt).SetBaseURL("http://api.home.test").SetLogger(silence{})
	require.NoError(t, middleware.Use(plain, signs256("@method")))
	_, err = plain.R().Get("/")
	var insecure *auth.InsecureError
	require.ErrorAs(t, err, &insecure)
}

func TestSignatureDoesNotSendWhatItCannotSign(t *testing.T) {
	tests := []struct {
		name string
		step auth.Signature
		want string
	}{
		{"no field", signs256("x-none"), `signature: the component "x-none": the request has no such field: set it, or leave it out of Components`},
		{"no parameter", signs256(`@query-param;name="x"`), `signature: the component "@query-param";name="x": the query has no such parameter`},
		{"two parameters", signs256(`@query-param;name="a"`), "the query has several such parameters: sign @query (RFC 9421 section 2.2.8)"},
		{"a parameter of no name", signs256(`@query-param;name=""`), "the query has no such parameter"},
		{"a line end", signs256("x-lines"), "its value is not printable ASCII: sign its bytes, with ;bs"},
		{"beyond ASCII", signs256("x-latin"), "its value is not printable ASCII: sign its bytes, with ;bs"},
		{"no dictionary", signs256(`x-item;key="a"`), "the field is no dictionary (RFC 9651 section 3.2)"},
		{"no member", signs256(`x-dict;key="z"`), "the dictionary has no such member"},
		{"no structured field", signs256("x-free;sf"), "the field is no structured field: leave ;sf out"},
		{"an unknown type", signs256("x-twice;sf"), "the field may be a list or a dictionary, which differ in their strict form: leave ;sf out"},
		{"a body of one reading", signs256("content-digest"), "signature: Content-Digest: the body can be read only once"},
		{"a nonce beyond ASCII", func() auth.Signature {
			step := signs256("@method")
			step.Nonce = func() string { return "ü" }
			return step
		}(), "signature: a parameter is not in ASCII"},
		{"no key", auth.Signature{Key: auth.Func(sourceOf("")), Components: []string{"@method"}}, "signature: Key: the secret is empty"},
		{"no PEM", auth.Signature{Key: auth.Func(sourceOf("s3cret")), Components: []string{"@method"}}, "signature: Key: no PEM block"},
		{"another's key", auth.Signature{Key: auth.Func(sourceOf(rfcKeyRSA)), Algorithm: "ed25519", Components: []string{"@method"}}, "signature: Key: the private key is not one for ed25519"},
		{"a key for nothing", auth.Signature{Key: auth.Func(sourceOf(pemOf(t, p521()))), Components: []string{"@method"}}, "signature: Key: the private key is not one for any algorithm of RFC 9421"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rt := &api{}
			c := &http.Client{Transport: middleware.Stack{tt.step}.RoundTripper(rt)}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, home+"/?a=1&&a=2", io.MultiReader(strings.NewReader("once")))
			require.NoError(t, err)
			req.Header = http.Header{"X-Latin": {"ü"}, "X-Lines": {"a\n\"@method\": GET"}, "X-Item": {`"a"`}, "X-Dict": {"a=1"}, "X-Free": {"a b c"}, "X-Twice": {"a, b, a"}}
			_, err = c.Do(req)
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, shown(err), "s3cret")
			require.NotContains(t, err.Error(), "\n")
			require.Zero(t, rt.count())
		})
	}
}

func TestUseRefusesASignatureThatCannotSign(t *testing.T) {
	tests := []struct {
		name   string
		change func(*auth.Signature)
		want   string
	}{
		{"an answer's component", func(g *auth.Signature) { g.Components = []string{"@status"} }, `the component "@status" is for answers or trailers: a request has none`},
		{"req", func(g *auth.Signature) { g.Components = []string{"x-a;req"} }, "is for answers or trailers"},
		{"tr", func(g *auth.Signature) { g.Components = []string{"x-a;tr"} }, "is for answers or trailers"},
		{"no component", func(g *auth.Signature) { g.Components = []string{"@host"} }, `the component "@host" is no field, and none of RFC 9421 section 2.2`},
		{"itself", func(g *auth.Signature) { g.Components = []string{"@signature-params"} }, "is no field, and none of RFC 9421 section 2.2"},
		{"no name", func(g *auth.Signature) { g.Components = []string{""} }, "is not written as in RFC 9421"},
		{"quotes", func(g *auth.Signature) { g.Components = []string{`"@query-param";name="a"`} }, "is not written as in RFC 9421"},
		{"no parameter name", func(g *auth.Signature) { g.Components = []string{"@query-param"} }, `has no name alone: write @query-param;name="id"`},
		{"a parameter of a derived one", func(g *auth.Signature) { g.Components = []string{"@method;sf"} }, "takes no parameters"},
		{"an unknown parameter", func(g *auth.Signature) { g.Components = []string{"x-a;x"} }, "has a parameter that is none of"},
		{"bs and sf", func(g *auth.Signature) { g.Components = []string{"x-a;bs;sf"} }, "has bs beside sf or key"},
		{"one twice", func(g *auth.Signature) { g.Components = []string{"@method", "x-a", "X-A"} }, `the component "X-A" is there twice (RFC 9421 section 2)`},
		{"no algorithm", func(g *auth.Signature) { g.Algorithm = "rsa" }, `Algorithm "rsa" is none of RFC 9421 section 3.3: use rsa-pss-sha512`},
		{"no digest", func(g *auth.Signature) { g.Digest = crypto.SHA1 }, "Digest is SHA-1: use SHA-256 or SHA-512 (RFC 9530 section 5)"},
		{"no label", func(g *auth.Signature) { g.Label = "Sig 1" }, `Label "Sig 1" is no key of a structured field`},
		{"a key id beyond ASCII", func(g *auth.Signature) { g.KeyID = "schlüssel" }, "KeyID or Tag has a character that is not in ASCII"},
		{"expired", func(g *auth.Signature) { g.Expires = -time.Second }, "Expires is -1s: give a second or more"},
		{"no encoding", func(g *auth.Signature) { g.KeyEncoding = 9 }, "KeyEncoding: use Hex"},
		{"no key", func(g *auth.Signature) { g.Key = nil }, "Key is nil: give auth.Env"},
		{"no PEM", func(g *auth.Signature) { g.Key = auth.Static("s3cret") }, "Key: no PEM block"},
		{"another's key", func(g *auth.Signature) { g.Algorithm = "rsa-v1_5-sha256" }, "Key: the private key is not one for rsa-v1_5-sha256"},
		{"no base64", func(g *auth.Signature) {
			g.Algorithm, g.Key, g.KeyEncoding = "hmac-sha256", auth.Static("s3cret!"), auth.Base64
		}, "Key: the secret is no base64: set KeyEncoding to what it is"},
		{"no origin", func(g *auth.Signature) { g.Origins = []string{"x"} }, `Origins: "x" is no origin`},
	}
	whole := auth.Signature{Key: auth.Static(rfcKeyEd25519), KeyID: "k"}
	require.NoError(t, middleware.Use(resty.New(), whole))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			step := whole
			tt.change(&step)
			err := middleware.Use(resty.New(), step)
			require.ErrorContains(t, err, "signature: ")
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "s3cret")
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestSignatureShowsNeitherItsKeyNorItself(t *testing.T) {
	step := auth.Signature{Key: auth.Static(odd + "signature"), Algorithm: "hmac-sha256", KeyID: "key-1"}
	var sent string
	rt := &api{answer: func(req *http.Request) (*http.Response, error) {
		sent = strings.Trim(strings.TrimPrefix(req.Header.Get("Signature"), "sig1="), ":")
		return reply(req, 400, "text/plain", "you sent "+sent), nil
	}}
	_, err := client(t, rt, step, middleware.RequireStatus{}).R().Get("/")
	require.ErrorContains(t, err, "400")
	hidden := secretive{step, []string{odd + "signature", sent}}
	hidden.requireSilent(t, "the error", shown(err))
	hidden.requireSilent(t, "the step", printed(step))
	hidden.requireSilent(t, "the step as JSON", string(quoteAny(step)))
	require.Equal(t, "signature(as the key is, key key-1, static)", printed(auth.Signature{KeyID: "key-1", Key: auth.Static(rfcKeyP256)})[:len("signature(as the key is, key key-1, static)")])
}

func TestSignatureKeepsTheContract(t *testing.T) {
	body := auth.Signature{Key: auth.Static(rfcKeyEd25519)}
	for name, step := range map[string]auth.Signature{"ed25519": body, "hmac": signs256("@target-uri"), "a field that is not there": signs256("x-none")} {
		t.Run(name, func(t *testing.T) { middlewaretest.Run(t, func() middleware.Middleware { return step }) })
	}
}

// FuzzComponents asks that what a component's text is, there is an error or a signature
// that a server can take apart, and no panic.
func FuzzComponents(f *testing.F) {
	for _, seed := range []string{"@method", `@query-param;name="a"`, `x-a;key="a"`, "x-a;bs", "x-a;sf", "", ";", `a";b="`, "@query-param;name=1", "x;key", "content-type", "\u212A"} {
		f.Add(seed, "a=1, b", "a=%zz&b")
	}
	f.Fuzz(func(t *testing.T, component, value, query string) {
		rt := &api{}
		step := signs256(component)
		if step.Validate() != nil {
			return
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, home, nil)
		require.NoError(t, err)
		name, _, _ := strings.Cut(component, ";")
		req.Header.Set(name, value)
		req.URL.RawQuery = query
		if _, err = (&http.Client{Transport: middleware.Stack{step}.RoundTripper(rt)}).Do(req); err != nil {
			require.NotContains(t, err.Error(), "\n")
			return
		}
		if rt.last(t).Header.Get("Signature") == value { // the component was the caller's own
			return
		}
		require.True(t, strings.HasPrefix(rt.last(t).Header.Get("Signature-Input"), "sig1=("), rt.last(t).Header)
	})
}
