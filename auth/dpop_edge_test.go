package auth_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

// challenging answers each request of the API with a status, a challenge and a nonce.
func challenging(status int, challenge, nonce string) func(*http.Request, *http.Response) {
	return func(req *http.Request, resp *http.Response) {
		if req.URL.Host == "id.test" {
			return
		}
		resp.StatusCode = status
		resp.Header.Set("WWW-Authenticate", challenge)
		resp.Header.Del("DPoP-Nonce")
		if nonce != "" {
			resp.Header.Set("DPoP-Nonce", nonce)
		}
	}
}

func TestOnlyAChallengeForANonceIsOne(t *testing.T) {
	const asks = `DPoP error="use_dpop_nonce"`
	for name, tt := range map[string]struct {
		status    int
		challenge string
		nonce     string
		want      int // requests, beside the one for a token
		tokens    int
	}{
		"as it should be":             {401, asks, "n", 2, 1},
		"the scheme in small letters": {401, `dpop error=use_dpop_nonce`, "n", 2, 1},
		"the nonce that it had":       {401, asks, "known", 1, 1},
		"none, where one is known":    {401, asks, "", 1, 1},
		"not a 401":                   {403, asks, "n", 1, 1},
		"a success":                   {200, asks, "n", 1, 1},
		"of another scheme":           {401, `Bearer error="use_dpop_nonce", DPoP algs="ES256"`, "n", 2, 2},
		"no challenge":                {401, "", "n", 2, 2},
	} {
		s := newStrict()
		c := client(t, s, s.step(&auth.DPoP{}))
		s.want("api.home.test", "known")
		ok(t, c, "GET", "/x", nil)
		s.took()
		s.edit = challenging(tt.status, tt.challenge, tt.nonce)
		_, err := c.R().Get("/x")
		require.NoError(t, err)
		log := s.took()
		require.Len(t, log, tt.want+tt.tokens-1, name)
		require.Equal(t, tt.tokens, s.turn, name)
	}
}

func TestWithoutDPoPAChallengeForANonceIsA401AsAnyOther(t *testing.T) {
	id, rt := &issuer{}, newResource("AT1")
	answer := rt.answer
	rt.answer = func(req *http.Request) (*http.Response, error) {
		resp, err := answer(req)
		resp.Header.Set("WWW-Authenticate", `DPoP error="use_dpop_nonce"`)
		resp.Header.Set("DPoP-Nonce", "n")
		return resp, err
	}
	takes(t, client(t, rt, id.step()))
	require.Equal(t, []string{"Bearer AT1", "Bearer AT2"}, rt.authorizations())
	refused := refusing(400, "use_dpop_nonce")
	id = &issuer{answer: func(n int, form url.Values) *http.Response {
		resp := refused(n, form)
		resp.Header.Set("DPoP-Nonce", "n")
		return resp
	}}
	_, err := client(t, &api{}, id.step()).R().Get("/")
	require.Error(t, err)
	require.Equal(t, 1, id.count(), "nor does it help a token endpoint")
}

func TestAReplayForATokenHasTheNonceThatCameWithTheRefusal(t *testing.T) {
	s := newStrict()
	c := client(t, s, s.step(&auth.DPoP{}))
	ok(t, c, "GET", "/x", nil)
	s.revoke()
	s.want("api.home.test", "one")
	s.edit = func(_ *http.Request, resp *http.Response) {
		if resp.StatusCode == 401 && resp.Header.Get("DPoP-Nonce") == "" {
			s.nonces["api.home.test"] = "two"
			resp.Header.Set("DPoP-Nonce", "two")
		}
	}
	s.took()
	ok(t, c, "GET", "/x", nil)
	require.Equal(t, []string{"GET /x: use_dpop_nonce", "GET /x: invalid_token", tokenMade, "GET /x: ok"}, s.took())
}

func TestANonceThatEndsSaysNothingOfTheToken(t *testing.T) {
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
	resp, err := c.R().Get("/x")
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, resp.StatusCode(), "the replay had a new token and an old nonce")
	s.edit = nil
	s.revoke()
	s.took()
	ok(t, c, "GET", "/x", nil)
	require.Equal(t, []string{"GET /x: invalid_token", tokenMade, "GET /x: ok"}, s.took(), "so that one may be dropped")
}

