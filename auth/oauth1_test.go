package auth_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/middleware/middlewaretest"
	"github.com/restykit/restykit/observe"
	"github.com/restykit/restykit/retry"
)

var oauth1 = auth.OAuth1{
	ConsumerKey: "key", ConsumerSecret: auth.Static("c0nsumer&s3cret"), Token: auth.Static("t0ken"), TokenSecret: auth.Static("t0ken s3cret"),
}

// oauth1Like is the step with a change.
func oauth1Like(change func(*auth.OAuth1)) auth.OAuth1 {
	step := oauth1
	change(&step)
	return step
}

func fixed(nonce string) func() string { return func() string { return nonce } }

// The example of X's documentation, "Creating a signature", with the three hosts and paths
// that it has had.
func TestOAuth1SignsTheExampleOfX(t *testing.T) {
	for base, want := range map[string]string{
		"https://api.twitter.com/1":   "tnnArxj06cWHq44gCs1OSKk/jLY=",
		"https://api.twitter.com/1.1": "hCtSmYh+iHYCEqBWrE7C7hYmtUk=",
		"https://api.x.com/1.1":       "Ls93hJiZbQ3akF3HF3x1Bz8/zU4=",
	} {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(time.Unix(1318622958, 0)))
			rt := &api{}
			c := resty.New().SetTransport(rt).SetBaseURL(base)
			require.NoError(t, middleware.Use(c, auth.OAuth1{
				ConsumerKey: "xvz1evFS4wEEPTGEFPHBog", ConsumerSecret: auth.Static("kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw"),
				Token: auth.Static("370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb"), TokenSecret: auth.Static("LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE"),
				Nonce: fixed("kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg"),
			}))
			_, err := c.R().SetQueryParam("include_entities", "true").
				SetFormData(map[string]string{"status": "Hello Ladies + Gentlemen, a signed OAuth request!"}).Post("/statuses/update.json")
			require.NoError(t, err)
			require.Equal(t, `OAuth oauth_consumer_key="xvz1evFS4wEEPTGEFPHBog", oauth_token="370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb", `+
				`oauth_signature_method="HMAC-SHA1", oauth_timestamp="1318622958", oauth_nonce="kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg", oauth_version="1.0", `+
				`oauth_signature="`+strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(want)+`"`, rt.authorizations()[0])
			require.Equal(t, "status=Hello+Ladies+%2B+Gentlemen%2C+a+signed+OAuth+request%21", rt.body[0], "the form is still there")
		})
	}
}

// Headers of oauthlib's tests (github.com/oauthlib/oauthlib, commit 40b0ab5, BSD license), in
// the order of this step.
func TestOAuth1WritesTheHeadersOfOauthlib(t *testing.T) {
	none := auth.Static("")
	for name, tt := range map[string]struct {
		step      auth.OAuth1
		url, want string
	}{
		"test_hmac_sha1_method":   {auth.OAuth1{ConsumerSecret: none, InsecureHTTP: true}, "http://example.com", "hH5BWYVqo7QI4EmPBUUe9owRUUQ%3D"},
		"test_hmac_sha256_method": {auth.OAuth1{ConsumerSecret: none, InsecureHTTP: true, Method: "HMAC-SHA256"}, "http://example.com", "JzgJWBxX664OiMW3WE4MEjtYwOjI%2FpaUWHqtdHe68Es%3D"},
		"test_plaintext_method": {
			auth.OAuth1{ConsumerSecret: auth.Static("foo"), Method: "PLAINTEXT", Token: auth.Static("x"), TokenSecret: auth.Static("bar")}, "https://example.com", "foo%26bar",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(time.Unix(1234567890, 0)))
				rt, step := &api{}, tt.step
				step.ConsumerKey, step.Nonce = "client_key", fixed("abc")
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, tt.url, nil)
				require.NoError(t, err)
				resp, err := middleware.Stack{step}.RoundTripper(rt).RoundTrip(req)
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
				got := rt.authorizations()[0]
				require.Contains(t, got, `OAuth oauth_consumer_key="client_key", `)
				require.Contains(t, got, `oauth_timestamp="1234567890", oauth_nonce="abc", oauth_version="1.0", oauth_signature="`+tt.want+`"`)
			})
		})
	}
}

