package auth_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/internal/httpbintest"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/retry"
)

// wantStatus asks for a path, and wants a status.
func wantStatus(t *testing.T, c *resty.Client, path string, want int) *resty.Response {
	t.Helper()
	resp, err := c.R().Get(path)
	require.NoError(t, err)
	require.Equal(t, want, resp.StatusCode())
	return resp
}

// gateCounts are the values of nc, in the order in which they came; "" is no credentials.
func gateCounts(hits []gateHit) []string {
	var out []string
	for _, h := range hits {
		p, _ := gateParams(h.authorization)
		out = append(out, strings.TrimLeft(p["nc"], "0"))
	}
	return out
}

func TestDigestIsAskedForOnceAndThenSentAtOnce(t *testing.T) {
	for _, algorithm := range []string{"", "MD5", "SHA-256", "SHA-512-256", "MD5-sess", "SHA-256-sess", "SHA-512-256-sess", "md5-SESS", "Sha-256"} {
		for _, qop := range []string{"auth", "auth-int", "auth,auth-int", "AUTH-INT , Auth", ""} {
			t.Run(algorithm+"/"+qop, func(t *testing.T) {
				g := (&gatekeeper{algorithm: algorithm, qop: qop}).start(t)
				c := g.client(t)
				for _, method := range []string{"GET", "POST", "HEAD", "PATCH"} {
					r := c.R()
					if method == "POST" || method == "PATCH" {
						r.SetBody("the body: " + method)
					}
					resp, err := r.Execute(method, "/orders?page=2")
					require.NoError(t, err)
					require.Equal(t, 200, resp.StatusCode())
				}
				hits := g.take()
				want := []string{"", "1", "2", "3", "4"}
				if qop == "" {
					want = make([]string, 5)
				}
				require.Equal(t, want, gateCounts(hits))
				require.Empty(t, hits[0].authorization)
				require.Equal(t, []string{"the body: POST", "the body: PATCH"}, []string{hits[2].body, hits[4].body})
				if qop == "auth-int" {
					require.Contains(t, hits[1].authorization, "qop=auth-int,")
				}
			})
		}
	}
}

func TestDigestSendsABodyTwiceWhereTheServerHasToAsk(t *testing.T) {
	for _, qop := range []string{"auth", "auth-int"} {
		g := (&gatekeeper{qop: qop}).start(t)
		resp, err := g.client(t).R().SetBody("the body").Post("/")
		require.NoError(t, err)
		require.Equal(t, 200, resp.StatusCode())
		hits := g.take()
		require.Equal(t, []string{"the body", "the body"}, []string{hits[0].body, hits[1].body})
	}
}

// readOnce is a reader that net/http cannot rewind.
func readOnce(text string) io.Reader { return io.MultiReader(strings.NewReader(text)) }

func TestDigestHandsUpTheChallengeToABodyThatCannotBeReadAgain(t *testing.T) {
	g := (&gatekeeper{qop: "auth-int"}).start(t)
	d := &auth.Digest{Username: "ada", Password: auth.Static("s3cret")}
	c := &http.Client{Transport: middleware.Stack{d}.RoundTripper(nil)}
	resp, err := c.Post(g.url, "text/plain", readOnce("the body"))
	require.NoError(t, err)
	require.Equal(t, 401, resp.StatusCode)
	require.NotEmpty(t, resp.Header.Get("WWW-Authenticate"))
	require.NoError(t, resp.Body.Close())
	require.Equal(t, []int{401}, g.statuses())

	resp, err = c.Get(g.url)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, []int{401, 200}, g.statuses())
	_, err = c.Post(g.url, "text/plain", readOnce("the body"))
	require.ErrorContains(t, err, "digest: the server wants a hash of the body (qop=auth-int), which can be read only once: give it as bytes, or set GetBody")
	final, ok := errors.AsType[interface {
		error
		Final() bool
	}](err)
	require.True(t, ok && final.Final())
	require.Empty(t, g.statuses(), "nothing was sent")

	g.qop = "auth"
	resp, err = c.Get(g.url)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	g.take()
	g.nonces = map[string]*gateNonce{}
	resp, err = c.Get(g.url)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	g.take()
	resp, err = c.Post(g.url, "text/plain", readOnce("the body"))
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode, "auth needs the body once, where the server has asked before")
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "the body", g.take()[0].body)
}

// bigBody is a body of many bytes that nobody holds, and notes how much of it was wanted at a
// time.
type bigBody struct {
	left int
	most *atomic.Int64
}

