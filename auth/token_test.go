package auth_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/retry"
)

// mint asks an issuer for one token.
func mint(t *testing.T, id *issuer, g auth.Grant) (*oauth2.Token, error) {
	t.Helper()
	return g.Mint(t.Context(), &http.Client{Transport: id}, nil)
}

func TestTheTokenRequestIsWhatRFC6749Says(t *testing.T) {
	const odd = "s 3:c%r+e&t=ü"
	basic := func(id, secret string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
	}
	config := func(style oauth2.AuthStyle) clientcredentials.Config {
		return clientcredentials.Config{ClientID: "my shop", ClientSecret: odd, TokenURL: "https://id.test/token", AuthStyle: style}
	}
	with := func(c clientcredentials.Config, f func(*clientcredentials.Config)) clientcredentials.Config {
		f(&c)
		return c
	}
	refresh := func(c oauth2.Config) auth.RefreshToken {
		c.Endpoint.TokenURL = "https://id.test/token"
		return auth.RefreshToken{Config: c, Token: &oauth2.Token{RefreshToken: "R0"}}
	}
	tests := []struct {
		name  string
		grant auth.Grant
		basic string
		form  url.Values
	}{
		{"the secret in the header, encoded (section 2.3.1)", auth.ClientCredentials{Config: config(oauth2.AuthStyleInHeader)}, "Basic bXkrc2hvcDpzKzMlM0FjJTI1ciUyQmUlMjZ0JTNEJUMzJUJD", url.Values{"grant_type": {"client_credentials"}}},
		{"that is the default", auth.ClientCredentials{Config: config(oauth2.AuthStyleAutoDetect)}, basic("my shop", odd), url.Values{"grant_type": {"client_credentials"}}},
		{"the secret in the form", auth.ClientCredentials{Config: config(oauth2.AuthStyleInParams)}, "", url.Values{"grant_type": {"client_credentials"}, "client_id": {"my shop"}, "client_secret": {odd}}},
		{"scopes", auth.ClientCredentials{Config: with(config(0), func(c *clientcredentials.Config) { c.Scopes = []string{"read", "write"} })}, basic("my shop", odd), url.Values{"grant_type": {"client_credentials"}, "scope": {"read write"}}},
		{"more parameters", auth.ClientCredentials{Config: with(config(0), func(c *clientcredentials.Config) {
			c.EndpointParams = url.Values{"audience": {"https://api.test"}, "resource": {"a", "b"}}
		})}, basic("my shop", odd), url.Values{"grant_type": {"client_credentials"}, "audience": {"https://api.test"}, "resource": {"a", "b"}}},
		{"refresh", refresh(oauth2.Config{ClientID: "app", ClientSecret: odd}), basic("app", odd), url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"R0"}}},
		{"refresh, in the form", refresh(oauth2.Config{ClientID: "app", ClientSecret: odd, Endpoint: oauth2.Endpoint{AuthStyle: oauth2.AuthStyleInParams}}), "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"R0"}, "client_id": {"app"}, "client_secret": {odd}}},
		{"refresh, scopes", refresh(oauth2.Config{ClientID: "app", ClientSecret: odd, Scopes: []string{"read"}}), basic("app", odd), url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"R0"}, "scope": {"read"}}},
		{"refresh, a public client", refresh(oauth2.Config{ClientID: "app"}), "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"R0"}, "client_id": {"app"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id := &issuer{}
			token, err := mint(t, id, tt.grant)
			require.NoError(t, err)
			require.Equal(t, "AT1", token.AccessToken)
			require.Equal(t, 1, id.count())
			asked := id.last(t)
			require.Equal(t, http.MethodPost, asked.req.Method)
			require.Equal(t, "https://id.test/token", asked.req.URL.String())
			require.Equal(t, tt.form, asked.form)
			require.Equal(t, tt.basic, asked.req.Header.Get("Authorization"))
			require.Equal(t, "application/x-www-form-urlencoded", asked.req.Header.Get("Content-Type"))
			require.Equal(t, "application/json", asked.req.Header.Get("Accept"))
			require.NotContains(t, asked.req.URL.String(), "s3")
		})
	}
}

func TestTheConfigurationIsNotTouched(t *testing.T) {
	config := clientcredentials.Config{ClientID: "shop", ClientSecret: "s", TokenURL: "https://id.test/token", AuthStyle: oauth2.AuthStyleInParams, EndpointParams: url.Values{"a": {"b"}}}
	_, err := mint(t, &issuer{}, auth.ClientCredentials{Config: config})
	require.NoError(t, err)
	require.Equal(t, url.Values{"a": {"b"}}, config.EndpointParams)
}

