package auth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/retry"
)

const (
	tokenMade  = "POST /token: ok"
	tokenAsked = "POST /token: use_dpop_nonce"
)

// ok sends a request that has to succeed.
func ok(t *testing.T, c *resty.Client, method, target string, body any) {
	t.Helper()
	r := c.R()
	if body != nil {
		r.SetBody(body)
	}
	resp, err := r.Execute(method, target)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode(), resp.String())
}

func TestEachRequestHasATokenAndAFreshProof(t *testing.T) {
	s := newStrict()
	c := client(t, s, s.step(&auth.DPoP{}))
	ok(t, c, "GET", "/things?page=2&secret=x#part", nil)
	ok(t, c, "GET", "/things?page=3", nil)
	ok(t, c, "POST", "/a%2Fb/ä/%7Bx%7D", "body")
	ok(t, c, "PATCH", "", "body")
	require.Equal(t, []string{tokenMade, "GET /things: ok", "GET /things: ok", "POST /a/b/ä/{x}: ok", "PATCH : ok"}, s.took())
	require.Equal(t, "https://api.home.test/things", s.proofs[1].text("htu"))
	require.Equal(t, sha256url("AT1"), s.proofs[1].text("ath"))
	require.NotContains(t, s.proofs[0].claims, "ath", "the token request has no token")
	require.NotContains(t, s.proofs[0].claims, "nonce")
	require.Equal(t, "EC", s.proofs[0].jwk["kty"])
	require.Len(t, s.seen, 5)
	s.requireFair(t)
}

func TestAProofIsForTheURLAsServersKnowIt(t *testing.T) {
	for target, want := range map[string]string{
		"https://api.home.test":                       "https://api.home.test/",
		"https://API.Home.TEST:443/x?y":               "https://api.home.test/x",
		"https://api.home.test/a%20b/%C3%BC?q=%20#f":  "https://api.home.test/a%20b/%C3%BC",
		"https://api.home.test//x/":                   "https://api.home.test//x/",
		"https://api.home.test:8443/x":                "https://api.home.test:8443/x",
		"https://[2001:db8::1]/x":                     "https://[2001:db8::1]/x",
		"https://[2001:DB8::1]:8443/x":                "https://[2001:db8::1]:8443/x",
		"http://127.0.0.1:80/x":                       "http://127.0.0.1/x",
		"https://user:pass@api.home.test/x?access=no": "https://api.home.test/x",
	} {
		s, rt := newStrict(), &api{}
		c := client(t, rt, s.step(&auth.DPoP{})).SetBaseURL("")
		if strings.Contains(target, "@") {
			continue // the caller's own credentials win
		}
		_, err := c.R().Get(target)
		require.NoError(t, err)
		_, err = readProof(rt.last(t).Header.Get("DPoP"), "GET", want, time.Now())
		require.NoError(t, err, target)
	}
}

func TestAProofNamesTheHostThatTheServerSees(t *testing.T) {
	s, rt := newStrict(), &api{}
	_, err := client(t, rt, s.step(&auth.DPoP{})).R().SetHeader("Host", "tenant.test").Get("/x")
	require.NoError(t, err)
	require.Equal(t, "tenant.test", rt.last(t).Host)
	_, err = readProof(rt.last(t).Header.Get("DPoP"), "GET", "https://tenant.test/x", time.Now())
	require.NoError(t, err)
}

