package authtest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/auth/authtest"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/retry"
)

// inBubble is a client of a protected API without a network, so that time passes at once.
func inBubble(t *testing.T, p *authtest.Provider, step *auth.OAuth2, more ...middleware.Middleware) *resty.Client {
	t.Helper()
	api := p.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
	c := resty.New().SetTransport(p.Transport(api)).SetBaseURL("https://api.home.test")
	step.Client = &http.Client{Transport: p.Transport(nil)}
	require.NoError(t, middleware.Use(c, append(more, step)...))
	return c
}

// credentialed is a provider, and a step for one of its clients.
func credentialed(t *testing.T) (*authtest.Provider, *auth.OAuth2) {
	t.Helper()
	p := authtest.New(t)
	config := p.Client("app", authtest.Secret("s3cret")).Credentials("read")
	config.AuthStyle = oauth2.AuthStyleInHeader // invalid_client is not asked twice
	return p, &auth.OAuth2{Grant: auth.ClientCredentials{Config: config}}
}

// faulty is a fault, and what a caller is told.
type faulty struct {
	ways   []authtest.Fault
	status int
	code   string
	final  bool
	rest   time.Duration
	takes  time.Duration
	text   string
	minted bool
}

func faults() map[string]faulty {
	const pause = 100 * time.Millisecond
	ways := func(f ...authtest.Fault) []authtest.Fault { return f }
	return map[string]faulty{
		"500":                          {ways: ways(authtest.Status(500)), status: 500, rest: pause},
		"502 after a while":            {ways: ways(authtest.Status(502), authtest.Slow(3*time.Second)), status: 502, rest: pause, takes: 3 * time.Second},
		"503 and when to come back":    {ways: ways(authtest.RetryAfter(503, 30*time.Second)), status: 503, rest: 30 * time.Second},
		"429 and when to come back":    {ways: ways(authtest.RetryAfter(429, 7*time.Second)), status: 429, rest: 7 * time.Second},
		"429 until the day after next": {ways: ways(authtest.RetryAfter(429, 48*time.Hour)), status: 429, rest: time.Hour},
		"408":                          {ways: ways(authtest.Status(408)), status: 408, rest: pause},
		"404":                          {ways: ways(authtest.Status(404)), status: 404, final: true, rest: pause},
		"302":                          {ways: ways(authtest.Status(302), authtest.Header("Location", "/login")), status: 302, final: true, rest: pause},
		"temporarily_unavailable":      {ways: ways(authtest.Error(400, "temporarily_unavailable", "soon")), status: 400, code: "temporarily_unavailable", rest: pause},
		"invalid_client":               {ways: ways(authtest.Error(401, "invalid_client", "who?")), status: 401, code: "invalid_client", final: true, rest: pause, text: "invalid_client: who?"},
		"invalid_grant and 500":        {ways: ways(authtest.Error(500, "invalid_grant", "")), status: 500, code: "invalid_grant", final: true, rest: pause},
		"another content type":         {ways: ways(authtest.ContentType("application/x-www-form-urlencoded")), status: 200, final: true, rest: pause, text: "the answer has no access_token", minted: true},
		"a page":                       {ways: ways(authtest.Body("text/html", "<html>sorry</html>")), status: 200, final: true, rest: pause, text: `the answer ("text/html") is no JSON object`},
		"no token":                     {ways: ways(authtest.Body("application/json", `{"token_type":"Bearer"}`)), status: 200, final: true, rest: pause, text: "the answer has no access_token"},
		"a token of another kind":      {ways: ways(authtest.Body("application/json", `{"access_token":"AT","token_type":"mac"}`)), status: 200, final: true, rest: pause, text: `the token is of the type "mac"`},
		"an answer without an end":     {ways: ways(authtest.Body("application/json", `{"access_token":"`+strings.Repeat("x", 2<<20)+`"}`)), status: 200, final: true, rest: pause, text: "larger than 1 MiB"},
		"no JSON":                      {ways: ways(authtest.ExpiresIn("NaN")), status: 200, final: true, rest: pause, text: "is no JSON object", minted: true},
		"too slow":                     {ways: ways(authtest.Slow(time.Hour)), rest: pause, takes: 10 * time.Second, text: "no answer within the time for a token request"},
		"a lost answer":                {ways: ways(authtest.Lost()), rest: pause, text: "the connection ended without an answer", minted: true},
	}
}