// The example of "OAuth Request Body Hash", draft 4: its hashes.
func TestOAuth1SignsTheHashOfABodyThatIsNoForm(t *testing.T) {
	step := oauth1Like(func(o *auth.OAuth1) { o.BodyHash = true })
	for name, tt := range map[string]struct {
		kind, body, want string
		method           string
	}{
		"a text":                {"text/plain", "Hello World!", "Lve95gjOVATpfV8EL5X4nxwjKHE=", ""},
		"nothing":               {"", "", "2jmj7l5rSw0yVb/vlWAYkK/YBwk=", ""},
		"by SHA-256":            {"text/plain", "Hello World!", "f4OxZX/x/FO5LcGBSKHWXfwtSx+j1ncoSt3SABJtkGk=", "HMAC-SHA256"},
		"a form":                {"application/x-www-form-urlencoded", "a=b", "", ""},
		"a form with a charset": {"Application/X-WWW-form-urlencoded ; charset=utf-8", "a=b", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			rt, step := &api{}, step
			step.Method = tt.method
			r := client(t, rt, step).R()
			if tt.body != "" {
				r.SetHeader("Content-Type", tt.kind).SetBody(tt.body)
			}
			_, err := r.Put("/")
			require.NoError(t, err)
			got := protocol(rt.authorizations()[0])
			require.Equal(t, tt.want, got["oauth_body_hash"])
			require.NoError(t, checkOAuth1(rt.last(t), rt.body[0], "c0nsumer&s3cret", "t0ken s3cret"))
			require.Equal(t, tt.body, rt.body[0])
		})
	}
}

// protocol are the parameters in a header, decoded.
func protocol(header string) map[string]string {
	out := map[string]string{}
	for _, m := range regexp.MustCompile(`(\w+)="([^"]*)"`).FindAllStringSubmatch(header, -1) {
		out[m[1]], _ = url.PathUnescape(m[2])
	}
	return out
}