func TestTheTestsServerReadsTheProofsOfTheRFC(t *testing.T) {
	const jwk = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19."
	request := jwk + "eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
	resource := jwk + "eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
	p, err := readProof(request, "POST", "https://server.example.com/token", time.Unix(1562262616, 0))
	require.NoError(t, err, "section 4.1")
	require.Equal(t, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I", p.jkt, "section 6.1")
	p, err = readProof(resource, "GET", "https://resource.example.org/protectedresource", time.Unix(1562262618, 0))
	require.NoError(t, err, "section 7.1")
	require.Equal(t, sha256url("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"), p.text("ath"))
	_, err = readProof(resource, "POST", "https://resource.example.org/protectedresource", time.Unix(1562262618, 0))
	require.ErrorContains(t, err, "htm")
	_, err = readProof(resource, "GET", "https://resource.example.org/other", time.Unix(1562262618, 0))
	require.ErrorContains(t, err, "htu")
	_, err = readProof(resource, "GET", "https://resource.example.org/protectedresource", time.Unix(1562262700, 0))
	require.ErrorContains(t, err, "iat")
	_, err = readProof(resource[:len(resource)-4]+"AAAA", "GET", "https://resource.example.org/protectedresource", time.Unix(1562262618, 0))
	require.ErrorContains(t, err, "signature is invalid")
}

func TestAProofIsSignedByAnyAsymmetricKey(t *testing.T) {
	for name, tt := range map[string]struct {
		d    *auth.DPoP
		want string
	}{
		"made":    {&auth.DPoP{}, "ES256"},
		"P-256":   {&auth.DPoP{Key: auth.Static(sec1(p256()))}, "ES256"},
		"P-384":   {&auth.DPoP{Key: auth.Static(pkcs8(p384()))}, "ES384"},
		"P-521":   {&auth.DPoP{Key: auth.Static(pkcs8(p521()))}, "ES512"},
		"Ed25519": {&auth.DPoP{Key: auth.Static(pkcs8(ed25()))}, "EdDSA"},
		"RSA":     {&auth.DPoP{Key: auth.Static(pkcs1(rsa2048()))}, "RS256"},
		"PSS":     {&auth.DPoP{Key: auth.Static(pkcs8(rsa2048())), Algorithm: "PS256"}, "PS256"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStrict()
			ok(t, client(t, s, s.step(tt.d)), "GET", "/x", nil)
			head, _, _ := strings.Cut(s.hits[1].Header.Get("DPoP"), ".")
			require.Contains(t, string(unb64(head)), `"alg":"`+tt.want+`"`)
			require.NotContains(t, string(unb64(head)), `"d"`)
		})
	}
}

func TestAKeyIsReadOnceAndForAll(t *testing.T) {
	s := newStrict()
	var asked atomic.Int32
	key := auth.Func(func(context.Context) (string, error) {
		if asked.Add(1) == 1 {
			return "", errors.New("the vault is sealed")
		}
		return pkcs8(p256()), nil
	})
	step := s.step(&auth.DPoP{Key: key})
	c := client(t, s, step)
	_, err := c.R().Get("/x")
	require.ErrorContains(t, err, "oauth2: DPoP: Key: the vault is sealed")
	require.Empty(t, s.took(), "nothing is sent without a proof")
	require.Eventually(t, func() bool {
		resp, err := c.R().Get("/x")
		return err == nil && resp.StatusCode() == http.StatusOK
	}, 5*time.Second, 10*time.Millisecond)
	ok(t, c, "GET", "/x", nil)
	require.EqualValues(t, 2, asked.Load())
}

func TestStepsWithOneDPoPHaveOneKey(t *testing.T) {
	s, d := newStrict(), &auth.DPoP{}
	ok(t, client(t, s, s.step(d)), "GET", "/x", nil)
	ok(t, client(t, s, s.step(d)), "GET", "/x", nil)
	ok(t, client(t, s, s.step(&auth.DPoP{})), "GET", "/x", nil)
	require.Equal(t, s.bound["AT1"], s.bound["AT2"])
	require.NotEqual(t, s.bound["AT1"], s.bound["AT3"])
}

func TestWithoutDPoPNothingIsProven(t *testing.T) {
	id, rt := &issuer{}, newResource()
	answer := rt.answer
	rt.answer = func(req *http.Request) (*http.Response, error) {
		resp, err := answer(req)
		resp.Header.Set("DPoP-Nonce", "n")
		return resp, err
	}
	takes(t, client(t, rt, id.step()))
	require.Empty(t, id.last(t).req.Header.Values("DPoP"))
	require.Empty(t, rt.last(t).Header.Values("DPoP"))
}

func TestATokenIsOfTheTypeThatWasAskedFor(t *testing.T) {
	for kind, refused := range map[any]bool{"DPoP": false, "dpop": false, "DPOP": false, "Bearer": true, "bearer": true, "": true, nil: true, "mac": true} {
		s := newStrict()
		s.members = func(_ int, members map[string]any) { members["token_type"] = kind }
		resp, err := client(t, s, s.step(&auth.DPoP{})).R().Get("/x")
		if !refused {
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, resp.StatusCode())
			continue
		}
		require.ErrorContains(t, err, "oauth2: token: https://id.test/token: 200: the token is of the type "+fmt.Sprintf("%q", orEmpty(kind))+", and so not bound to the key of DPoP (RFC 9449 section 5): have the server bind it, or leave DPoP out")
		said, isToken := errors.AsType[*auth.TokenError](err)
		require.True(t, isToken && said.Final())
		require.Equal(t, []string{tokenMade}, s.took(), "it is not sent")
	}
	id := &issuer{answer: func(int, url.Values) *http.Response {
		return reply(nil, 200, "application/json", `{"access_token":"AT","token_type":"DPoP"}`)
	}}
	_, err := client(t, &api{}, id.step()).R().Get("/")
	require.ErrorContains(t, err, `the token is of the type "DPoP", and of no use without proofs (RFC 9449): set DPoP`)
	own := &auth.OAuth2{Grant: granting("AT"), DPoP: &auth.DPoP{}}
	_, err = client(t, &api{}, own).R().Get("/")
	require.ErrorContains(t, err, `oauth2: the token is of the type "", and so not bound`, "nor of a grant of one's own")
}