func (b *bigBody) Read(p []byte) (int, error) {
	b.most.Store(max(b.most.Load(), int64(len(p))))
	if b.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), b.left)
	clear(p[:n])
	b.left -= n
	return n, nil
}

func (*bigBody) Close() error { return nil }

func TestDigestHashesABodyInPieces(t *testing.T) {
	const size = 3 << 20
	g := (&gatekeeper{qop: "auth-int"}).start(t)
	d := &auth.Digest{Username: "ada", Password: auth.Static("s3cret")}
	c := &http.Client{Transport: middleware.Stack{d}.RoundTripper(nil)}
	var most atomic.Int64
	req, err := http.NewRequestWithContext(t.Context(), "PUT", g.url, nil)
	require.NoError(t, err)
	req.GetBody = func() (io.ReadCloser, error) { return &bigBody{size, &most}, nil }
	req.Body, _ = req.GetBody()
	req.ContentLength = size
	resp, err := c.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 200, resp.StatusCode)
	require.Len(t, g.take()[1].body, size)
	require.LessOrEqual(t, most.Load(), int64(64<<10))

	ctx, cancel := context.WithCancelCause(t.Context())
	req = req.WithContext(ctx)
	enough := errors.New("enough")
	req.GetBody = func() (io.ReadCloser, error) {
		reads := 0
		return io.NopCloser(readFunc(func(p []byte) (int, error) {
			cancel(enough)
			reads++
			if reads > 1 {
				return 0, errors.New("it reads on")
			}
			return len(p), nil
		})), nil
	}
	req.Body = &bigBody{size, &most}
	_, err = c.Do(req)
	require.ErrorIs(t, err, enough, "a body without end ends with the request")
	require.Empty(t, g.take())

	req = req.WithContext(t.Context())
	broken := errors.New("the disk is gone")
	req.GetBody = func() (io.ReadCloser, error) { return nil, broken }
	req.Body = &bigBody{size, &most}
	_, err = c.Do(req)
	require.ErrorIs(t, err, broken)
	req.GetBody = func() (io.ReadCloser, error) {
		return io.NopCloser(readFunc(func([]byte) (int, error) { return 0, broken })), nil
	}
	req.Body = &bigBody{size, &most}
	_, err = c.Do(req)
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "digest: the body cannot be read for its hash (qop=auth-int)")
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

func TestANonceThatIsUsedUpCostsOneRequestMore(t *testing.T) {
	for _, algorithm := range []string{"MD5", "SHA-256-sess"} {
		g := (&gatekeeper{algorithm: algorithm, qop: "auth", uses: 2}).start(t)
		c := g.client(t)
		for range 5 {
			wantStatus(t, c, "/", 200)
		}
		hits := g.take()
		require.Equal(t, []string{"", "1", "2", "3", "1", "2", "3", "1"}, gateCounts(hits))
	}
}

func TestTheNextNonceIsUsedFromItsFirstCount(t *testing.T) {
	for _, algorithm := range []string{"MD5", "SHA-256-sess"} {
		g := (&gatekeeper{algorithm: algorithm, qop: "auth", uses: 1, next: true}).start(t)
		c := g.client(t)
		for range 5 {
			wantStatus(t, c, "/", 200)
		}
		require.Equal(t, []string{"", "1", "1", "1", "1", "1"}, gateCounts(g.take()))
	}
}

func TestANextNonceThatIsTheSameChangesNothing(t *testing.T) {
	g := (&gatekeeper{qop: "auth", fixed: "always", next: true}).start(t)
	c := g.client(t)
	for range 3 {
		wantStatus(t, c, "/", 200)
	}
	require.Equal(t, []string{"", "1", "2", "3"}, gateCounts(g.take()))
}

func TestANextNonceThatNoFieldCanCarryIsLeft(t *testing.T) {
	rt := &api{answer: askingForDigest(func(req *http.Request) (*http.Response, error) {
		resp := reply(req, 200, "text/plain", "")
		resp.Header.Set("Authentication-Info", "nextnonce=\"a\x01b\"")
		return resp, nil
	})}
	c := client(t, rt, &auth.Digest{Username: "ada", Password: auth.Static("s3cret")})
	wantStatus(t, c, "/", 200)
	wantStatus(t, c, "/", 200)
	require.Contains(t, rt.authorizations()[2], `nonce="n"`)
	require.Contains(t, rt.authorizations()[2], "nc=00000002")
}

