package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

// deviceGrant is the grant of a program without a browser, which shows the code to shown.
func deviceGrant(shown func(oauth2.DeviceAuthResponse) error) auth.DeviceAuthorization {
	return auth.DeviceAuthorization{
		Config: oauth2.Config{ClientID: "tv", Scopes: []string{"films"}, Endpoint: oauth2.Endpoint{
			DeviceAuthURL: "https://id.test/device", TokenURL: "https://id.test/token",
		}},
		Prompt: func(_ context.Context, d oauth2.DeviceAuthResponse) error { return shown(d) },
		Params: url.Values{"audience": {"https://api.test"}},
	}
}

// devices is a server of device codes, whose poll answers come in turn: codes of errors,
// statuses, or "" for the token.
func devices(members string, polls ...any) *issuer {
	id := &issuer{}
	id.answer = func(n int, _ url.Values) *http.Response {
		if id.asks[n-1].req.URL.Path == "/device" {
			return reply(nil, 200, "application/json", `{"device_code":"D3V1CE","user_code":"WDJB-MJHT","verification_uri":"https://id.test/go"`+members+`}`)
		}
		poll := polls[min(n-2, len(polls)-1)]
		if status, ok := poll.(int); ok {
			return reply(nil, status, "text/html", "<html>")
		}
		if code := poll.(string); code != "" {
			return refusing(400, code)(n, nil)
		}
		return reply(nil, 200, "application/json", `{"access_token":"AT","expires_in":3600,"refresh_token":"R1"}`)
	}
	return id
}

func TestAPersonWhoEntersTheCodeOnAnotherDeviceIsWaitedFor(t *testing.T) {
	const s = time.Second
	tests := []struct {
		name    string
		members string
		polls   []any
		gaps    []time.Duration
		want    string // the error, or "" for the token
	}{
		{"at once", `,"expires_in":600,"interval":3`, []any{""}, []time.Duration{3 * s}, ""},
		{"the default interval", "", []any{"authorization_pending", ""}, []time.Duration{5 * s, 5 * s}, ""},
		{"an interval of a string", `,"interval":"7"`, []any{"authorization_pending", ""}, []time.Duration{7 * s, 7 * s}, ""},
		{"an interval below a second", `,"interval":0.01`, []any{"authorization_pending", ""}, []time.Duration{s, s}, ""},
		{"no interval at all", `,"interval":0`, []any{""}, []time.Duration{5 * s}, ""},
		{"slow down", `,"interval":1`, []any{"slow_down", "authorization_pending", "slow_down", ""}, []time.Duration{s, 6 * s, 6 * s, 11 * s}, ""},
		{"a server that is ill", `,"interval":2`, []any{503, "authorization_pending", 502, ""}, []time.Duration{2 * s, 4 * s, 4 * s, 8 * s}, ""},
		{"the person refuses", `,"interval":1`, []any{"authorization_pending", "access_denied"}, []time.Duration{s, s}, "oauth2: token: https://id.test/token: 400 access_denied"},
		{"the code expires", `,"interval":1`, []any{"expired_token"}, []time.Duration{s}, "oauth2: token: https://id.test/token: 400 expired_token"},
		{"nobody comes", `,"interval":3,"expires_in":10`, []any{"authorization_pending"}, []time.Duration{3 * s, 3 * s, 3 * s}, "oauth2: token: https://id.test/token: nobody entered the code before it expired"},
		{"nobody comes, and it never expires", `,"interval":1000`, []any{"authorization_pending"}, []time.Duration{1000 * s}, "oauth2: token: https://id.test/token: nobody entered the code before it expired"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				id := devices(tt.members, tt.polls...)
				var shown oauth2.DeviceAuthResponse
				step := &auth.OAuth2{Grant: deviceGrant(func(d oauth2.DeviceAuthResponse) error { shown = d; return nil }), Client: &http.Client{Transport: id}}
				token, err := step.Token(t.Context())
				require.Equal(t, tt.want, text(err))
				require.Equal(t, []string{"WDJB-MJHT", "https://id.test/go", ""}, []string{shown.UserCode, shown.VerificationURI, shown.DeviceCode}, "the person need not know the device code")
				var gaps []time.Duration
				for i := range id.asks[1:] {
					gaps = append(gaps, id.asks[i+1].at.Sub(id.asks[i].at))
				}
				require.Equal(t, tt.gaps, gaps)
				require.Equal(t, url.Values{"client_id": {"tv"}, "scope": {"films"}, "audience": {"https://api.test"}}, id.asks[0].form)
				require.Equal(t, url.Values{"client_id": {"tv"}, "grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {"D3V1CE"}}, id.last(t).form)
				if tt.want == "" {
					require.Equal(t, "AT", token.AccessToken)
					require.Equal(t, "R1", token.RefreshToken)
				}
			})
		})
	}
}