// checkOAuth1 tells a server whether a request is signed, after the RFC and not after the
// code of this package.
func checkOAuth1(r *http.Request, body, consumerSecret, tokenSecret string) error {
	sent := protocol(r.Header.Get("Authorization"))
	encode := func(s string) string {
		var b strings.Builder
		for _, c := range []byte(s) {
			if regexp.MustCompile(`[A-Za-z0-9._~-]`).Match([]byte{c}) {
				b.WriteByte(c)
			} else {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		}
		return b.String()
	}
	var pairs []string
	add := func(name, value string) { pairs = append(pairs, encode(name)+"\x00"+encode(value)) }
	all := []url.Values{r.URL.Query()}
	if strings.HasPrefix(strings.ToLower(r.Header.Get("Content-Type")), "application/x-www-form-urlencoded") {
		form, err := url.ParseQuery(body)
		if err != nil {
			return err
		}
		all = append(all, form)
	}
	for _, values := range all {
		for name, list := range values {
			for _, value := range list {
				add(name, value)
			}
		}
	}
	for name, value := range sent {
		if name != "realm" && name != "oauth_signature" {
			add(name, value)
		}
	}
	slices.Sort(pairs) // a NUL sorts before all else: by name, then by value
	scheme := "http"
	if r.URL.Scheme == "https" {
		scheme = "https"
	}
	where := r.Host
	if where == "" {
		where = r.URL.Host
	}
	base := strings.Join([]string{
		r.Method, encode(scheme + "://" + strings.ToLower(where) + r.URL.EscapedPath()), encode(strings.ReplaceAll(strings.Join(pairs, "&"), "\x00", "=")),
	}, "&")
	hash := sha1.New
	if sent["oauth_signature_method"] == "HMAC-SHA256" {
		hash = sha256.New
	}
	mac := hmac.New(hash, []byte(encode(consumerSecret)+"&"+encode(tokenSecret)))
	mac.Write([]byte(base))
	if want := base64.StdEncoding.EncodeToString(mac.Sum(nil)); want != sent["oauth_signature"] {
		return fmt.Errorf("%q is not the signature of %s", sent["oauth_signature"], base)
	}
	return nil
}

func TestWhatANetworkCarriesIsSignedByOAuth1(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := checkOAuth1(r, string(body), "c0nsumer&s3cret", "t0ken s3cret"); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
		}
	}))
	defer srv.Close()
	for name, send := range map[string]func(*resty.Request) (*resty.Response, error){
		"plain": func(r *resty.Request) (*resty.Response, error) { return r.Get("/") },
		"JSON":  func(r *resty.Request) (*resty.Response, error) { return r.SetBody(map[string]int{"a": 1}).Post("/") },
		"a form": func(r *resty.Request) (*resty.Response, error) {
			return r.SetFormData(map[string]string{"a b": "ü&=+%*~"}).Post("/")
		},
		"a form of many": func(r *resty.Request) (*resty.Response, error) {
			return r.SetFormDataFromValues(url.Values{"a": {"2", "1", ""}, "": {"x"}}).Post("/?a=1&a=3&b")
		},
		"a file": func(r *resty.Request) (*resty.Response, error) {
			return r.SetFileReader("f", "f", strings.NewReader("x")).Post("/")
		},
		"a path": func(r *resty.Request) (*resty.Response, error) { return r.Get("/a(b)!$&'*+,;=:@/ü/%2F/x y") },
		"a query": func(r *resty.Request) (*resty.Response, error) {
			return r.Get("/?b=a+c%20d%2B/e&ab=1&a-b=2&a=3&a%2Db=1&&c=*'()")
		},
		"PATCH": func(r *resty.Request) (*resty.Response, error) { return r.Patch("/") },
	} {
		for _, method := range []string{"", "HMAC-SHA256"} {
			t.Run(name+" "+method, func(t *testing.T) {
				c := resty.New().SetBaseURL(srv.URL)
				require.NoError(t, middleware.Use(c, oauth1Like(func(o *auth.OAuth1) { o.Method, o.Realm = method, `a "realm"` })))
				resp, err := send(c.R())
				require.NoError(t, err)
				require.Equal(t, 200, resp.StatusCode(), resp.String())
			})
		}
	}
}

func TestOAuth1ByRSAVerifies(t *testing.T) {
	key := rsa2048()
	for method, hash := range map[string]crypto.Hash{"RSA-SHA1": crypto.SHA1, "RSA-SHA256": crypto.SHA256} {
		rt := &api{}
		_, err := client(t, rt, auth.OAuth1{ConsumerKey: "key", Method: method, Key: auth.Static(pkcs8(key)), Nonce: fixed("n")}).R().Get("/a")
		require.NoError(t, err)
		sent := protocol(rt.authorizations()[0])
		require.Equal(t, method, sent["oauth_signature_method"])
		made, err := base64.StdEncoding.DecodeString(sent["oauth_signature"])
		require.NoError(t, err)
		digest := hash.New()
		fmt.Fprintf(digest, "GET&https%%3A%%2F%%2Fapi.home.test%%2Fa&oauth_consumer_key%%3Dkey%%26oauth_nonce%%3Dn%%26oauth_signature_method%%3D%s%%26oauth_timestamp%%3D%s%%26oauth_version%%3D1.0", method, sent["oauth_timestamp"])
		require.NoError(t, rsa.VerifyPKCS1v15(&key.PublicKey, hash, digest.Sum(nil), made))
	}
}

func TestOAuth1SignsEachAttemptAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := &api{answer: func(req *http.Request) (*http.Response, error) {
			return reply(req, http.StatusServiceUnavailable, "text/plain", ""), nil
		}}
		_, err := client(t, rt, oauth1, retry.Policy{Attempts: 3, Wait: 10 * time.Second}).R().SetFormData(map[string]string{"a": "b"}).Put("/")
		require.NoError(t, err)
		require.Equal(t, []string{"a=b", "a=b", "a=b"}, rt.body)
		first, third := protocol(rt.authorizations()[0]), protocol(rt.authorizations()[2])
		require.NotEqual(t, first["oauth_timestamp"], third["oauth_timestamp"])
		require.NotEqual(t, first["oauth_nonce"], third["oauth_nonce"])
		require.Regexp(t, `^[A-Z2-7]{26}$`, first["oauth_nonce"])
	})
}