func TestCredentialsThatAreRefusedAreTheCallers401(t *testing.T) {
	g := (&gatekeeper{qop: "auth"}).start(t)
	c := g.client(t)
	wantStatus(t, c, "/", 200)
	g.password = "another"
	g.take()
	for range 2 {
		resp := wantStatus(t, c, "/", 401)
		require.NotEmpty(t, resp.Header().Get("WWW-Authenticate"))
		require.Equal(t, []int{401, 401}, g.statuses(), "one try for the new nonce, and no third")
	}
	g.password = "s3cret"
	wantStatus(t, c, "/", 200)

	fresh := g.client(t)
	g.password = "another"
	g.take()
	wantStatus(t, fresh, "/", 401)
	wantStatus(t, fresh, "/", 401)
	require.Equal(t, []string{"", "1", "", "1"}, gateCounts(g.take()), "what was never accepted is not sent ahead")
}

func TestA401ToTheSameNonceIsFinal(t *testing.T) {
	g := (&gatekeeper{qop: "auth", fixed: "always"}).start(t)
	c := g.client(t)
	wantStatus(t, c, "/", 200)
	g.password = "another"
	g.take()
	wantStatus(t, c, "/", 401)
	require.Equal(t, []int{401}, g.statuses())
}

func TestTheSameNonceInAnotherRealmIsAnswered(t *testing.T) {
	g := (&gatekeeper{qop: "auth", fixed: "always", strangers: true}).start(t)
	c := g.client(t)
	wantStatus(t, c, "/", 200)
	g.realm, g.nonces = "another realm", map[string]*gateNonce{} // which counts for itself
	wantStatus(t, c, "/", 200)
}

func TestANonceThatIsStaleAndStaysIsCountedOn(t *testing.T) {
	g := (&gatekeeper{qop: "auth", fixed: "always", uses: 1}).start(t)
	c := g.client(t)
	wantStatus(t, c, "/", 200)
	g.take()
	wantStatus(t, c, "/", 401)
	require.Equal(t, []string{"2", "3"}, gateCounts(g.take()))
}

func TestManyAtOnceAllSucceed(t *testing.T) {
	for name, g := range map[string]*gatekeeper{
		"nonces for ever":         {qop: "auth"},
		"nonces for a few":        {qop: "auth", uses: 7},
		"nonces for one":          {qop: "auth", uses: 1},
		"a next nonce":            {qop: "auth", uses: 1, next: true},
		"counts in order":         {qop: "auth", ordered: true},
		"one nonce":               {qop: "auth", fixed: "always"},
		"one nonce, a session":    {qop: "auth-int", fixed: "always", algorithm: "SHA-256-sess"},
		"sessions that end":       {qop: "auth", uses: 3, algorithm: "MD5-sess"},
		"RFC 2069":                {uses: 3},
		"a next nonce, a session": {qop: "auth", next: true, uses: 2, algorithm: "SHA-512-256-sess"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g.start(t)
			c := g.client(t)
			for range 2 { // the first time all begin without credentials
				var all sync.WaitGroup
				for i := range 200 {
					all.Go(func() {
						resp, err := c.R().SetBody(fmt.Sprint("body ", i)).Post("/")
						if err != nil || resp.StatusCode() != 200 {
							t.Error(resp.StatusCode(), err)
						}
					})
				}
				all.Wait()
				require.LessOrEqual(t, len(g.take()), 400, "each was sent twice at most")
			}
		})
	}
}

func TestManyWhoseNonceWentStaleAtOnceAllSucceed(t *testing.T) {
	g := (&gatekeeper{qop: "auth"}).start(t)
	c := g.client(t)
	wantStatus(t, c, "/", 200)
	for range 3 {
		g.mu.Lock()
		g.nonces = map[string]*gateNonce{} // the server begins anew
		g.hits = nil
		g.mu.Unlock()
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if resp, err := c.R().Get("/"); err != nil || resp.StatusCode() != 200 {
					t.Error(resp.StatusCode(), err)
				}
			})
		}
		all.Wait()
		require.LessOrEqual(t, len(g.take()), 200)
	}
}

func TestEachAttemptHasACountOfItsOwn(t *testing.T) {
	g := (&gatekeeper{qop: "auth"}).start(t)
	var n atomic.Int32
	g.accepted = func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1) < 3 {
			w.WriteHeader(503)
		}
	}
	c := g.client(t, retry.Policy{Attempts: 3, Wait: time.Millisecond, MaxWait: time.Millisecond})
	resp := wantStatus(t, c, "/", 200)
	require.Equal(t, 3, middleware.InfoOf(resp.Request.Context()).Attempts())
	require.Equal(t, []string{"", "1", "2", "3"}, gateCounts(g.take()))
}