func TestEachFaultIsTheErrorAndTheBackoffThatOAuth2Documents(t *testing.T) {
	for name, tt := range faults() {
		t.Run(name, func(t *testing.T) {
			p, step := credentialed(t)
			synctest.Test(t, func(t *testing.T) {
				c := inBubble(t, p, step)
				p.Fault(1, tt.ways...)
				begun := time.Now()
				_, err := c.R().Get("/")
				require.Equal(t, tt.takes, time.Since(begun))
				var failed *auth.TokenError
				require.ErrorAs(t, err, &failed)
				require.Equal(t, tt.status, failed.StatusCode)
				require.Equal(t, tt.code, failed.Code)
				require.Equal(t, tt.final, failed.Final())
				require.Equal(t, p.TokenURL(), failed.Endpoint)
				require.ErrorContains(t, err, tt.text)
				require.Equal(t, tt.takes == 10*time.Second, errors.Is(err, context.DeadlineExceeded))
				later, ok := errors.AsType[interface {
					error
					RetryAfter() time.Duration
				}](err)
				require.True(t, ok)
				require.Equal(t, tt.rest, later.RetryAfter())
				require.Equal(t, tt.minted, p.Mints() == 1)

				time.Sleep(tt.rest - time.Millisecond)
				_, err = c.R().Get("/")
				require.ErrorAs(t, err, &failed, "it is left alone until then")
				require.Len(t, p.Requests(), 1)
				time.Sleep(time.Millisecond)
				resp, err := c.R().Get("/")
				require.NoError(t, err)
				require.Equal(t, 200, resp.StatusCode())
				require.Len(t, p.Requests(), 2)
			})
		})
	}
}

func TestOddLifetimesAreWhatOAuth2Documents(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for text, tt := range map[string]struct {
		life time.Duration // as told to OnToken; 0 is none
		once bool
	}{
		`3600`: {life: time.Hour}, `"3600"`: {life: time.Hour}, `" 3600 "`: {life: time.Hour}, `3600.5`: {life: time.Hour + time.Second/2},
		`-1`: {once: true}, `0`: {once: true}, `"0"`: {once: true}, `"-3600"`: {once: true}, `1e-400`: {once: true},
		`null`: {}, ``: {}, `"soon"`: {}, `""`: {}, `"NaN"`: {}, `true`: {}, `[3600]`: {}, `{"seconds":3600}`: {}, `1e400`: {},
		`1e300`: {life: 10 * year}, `"1e400"`: {life: 10 * year}, `9223372036854775808`: {life: 10 * year},
	} {
		t.Run(text, func(t *testing.T) {
			p, step := credentialed(t)
			p.Lifetime(20 * year)
			synctest.Test(t, func(t *testing.T) {
				var told []*oauth2.Token
				step.OnToken = func(token *oauth2.Token) { told = append(told, token) }
				c := inBubble(t, p, step)
				p.Fault(2, authtest.ExpiresIn(text))
				for range 2 {
					resp, err := c.R().Get("/")
					require.NoError(t, err)
					require.Equal(t, 200, resp.StatusCode())
				}
				require.Equal(t, map[bool]int{true: 2, false: 1}[tt.once], p.Mints())
				switch {
				case tt.once:
					require.Equal(t, 0, p.Heal())
				case tt.life == 0:
					require.True(t, told[0].Expiry.IsZero())
					time.Sleep(year)
					_, err := c.R().Get("/")
					require.NoError(t, err)
					require.Equal(t, 1, p.Mints(), "kept until it is refused")
					require.Equal(t, 1, p.RevokeAll())
					resp, err := c.R().Get("/")
					require.NoError(t, err)
					require.Equal(t, 200, resp.StatusCode())
					require.Equal(t, 2, p.Mints())
				default:
					require.Equal(t, tt.life, time.Until(told[0].Expiry))
					time.Sleep(tt.life)
					_, err := c.R().Get("/")
					require.NoError(t, err)
					require.Equal(t, 2, p.Mints())
				}
			})
		})
	}
}