func TestWhoLoggedInIsNotAskedAgainWhileTheRefreshTokenIsGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, prompts := devices(`,"interval":1`, ""), 0
		step := &auth.OAuth2{Grant: deviceGrant(func(oauth2.DeviceAuthResponse) error { prompts++; return nil }), Client: &http.Client{Transport: id}}
		c := client(t, &api{}, step)
		for range 3 {
			takes(t, c)
			time.Sleep(2 * time.Hour)
		}
		require.Equal(t, 1, prompts)
		require.Equal(t, url.Values{"client_id": {"tv"}, "grant_type": {"refresh_token"}, "refresh_token": {"R1"}, "scope": {"films"}}, id.last(t).form)

		polled := id.answer
		id.answer = func(n int, form url.Values) *http.Response {
			if form.Get("grant_type") == "refresh_token" {
				return refusing(400, "invalid_grant")(n, form)
			}
			return polled(n, form)
		}
		require.Equal(t, time.Second, takes(t, c), "the session is over: the person is asked again")
		require.Equal(t, 2, prompts)
	})
}

func TestAPersonWhoRefusedIsLeftAloneForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, prompts := devices(`,"interval":1`, "access_denied"), 0
		step := &auth.OAuth2{Grant: deviceGrant(func(oauth2.DeviceAuthResponse) error { prompts++; return nil }), Client: &http.Client{Transport: id}}
		c := client(t, &api{}, step)
		for range 60 {
			_, err := c.R().Get("/")
			require.ErrorContains(t, err, "access_denied")
			time.Sleep(time.Second)
		}
		require.Equal(t, 1, prompts)
		_, err := c.R().Get("/")
		require.ErrorContains(t, err, "access_denied")
		require.Equal(t, 2, prompts)
	})
}

func TestAnAnswerThatDoesNotComeTakesNoLongerThanOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := devices(`,"interval":1`, "authorization_pending", "")
		n, hang := 0, 2
		deaf := middleware.Next(func(req *http.Request) (*http.Response, error) {
			n++
			if n == hang {
				<-req.Context().Done()
				return nil, req.Context().Err()
			}
			return id.RoundTrip(req)
		})
		step := &auth.OAuth2{Grant: deviceGrant(func(oauth2.DeviceAuthResponse) error { return nil }), Client: &http.Client{Transport: deaf}}
		begun := time.Now()
		c := client(t, &api{}, step)
		takes(t, c)
		require.Equal(t, 15*time.Second, time.Since(begun), "1 s, 10 s without an answer, and then twice 2 s, the interval doubled")
		time.Sleep(2 * time.Hour)
		begun, hang = time.Now(), n+1
		_, err := c.R().Get("/")
		require.ErrorContains(t, err, "no answer within the time for a token request")
		require.Equal(t, 10*time.Second, time.Since(begun))
	})
}

func TestADevicePollHeedsRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := devices(`,"interval":1`, 429, "")
		answer := id.answer
		id.answer = func(n int, form url.Values) *http.Response {
			resp := answer(n, form)
			resp.Header.Set("Retry-After", "300")
			return resp
		}
		step := &auth.OAuth2{Grant: deviceGrant(func(oauth2.DeviceAuthResponse) error { return nil }), Client: &http.Client{Transport: id}}
		begun := time.Now()
		_, err := step.Token(t.Context())
		require.NoError(t, err)
		require.Equal(t, 301*time.Second, time.Since(begun))
	})
}

func TestADeviceThatCannotBeginSaysWhy(t *testing.T) {
	lost := errors.New("the screen is off")
	tests := []struct {
		name   string
		answer string
		prompt error
		want   string
	}{
		{"no device code", `{"user_code":"A","verification_uri":"https://id.test"}`, nil, "oauth2: token: https://id.test/device: 200: the answer lacks a device_code, a user_code or a verification_uri"},
		{"no user code", `{"device_code":"A","verification_uri":"https://id.test"}`, nil, "oauth2: token: https://id.test/device: 200: the answer lacks a device_code, a user_code or a verification_uri"},
		{"no page", `{"device_code":"A","user_code":"B"}`, nil, "oauth2: token: https://id.test/device: 200: the answer lacks a device_code, a user_code or a verification_uri"},
		{"an error", `{"error":"unauthorized_client","error_description":"no devices"}`, nil, "oauth2: token: https://id.test/device: 200 unauthorized_client: no devices"},
		{"the prompt fails", `{"device_code":"A","user_code":"B","verification_url":"https://id.test"}`, lost, "oauth2: Prompt: the screen is off"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id := &issuer{answer: func(int, url.Values) *http.Response { return reply(nil, 200, "application/json", tt.answer) }}
			step := &auth.OAuth2{Grant: deviceGrant(func(oauth2.DeviceAuthResponse) error { return tt.prompt }), Client: &http.Client{Transport: id}}
			_, err := step.Token(t.Context())
			require.EqualError(t, err, tt.want)
			require.Equal(t, tt.prompt != nil, errors.Is(err, lost))
		})
	}
}