func TestATokenEndpointIsAskedAgainForANewNonceOnly(t *testing.T) {
	for name, tt := range map[string]struct {
		code, nonce string
		want        int
	}{
		"a new nonce":           {"use_dpop_nonce", "new", 2},
		"the one that it had":   {"use_dpop_nonce", "known", 1},
		"none":                  {"use_dpop_nonce", "", 1},
		"an error of its own":   {"invalid_scope", "new", 1},
		"a proof that is wrong": {"invalid_dpop_proof", "new", 1},
	} {
		s := newStrict()
		s.members = func(_ int, members map[string]any) { members["expires_in"] = 0 }
		c := client(t, s, s.step(&auth.DPoP{}))
		s.want("id.test", "known")
		ok(t, c, "GET", "/x", nil)
		s.took()
		s.edit = func(req *http.Request, resp *http.Response) {
			*resp = *reply(req, http.StatusBadRequest, "application/json", `{"error":"`+tt.code+`"}`)
			if tt.nonce != "" {
				resp.Header.Set("DPoP-Nonce", tt.nonce)
			}
		}
		_, err := c.R().Get("/x")
		said, isToken := errors.AsType[*auth.TokenError](err)
		require.True(t, isToken, name)
		require.Equal(t, tt.code, said.Code)
		require.Len(t, s.took(), tt.want, name)
	}
}

func TestARefusedProofSaysNothingOfWhereTheSecretGoes(t *testing.T) {
	for _, code := range []string{"use_dpop_nonce", "invalid_dpop_proof"} {
		synctest.Test(t, func(t *testing.T) {
			var forms []url.Values
			id := &issuer{answer: func(n int, form url.Values) *http.Response {
				forms = append(forms, form)
				switch {
				case n == 1:
					return refusing(400, code)(n, form)
				case !form.Has("client_secret"):
					return refusing(401, "invalid_client")(n, form)
				}
				return reply(nil, 200, "application/json", `{"access_token":"AT","token_type":"DPoP"}`)
			}}
			step := id.step()
			step.DPoP = &auth.DPoP{}
			c := client(t, &api{}, step)
			_, err := c.R().Get("/")
			require.ErrorContains(t, err, code)
			time.Sleep(time.Second)
			_, err = c.R().Get("/")
			require.NoError(t, err)
			require.Len(t, forms, 3)
		})
	}
}

func TestAClientWithAnotherKeyThatFailsLeavesTheTokenToTheOthers(t *testing.T) {
	for name, why := range map[string]error{
		"the server says so":  &auth.TokenError{Endpoint: "https://id.test/token", StatusCode: 500},
		"something else does": errors.New("no"),
	} {
		s, store := newStrict(), &auth.MemoryStore{}
		sharing := func(key string, g auth.Grant) *resty.Client {
			step := s.step(&auth.DPoP{Key: auth.Static(key)})
			step.Grant, step.Store, step.Key = g, store, "shop"
			return client(t, s, step)
		}
		ok(t, sharing(pkcs8(p256()), s.machine()), "GET", "/one", nil)
		failing := grantFunc(func(context.Context, *http.Client, *oauth2.Token) (*oauth2.Token, error) { return nil, why })
		_, err := sharing(pkcs8(ed25()), failing).R().Get("/other")
		require.Error(t, err, name)
		ok(t, sharing(pkcs8(p256()), s.machine()), "GET", "/two", nil)
		require.Equal(t, []string{tokenMade, "GET /one: ok", "GET /two: ok"}, s.took(), name)
	}
}

func TestASmallDifferenceOfClocksIsNotTold(t *testing.T) {
	s := newStrict()
	s.clock = -20 * time.Second
	s.broken = func(*http.Request, proof) string { return "invalid_dpop_proof" }
	_, err := client(t, s, s.step(&auth.DPoP{}), middleware.RequireStatus{}).R().Get("/x")
	require.ErrorIs(t, err, middleware.ErrUnauthorized)
	require.NotContains(t, err.Error(), "clock")
}
