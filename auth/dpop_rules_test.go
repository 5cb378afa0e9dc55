package auth_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/middleware/middlewaretest"
	"github.com/restykit/restykit/observe"
)

// binding grants the same token again and again, which is said to be bound.
func binding(token string) grantFunc {
	return func(context.Context, *http.Client, *oauth2.Token) (*oauth2.Token, error) {
		return &oauth2.Token{AccessToken: token, TokenType: "DPoP"}, nil
	}
}

func TestNeitherTokenNorProofForAnotherOrigin(t *testing.T) {
	n := newInternet(t)
	for agent, send := range agents {
		for name, target := range elsewhere {
			step := func() middleware.Middleware {
				return &auth.OAuth2{Grant: binding("s3cret-oauth2"), DPoP: &auth.DPoP{}, Origins: []string{"https://files.home.test"}}
			}
			t.Run(agent+"/"+name, func(t *testing.T) {
				for _, code := range []int{302, 307, 308} {
					_ = send(t, n, http.MethodPost, redirect(code, target), step())
					hits := n.take()
					require.NotEmpty(t, hits)
					require.NotEmpty(t, hits[0].header.Get("Dpop"), "home has it")
					for _, h := range hits[1:] {
						requirePublic(t, h)
						require.Empty(t, h.header.Values("Dpop"))
					}
				}
				if agent == "resty" && !strings.HasPrefix(target, "//") { // whose BaseURL says where home is
					_ = send(t, n, http.MethodPost, target, step())
					for _, h := range n.take() {
						requirePublic(t, h)
					}
				}
			})
		}
	}
}

func TestARedirectAtHomeHasAProofOfItsOwn(t *testing.T) {
	n := newInternet(t)
	for name, target := range backHome {
		for _, code := range []int{302, 307} {
			step := &auth.OAuth2{Grant: binding("s3cret-oauth2"), DPoP: &auth.DPoP{}}
			require.NoError(t, agents["resty"](t, n, http.MethodPost, redirect(code, target), step))
			hits := n.take()
			require.Len(t, hits, 2, name)
			verb := map[int]string{302: "GET", 307: "POST"}[code]
			p, err := readProof(hits[1].header.Get("Dpop"), verb, home+"/land", time.Now())
			require.NoError(t, err, name)
			require.Equal(t, sha256url("s3cret-oauth2"), p.text("ath"))
			first, err := readProof(hits[0].header.Get("Dpop"), "POST", home+"/go", time.Now())
			require.NoError(t, err)
			require.NotEqual(t, first.text("jti"), p.text("jti"))
		}
	}
}

func TestNoProofOverPlainHTTP(t *testing.T) {
	s, rt := newStrict(), &api{}
	_, err := client(t, rt, s.step(&auth.DPoP{})).SetBaseURL("http://api.home.test").R().Get("/x")
	insecure, isInsecure := errors.AsType[*auth.InsecureError](err)
	require.True(t, isInsecure)
	require.Equal(t, "http://api.home.test", insecure.Origin)
	require.Zero(t, rt.count())
	require.Empty(t, s.took())
	step := s.step(&auth.DPoP{})
	g := s.machine()
	g.Config.TokenURL = "http://id.test/token"
	step.Grant = g
	require.ErrorContains(t, step.Validate(), "http://id.test")
	step = s.step(&auth.DPoP{})
	step.InsecureHTTP = true
	_, err = client(t, rt, step).SetBaseURL("http://api.home.test").R().Get("/x")
	require.NoError(t, err)
	_, err = readProof(rt.last(t).Header.Get("DPoP"), "GET", "http://api.home.test/x", time.Now())
	require.NoError(t, err)
}