func TestOAuth1IsBehindTheOtherSteps(t *testing.T) {
	rt := &api{}
	_, err := client(t, rt, oauth1, auth.APIKey{Query: "api_key", Key: auth.Static("k3y")}).R().Get("/")
	require.NoError(t, err)
	require.Equal(t, "api_key=k3y", rt.last(t).URL.RawQuery)
	require.NoError(t, checkOAuth1(rt.last(t), "", "c0nsumer&s3cret", "t0ken s3cret"))
	require.ErrorContains(t, middleware.Use(resty.New(), oauth1, bearer), "writes Authorization")
}

func TestACallersOwnSignatureStays(t *testing.T) {
	rt := &api{}
	c := client(t, rt, oauth1)
	_, err := c.R().SetAuthToken("mine").Get("/")
	require.NoError(t, err)
	_, err = c.R().Get("/?oauth_signature=mine&oauth_token=x")
	require.NoError(t, err)
	require.Equal(t, []string{"Bearer mine", ""}, rt.authorizations())
}

func TestNoOAuth1ForAnotherOriginOrPlainHTTP(t *testing.T) {
	n := newInternet(t)
	step := oauth1Like(func(o *auth.OAuth1) { o.Token = auth.Static("s3cret-t0ken") })
	for agent, send := range agents {
		for name, target := range elsewhere {
			t.Run(agent+"/"+name, func(t *testing.T) {
				require.NoError(t, send(t, n, http.MethodPost, redirect(307, target), step))
				hits := n.take()
				require.Len(t, hits, 2)
				require.Contains(t, hits[0].text, "s3cret-t0ken")
				requirePublic(t, hits[1])
			})
		}
	}
	for _, method := range []string{"", "PLAINTEXT"} {
		step.Method = method
		_, err := n.client(t, "http://api.home.test", step).R().Get("/land")
		var refused *auth.InsecureError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, auth.InsecureError{Step: "oauth1", Origin: "http://api.home.test"}, *refused)
		require.Empty(t, n.take())
	}
	step.Method, step.InsecureHTTP = "", true
	_, err := n.client(t, "http://api.home.test", step).R().Get("/land")
	require.NoError(t, err)
	require.Contains(t, n.take()[0].text, "s3cret-t0ken")
}

func TestOAuth1DoesNotSendWhatItCannotSign(t *testing.T) {
	broken := errors.New("no")
	form := "application/x-www-form-urlencoded"
	for _, tt := range []struct {
		name string
		step auth.OAuth1
		kind string
		want string
	}{
		{"a form of one reading", oauth1, form, "oauth1: the body can be read only once, and a signature reads it before it is sent: give it as bytes, or set GetBody"},
		{"a body of one reading", oauth1Like(func(o *auth.OAuth1) { o.BodyHash = true }), "text/plain", "oauth1: the body can be read only once"},
		{"no consumer secret", oauth1Like(func(o *auth.OAuth1) {
			o.ConsumerSecret = auth.Func(func(context.Context) (string, error) { return "", broken })
		}), "text/plain", "oauth1: ConsumerSecret: no"},
		{"an empty token", oauth1Like(func(o *auth.OAuth1) { o.Token = auth.Func(sourceOf("")) }), "text/plain", "oauth1: Token: the secret is empty"},
		{"an empty verifier", oauth1Like(func(o *auth.OAuth1) { o.Verifier = auth.Func(sourceOf("")) }), "text/plain", "oauth1: Verifier: the secret is empty"},
		{"a token secret with a line end", oauth1Like(func(o *auth.OAuth1) { o.TokenSecret = auth.Func(sourceOf("s3cret\n")) }), "text/plain", "oauth1: TokenSecret: the secret ends in a line end"},
		{"a key that is none", auth.OAuth1{ConsumerKey: "key", Method: "RSA-SHA1", Key: auth.Func(sourceOf("s3cret"))}, "text/plain", "oauth1: Key: no PEM block"},
		{"a key of another kind", auth.OAuth1{ConsumerKey: "key", Method: "RSA-SHA1", Key: auth.Func(sourceOf(pkcs8(ed25())))}, "text/plain", "oauth1: Key: the key is not one of RSA"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rt := &api{}
			c := &http.Client{Transport: middleware.Stack{tt.step}.RoundTripper(rt)}
			resp, err := c.Post(home, tt.kind, io.MultiReader(strings.NewReader("once")))
			if err == nil {
				require.NoError(t, resp.Body.Close())
			}
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, shown(err), "s3cret")
			require.Zero(t, rt.count())
		})
	}
	rt := &api{}
	c := &http.Client{Transport: middleware.Stack{oauth1}.RoundTripper(rt)}
	resp, err := c.Post(home, "text/plain", io.MultiReader(strings.NewReader("once")))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, []string{"once"}, rt.body, "a body that is no form is not read")
}