func TestEachKindOfAnswerOfATokenEndpoint(t *testing.T) {
	const tokenJSON = `{"access_token":"AT","token_type":"bearer","expires_in":60,"refresh_token":"R","scope":"read"}`
	const form = "application/x-www-form-urlencoded"
	tests := []struct {
		name   string
		status int
		kind   string
		body   string
		want   string // the error, or "" for the token
	}{
		{"JSON", 200, "application/json", tokenJSON, ""},
		{"JSON, charset", 200, "application/json;charset=UTF-8", tokenJSON, ""},
		{"JSON by another name", 200, "text/javascript", tokenJSON, ""},
		{"JSON as text", 200, "text/plain", " " + tokenJSON, ""},
		{"JSON without a type", 200, "", tokenJSON, ""},
		{"JSON, broken type", 200, "application/json; charset", tokenJSON, ""},
		{"201", 201, "application/json", tokenJSON, ""},
		{"form", 200, form, "access_token=AT&token_type=bearer&expires_in=60&refresh_token=R&scope=read", ""},
		{"form as text", 200, "text/plain; charset=utf-8", "access_token=AT&token_type=bearer&expires_in=60&refresh_token=R&scope=read", ""},
		{"error", 401, "application/json", `{"error":"invalid_client","error_description":"unknown client","error_uri":"https://id.test/help"}`, "401 invalid_client: unknown client"},
		{"error with status 200", 200, "application/json", `{"error":"invalid_client","access_token":"AT"}`, "200 invalid_client"},
		{"error as a form", 400, form, "error=invalid_grant&error_description=too+old", "400 invalid_grant: too old"},
		{"error without a body", 503, "", "", `503: the answer ("") is no JSON object`},
		{"error in HTML", 502, "text/html", "<html>bad gateway</html>", `502: the answer ("text/html") is no JSON object`},
		{"HTML", 200, "text/html; charset=utf-8", "<html>log in</html>", `200: the answer ("text/html") is no JSON object`},
		{"HTML as text", 200, "text/plain", "<html>log in</html>", "200: the answer has no access_token"},
		{"an array", 200, "application/json", `[]`, `200: the answer ("application/json") is no JSON object`},
		{"a number", 200, "application/json", `1`, `200: the answer ("application/json") is no JSON object`},
		{"null", 200, "application/json", `null`, `200: the answer ("application/json") is no JSON object`},
		{"cut off", 200, "application/json", `{"access_token":"AT"`, `200: the answer ("application/json") is no JSON object`},
		{"empty", 200, "application/json", ``, `200: the answer ("application/json") is no JSON object`},
		{"no token", 200, "application/json", `{}`, "200: the answer has no access_token"},
		{"empty token", 200, "application/json", `{"access_token":""}`, "200: the answer has no access_token"},
		{"a token that is none", 200, "application/json", `{"access_token":7}`, "200: the answer has no access_token"},
		{"broken form", 200, form, "access_token=%zz", "200: the answer is no form"},
		{"an error that is no text", 400, "application/json", `{"error":{"code":7},"error_description":["x"]}`, "400"},
		{"control characters", 400, "application/json", `{"error":"bad\r\nnews","error_description":"line\nline\u0000"}`, "400 bad  news: line line"},
		{"long", 400, "application/json", `{"error":"e","error_description":"` + strings.Repeat("x", 1000) + `"}`, "400 e: " + strings.Repeat("x", 300) + "..."},
		{"1 MiB", 200, "application/json", tokenJSON + strings.Repeat(" ", 1<<20-len(tokenJSON)), ""},
		{"larger", 200, "application/json", tokenJSON + strings.Repeat(" ", 1<<20-len(tokenJSON)+1), "200: the answer is larger than 1 MiB"},
		{"larger, as a form", 200, form, "access_token=" + strings.Repeat("x", 2<<20), "200: the answer is larger than 1 MiB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id := &issuer{answer: func(int, url.Values) *http.Response { return reply(nil, tt.status, tt.kind, tt.body) }}
			begun := time.Now()
			token, err := mint(t, id, id.step().Grant)
			if tt.want == "" {
				require.NoError(t, err)
				require.Equal(t, []string{"AT", "Bearer", "R", "read"}, []string{token.AccessToken, token.Type(), token.RefreshToken, fmt.Sprint(token.Extra("scope"))})
				require.WithinDuration(t, begun.Add(time.Minute), token.Expiry, 10*time.Second)
				return
			}
			require.Nil(t, token)
			require.EqualError(t, err, "token: https://id.test/token: "+tt.want)
			var failed *auth.TokenError
			require.ErrorAs(t, err, &failed)
			require.Equal(t, tt.status, failed.StatusCode)
			require.Equal(t, "https://id.test/token", failed.Endpoint)
		})
	}
}

func TestATokenErrorHasItsMembers(t *testing.T) {
	id := &issuer{answer: func(int, url.Values) *http.Response {
		resp := reply(nil, http.StatusTooManyRequests, "application/json", `{"error":"slow_down","error_description":"wait","error_uri":"https://id.test/help"}`)
		resp.Header.Set("Retry-After", "7")
		return resp
	}}
	_, err := mint(t, id, id.step().Grant)
	require.Equal(t, &auth.TokenError{
		Endpoint: "https://id.test/token", StatusCode: 429, Code: "slow_down", Description: "wait", URI: "https://id.test/help",
		Header: http.Header{"Retry-After": {"7"}, "Content-Type": {"application/json"}},
	}, err)
	require.NoError(t, errors.Unwrap(err))
}

