package auth_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/restykit/restykit/auth"
)

// loginServer is an authorization server on this machine. It holds the client to PKCE
// and to its redirect URI, and each code is good once.
type loginServer struct {
	*httptest.Server
	answer func(url.Values) // changes what the browser brings back; nil changes nothing

	mu     sync.Mutex
	asked  []url.Values // authorization requests
	tokens []url.Values // token requests
	codes  map[string]url.Values
}

func newLoginServer(t *testing.T) *loginServer {
	s := &loginServer{codes: map[string]url.Values{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /authorize", s.authorize)
	mux.HandleFunc("POST /token", s.token)
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *loginServer) authorize(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := r.URL.Query()
	s.asked = append(s.asked, q)
	code := fmt.Sprintf("C0DE-%d", len(s.asked))
	s.codes[code] = q
	back := url.Values{"state": q["state"], "code": {code}, "iss": {s.URL}}
	if s.answer != nil {
		s.answer(back)
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

func (s *loginServer) token(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = r.ParseForm()
	s.tokens = append(s.tokens, r.PostForm)
	w.Header().Set("Content-Type", "application/json")
	granted := s.codes[r.PostForm.Get("code")]
	delete(s.codes, r.PostForm.Get("code"))
	sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	switch {
	case r.PostForm.Get("grant_type") == "refresh_token" && r.PostForm.Get("refresh_token") == "R1":
	case granted == nil || granted.Get("redirect_uri") != r.PostForm.Get("redirect_uri") || granted.Get("client_id") != r.PostForm.Get("client_id"),
		granted.Get("code_challenge_method") != "S256" || granted.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]):
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":"invalid_grant"}`)
		return
	}
	_, _ = fmt.Fprintf(w, `{"access_token":"AT%d","expires_in":3600,"refresh_token":"R1"}`, len(s.tokens))
}

// grant is the grant of a program whose person has a browser that agrees to everything.
func (s *loginServer) grant() auth.AuthorizationCode {
	return auth.AuthorizationCode{
		Config: oauth2.Config{ClientID: "cli", Scopes: []string{"read", "write"}, Endpoint: oauth2.Endpoint{AuthURL: s.URL + "/authorize", TokenURL: s.URL + "/token"}},
		Issuer: s.URL,
		Params: url.Values{"prompt": {"login"}},
		Open: func(ctx context.Context, page string) error {
			go func() { _, _ = browse(ctx, page) }()
			return nil
		},
	}
}

// browse opens a page, and tells the status and the text of where it led.
func browse(ctx context.Context, page string) (status int, shown string) {
	ctx = context.WithoutCancel(ctx) // a browser outlives the login
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
	if err != nil {
		return 0, err.Error()
	}
	tab := &http.Transport{}
	defer tab.CloseIdleConnections()
	resp, err := (&http.Client{Transport: tab}).Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, strings.TrimSpace(string(text))
}

func TestAPersonLogsInByTheBrowserOnceAndIsThenRefreshed(t *testing.T) {
	s := newLoginServer(t)
	step := &auth.OAuth2{Grant: s.grant()}
	token, err := step.Token(t.Context())
	require.NoError(t, err)
	require.Equal(t, "AT1", token.AccessToken)
	asked := s.asked[0]
	require.Equal(t, "code", asked.Get("response_type"))
	require.Equal(t, "read write", asked.Get("scope"))
	require.Equal(t, "login", asked.Get("prompt"))
	require.GreaterOrEqual(t, len(asked.Get("state")), 22, "128 bits")
	require.Regexp(t, `^http://127\.0\.0\.1:\d+/callback$`, asked.Get("redirect_uri"))
	require.NotContains(t, s.tokens[0], "scope")
	at, err := url.Parse(asked.Get("redirect_uri"))
	require.NoError(t, err)
	_, err = net.Dial("tcp", at.Host)
	require.Error(t, err, "the port is closed again")

	renewed, err := s.grant().Mint(t.Context(), (&http.Client{}), token)
	require.NoError(t, err)
	require.Equal(t, "AT2", renewed.AccessToken)
	require.Len(t, s.asked, 1)

	_, err = s.grant().Mint(t.Context(), (&http.Client{}), &oauth2.Token{RefreshToken: "R0"})
	require.NoError(t, err, "the old session is over: the person logs in again")
	require.Len(t, s.asked, 2)
	require.NotEqual(t, s.asked[0].Get("state"), s.asked[1].Get("state"))
	require.NotEqual(t, s.asked[0].Get("code_challenge"), s.asked[1].Get("code_challenge"))
}

func TestAnAnswerThatIsNotOursOrNoCodeIsRefused(t *testing.T) {
	tests := []struct {
		name   string
		answer func(url.Values)
		want   string // with SERVER for the server's URL
	}{
		{"the person refuses", func(q url.Values) {
			q.Del("code")
			q.Set("error", "access_denied")
			q.Set("error_description", "no\nway")
		}, "access_denied: no way"},
		{"another issuer", func(q url.Values) { q.Set("iss", "https://evil.test") }, `the answer is that of the issuer "https://evil.test", and not of "SERVER"`},
		{"no issuer", func(q url.Values) { q.Del("iss") }, `the answer does not say whose it is (iss): it must be that of "SERVER"; leave Issuer empty where the server does not know RFC 9207`},
		{"an error of another issuer", func(q url.Values) { q.Set("iss", "https://evil.test"); q.Set("error", "access_denied") }, `the answer is that of the issuer "https://evil.test", and not of "SERVER"`},
		{"no code", func(q url.Values) { q.Del("code") }, "the answer has no code"},
		{"another code", func(q url.Values) { q.Set("code", "C0DE-7") }, "400 invalid_grant"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newLoginServer(t)
			s.answer = tt.answer
			_, err := (&auth.OAuth2{Grant: s.grant()}).Token(t.Context())
			page := "/authorize"
			if strings.Contains(tt.want, "400") {
				page = "/token"
			}
			require.EqualError(t, err, "oauth2: token: "+s.URL+page+": "+strings.ReplaceAll(tt.want, "SERVER", s.URL))
			_, isToken := errors.AsType[*auth.TokenError](err)
			require.True(t, isToken)
			require.NotContains(t, err.Error(), "C0DE")
		})
	}
	t.Run("an issuer that nobody asked for", func(t *testing.T) {
		s := newLoginServer(t)
		g := s.grant()
		g.Issuer = ""
		_, err := (&auth.OAuth2{Grant: g}).Token(t.Context())
		require.NoError(t, err)
	})
}

func TestAnAnswerWithAnotherStateIsTurnedAwayAndTheLoginGoesOn(t *testing.T) {
	s := newLoginServer(t)
	g := s.grant()
	knocks := map[string]int{}
	g.Open = func(ctx context.Context, page string) error {
		u, _ := url.Parse(page)
		back := u.Query().Get("redirect_uri")
		for name, at := range map[string]string{
			"no state": back + "?code=X", "another state": back + "?code=X&state=guessed", "a prefix": back + "?code=X&state=" + u.Query().Get("state")[:5],
			"another path": strings.TrimSuffix(back, "/callback") + "/favicon.ico", "another name": strings.Replace(back, "127.0.0.1", "localhost", 1) + "?code=X&state=" + u.Query().Get("state"),
		} {
			knocks[name], _ = browse(ctx, at)
		}
		resp, err := http.Post(back+"?code=X&state="+u.Query().Get("state"), "text/plain", nil)
		if err == nil {
			knocks["a POST"] = resp.StatusCode
			_ = resp.Body.Close()
		}
		go func() { _, _ = browse(ctx, page) }()
		return nil
	}
	token, err := (&auth.OAuth2{Grant: g}).Token(t.Context())
	require.NoError(t, err)
	require.Equal(t, "AT1", token.AccessToken)
	require.Equal(t, map[string]int{"no state": 400, "another state": 400, "a prefix": 400, "another path": 404, "another name": 404, "a POST": 404}, knocks)
}

func TestThePersonReadsHowItWent(t *testing.T) {
	for want, answer := range map[string]func(url.Values){
		"The program has your answer. Close this window, and go back to it.": nil,
		"You are not logged in. The program says why.":                       func(q url.Values) { q.Set("error", "access_denied") },
	} {
		s := newLoginServer(t)
		s.answer = answer
		g, page := s.grant(), make(chan string, 1)
		g.Open = func(ctx context.Context, at string) error {
			go func() {
				_, shown := browse(ctx, at)
				page <- shown
			}()
			return nil
		}
		_, _ = (&auth.OAuth2{Grant: g}).Token(t.Context())
		require.Equal(t, want, <-page)
	}
}

func TestALoginEndsWithItsPatience(t *testing.T) {
	s := newLoginServer(t)
	g := s.grant()
	g.Patience = 50 * time.Millisecond
	g.Open = func(context.Context, string) error { return nil }
	_, err := (&auth.OAuth2{Grant: g}).Token(t.Context())
	require.Regexp(t, "^oauth2: token: "+s.URL+`/authorize: nobody logged in within 50ms, and came back to http://127\.0\.0\.1:\d+/callback$`, text(err))
	g.Open = func(ctx context.Context, page string) error {
		u, _ := url.Parse(page)
		_, _ = browse(ctx, u.Query().Get("redirect_uri")+"?state=guessed")
		return nil
	}
	_, err = (&auth.OAuth2{Grant: g}).Token(t.Context())
	require.Regexp(t, `/callback; an answer with another state came, and was not taken$`, text(err))
	lost := errors.New("no screen")
	g.Open = func(context.Context, string) error { return lost }
	_, err = (&auth.OAuth2{Grant: g}).Token(t.Context())
	require.ErrorIs(t, err, lost)
	require.EqualError(t, err, "oauth2: Open: no screen")
}

func TestARedirectURLWithAPortOfItsOwnIsListenedOn(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := newLoginServer(t)
	g := s.grant()
	g.Config.RedirectURL = "http://" + taken.Addr().String()
	_, err = (&auth.OAuth2{Grant: g}).Token(t.Context())
	require.ErrorContains(t, err, "oauth2: the answer of the browser cannot be waited for: listen tcp "+taken.Addr().String())
	require.NoError(t, taken.Close())
	_, err = (&auth.OAuth2{Grant: g}).Token(t.Context())
	require.NoError(t, err)
	require.Equal(t, g.Config.RedirectURL, s.asked[0].Get("redirect_uri"))
}

// The example of RFC 7636 appendix B, and that the challenge of a login is made so.
func TestTheCodeChallengeIsThatOfRFC7636(t *testing.T) {
	require.Equal(t, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", oauth2.S256ChallengeFromVerifier("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"))
	s := newLoginServer(t)
	_, err := (&auth.OAuth2{Grant: s.grant()}).Token(t.Context())
	require.NoError(t, err)
	verifier := s.tokens[0].Get("code_verifier")
	require.GreaterOrEqual(t, len(verifier), 43)
	require.Equal(t, oauth2.S256ChallengeFromVerifier(verifier), s.asked[0].Get("code_challenge"))
	require.Equal(t, "S256", s.asked[0].Get("code_challenge_method"))
}