func orEmpty(v any) string { s, _ := v.(string); return s }

func TestEveryGrantProvesItsTokenRequests(t *testing.T) {
	config := oauth2.Config{ClientID: "app", Endpoint: oauth2.Endpoint{TokenURL: "https://id.test/token", AuthURL: "https://id.test/authorize", DeviceAuthURL: "https://id.test/device"}}
	machine := clientcredentials.Config{ClientID: "shop", TokenURL: "https://id.test/token"}
	assertion := auth.JWT{Key: auth.Static(sharedKey), Algorithm: "HS256", Issuer: "me"}
	var page *url.URL
	code := auth.AuthorizationCode{Config: config, Open: func(ctx context.Context, text string) error {
		page, _ = url.Parse(text)
		q := page.Query()
		go func() {
			req, _ := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, q.Get("redirect_uri")+"?"+url.Values{"state": q["state"], "code": {"C"}}.Encode(), nil)
			if resp, err := new(http.Client).Do(req); err == nil {
				_ = resp.Body.Close()
			}
		}()
		return nil
	}}
	for name, g := range map[string]auth.Grant{
		"client credentials": newStrict().machine(),
		"client assertion":   auth.ClientCredentials{Config: machine, Auth: auth.ClientAssertion{JWT: assertion}},
		"refresh token":      auth.RefreshToken{Config: config, Secret: auth.Static("s"), Token: &oauth2.Token{RefreshToken: "R"}},
		"password":           auth.ResourceOwnerPassword{Config: config, Username: "u", Password: auth.Static("p")},
		"token exchange":     auth.TokenExchange{Config: machine, Subject: auth.Static("SUBJECT")},
		"assertion":          auth.JWTBearer{Config: machine, JWT: assertion},
		"device":             auth.DeviceAuthorization{Config: config, Prompt: func(context.Context, oauth2.DeviceAuthResponse) error { return nil }},
		"code":               code,
		"one that wraps one": grantFunc(func(ctx context.Context, c *http.Client, last *oauth2.Token) (*oauth2.Token, error) {
			return newStrict().machine().Mint(ctx, c, last)
		}),
	} {
		t.Run(name, func(t *testing.T) {
			s := newStrict()
			s.want("id.test", "one")
			step := s.step(&auth.DPoP{})
			step.Grant = g
			ok(t, client(t, s, step), "GET", "/x", nil)
			log := s.took()
			if name == "device" {
				require.Equal(t, []string{"POST /device: use_dpop_nonce", "POST /device: ok", tokenMade, "GET /x: ok"}, log)
				return
			}
			require.Equal(t, []string{tokenAsked, tokenMade, "GET /x: ok"}, log)
			require.Equal(t, s.forms[0].Get("grant_type"), s.forms[1].Get("grant_type"))
			for _, field := range []string{"client_assertion", "assertion"} {
				if s.forms[0].Has(field) {
					require.NotEqual(t, s.forms[0].Get(field), s.forms[1].Get(field), "what is good once is made anew")
				}
			}
			if name == "code" {
				require.Equal(t, s.bound["AT1"], page.Query().Get("dpop_jkt"))
			}
			s.requireFair(t)
		})
	}
}

func TestTheNonceOfATokenEndpointIsAskedForOnceAndKept(t *testing.T) {
	s := newStrict()
	s.want("id.test", "one")
	step := s.step(&auth.DPoP{})
	s.members = func(_ int, members map[string]any) { members["expires_in"] = 0 }
	c := client(t, s, step)
	ok(t, c, "GET", "/x", nil)
	require.Equal(t, []string{tokenAsked, tokenMade, "GET /x: ok"}, s.took())
	ok(t, c, "GET", "/x", nil)
	require.Equal(t, []string{tokenMade, "GET /x: ok"}, s.took(), "the nonce is kept")
	s.want("id.test", "two")
	ok(t, c, "GET", "/x", nil)
	require.Equal(t, []string{tokenAsked, tokenMade, "GET /x: ok"}, s.took())
	s.offer["id.test"] = "three"
	ok(t, c, "GET", "/x", nil)
	s.offer["id.test"] = ""
	ok(t, c, "GET", "/x", nil)
	require.Equal(t, []string{tokenMade, "GET /x: ok", tokenMade, "GET /x: ok"}, s.took(), "an answer brings the next nonce")
	require.Equal(t, "three", s.proofs[len(s.proofs)-2].text("nonce"))
	require.NotContains(t, s.last(t).claims, "nonce", "the API has asked for none")
	s.requireFair(t)
}