func TestUseRefusesADPoPThatCannotWork(t *testing.T) {
	key := auth.Static(pkcs8(p256()))
	public := oauth2.Config{ClientID: "app", Endpoint: oauth2.Endpoint{TokenURL: "https://id.test/token"}}
	saved := &oauth2.Token{RefreshToken: "R"}
	machine := newStrict().machine()
	for want, step := range map[string]*auth.OAuth2{
		"DPoP: Key: no PEM block":                        {Grant: machine, DPoP: &auth.DPoP{Key: auth.Static("s3cret")}},
		"DPoP: Key: the environment variable NO_SUCH":    {Grant: machine, DPoP: &auth.DPoP{Key: auth.Env("NO_SUCH")}},
		"DPoP: Key: the RSA key has 1024 bits":           {Grant: machine, DPoP: &auth.DPoP{Key: auth.Static(pkcs8(rsa1024()))}},
		"there is no algorithm for ECDSA on P-224":       {Grant: machine, DPoP: &auth.DPoP{Key: auth.Static(pkcs8(p224()))}},
		"the key is ECDSA on P-256: RS256 needs RSA":     {Grant: machine, DPoP: &auth.DPoP{Key: key, Algorithm: "RS256"}},
		`Algorithm "HS256" has a shared secret, and a `:  {Grant: machine, DPoP: &auth.DPoP{Key: auth.Static(shared), Algorithm: "HS256"}},
		`Algorithm "none" signs nothing`:                 {Grant: machine, DPoP: &auth.DPoP{Key: key, Algorithm: "none"}},
		`Algorithm is "ES384", and a key that is made `:  {Grant: machine, DPoP: &auth.DPoP{Algorithm: "ES384"}},
		"DPoP is set, and a token source asks by itself": {Grant: auth.FromTokenSource(oauth2.StaticTokenSource(saved)), DPoP: &auth.DPoP{}},
		"DPoP is set, which GitHub does not know":        {Grant: auth.GitHubApp{AppID: "1", InstallationID: 2, Key: auth.Static(pkcs8(rsa2048()))}, DPoP: &auth.DPoP{}},
		"the saved refresh token of a public client":     {Grant: auth.RefreshToken{Config: public, Token: saved}, DPoP: &auth.DPoP{}},
		"the clients that share a Store need the same":   {Grant: machine, DPoP: &auth.DPoP{}, Store: &auth.MemoryStore{}, Key: "k"},
	} {
		err := middleware.Use(resty.New(), step)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "s3cret")
		require.NotContains(t, err.Error(), "\n")
	}
	for name, step := range map[string]*auth.OAuth2{
		"made":                      {Grant: machine, DPoP: &auth.DPoP{}},
		"made, and named":           {Grant: machine, DPoP: &auth.DPoP{Algorithm: "ES256"}},
		"given":                     {Grant: machine, DPoP: &auth.DPoP{Key: key}},
		"shared":                    {Grant: machine, DPoP: &auth.DPoP{Key: key}, Store: &auth.MemoryStore{}, Key: "k"},
		"a public client":           {Grant: auth.RefreshToken{Config: public, Token: saved}, DPoP: &auth.DPoP{Key: key}},
		"a confidential client":     {Grant: auth.RefreshToken{Config: public, Token: saved, Secret: auth.Static("s")}, DPoP: &auth.DPoP{}},
		"a function that asks late": {Grant: machine, DPoP: &auth.DPoP{Key: auth.Func(func(context.Context) (string, error) { return "", errors.New("no") })}},
	} {
		require.NoError(t, middleware.Use(resty.New(), step), name)
	}
}

func TestClientsWithOneKeyShareATokenAndOthersDoNot(t *testing.T) {
	s, store := newStrict(), &auth.MemoryStore{}
	sharing := func(key string) *resty.Client {
		step := s.step(nil)
		if key != "" {
			step.DPoP = &auth.DPoP{Key: auth.Static(key)}
		}
		step.Store, step.Key = store, "shop"
		return client(t, s, step)
	}
	one, same, other := sharing(pkcs8(p256())), sharing(sec1(p256())), sharing(pkcs8(ed25()))
	ok(t, one, "GET", "/one", nil)
	ok(t, same, "GET", "/same", nil)
	require.Equal(t, []string{tokenMade, "GET /one: ok", "GET /same: ok"}, s.took())
	kept, err := store.Load(t.Context(), "shop")
	require.NoError(t, err)
	require.Contains(t, string(kept), s.bound["AT1"], "whose it is")
	ok(t, other, "GET", "/other", nil)
	require.Equal(t, []string{tokenMade, "GET /other: ok"}, s.took(), "a token of another key is not tried")
	ok(t, one, "GET", "/one", nil)
	require.Equal(t, []string{"GET /one: ok"}, s.took(), "who has one goes on with it")
	id := &issuer{}
	step := id.step()
	step.Store, step.Key = store, "shop"
	_, err = client(t, &api{}, step).R().Get("/")
	require.NoError(t, err)
	require.Equal(t, 1, id.count(), "nor is it sent without a proof")
}

