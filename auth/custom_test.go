package auth_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/middleware/middlewaretest"
	"github.com/restykit/restykit/retry"
)

// acme is a scheme that writes a secret, and counts how often.
func acme(value string) (step auth.Custom, signed *int) {
	signed = new(int)
	return auth.Custom{Scheme: "acme", Sign: func(req *http.Request) error {
		*signed++
		req.Header.Set("Authorization", value)
		return nil
	}}, signed
}

func TestACustomSchemeKeepsTheRulesOfThePackage(t *testing.T) {
	step, signed := acme("Acme s3cret-acme")
	step.Origins = []string{"https://files.home.test"}
	sees := func(h hit) bool { return strings.Contains(h.text, "s3cret-acme") }
	n := newInternet(t)
	for agent, send := range agents {
		for name, target := range elsewhere {
			t.Run(agent+"/no credential for "+name, func(t *testing.T) {
				require.NoError(t, send(t, n, http.MethodPost, redirect(307, target), step))
				hits := n.take()
				require.Len(t, hits, 2)
				require.True(t, sees(hits[0]))
				requirePublic(t, hits[1])
			})
		}
	}
	c := n.client(t, home, step)
	_, err := c.R().Get("https://files.home.test/land")
	require.NoError(t, err)
	require.True(t, sees(n.take()[0]), "a listed origin")
	before := *signed
	_, err = c.R().SetAuthToken("mine").Get("/land")
	require.NoError(t, err)
	require.Equal(t, "Bearer mine", n.take()[0].header.Get("Authorization"), "the caller's own")
	require.Equal(t, before, *signed, "Sign is not called where its credentials do not go")
	_, err = n.client(t, "http://api.home.test", step).R().Get("/land")
	var refused *auth.InsecureError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, auth.InsecureError{Step: "acme", Origin: "http://api.home.test"}, *refused)
	require.Empty(t, n.take())
	step.InsecureHTTP = true
	_, err = n.client(t, "http://api.home.test", step).R().Get("/land")
	require.NoError(t, err)
	require.True(t, sees(n.take()[0]))
}

func TestACustomSchemeInAnotherFieldStandsBesideBearer(t *testing.T) {
	rt := &api{}
	step := auth.Custom{Scheme: "acme", Header: "x-acme", Sign: func(req *http.Request) error {
		req.Header.Set("X-Acme", "signed "+req.Header.Get("Authorization"))
		return nil
	}}
	c := client(t, rt, step, bearer)
	_, err := c.R().Get("/")
	require.NoError(t, err)
	require.Equal(t, "signed Bearer t0ken", rt.last(t).Header.Get("X-Acme"), "it sees what the kit's own steps have written")
	_, err = c.R().SetHeader("X-Acme", "mine").Get("/")
	require.NoError(t, err)
	require.Equal(t, "mine", rt.last(t).Header.Get("X-Acme"))
	require.Equal(t, "auth  bearer  static, only https://api.home.test\nauth  acme    X-Acme, only https://api.home.test", middleware.Of(c).String())
	other, _ := acme("Acme x")
	require.ErrorContains(t, middleware.Use(resty.New(), bearer, other), "acme: writes Authorization, as bearer does")
}

func TestACustomSchemeSignsEachAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := &api{answer: func(req *http.Request) (*http.Response, error) {
			return reply(req, http.StatusServiceUnavailable, "text/plain", ""), nil
		}}
		step, signed := acme("Acme s3cret")
		resp, err := client(t, rt, step, retry.Policy{Attempts: 3}).R().Get("/")
		require.NoError(t, err)
		require.Equal(t, 503, resp.StatusCode())
		require.Equal(t, 3, *signed)
		require.Equal(t, []string{"Acme s3cret", "Acme s3cret", "Acme s3cret"}, rt.authorizations())
		require.Empty(t, resp.Request.RawRequest.Header.Get("Authorization"), "the caller's request is as it was")
	})
}

// lost is an error that no second attempt mends.
type lost struct{ error }

func (lost) Final() bool { return true }

func TestWhatACustomSchemeCannotSignIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			err      error
			attempts int
		}{{errors.New("the key ring is locked"), 3}, {lost{errors.New("the key ring is locked")}, 1}} {
			rt, tries := &api{}, 0
			step := auth.Custom{Scheme: "acme", Sign: func(*http.Request) error { tries++; return tt.err }}
			_, err := client(t, rt, step, retry.Policy{Attempts: 3}).R().Post("/")
			require.ErrorIs(t, err, tt.err)
			require.ErrorContains(t, err, "acme: the key ring is locked")
			require.Equal(t, tt.attempts, tries)
			require.Zero(t, rt.count())
		}
	})
}