func TestATokenEndpointIsAskedTwiceAtMost(t *testing.T) {
	for name, nonce := range map[string]func() string{
		"always another": func() func() string { n := 0; return func() string { n++; return fmt.Sprint("n", n) } }(),
		"always one":     func() string { return "n" },
		"none":           func() string { return "" },
		"none that can":  func() string { return `a"b` },
	} {
		s := newStrict()
		s.want("id.test", "unknown")
		s.edit = func(_ *http.Request, resp *http.Response) { resp.Header.Set("DPoP-Nonce", nonce()) }
		_, err := client(t, s, s.step(&auth.DPoP{})).R().Get("/x")
		said, isToken := errors.AsType[*auth.TokenError](err)
		require.True(t, isToken, name)
		require.Equal(t, "use_dpop_nonce", said.Code)
		require.False(t, said.Final(), "a later request may have a nonce that is good")
		require.Len(t, s.took(), map[string]int{"always another": 2, "always one": 2}[name]+map[string]int{"none": 1, "none that can": 1}[name], name)
	}
}

func TestAServerThatAsksForANonceFirstIsAskedWithTheSecretInItsPlace(t *testing.T) {
	s := newStrict()
	s.want("id.test", "one")
	step := s.step(&auth.DPoP{})
	g := s.machine()
	g.Config.AuthStyle = oauth2.AuthStyleAutoDetect
	step.Grant = g
	s.edit = func(req *http.Request, resp *http.Response) {
		if form := s.forms[len(s.forms)-1]; resp.StatusCode == http.StatusOK && req.URL.Host == "id.test" && !form.Has("client_secret") {
			*resp = *reply(req, http.StatusUnauthorized, "application/json", `{"error":"invalid_client"}`)
		}
	}
	ok(t, client(t, s, step), "GET", "/x", nil)
	require.Equal(t, []string{tokenAsked, tokenMade, tokenMade, "GET /x: ok"}, s.took())
	require.Equal(t, []string{"", "", "s3cret-client"}, []string{s.forms[0].Get("client_secret"), s.forms[1].Get("client_secret"), s.forms[2].Get("client_secret")})
}

func TestTheNonceOfAnAPIIsAskedForOnceAndKept(t *testing.T) {
	s := newStrict()
	s.want("api.home.test", "one")
	c := client(t, s, s.step(&auth.DPoP{}))
	ok(t, c, "POST", "/x", "the body")
	require.Equal(t, []string{tokenMade, "POST /x: use_dpop_nonce", "POST /x: ok"}, s.took(), "with the same token")
	require.Equal(t, []string{"the body", "the body"}, s.bodies[1:])
	require.Equal(t, s.hits[1].Header.Get("Authorization"), s.hits[2].Header.Get("Authorization"))
	ok(t, c, "GET", "/x", nil)
	require.Equal(t, []string{"GET /x: ok"}, s.took())
	s.offer["api.home.test"] = "two"
	ok(t, c, "GET", "/x", nil)
	s.offer["api.home.test"] = ""
	ok(t, c, "GET", "/x", nil)
	require.Equal(t, []string{"GET /x: ok", "GET /x: ok"}, s.took(), "an answer brings the next nonce")
	require.Equal(t, "two", s.last(t).text("nonce"))
	s.spin = true
	for range 3 {
		ok(t, c, "GET", "/x", nil)
	}
	require.Equal(t, []string{"GET /x: ok", "GET /x: ok", "GET /x: ok"}, s.took(), "also where each is good once")
	s.requireFair(t)
}

func TestEachOriginHasItsOwnNonce(t *testing.T) {
	s := newStrict()
	s.want("api.home.test", "one")
	s.want("files.home.test", "two")
	step := s.step(&auth.DPoP{})
	step.Origins = []string{"https://files.home.test", "https://plain.home.test"}
	c := client(t, s, step)
	for range 2 {
		ok(t, c, "GET", "/x", nil)
		ok(t, c, "GET", "https://files.home.test/y", nil)
		ok(t, c, "GET", "https://plain.home.test/z", nil)
	}
	require.Equal(t, []string{
		tokenMade, "GET /x: use_dpop_nonce", "GET /x: ok", "GET /y: use_dpop_nonce", "GET /y: ok", "GET /z: ok",
		"GET /x: ok", "GET /y: ok", "GET /z: ok",
	}, s.took())
	s.requireFair(t)
}