func TestATokenErrorOfTheNetworkSaysWhyAndNotTheURL(t *testing.T) {
	refused := errors.New("connection refused")
	g := auth.ClientCredentials{Config: clientcredentials.Config{ClientID: "shop", ClientSecret: "s3cret", TokenURL: "https://user:s3cret@id.test/token?key=s3cret"}}
	_, err := g.Mint(t.Context(), &http.Client{Transport: middleware.Next(fails(refused))}, nil)
	require.ErrorIs(t, err, refused)
	require.EqualError(t, err, "token: https://REDACTED@id.test/token?key=REDACTED: connection refused")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = g.Mint(ctx, &http.Client{}, nil)
	require.ErrorIs(t, err, context.Canceled)
	require.NotContains(t, err.Error(), "s3cret")

	g.Config.TokenURL = "https://id.test/%zz?key=s3cret"
	_, err = g.Mint(t.Context(), &http.Client{}, nil)
	require.Error(t, err)
	require.NotContains(t, err.Error(), "s3cret")
}

// A server that repeats what it was sent, in every place that an error takes from it.
func TestATokenErrorRepeatsNothingOfTheRequest(t *testing.T) {
	const odd = `s3cret "a+b/c=<ü>&`
	grants := map[string]auth.Grant{
		"header": auth.ClientCredentials{Config: clientcredentials.Config{ClientID: "my shop", ClientSecret: odd, TokenURL: "https://id.test/token?key=s3cret-url"}},
		"form": auth.ClientCredentials{Config: clientcredentials.Config{
			ClientID: "my shop", ClientSecret: odd, TokenURL: "https://id.test/token", AuthStyle: oauth2.AuthStyleInParams,
			EndpointParams: url.Values{"password": {"s3cret-password"}, "x_api_secret": {"s3cret-own"}, "client_assertion": {"s3cret-assertion"}},
		}},
		"source":  auth.ClientCredentials{Config: clientcredentials.Config{ClientID: "my shop", TokenURL: "https://id.test/token", AuthStyle: oauth2.AuthStyleInParams}, Secret: auth.Static(odd)},
		"refresh": auth.RefreshToken{Config: oauth2.Config{ClientID: "my shop", Endpoint: oauth2.Endpoint{TokenURL: "https://id.test/token"}}, Token: &oauth2.Token{RefreshToken: odd}},
	}
	for name, g := range grants {
		for _, status := range []int{200, 400, 500} {
			t.Run(fmt.Sprintf("%s/%d", name, status), func(t *testing.T) {
				var sent string
				id := &issuer{}
				id.answer = func(_ int, form url.Values) *http.Response {
					req := id.asks[len(id.asks)-1].req
					all := fmt.Sprintf("%s %s %s %v %q", req.URL, req.Header.Get("Authorization"), form.Encode(), form, form)
					sent = all
					resp := reply(nil, status, "application/json", fmt.Sprintf(`{"error":%q,"error_description":%q,"error_uri":%q}`, "e "+all, "d "+all, "u "+all))
					resp.Header.Set("X-Echo", all)
					resp.Header.Set("Www-Authenticate", req.Header.Get("Authorization"))
					return resp
				}
				_, err := mint(t, id, g)
				var failed *auth.TokenError
				require.ErrorAs(t, err, &failed)
				require.Contains(t, sent, "s3cret")
				shown := fmt.Sprintf("%v %+v %#v %v", err, err, err, *failed)
				require.NotContains(t, shown, "s3cret")
				require.NotContains(t, shown, base64.StdEncoding.EncodeToString([]byte("my+shop:"+url.QueryEscape(odd))))
				require.Contains(t, shown, "REDACTED")
			})
		}
	}
}

func TestATokenOfAnotherTypeIsNotSent(t *testing.T) {
	for kind, fine := range map[string]bool{"": true, "Bearer": true, "bearer": true, "BEARER": true, "mac": false, "DPoP": false, "N_A": false, "Bearer token": false} {
		id := &issuer{answer: func(int, url.Values) *http.Response {
			return reply(nil, http.StatusOK, "application/json", fmt.Sprintf(`{"access_token":"AT","token_type":%q}`, kind))
		}}
		rt := &api{}
		_, err := client(t, rt, id.step()).R().Get("/")
		if fine {
			require.NoError(t, err, kind)
			require.Equal(t, []string{"Bearer AT"}, rt.authorizations())
			continue
		}
		require.ErrorContains(t, err, fmt.Sprintf("the token is of the type %q", kind))
		require.False(t, retry.Transient(err))
		require.Zero(t, rt.count())
	}
}