func TestACustomSchemeSendsOnceMoreWhereItAsksForIt(t *testing.T) {
	rt := &api{answer: func(req *http.Request) (*http.Response, error) {
		return reply(req, http.StatusUnauthorized, "text/plain", "again"), nil
	}}
	step, signed := acme("Acme s3cret")
	asked := 0
	step.Again = func(signed *http.Request, answer *http.Response) bool {
		asked++
		require.Equal(t, "Acme s3cret", signed.Header.Get("Authorization"))
		return answer.StatusCode == http.StatusUnauthorized
	}
	resp, err := client(t, rt, step).R().SetBody("the body").Post("/")
	require.NoError(t, err)
	require.Equal(t, "again", resp.String())
	require.Equal(t, []string{"the body", "the body"}, rt.body)
	require.Equal(t, 2, *signed, "the replay is signed anew")
	require.Equal(t, 1, asked, "a replay is not replayed")

	c := &http.Client{Transport: middleware.Stack{step}.RoundTripper(rt)}
	plain, err := c.Post(home, "text/plain", io.MultiReader(strings.NewReader("once")))
	require.NoError(t, err)
	require.NoError(t, plain.Body.Close())
	require.Equal(t, http.StatusUnauthorized, plain.StatusCode)
	require.Equal(t, []string{"the body", "the body", "once"}, rt.body, "what cannot be sent again is not")

	quiet, _ := acme("Acme s3cret")
	_, err = client(t, rt, quiet).R().Get("/")
	require.NoError(t, err)
	require.Equal(t, 4, rt.count(), "without Again nothing is sent again")
}

func TestUseRefusesACustomSchemeThatCannotSign(t *testing.T) {
	whole, _ := acme("Acme s3cret")
	require.NoError(t, middleware.Use(resty.New(), whole))
	for want, change := range map[string]func(*auth.Custom){
		`Scheme is "": give the step a name of one word, like acme`:                                     func(c *auth.Custom) { c.Scheme = "" },
		`Scheme is "two words": give the step a name of one word, like acme`:                            func(c *auth.Custom) { c.Scheme = "two words" },
		"Sign is nil: give the function that writes the credentials":                                    func(c *auth.Custom) { c.Sign = nil },
		`the header name "X Sig" has a character that no header name may have (RFC 9110 section 5.6.2)`: func(c *auth.Custom) { c.Header = "X Sig" },
		`Origins: "x" is no origin`: func(c *auth.Custom) { c.Origins = []string{"x"} },
	} {
		step := whole
		change(&step)
		require.ErrorContains(t, middleware.Use(resty.New(), step), want)
	}
}

func TestACustomSchemeShowsNothingOfWhatItWrites(t *testing.T) {
	step, _ := acme("Acme " + odd + "acme")
	alone := auth.Custom{Scheme: "alone", Header: "X-Api-Key", Sign: func(req *http.Request) error {
		req.Header.Set("X-Api-Key", odd+"alone")
		return nil
	}}
	hidden := secretive{step, []string{odd + "acme", odd + "alone"}}
	rt := &api{answer: func(req *http.Request) (*http.Response, error) {
		return reply(req, 400, "text/plain", echo(req)+odd+"acme "+odd+"alone"), nil
	}}
	resp, err := client(t, rt, step, alone, middleware.RequireStatus{}).R().Get("/")
	require.ErrorContains(t, err, "400")
	hidden.requireSilent(t, "the error", shown(err))
	hidden.requireSilent(t, "the caller's request", dump(resp.Request.RawRequest)+resp.Request.GenerateCurlCommand())
	require.Equal(t, "acme(Authorization)", strings.Split(printed(step), "\n")[2])
}

func TestACustomSchemeKeepsTheContract(t *testing.T) {
	step, _ := acme("Acme s3cret")
	step.Sign = func(req *http.Request) error { req.Header.Set("Authorization", "Acme s3cret"); return nil }
	asking := step
	asking.Again = func(_ *http.Request, answer *http.Response) bool { return answer.StatusCode >= 400 }
	for name, step := range map[string]auth.Custom{"once": step, "twice": asking} {
		t.Run(name, func(t *testing.T) { middlewaretest.Run(t, func() middleware.Middleware { return step }) })
	}
}