func TestASharedTokenIsRenewedByWhoeverHasTheKey(t *testing.T) {
	s, store := newStrict(), &auth.MemoryStore{}
	sharing := func() *resty.Client {
		step := s.step(&auth.DPoP{Key: auth.Static(pkcs8(p256()))})
		step.Store, step.Key = store, "shop"
		return client(t, s, step)
	}
	one, two := sharing(), sharing()
	ok(t, one, "GET", "/x", nil)
	ok(t, two, "GET", "/x", nil)
	s.revoke()
	s.took()
	ok(t, one, "GET", "/x", nil)
	ok(t, two, "GET", "/x", nil)
	require.Equal(t, []string{"GET /x: invalid_token", tokenMade, "GET /x: ok", "GET /x: invalid_token", "GET /x: ok"}, s.took())
}

func TestASavedTokenIsUsedWithItsKey(t *testing.T) {
	key := &auth.DPoP{Key: auth.Static(pkcs8(p256()))}
	for name, tt := range map[string]struct {
		kind string
		d    *auth.DPoP
		used bool
	}{
		"bound, and the key is there":     {"DPoP", key, true},
		"bound, written otherwise":        {"dpop", key, true},
		"bound, and the key is another":   {"DPoP", &auth.DPoP{}, false},
		"bound, and nothing is proven":    {"DPoP", nil, false},
		"not bound":                       {"Bearer", key, false},
		"not bound, and nothing is asked": {"Bearer", nil, true},
	} {
		id, rt := &issuer{}, &api{}
		id.answer = func(int, url.Values) *http.Response {
			kind := map[bool]string{true: "DPoP", false: "Bearer"}[tt.d != nil]
			return reply(nil, 200, "application/json", `{"access_token":"NEW","expires_in":3600,"token_type":"`+kind+`"}`)
		}
		step := &auth.OAuth2{DPoP: tt.d, Client: &http.Client{Transport: id}, Grant: auth.RefreshToken{
			Config: oauth2.Config{ClientID: "app", Endpoint: oauth2.Endpoint{TokenURL: "https://id.test/token"}}, Secret: auth.Static("s"),
			Token: &oauth2.Token{AccessToken: "SAVED", TokenType: tt.kind, RefreshToken: "R", Expiry: time.Now().Add(time.Hour)},
		}}
		_, err := client(t, rt, step).R().Get("/")
		require.NoError(t, err)
		require.Equal(t, tt.used, strings.HasSuffix(rt.authorizations()[0], " SAVED"), name)
		require.Equal(t, tt.used, id.count() == 0, name)
		require.Equal(t, tt.d != nil, rt.last(t).Header.Get("DPoP") != "", name)
	}
}

// proven are the proofs that a transport has seen.
func proven(seen ...*http.Request) []string {
	var out []string
	for _, req := range seen {
		out = append(out, req.Header.Values("DPoP")...)
	}
	return out
}