func TestATokenEndpointAndAnAPIOfOneOriginHaveTheirOwnNonces(t *testing.T) {
	var nonces []string
	rt := &api{}
	rt.answer = func(req *http.Request) (*http.Response, error) {
		p, err := readProof(req.Header.Get("DPoP"), req.Method, "https://api.home.test"+req.URL.Path, time.Now())
		require.NoError(t, err)
		nonces = append(nonces, req.URL.Path+" "+p.text("nonce"))
		resp := reply(req, 200, "application/json", `{"access_token":"AT","token_type":"DPoP","expires_in":0}`)
		resp.Header.Set("DPoP-Nonce", "of"+strings.ReplaceAll(req.URL.Path, "/", "-"))
		return resp, nil
	}
	g := newStrict().machine()
	g.Config.TokenURL = home + "/token"
	c := client(t, rt, &auth.OAuth2{Grant: g, Client: &http.Client{Transport: rt}, DPoP: &auth.DPoP{}})
	ok(t, c, "GET", "/x", nil)
	ok(t, c, "GET", "/x", nil)
	require.Equal(t, []string{"/token ", "/x ", "/token of-token", "/x of-x"}, nonces)
}

func TestANonceAndARevokedTokenInOneCall(t *testing.T) {
	t.Run("the nonce first", func(t *testing.T) {
		s := newStrict()
		c := client(t, s, s.step(&auth.DPoP{}))
		ok(t, c, "GET", "/x", nil)
		s.revoke()
		s.want("api.home.test", "one")
		s.took()
		ok(t, c, "PUT", "/x", "the body")
		require.Equal(t, []string{"PUT /x: use_dpop_nonce", "PUT /x: invalid_token", tokenMade, "PUT /x: ok"}, s.took())
		require.Equal(t, []string{"the body", "the body"}, []string{s.bodies[2], s.bodies[3]})
		require.Equal(t, "the body", s.bodies[5])
		require.Equal(t, "DPoP AT2", s.hits[5].Header.Get("Authorization"))
	})
	t.Run("the token first", func(t *testing.T) {
		s := newStrict()
		c := client(t, s, s.step(&auth.DPoP{}))
		ok(t, c, "GET", "/x", nil)
		s.revoke()
		s.edit = func(_ *http.Request, resp *http.Response) {
			if strings.Contains(resp.Header.Get("WWW-Authenticate"), "invalid_token") {
				s.nonces["api.home.test"] = "one" // from now on
			}
		}
		s.took()
		ok(t, c, "PUT", "/x", "the body")
		require.Equal(t, []string{"PUT /x: invalid_token", tokenMade, "PUT /x: use_dpop_nonce", "PUT /x: ok"}, s.took())
		require.Equal(t, "the body", s.bodies[len(s.bodies)-1])
	})
	t.Run("a nonce that ends while a token is made", func(t *testing.T) {
		s := newStrict()
		c := client(t, s, s.step(&auth.DPoP{}))
		ok(t, c, "GET", "/x", nil)
		s.revoke()
		s.want("api.home.test", "one")
		s.edit = func(req *http.Request, _ *http.Response) {
			if req.URL.Host == "id.test" {
				s.nonces["api.home.test"] = "two"
			}
		}
		s.took()
		resp, err := c.R().Get("/x")
		require.NoError(t, err)
		require.Equal(t, http.StatusUnauthorized, resp.StatusCode())
		require.Equal(t, []string{"GET /x: use_dpop_nonce", "GET /x: invalid_token", tokenMade, "GET /x: use_dpop_nonce"}, s.took(), "one replay for each, and no more")
		ok(t, c, "GET", "/x", nil)
		require.Equal(t, []string{"GET /x: ok"}, s.took(), "the nonce is known by now, and the token good")
	})
}

func TestAServerThatAlwaysRefusesIsNotAskedWithoutEnd(t *testing.T) {
	for why, want := range map[string][]string{
		"use_dpop_nonce":     {"GET /x: use_dpop_nonce", "GET /x: use_dpop_nonce"},
		"invalid_token":      {"GET /x: invalid_token", tokenMade, "GET /x: invalid_token"},
		"invalid_dpop_proof": {"GET /x: invalid_dpop_proof", tokenMade, "GET /x: invalid_dpop_proof"},
	} {
		s := newStrict()
		c := client(t, s, s.step(&auth.DPoP{}), middleware.RequireStatus{})
		ok(t, c, "GET", "/x", nil)
		s.took()
		n := 0
		s.broken = func(*http.Request, proof) string { return why }
		s.edit = func(_ *http.Request, resp *http.Response) {
			if why == "use_dpop_nonce" {
				n++
				s.nonces["api.home.test"] = fmt.Sprint("n", n)
				resp.Header.Set("DPoP-Nonce", fmt.Sprint("other", n))
			}
		}
		_, err := c.R().Get("/x")
		require.ErrorIs(t, err, middleware.ErrUnauthorized)
		require.Equal(t, want, s.took())
		if why == "use_dpop_nonce" {
			require.ErrorContains(t, err, "oauth2: the server wants one nonce after another in the proof (DPoP), and a call is sent again for one only")
		}
		s.took()
		if why == "invalid_token" {
			_, err = c.R().Get("/x")
			require.Error(t, err)
			require.Equal(t, []string{"GET /x: invalid_token"}, s.took(), "and no further token is dropped for a while")
		}
	}
}