func TestARetryOutlivesFaults(t *testing.T) {
	p, step := credentialed(t)
	synctest.Test(t, func(t *testing.T) {
		c := inBubble(t, p, step, retry.Policy{Attempts: 4})
		p.Fault(1, authtest.Status(503))
		p.Fault(1, authtest.Lost())
		p.Fault(1, authtest.Error(400, "temporarily_unavailable", ""))
		resp, err := c.R().SetBody("once").Post("/")
		require.NoError(t, err)
		require.Equal(t, "once", resp.String())
		require.Zero(t, p.Heal())
		var said []string
		for _, r := range p.Requests() {
			said = append(said, r.Error)
		}
		require.Equal(t, []string{"", "", "temporarily_unavailable", ""}, said)
		require.Equal(t, 2, p.Mints(authtest.GrantClientCredentials))
		require.Zero(t, p.Mints(authtest.GrantPassword))
	})
}

func TestALostAnswerToARotationEndsTheSession(t *testing.T) {
	p := authtest.New(t)
	p.Rotate(true)
	app := p.Client("app", authtest.Secret("s3cret"))
	saved, err := app.Token("alice")
	require.NoError(t, err)
	step := &auth.OAuth2{Grant: auth.RefreshToken{Config: app.Config(), Token: &oauth2.Token{RefreshToken: saved.RefreshToken}}}
	synctest.Test(t, func(t *testing.T) {
		c := inBubble(t, p, step)
		p.Fault(1, authtest.Lost())
		_, err := c.R().Get("/")
		var failed *auth.TokenError
		require.ErrorAs(t, err, &failed)
		require.False(t, failed.Final())
		time.Sleep(time.Second)
		_, err = c.R().Get("/")
		require.ErrorAs(t, err, &failed)
		require.Equal(t, "invalid_grant", failed.Code)
		require.True(t, failed.Final(), "it used the refresh token, whose successor nobody has")
	})
}

func TestAProviderWhoseClockIsAheadEndsItsTokensSooner(t *testing.T) {
	p, step := credentialed(t)
	synctest.Test(t, func(t *testing.T) {
		c := inBubble(t, p, step)
		p.Fault(1, authtest.Skew(50*time.Minute))
		_, err := c.R().Get("/")
		require.NoError(t, err)
		time.Sleep(9 * time.Minute)
		_, err = c.R().Get("/")
		require.NoError(t, err)
		require.Equal(t, 1, p.Mints())
		time.Sleep(2 * time.Minute)
		resp, err := c.R().SetBody("replayed").Put("/")
		require.NoError(t, err)
		require.Equal(t, "replayed", resp.String())
		require.Equal(t, 2, p.Mints(), "refused, and replaced")
	})
}

func TestAProviderJudgesAssertionsByItsClock(t *testing.T) {
	p := authtest.New(t)
	key := pairs(t)[jose.ES256]
	p.Client("app", authtest.Key(key.Public()))
	ask := func() said {
		return post(t, p.HTTPClient(), p.TokenURL(), url.Values{
			"grant_type": {"client_credentials"}, "client_assertion_type": {assertionType},
			"client_assertion": {sign(t, jose.ES256, key, claims(p, "app", "app"))},
		})
	}
	require.Equal(t, 200, ask().status)
	p.Fault(2, authtest.Skew(2*time.Minute))
	p.Fault(1, authtest.Skew(-2*time.Minute))
	got := ask()
	require.Equal(t, "invalid_client", got.text("error"), "expired")
	date, err := http.ParseTime(got.header.Get("Date"))
	require.NoError(t, err)
	require.Greater(t, time.Until(date), time.Minute)
	require.Equal(t, "invalid_client", ask().text("error"))
	require.Equal(t, "invalid_client", ask().text("error"), "issued in the future")
	require.Equal(t, 200, ask().status)
}