func TestUseRefusesAnOAuth1ThatCannotSign(t *testing.T) {
	require.NoError(t, middleware.Use(resty.New(), oauth1))
	require.NoError(t, middleware.Use(resty.New(), auth.OAuth1{ConsumerKey: "k", ConsumerSecret: auth.Static(""), Callback: "oob"}))
	for want, change := range map[string]func(*auth.OAuth1){
		"Origins: \"x\" is no origin":                                                         func(o *auth.OAuth1) { o.Origins = []string{"x"} },
		"ConsumerKey is empty":                                                                func(o *auth.OAuth1) { o.ConsumerKey = "" },
		"ConsumerKey has a control character, such as a line end":                             func(o *auth.OAuth1) { o.ConsumerKey = "k\n" },
		"ConsumerSecret is nil: give auth.Env":                                                func(o *auth.OAuth1) { o.ConsumerSecret = nil },
		"TokenSecret is nil: give auth.Env":                                                   func(o *auth.OAuth1) { o.TokenSecret = nil },
		"TokenSecret has no Token: give both, or none":                                        func(o *auth.OAuth1) { o.Token = nil },
		"Verifier has no Token: give the temporary one":                                       func(o *auth.OAuth1) { o.Token, o.TokenSecret, o.Verifier = nil, nil, auth.Static("v") },
		"Token: the secret is empty":                                                          func(o *auth.OAuth1) { o.Token = auth.Static("") },
		"Verifier: the secret is empty":                                                       func(o *auth.OAuth1) { o.Verifier = auth.Static("") },
		`Method is "HMAC-MD5": use HMAC-SHA1, HMAC-SHA256, RSA-SHA1, RSA-SHA256 or PLAINTEXT`: func(o *auth.OAuth1) { o.Method = "HMAC-MD5" },
		"Key is not used by HMAC-SHA1: leave it out, or set Method to RSA-SHA256":             func(o *auth.OAuth1) { o.Key = auth.Static(pkcs8(rsa2048())) },
		"Key is nil: give auth.Env":                                                           func(o *auth.OAuth1) { o.Method = "RSA-SHA1" },
		"Key: no PEM block":                                                                   func(o *auth.OAuth1) { o.Method, o.Key = "RSA-SHA256", auth.Static("s3cret") },
		"PLAINTEXT and InsecureHTTP would send the secrets in the clear: keep one of them (RFC 5849 section 3.4.4)": func(o *auth.OAuth1) { o.Method, o.InsecureHTTP = "PLAINTEXT", true },
		"BodyHash is not signed by PLAINTEXT: leave it out":                                                         func(o *auth.OAuth1) { o.Method, o.BodyHash = "PLAINTEXT", true },
		"Realm: the header value has a control character at byte 1":                                                 func(o *auth.OAuth1) { o.Realm = "a\n" },
	} {
		err := middleware.Use(resty.New(), oauth1Like(change))
		require.ErrorContains(t, err, "oauth1: "+want)
		require.NotContains(t, err.Error(), "s3cret")
		require.NotContains(t, err.Error(), "\n")
	}
}