func TestNoSecretOfDPoPShowsWhateverBecomesOfACall(t *testing.T) {
	scalar, err := p256().Bytes()
	require.NoError(t, err)
	hidden := append(strings.Fields(strings.Join(strings.Split(pkcs8(p256()), "\n")[1:3], " ")),
		base64.RawURLEncoding.EncodeToString(scalar), base64.StdEncoding.EncodeToString(scalar), new(big.Int).SetBytes(scalar).String(), odd+"access")
	for name, d := range map[string]func() *auth.DPoP{
		"made": func() *auth.DPoP { return &auth.DPoP{} }, "given": func() *auth.DPoP { return &auth.DPoP{Key: auth.Static(pkcs8(p256()))} },
	} {
		for situation, answer := range situations() {
			t.Run(name+"/"+situation, func(t *testing.T) {
				id := &issuer{answer: func(int, url.Values) *http.Response {
					return reply(nil, 200, "application/json", `{"access_token":`+string(quoteJSON(odd+"access"))+`,"token_type":"DPoP","expires_in":3600}`)
				}}
				step := id.step()
				step.DPoP = d()
				var lines bytes.Buffer
				paper, heard := &paper{}, &listener{}
				log := slog.New(slog.NewJSONHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
				rt := &api{answer: answer}
				c := resty.New().SetTransport(rt).SetBaseURL(home).SetLogger(paper)
				if situation == "success" || situation == "no connection" || strings.HasPrefix(situation, "a redirect") {
					c.SetDebug(true).EnableGenerateCurlOnDebug()
				}
				require.NoError(t, middleware.Use(c, step, heard, middleware.RequireStatus{}, middleware.RequireJSON{}, observe.Log{Logger: log}))
				var ctx context.Context
				c.OnAfterResponse(func(_ *resty.Client, resp *resty.Response) error { ctx = resp.Request.Context(); return nil })
				resp, err := c.R().SetResult(&struct{ ID int }{}).Get("/users/7?page=2")
				proofs := append(proven(rt.seen...), proven(id.last(t).req)...)
				require.GreaterOrEqual(t, len(proofs), 2)
				s := secretive{secrets: append(proofs, hidden...)}
				s.requireSilent(t, "the error", shown(err))
				s.requireSilent(t, "the logs", lines.String()+paper.String())
				s.requireSilent(t, "what observers hear", printed(heard.events))
				if resp != nil {
					s.requireSilent(t, "the caller's request", dump(resp.Request.RawRequest)+resp.Request.GenerateCurlCommand())
				}
				if resp != nil && resp.RawResponse != nil {
					s.requireSilent(t, "the request behind the response", dump(resp.RawResponse.Request))
				}
				if ctx != nil {
					s.requireSilent(t, "the context", printed(ctx)+printed(middleware.InfoOf(ctx)))
				}
				for what, v := range map[string]any{
					"step": step, "dpop": step.DPoP, "pipeline": middleware.Of(c), "client": c, "list": []any{step, step.DPoP},
					"struct": struct{ D *auth.DPoP }{step.DPoP}, "hidden": struct{ d *auth.DPoP }{step.DPoP},
				} {
					s.requireSilent(t, what, printed(v))
				}
				slog.New(slog.NewTextHandler(&lines, nil)).Info("step", "step", step, "dpop", step.DPoP)
				slog.New(slog.NewJSONHandler(&lines, nil)).Info("step", "dpop", step.DPoP)
				text, err := json.Marshal(step.DPoP)
				require.NoError(t, err)
				s.requireSilent(t, "slog and JSON", lines.String()+string(text))
			})
		}
	}
}

func TestNoProofShowsInAnErrorOfTheTokenEndpoint(t *testing.T) {
	for _, fails := range []bool{false, true} {
		id := &issuer{}
		id.answer = func(int, url.Values) *http.Response {
			all := strings.Join(append(said(id.asks[len(id.asks)-1].req), proven(id.asks[len(id.asks)-1].req)...), " ")
			resp := reply(nil, 400, "application/json", fmt.Sprintf(`{"error":"invalid_dpop_proof","error_description":%s}`, quoteJSON(all)))
			resp.Header.Set("X-Echo", all)
			return resp
		}
		step := id.step()
		step.DPoP = &auth.DPoP{}
		var sent []string
		if fails {
			step.Client.Transport = roundTripFunc(func(req *http.Request) (*http.Response, error) {
				sent = proven(req)
				return nil, fmt.Errorf("no responder found for %v", req.Header)
			})
		}
		_, err := client(t, &api{}, step).R().Get("/")
		require.Error(t, err)
		if !fails {
			sent = proven(id.last(t).req)
		}
		require.Len(t, sent, 1)
		secretive{secrets: sent}.requireSilent(t, "the error", shown(err))
	}
}

func TestADPoPPrintsWhereItsKeyComesFrom(t *testing.T) {
	grant := binding("AT")
	for want, d := range map[string]*auth.DPoP{
		"DPoP": {}, "DPoP by key /run/secrets/dpop.pem": {Key: auth.File("/run/secrets/dpop.pem")}, "DPoP by key static": {Key: auth.Static(pkcs8(p256()))},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
			require.Equal(t, want, fmt.Sprintf(verb, d))
			require.Equal(t, "oauth2(auth_test.grantFunc, "+want+")", fmt.Sprintf(verb, &auth.OAuth2{Grant: grant, DPoP: d}))
		}
	}
}