func TestUseRefusesALoginThatCannotWork(t *testing.T) {
	endpoint := oauth2.Endpoint{AuthURL: "https://id.test/auth", DeviceAuthURL: "https://id.test/device", TokenURL: "https://id.test/token"}
	config := func(f func(*oauth2.Config)) oauth2.Config {
		c := oauth2.Config{ClientID: "tv", Endpoint: endpoint}
		f(&c)
		return c
	}
	good := config(func(*oauth2.Config) {})
	prompt := func(context.Context, oauth2.DeviceAuthResponse) error { return nil }
	tests := []struct {
		name  string
		grant auth.Grant
		want  string
	}{
		{"device", auth.DeviceAuthorization{Config: good, Prompt: prompt}, ""},
		{"device, nobody is shown the code", auth.DeviceAuthorization{Config: good}, "oauth2: Prompt is nil: give a function that shows the person the page and the code"},
		{"device, no client", auth.DeviceAuthorization{Config: config(func(c *oauth2.Config) { c.ClientID = "" }), Prompt: prompt}, "oauth2: ClientID is empty"},
		{"device, no endpoint", auth.DeviceAuthorization{Config: config(func(c *oauth2.Config) { c.Endpoint.DeviceAuthURL = "" }), Prompt: prompt}, "oauth2: DeviceAuthURL is empty"},
		{"device, plain http", auth.DeviceAuthorization{Config: config(func(c *oauth2.Config) { c.Endpoint.DeviceAuthURL = "http://id.test/device" }), Prompt: prompt}, "oauth2: DeviceAuthURL: credentials are not sent over plain http to http://id.test: use https, or set InsecureHTTP"},
		{"code", auth.AuthorizationCode{Config: good}, ""},
		{"code, a port of its own", auth.AuthorizationCode{Config: config(func(c *oauth2.Config) { c.RedirectURL = "http://[::1]:8400" })}, ""},
		{"code, no page", auth.AuthorizationCode{Config: config(func(c *oauth2.Config) { c.Endpoint.AuthURL = "" })}, "oauth2: AuthURL is empty"},
		{"code, no token endpoint", auth.AuthorizationCode{Config: config(func(c *oauth2.Config) { c.Endpoint.TokenURL = "" })}, "oauth2: TokenURL is empty"},
		{"code, a page of another scheme", auth.AuthorizationCode{Config: config(func(c *oauth2.Config) { c.Endpoint.AuthURL = "file://id.test/etc/passwd" })}, `oauth2: AuthURL "file://id.test/etc/passwd" is no absolute http(s) URL`},
		{"code, a page over plain http", auth.AuthorizationCode{Config: config(func(c *oauth2.Config) { c.Endpoint.AuthURL = "http://id.test/auth" })}, "oauth2: AuthURL: credentials are not sent over plain http to http://id.test: use https, or set InsecureHTTP"},
		{"code, a state", auth.AuthorizationCode{Config: good, Params: url.Values{"state": {"mine"}}}, "oauth2: Params has state, which the login itself writes"},
		{"code, an answer elsewhere", auth.AuthorizationCode{Config: config(func(c *oauth2.Config) { c.RedirectURL = "http://app.test/callback" })}, `oauth2: Config.RedirectURL "http://app.test/callback" is not on this machine: leave it empty, or give one of http://127.0.0.1`},
		{"code, an answer over TLS", auth.AuthorizationCode{Config: config(func(c *oauth2.Config) { c.RedirectURL = "https://127.0.0.1/callback" })}, `oauth2: Config.RedirectURL "https://127.0.0.1/callback" is not on this machine: leave it empty, or give one of http://127.0.0.1`},
		{"code, no patience", auth.AuthorizationCode{Config: good, Patience: -1}, "oauth2: Patience is -1ns: give a positive duration, or 0 for 5m0s"},
		{"password", auth.ResourceOwnerPassword{Config: good, Username: "u", Password: auth.Static("p4ssword")}, ""},
		{"password, nobody", auth.ResourceOwnerPassword{Config: good, Password: auth.Static("p4ssword")}, "oauth2: Username is empty"},
		{"password, none", auth.ResourceOwnerPassword{Config: good, Username: "u"}, "oauth2: Password is nil: give auth.Env, auth.File, auth.Func or auth.Static"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, text(middleware.Use(client(t, &api{}), &auth.OAuth2{Grant: tt.grant})))
			require.NotContains(t, fmt.Sprintf("%+v", tt.grant), "p4ssword")
		})
	}
}