func TestOAuth1ShowsNoSecret(t *testing.T) {
	step := auth.OAuth1{
		ConsumerKey: "key-1", ConsumerSecret: auth.Static(odd + "consumer"), Token: auth.Static(odd + "token"), TokenSecret: auth.Static(odd + "pair"),
		Verifier: auth.Static(odd + "verifier"),
	}
	for _, method := range []string{"HMAC-SHA1", "PLAINTEXT"} {
		for _, status := range []int{200, 401} {
			t.Run(fmt.Sprint(method, status), func(t *testing.T) {
				step := step
				step.Method = method
				rt := &api{answer: func(req *http.Request) (*http.Response, error) {
					sent := protocol(req.Header.Get("Authorization"))
					resp := reply(req, status, "text/plain", fmt.Sprint(echo(req), sent, odd+"consumer ", odd+"pair ", url.Values{"s": {odd + "pair"}}.Encode()))
					if status > 200 {
						resp.Header.Set("X-Echo", req.Header.Get("Authorization"))
					}
					return resp, nil
				}}
				var lines bytes.Buffer
				heard := &listener{}
				c := client(t, rt, step, heard, middleware.RequireStatus{}, observe.Log{Logger: slog.New(slog.NewJSONHandler(&lines, nil))})
				resp, err := c.R().Get("/")
				hidden := secretive{step, []string{odd + "consumer", odd + "token", odd + "pair", odd + "verifier", protocol(rt.authorizations()[0])["oauth_signature"]}}
				require.Equal(t, status > 200, err != nil)
				hidden.requireSilent(t, "the error", shown(err))
				hidden.requireSilent(t, "the log", lines.String())
				hidden.requireSilent(t, "what observers hear", printed(heard.events))
				hidden.requireSilent(t, "the caller's request", dump(resp.Request.RawRequest)+dump(resp.RawResponse.Request)+resp.Request.GenerateCurlCommand())
				hidden.requireSilent(t, "the step", printed(step)+printed(middleware.Of(c))+string(quoteAny(step)))
			})
		}
	}
	require.Equal(t, "oauth1(HMAC-SHA1, consumer key key-1, token static)", fmt.Sprintf("%#v", step))
	require.Equal(t, "oauth1(RSA-SHA256, consumer key k)", fmt.Sprintf("%+v", &auth.OAuth1{ConsumerKey: "k", Method: "RSA-SHA256"}))
}

func TestOAuth1KeepsTheContract(t *testing.T) {
	for name, step := range map[string]auth.OAuth1{
		"HMAC": oauth1, "body hash": oauth1Like(func(o *auth.OAuth1) { o.BodyHash = true }), "PLAINTEXT": oauth1Like(func(o *auth.OAuth1) { o.Method = "PLAINTEXT" }),
		"RSA": {ConsumerKey: "key", Method: "RSA-SHA256", Key: auth.Static(pkcs8(rsa2048()))},
	} {
		t.Run(name, func(t *testing.T) { middlewaretest.Run(t, func() middleware.Middleware { return step }) })
	}
}

// FuzzOAuth1 asks that a server which reads query and form by net/url comes to the same
// signature, whatever they are.
func FuzzOAuth1(f *testing.F) {
	for _, seed := range []string{"a=1&a=0", "b5=%3D%253D&a3=a&c%40=&a2=r%20b", "c2&a3=2+q", "", "=", "&&", "ü=é", "a-=1&a=2", "~*'()=!"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, query, form string) {
		for _, s := range []string{query, form} {
			if _, err := url.ParseQuery(s); err != nil {
				return // it is read in more than one way
			}
		}
		rt := &api{}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, home+"/", strings.NewReader(form))
		require.NoError(t, err)
		req.URL.RawQuery = query
		if req.URL.Query().Has("oauth_signature") {
			return
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := middleware.Stack{oauth1}.RoundTripper(rt).RoundTrip(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.NoError(t, checkOAuth1(rt.last(t), form, "c0nsumer&s3cret", "t0ken s3cret"))
	})
}