func TestAnOAuth2WithDPoPKeepsTheContract(t *testing.T) {
	answers := func(name, challenge string) middlewaretest.Option {
		return middlewaretest.Answer(name, func(n int) *http.Response {
			resp := reply(nil, http.StatusOK, "text/plain", "hello")
			if n%3 == 1 {
				resp = reply(nil, http.StatusUnauthorized, "text/plain", "who are you?")
				resp.Header.Set("WWW-Authenticate", challenge)
			}
			resp.Header.Set("DPoP-Nonce", fmt.Sprint("n", n))
			return resp
		})
	}
	for name, step := range map[string]func() middleware.Middleware{
		"a key that is made": func() middleware.Middleware {
			return &auth.OAuth2{Grant: binding("AT"), DPoP: &auth.DPoP{}}
		},
		"a token endpoint": func() middleware.Middleware { return newStrict().step(&auth.DPoP{}) },
		"a key that is none": func() middleware.Middleware {
			return &auth.OAuth2{Grant: binding("AT"), DPoP: &auth.DPoP{Key: auth.Func(sealed)}}
		},
		"a token that is not bound": func() middleware.Middleware {
			return &auth.OAuth2{Grant: granting("AT"), DPoP: &auth.DPoP{}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			middlewaretest.Run(t, step, answers("a nonce", `DPoP error="use_dpop_nonce"`), answers("a token that is refused", `DPoP error="invalid_token"`), answers("a proof that is refused", `DPoP error="invalid_dpop_proof"`))
		})
	}
}

func FuzzAChallengeIsAnsweredOnce(f *testing.F) {
	f.Add(`DPoP error="use_dpop_nonce"`, "n1", 401)
	f.Add(`Bearer, DPoP algs="ES256", error="invalid_token"`, "n1", 401)
	f.Add(`DPoP error=use_dpop_nonce, DPoP error="invalid_dpop_proof"`, "\x00", 401)
	f.Add(`dpop error="use_dpop_nonce`, `a"`, 400)
	f.Fuzz(func(t *testing.T, challenge, nonce string, status int) {
		if status < 200 || status > 599 {
			return
		}
		sent, tokens := 0, 0
		rt := roundTripFunc(func(req *http.Request) (*http.Response, error) {
			sent++
			_, err := readProof(req.Header.Get("DPoP"), "PUT", home+"/x", time.Now())
			require.NoError(t, err)
			body, err := io.ReadAll(req.Body)
			require.NoError(t, err)
			require.Equal(t, "the body", string(body))
			resp := reply(req, status, "text/plain", "")
			resp.Header["Www-Authenticate"], resp.Header["Dpop-Nonce"] = []string{challenge}, []string{nonce}
			return resp, nil
		})
		step := &auth.OAuth2{DPoP: &auth.DPoP{}, Grant: grantFunc(func(context.Context, *http.Client, *oauth2.Token) (*oauth2.Token, error) {
			tokens++
			return &oauth2.Token{AccessToken: fmt.Sprint("AT", tokens), TokenType: "DPoP"}, nil
		})}
		_, err := client(t, rt, step).R().SetBody("the body").Put("/x")
		require.True(t, err == nil || status/100 == 3)
		require.LessOrEqual(t, sent, 3)
		if status != http.StatusUnauthorized {
			require.Equal(t, 1, tokens)
		}
	})
}