func TestFaultsAreOnTheWireWhatTheySay(t *testing.T) {
	p := authtest.New(t)
	p.Client("app", authtest.Secret("s3cret"))
	form := url.Values{"grant_type": {"client_credentials"}}
	p.Fault(1, authtest.RetryAfter(429, time.Minute), authtest.Header("X-Odd", "yes"))
	got := post(t, p.HTTPClient(), p.TokenURL(), form, "app", "s3cret")
	require.Equal(t, 429, got.status)
	require.Equal(t, "60", got.header.Get("Retry-After"))
	require.Equal(t, "client_credentials", p.Requests()[0].Form.Get("grant_type"))
	p.Requests()[0].Form.Set("grant_type", "spoilt")
	require.Equal(t, "client_credentials", p.Requests()[0].Form.Get("grant_type"), "it is a copy")
	require.Equal(t, "yes", got.header.Get("X-Odd"))

	p.Fault(1, authtest.Lost())
	_, err := p.HTTPClient().PostForm(p.TokenURL(), with(form, "client_id", "app", "client_secret", "s3cret"))
	require.ErrorIs(t, err, io.EOF)

	p.Fault(1, authtest.Slow(time.Hour))
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.TokenURL(), strings.NewReader(form.Encode()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	gone := make(chan error)
	go func() {
		_, err := p.HTTPClient().Do(req)
		gone <- err
	}()
	require.Eventually(t, func() bool { return len(p.Requests()) == 3 }, time.Minute, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-gone, context.Canceled)
	require.Zero(t, p.Requests()[2].Status, "nobody was there to hear an answer")

	p.Fault(5, authtest.Status(500))
	require.Equal(t, 5, p.Heal())
	require.Equal(t, 200, post(t, p.HTTPClient(), p.TokenURL(), form, "app", "s3cret").status)
}

func TestTransportIsTheProviderAndTheHandlerWithoutANetwork(t *testing.T) {
	p := authtest.New(t)
	elsewhere := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Host+r.RequestURI) })
	client := &http.Client{Transport: p.Transport(elsewhere)}
	resp, err := client.Get("https://api.test/a?b=c")
	require.NoError(t, err)
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "api.test/a?b=c", string(text))
	_, err = (&http.Client{Transport: p.Transport(nil)}).Get("https://api.test/")
	require.ErrorContains(t, err, "nobody is at api.test")
	p.Client("app", authtest.Secret("s3cret"))
	require.Equal(t, 200, post(t, client, p.TokenURL(), url.Values{"grant_type": {"client_credentials"}}, "app", "s3cret").status)
}

func TestTheChallengeSaysInvalidTokenWhereThereWasOne(t *testing.T) {
	p := authtest.New(t)
	api := protected(t, p)
	got := open(t, api.URL, "")
	require.Equal(t, 401, got.status)
	require.Equal(t, `Bearer realm="authtest"`, got.header.Get("WWW-Authenticate"), "RFC 6750 section 3.1")
	for _, token := range []string{"n0nsense", "a.b.c", "=", strings.Repeat("x", 5000)} {
		got = open(t, api.URL, token)
		require.Equal(t, 401, got.status)
		require.Contains(t, got.header.Get("WWW-Authenticate"), `error="invalid_token"`)
	}
	app := p.Client("app")
	token, err := app.Token("a:b", "read")
	require.NoError(t, err)
	require.Equal(t, "a:b", open(t, api.URL, token.AccessToken).text("Subject"), "a name may have a colon")
	require.Equal(t, 401, open(t, api.URL, token.RefreshToken).status)
	p.Close()
	rec := httptest.NewRecorder()
	req := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	req.Header.Set("Authorization", "bearer "+token.AccessToken)
	p.Protect(http.NotFoundHandler()).ServeHTTP(rec, req)
	require.Equal(t, 404, rec.Code, "the handler is let through, in whatever letters")
}