func TestAChallengeForANonceThatIsNoneIsTheCallers(t *testing.T) {
	for name, edit := range map[string]func(http.Header){
		"none":        func(h http.Header) { h.Del("DPoP-Nonce") },
		"empty":       func(h http.Header) { h.Set("DPoP-Nonce", "") },
		"two":         func(h http.Header) { h["Dpop-Nonce"] = []string{"a", "b"} },
		"a space":     func(h http.Header) { h.Set("DPoP-Nonce", "a b") },
		"a quote":     func(h http.Header) { h.Set("DPoP-Nonce", `a"b`) },
		"a backslash": func(h http.Header) { h.Set("DPoP-Nonce", `a\b`) },
		"no ASCII":    func(h http.Header) { h.Set("DPoP-Nonce", "ä") },
		"too long":    func(h http.Header) { h.Set("DPoP-Nonce", strings.Repeat("x", 2049)) },
	} {
		s := newStrict()
		c := client(t, s, s.step(&auth.DPoP{}), middleware.RequireStatus{})
		s.want("api.home.test", "one")
		s.edit = func(req *http.Request, resp *http.Response) {
			if req.URL.Host != "id.test" {
				edit(resp.Header)
			}
		}
		_, err := c.R().Get("/x")
		require.ErrorIs(t, err, middleware.ErrUnauthorized, name)
		require.ErrorContains(t, err, "names none that can be sent", name)
		require.Equal(t, []string{tokenMade, "GET /x: use_dpop_nonce"}, s.took(), name)
	}
}

func TestABodyThatCannotBeReadAgainIsNotSentAgain(t *testing.T) {
	s := newStrict()
	s.want("api.home.test", "one")
	c := http.Client{Transport: middleware.Stack{s.step(&auth.DPoP{}), middleware.RequireStatus{}}.RoundTripper(s)}
	post := func() error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, home+"/x", io.NopCloser(strings.NewReader("once")))
		require.NoError(t, err)
		resp, err := c.Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		return err
	}
	err := post()
	require.ErrorIs(t, err, middleware.ErrUnauthorized)
	require.ErrorIs(t, err, middleware.ErrBodyConsumed, "and it says why")
	require.Equal(t, []string{tokenMade, "POST /x: use_dpop_nonce"}, s.took())
	require.NoError(t, post(), "by now the nonce is known")
	require.Equal(t, []string{"POST /x: ok"}, s.took())
}

func TestManyWhoseNonceEndsAtOnceAreEachReplayedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStrict()
		c := client(t, s, s.step(&auth.DPoP{}))
		s.want("api.home.test", "one")
		ok(t, c, "GET", "/first", nil)
		s.want("api.home.test", "two")
		s.takes = time.Second
		s.took()
		all := together(t, c)
		require.Equal(t, 2*time.Second, all)
		sent := map[string]int{}
		for _, line := range s.took() {
			path, _, _ := strings.Cut(line, ":")
			sent[path]++
		}
		require.Len(t, sent, many, "and no further token")
		for path, times := range sent {
			require.Equal(t, 2, times, path)
		}
		s.requireFair(t)
	})
}

const many = 200

// together sends many requests at once, all of which have to succeed, and returns how long
// they took.
func together(t *testing.T, c *resty.Client) time.Duration {
	t.Helper()
	var wg sync.WaitGroup
	begun := time.Now()
	for i := range many {
		wg.Go(func() {
			resp, err := c.R().SetBody(fmt.Sprint("body of ", i)).Put(fmt.Sprintf("/%d", i))
			if err != nil || resp.StatusCode() != http.StatusOK {
				t.Errorf("%d: %v %v", i, resp, err)
			}
		})
	}
	wg.Wait()
	return time.Since(begun)
}