func TestTheURIIsTheTargetThatIsSent(t *testing.T) {
	g := (&gatekeeper{qop: "auth"}).start(t)
	c := &http.Client{Transport: middleware.Stack{&auth.Digest{Username: "ada", Password: auth.Static("s3cret")}}.RoundTripper(nil)}
	for target, want := range map[string]string{
		"": `uri="/"`, "/": `uri="/"`, "?": `uri="/?"`, "?a=b": `uri="/?a=b"`, "/a%2Fb/%C3%BC;v=1,2?q=%22&r=a+b#fragment": `uri="/a%2Fb/%C3%BC;v=1,2?q=%22&r=a+b"`,
		`/?q="a\b"`: `uri="/?q=\"a\\b\""`, "//a//b/../c": `uri="//a//b/../c"`,
	} {
		for _, method := range []string{"GET", "HEAD", "DELETE", "OPTIONS", "purge"} { // as it is sent
			req, err := http.NewRequestWithContext(t.Context(), method, g.url+target, nil)
			require.NoError(t, err)
			resp, err := c.Do(req)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, 200, resp.StatusCode, target)
			hits := g.take()
			require.Contains(t, hits[len(hits)-1].authorization, want)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), "", g.url, nil)
	require.NoError(t, err)
	req.Method = ""
	resp, err := c.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 200, resp.StatusCode)
}

func TestTheURIIsThePathBehindAProxyToo(t *testing.T) {
	g := (&gatekeeper{qop: "auth"}).start(t)
	proxy, err := url.Parse(g.url)
	require.NoError(t, err)
	c := &http.Client{Transport: middleware.Stack{
		&auth.Digest{Username: "ada", Password: auth.Static("s3cret"), InsecureHTTP: true},
	}.RoundTripper(&http.Transport{Proxy: http.ProxyURL(proxy)})}
	resp, err := c.Get("http://api.home.test/orders?page=2")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 200, resp.StatusCode)
	require.Contains(t, g.take()[1].authorization, `uri="/orders?page=2"`)
}

func TestAKeyInTheQueryIsPartOfTheURI(t *testing.T) {
	g := (&gatekeeper{qop: "auth"}).start(t)
	c := g.client(t, auth.APIKey{Query: "api_key", Key: auth.Static("k3y")}, middleware.Func("mark", middleware.Auth, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		req = middleware.Mutable(req)
		u := *req.URL
		u.RawQuery += "&mark=1"
		req.URL = &u
		return next(req)
	}))
	wantStatus(t, c, "/orders?page=2", 200)
	require.Contains(t, g.take()[1].authorization, `uri="/orders?page=2&api_key=k3y&mark=1"`)
}

func TestHowAUserIsNamed(t *testing.T) {
	const plain, userhash, utf8 = "", ", userhash=TRUE", ", charset=utf-8"
	for _, tt := range []struct{ user, extra, want string }{
		{"ada", plain, `username="ada"`},
		{"ada", utf8, `username="ada"`},
		{`a"d\a: b`, utf8, `username="a\"d\\a: b"`},
		{"Jäsøn Doe's", utf8, `username*=UTF-8''J%C3%A4s%C3%B8n%20Doe%27s`},
		{"Jäsøn", plain, `username="Jäsøn"`},
		{"Jäsøn", ", charset=ISO-8859-1", `username="Jäsøn"`},
		{"Jäsøn", userhash + utf8, `username="` + fmt.Sprintf("%x", md5.Sum([]byte(`Jäsøn:a "realm", with \ in it`))) + `"`},
		{"Mufasa", ", userhash=false", `username="Mufasa"`},
	} {
		g := (&gatekeeper{qop: "auth", extra: tt.extra}).start(t)
		c := resty.New().SetBaseURL(g.url)
		require.NoError(t, middleware.Use(c, &auth.Digest{Username: tt.user, Password: auth.Static("s3cret")}))
		_, err := c.R().Get("/")
		require.NoError(t, err)
		said := g.take()[1].authorization
		require.Contains(t, said, tt.want)
		require.Equal(t, 1, strings.Count(said, "username"))
		require.Equal(t, strings.HasPrefix(tt.extra, userhash), strings.Contains(said, ", userhash=true"))
	}
}