func TestManyWhoseNoncesAreGoodOnceAreEachReplayedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		good, seen, sent := map[string]bool{}, map[string]bool{}, map[string]int{}
		n := 0
		answer := func(req *http.Request) *http.Response {
			mu.Lock()
			defer mu.Unlock()
			p, err := readProof(req.Header.Get("DPoP"), req.Method, home+req.URL.Path, time.Now())
			if err != nil || seen[p.text("jti")] {
				t.Errorf("%v %v", err, p)
			}
			seen[p.text("jti")] = true
			sent[req.URL.Path]++
			resp := reply(req, 200, "application/json", "{}")
			if !good[p.text("nonce")] {
				resp = reply(req, 401, "application/json", "{}")
				resp.Header.Set("WWW-Authenticate", `DPoP error="use_dpop_nonce"`)
			}
			delete(good, p.text("nonce"))
			n++
			next := fmt.Sprint("n", n)
			good[next] = true
			resp.Header.Set("DPoP-Nonce", next)
			return resp
		}
		rt := roundTripFunc(func(req *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			resp := answer(req)
			time.Sleep(time.Duration(len(req.URL.Path)) * time.Second) // they overtake each other
			return resp, nil
		})
		c := client(t, rt, newStrict().step(&auth.DPoP{}))
		for range 3 {
			together(t, c)
			require.Len(t, sent, many)
			for path, times := range sent {
				require.LessOrEqual(t, times, 2, path)
			}
			clear(sent)
		}
	})
}

// roundTripFunc is a transport.
type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestAnAnswerThatComesLateDoesNotNameTheNonceOfAReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := &api{}
		rt.answer = func(req *http.Request) (*http.Response, error) {
			p, err := readProof(req.Header.Get("DPoP"), req.Method, "https://api.home.test"+req.URL.Path, time.Now())
			require.NoError(t, err)
			if req.URL.Path == "/late" {
				time.Sleep(time.Second)
				resp := reply(req, 200, "application/json", "{}")
				resp.Header.Set("DPoP-Nonce", "old")
				return resp, nil
			}
			if p.text("nonce") == "new" {
				return reply(req, 200, "application/json", "{}"), nil
			}
			time.Sleep(time.Second)
			resp := reply(req, 401, "application/json", "{}")
			resp.Header.Set("WWW-Authenticate", `DPoP error="use_dpop_nonce"`)
			resp.Header.Set("DPoP-Nonce", "new")
			resp.Body = &hook{ReadCloser: resp.Body, then: func() { time.Sleep(time.Second) }}
			return resp, nil
		}
		c := client(t, rt, newStrict().step(&auth.DPoP{}))
		var wg sync.WaitGroup
		wg.Go(func() { ok(t, c, "GET", "/x", nil) })
		wg.Go(func() { time.Sleep(500 * time.Millisecond); ok(t, c, "GET", "/late", nil) })
		wg.Wait()
		require.Equal(t, 3, rt.count())
	})
}

// hook is a body that does something when it is closed.
type hook struct {
	io.ReadCloser
	then func()
}

func (h *hook) Close() error { h.then(); return h.ReadCloser.Close() }

func TestEachAttemptHasAProofOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStrict()
		s.want("api.home.test", "one")
		n := 0
		s.edit = func(req *http.Request, resp *http.Response) {
			n++
			if req.URL.Host != "id.test" && resp.StatusCode == 200 && n < 8 {
				resp.StatusCode = http.StatusServiceUnavailable
				s.nonces["api.home.test"] = fmt.Sprint("n", n)
			}
		}
		c := client(t, s, s.step(&auth.DPoP{}), retry.Policy{Attempts: 4})
		ok(t, c, "PUT", "/x", "the body")
		require.Equal(t, []string{
			tokenMade, "PUT /x: use_dpop_nonce", "PUT /x: ok", "PUT /x: use_dpop_nonce", "PUT /x: ok", "PUT /x: use_dpop_nonce", "PUT /x: ok", "PUT /x: use_dpop_nonce", "PUT /x: ok",
		}, s.took())
		require.Len(t, s.seen, 9)
		s.requireFair(t)
	})
}

func TestATokenEndpointThatAsksForNoncesIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStrict()
		n := 0
		s.want("id.test", "n0")
		s.edit = func(*http.Request, *http.Response) {
			n++
			if n < 3 {
				s.nonces["id.test"] = fmt.Sprint("n", n)
			}
		}
		c := client(t, s, s.step(&auth.DPoP{}), retry.Policy{Attempts: 4})
		ok(t, c, "GET", "/x", nil)
		require.Equal(t, []string{tokenAsked, tokenAsked, tokenAsked, tokenMade, "GET /x: ok"}, s.took())
	})
}