func TestDigestForNoOtherOrigin(t *testing.T) {
	there := (&gatekeeper{qop: "auth"}).start(t)
	home := (&gatekeeper{qop: "auth"}).start(t)
	home.accepted = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, there.url, http.StatusTemporaryRedirect)
	}
	c := home.client(t)
	for range 2 {
		wantStatus(t, c, "/", 401)
		hits := there.take()
		require.Len(t, hits, 1, "its challenge is not answered")
		require.Empty(t, hits[0].authorization)
	}
	wantStatus(t, c, there.url, 401)
	require.Empty(t, there.take()[0].authorization)
}

func TestTheNoncesOfTwoHostsAreTwo(t *testing.T) {
	one, two := (&gatekeeper{qop: "auth", realm: "one"}).start(t), (&gatekeeper{qop: "auth-int", realm: "two", algorithm: "SHA-256"}).start(t)
	c := resty.New().SetBaseURL(one.url)
	require.NoError(t, middleware.Use(c, &auth.Digest{Username: "ada", Password: auth.Static("s3cret"), Origins: []string{two.url}}))
	for range 3 {
		wantStatus(t, c, one.url, 200)
		wantStatus(t, c, two.url, 200)
	}
	require.Equal(t, []string{"", "1", "2", "3"}, gateCounts(one.take()))
	require.Equal(t, []string{"", "1", "2", "3"}, gateCounts(two.take()))
}

func TestTwoRealmsOfOneHostAreAnsweredInTurn(t *testing.T) {
	one, two := (&gatekeeper{qop: "auth", strangers: true}).start(t), (&gatekeeper{qop: "auth", realm: "another", strangers: true}).start(t)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/other" {
			two.ServeHTTP(w, r)
			return
		}
		one.ServeHTTP(w, r)
	}))
	c := one.client(t)
	t.Cleanup(front.Close)
	c.SetBaseURL(front.URL)
	for range 3 {
		wantStatus(t, c, "/", 200)
		wantStatus(t, c, "/other", 200)
		wantStatus(t, c, "/other", 200)
	}
	require.Equal(t, []int{401, 200, 401, 200, 401, 200}, one.statuses())
	require.Equal(t, []int{401, 200, 200, 401, 200, 200, 401, 200, 200}, two.statuses())
}

func TestAnAnswerThatCannotBeAnsweredIsTheCallersAndSaysWhy(t *testing.T) {
	for asked, why := range map[string]string{
		"":                           "the 401 has no challenge that can be read",
		`Basic realm="x", Negotiate`: "the server asks for Basic, Negotiate, and not for Digest: use the step for that",
		`Digest realm="x", nonce="n", algorithm=SHA-512`: `the server asks for the Digest algorithm "SHA-512", which is not supported`,
	} {
		rt := &api{answer: func(req *http.Request) (*http.Response, error) {
			resp := reply(req, 401, "text/plain", "who are you?")
			resp.Header.Set("WWW-Authenticate", asked)
			return resp, nil
		}}
		heard := &listener{}
		c := client(t, rt, &auth.Digest{Username: "ada", Password: auth.Static("s3cret")}, heard, middleware.RequireStatus{})
		resp, err := c.R().Get("/")
		require.ErrorIs(t, err, middleware.ErrUnauthorized)
		require.ErrorContains(t, err, "digest: "+why)
		require.Equal(t, 401, resp.StatusCode())
		require.Equal(t, 1, rt.count(), "nothing further is sent")
		require.Len(t, heard.events, 1)
		require.Equal(t, "digest", heard.events[0].Step)
		require.Equal(t, "give-up", heard.events[0].Kind)
		require.EqualError(t, heard.events[0].Err, why)
	}
}

func TestExpectContinueWithholdsTheBodyUntilTheServerHasAsked(t *testing.T) {
	var read []int64
	g := (&gatekeeper{qop: "auth"}).start(t)
	g.accepted = func(http.ResponseWriter, *http.Request) {}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" { // it does not read, so net/http does not say 100 Continue
			g.mu.Lock()
			status := g.ask(w, false)
			g.mu.Unlock()
			read = append(read, 0)
			w.WriteHeader(status)
			return
		}
		g.ServeHTTP(w, r)
		read = append(read, int64(len(g.take()[0].body)))
	}))
	t.Cleanup(srv.Close)
	c := resty.New().SetBaseURL(srv.URL).SetTransport(&http.Transport{ExpectContinueTimeout: time.Minute})
	require.NoError(t, middleware.Use(c, &auth.Digest{Username: "ada", Password: auth.Static("s3cret")}))
	body := bytes.Repeat([]byte("x"), 1<<20)
	resp, err := c.R().SetHeader("Expect", "100-continue").SetBody(body).Post("/upload")
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode())
	require.Equal(t, []int64{0, 1 << 20}, read)
}

func TestDigestAtHTTPBin(t *testing.T) {
	bin := httpbintest.Start("")
	t.Cleanup(bin.Close)
	for _, algorithm := range []string{"", "/MD5", "/SHA-256"} {
		c := resty.New().SetBaseURL(bin.URL).SetLogger(silence{})
		require.NoError(t, middleware.Use(c, &auth.Digest{Username: "ada", Password: auth.Static("s3cret")}))
		for range 3 {
			resp := wantStatus(t, c, "/digest-auth/auth/ada/s3cret"+algorithm+"?page=2", 200)
			require.Contains(t, resp.String(), `"authorized": true`)
		}
		wantStatus(t, c, "/digest-auth/auth/ada/another"+algorithm, 401)
		wantStatus(t, c, "/digest-auth/auth/ada/s3cret"+algorithm, 200)
	}
}

func TestDigestValidates(t *testing.T) {
	ok := auth.Static("s3cret")
	for want, d := range map[string]*auth.Digest{
		"digest: Username is empty":                                {Password: ok},
		"digest: Username has a control character":                 {Username: "a\nb", Password: ok},
		"digest: Password is nil: give auth.Env":                   {Username: "ada"},
		"digest: Password: the secret ends in a line end":          {Username: "ada", Password: auth.Static("s3cret\n")},
		`digest: Origins: "*" is no origin: write scheme and host`: {Username: "ada", Password: ok, Origins: []string{"*"}},
	} {
		err := middleware.Use(resty.New(), d)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "s3cret")
	}
	require.NoError(t, middleware.Use(resty.New(), &auth.Digest{Username: "a:b", Password: auth.Static("")}))
	require.ErrorContains(t, middleware.Use(resty.New(), basic, &auth.Digest{Username: "ada", Password: ok}), "digest: writes Authorization, as basic does")
}

func TestAPasswordThatIsNotThereFailsTheRequestWhenItIsNeeded(t *testing.T) {
	g := (&gatekeeper{qop: "auth"}).start(t)
	sealed := errors.New("the vault is sealed")
	c := resty.New().SetBaseURL(g.url).SetLogger(silence{})
	require.NoError(t, middleware.Use(c, &auth.Digest{Username: "ada", Password: auth.Func(func(context.Context) (string, error) { return "", sealed })}))
	_, err := c.R().Get("/")
	require.ErrorIs(t, err, sealed)
	require.ErrorContains(t, err, "digest: Password: the vault is sealed")
	require.Equal(t, []int{401}, g.statuses())
}

func TestTheCallersAuthorizationWinsOverDigest(t *testing.T) {
	g := (&gatekeeper{qop: "auth", strangers: true}).start(t)
	c := g.client(t)
	wantStatus(t, c, "/", 200)
	g.take()
	rt := &api{}
	c.SetTransport(rt).SetBaseURL(g.url)
	_, err := c.R().SetAuthToken("mine").Get("/")
	require.NoError(t, err)
	require.Equal(t, []string{"Bearer mine"}, rt.authorizations())
}

func TestDigestIsNotSentOverPlainHTTP(t *testing.T) {
	rt := &api{}
	d := &auth.Digest{Username: "ada", Password: auth.Static("s3cret")}
	c := resty.New().SetTransport(rt).SetBaseURL("http://api.home.test").SetLogger(silence{})
	require.NoError(t, middleware.Use(c, d))
	_, err := c.R().Get("/")
	refused, ok := errors.AsType[*auth.InsecureError](err)
	require.True(t, ok, err)
	require.Equal(t, auth.InsecureError{Step: "digest", Origin: "http://api.home.test"}, *refused)
	require.Zero(t, rt.count())
}

func TestDigestIsTheLastInItsLayer(t *testing.T) {
	c := resty.New()
	require.NoError(t, middleware.Use(c, &auth.Digest{Username: "ada", Password: auth.Static("s3cret")}, auth.APIKey{Query: "k", Key: auth.Static("k")}))
	require.Equal(t, "auth  api-key:k  query k, static\nauth  digest     ada, password static", middleware.Of(c).String())
}