func TestAClockThatIsWrongIsTold(t *testing.T) {
	for _, tt := range []struct {
		ahead time.Duration
		want  string
	}{
		{5 * time.Minute, "the clock here is 5m0s behind the server's, and it takes no proof (DPoP) that is so old: set it, as with NTP"},
		{-5 * time.Minute, "the clock here is 5m0s ahead of the server's, and the server takes no proof (DPoP) from the future: set it, as with NTP"},
	} {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Second - time.Duration(time.Now().Nanosecond())) // a Date has no less than seconds
			s := newStrict()
			c := client(t, s, s.step(&auth.DPoP{}), middleware.RequireStatus{})
			s.clock = tt.ahead
			_, err := c.R().Get("/x")
			require.ErrorContains(t, err, "token: https://id.test/token: 400 invalid_dpop_proof: "+tt.want)
			s.clock = 0
			time.Sleep(time.Minute)
			ok(t, c, "GET", "/x", nil)
			s.clock = tt.ahead
			step := s.step(&auth.DPoP{})
			step.Client.Transport = roundTripFunc(func(req *http.Request) (*http.Response, error) {
				s.clock = 0
				defer func() { s.clock = tt.ahead }()
				return s.RoundTrip(req)
			})
			_, err = client(t, s, step, middleware.RequireStatus{}).R().Get("/x")
			require.ErrorIs(t, err, middleware.ErrUnauthorized)
			require.ErrorContains(t, err, "oauth2: "+tt.want)
		})
	}
	s := newStrict()
	s.broken = func(*http.Request, proof) string { return "invalid_dpop_proof" }
	_, err := client(t, s, s.step(&auth.DPoP{}), middleware.RequireStatus{}).R().Get("/x")
	require.ErrorIs(t, err, middleware.ErrUnauthorized)
	require.NotContains(t, err.Error(), "clock", "where the clocks agree")
}

func TestTheCallersOwnCredentialsAreNotProven(t *testing.T) {
	s, rt := newStrict(), &api{}
	c := client(t, rt, s.step(&auth.DPoP{}))
	_, err := c.R().SetAuthToken("mine").Get("/")
	require.NoError(t, err)
	require.Empty(t, rt.last(t).Header.Values("DPoP"))
	_, err = c.R().SetHeaderVerbatim("DPoP", "mine").Post("/token")
	require.NoError(t, err)
	require.Equal(t, "mine", rt.last(t).Header["DPoP"][0]) //nolint:staticcheck // as it was written
	require.Empty(t, rt.last(t).Header.Values("Authorization"))
	require.Empty(t, s.took())
}

func TestASignatureBelowCoversTheProofOfEachReplay(t *testing.T) {
	for name, more := range map[string][]middleware.Middleware{"alone": nil, "beside a key": {auth.APIKey{Header: "X-Key", Key: auth.Static("k3y-k3y")}}} {
		t.Run(name, func(t *testing.T) {
			s := newStrict()
			c := client(t, s, append(more, s.step(&auth.DPoP{}), auth.Signature{Key: auth.Static(shared), Algorithm: "hmac-sha256", Components: []string{"dpop", "authorization"}})...)
			ok(t, c, "GET", "/x", nil)
			s.revoke()
			s.want("api.home.test", "one")
			s.took()
			ok(t, c, "GET", "/x", nil)
			require.Equal(t, []string{"GET /x: use_dpop_nonce", "GET /x: invalid_token", tokenMade, "GET /x: ok"}, s.took())
			seen := map[string]bool{}
			for _, hit := range s.hits {
				if hit.URL.Host != "id.test" {
					require.Len(t, hit.Header.Values("Signature"), 1)
					require.False(t, seen[hit.Header.Get("Signature")], "it is made anew")
					seen[hit.Header.Get("Signature")] = true
				}
			}
		})
	}
}

func TestASignatureBelowADigestIsMadeAnewForItsReplay(t *testing.T) {
	rt := &api{answer: askingForDigest(func(req *http.Request) (*http.Response, error) { return reply(req, 200, "text/plain", ""), nil })}
	c := client(t, rt, auth.APIKey{Header: "X-Key", Key: auth.Static("k3y-k3y")}, &auth.Digest{Username: "ada", Password: auth.Static("s3cret")},
		auth.Signature{Key: auth.Static(shared), Algorithm: "hmac-sha256", Components: []string{"@method"}, Nonce: func() string { return fmt.Sprint(rt.count()) }})
	_, err := c.R().Get("/x")
	require.NoError(t, err)
	require.Equal(t, 2, rt.count())
	require.NotEqual(t, rt.seen[0].Header.Get("Signature-Input"), rt.seen[1].Header.Get("Signature-Input"))
}
