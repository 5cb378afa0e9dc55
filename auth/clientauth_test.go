package auth_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

// picky is a token endpoint that knows its client only by one way.
func picky(takesForm bool) *issuer {
	id := &issuer{}
	id.answer = func(n int, form url.Values) *http.Response {
		_, _, header := id.asks[n-1].req.BasicAuth()
		if takesForm == header || takesForm != form.Has("client_secret") {
			return refusing(http.StatusUnauthorized, "invalid_client")(n, form)
		}
		return nil
	}
	return id
}

func TestTheSecretGoesInTheFormOnlyAfterInvalidClientAndStaysThere(t *testing.T) {
	tests := []struct {
		name      string
		takesForm bool
		style     oauth2.AuthStyle
		want      []string // the requests of two mints
		fails     bool
	}{
		{"the server takes the header", false, oauth2.AuthStyleAutoDetect, []string{"header", "header"}, false},
		{"the server takes the form", true, oauth2.AuthStyleAutoDetect, []string{"header", "form", "form"}, false},
		{"the header is configured", true, oauth2.AuthStyleInHeader, []string{"header", "header"}, true},
		{"the form is configured", false, oauth2.AuthStyleInParams, []string{"form", "form"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				id := picky(tt.takesForm)
				step := id.step()
				g := step.Grant.(auth.ClientCredentials)
				g.Config.AuthStyle = tt.style
				step.Grant = g
				c := client(t, &api{}, step)
				for range 2 {
					_, err := c.R().Get("/")
					require.Equal(t, tt.fails, err != nil, "%v", err)
					time.Sleep(2 * time.Hour)
				}
				require.Equal(t, tt.want, ways(id))
			})
		})
	}
}

// ways is how the secret came in each request for a token.
func ways(id *issuer) []string {
	var out []string
	for _, a := range id.asks {
		_, _, header := a.req.BasicAuth()
		out = append(out, map[bool]string{true: "header", false: "form"}[header])
	}
	return out
}

func TestAWrongSecretIsNotMistakenForAWrongPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := &issuer{answer: refusing(http.StatusUnauthorized, "invalid_client")}
		c := client(t, &api{}, id.step())
		_, err := c.R().Get("/")
		require.ErrorContains(t, err, "401 invalid_client")
		require.Equal(t, []string{"header", "form"}, ways(id))
		id.answer = nil // the secret is known now
		time.Sleep(time.Second)
		takes(t, c)
		require.Equal(t, []string{"header", "form", "header"}, ways(id), "nothing was learnt from a refusal of both")
		id.answer = refusing(http.StatusUnauthorized, "invalid_client")
		time.Sleep(2 * time.Hour)
		_, err = c.R().Get("/")
		require.Error(t, err)
		require.Equal(t, []string{"header", "form", "header", "header"}, ways(id), "and what was learnt stays")
	})
}

func TestNoOtherErrorIsAskedTwice(t *testing.T) {
	for _, answer := range []func(int, url.Values) *http.Response{
		refusing(401, ""), refusing(400, "invalid_grant"), refusing(401, "unauthorized_client"), refusing(500, "server_error"), page(401), page(403), page(502),
	} {
		id := &issuer{answer: answer}
		_, err := client(t, &api{}, id.step()).R().Get("/")
		require.Error(t, err)
		require.Equal(t, 1, id.count(), "%v", err)
	}
}

func TestTheErrorOfTheSecondPlaceIsToldWhereTheClientIsKnownThere(t *testing.T) {
	id := &issuer{}
	id.answer = func(n int, form url.Values) *http.Response {
		if n == 1 {
			return refusing(400, "invalid_client")(n, form)
		}
		return refusing(400, "invalid_grant")(n, form)
	}
	_, err := client(t, &api{}, id.step()).R().Get("/")
	require.ErrorContains(t, err, "400 invalid_grant")
	require.NotContains(t, err.Error(), "s3cret-client")
	require.Equal(t, []string{"header", "form"}, ways(id))
}

func TestAClientOfMutualTLSSendsItsIDAndNoSecret(t *testing.T) {
	config := clientcredentials.Config{ClientID: "shop", TokenURL: "https://id.test/token"}
	id := &issuer{}
	_, err := mint(t, id, auth.ClientCredentials{Config: config, Auth: auth.MutualTLS{}})
	require.NoError(t, err)
	require.Equal(t, url.Values{"grant_type": {"client_credentials"}, "client_id": {"shop"}}, id.last(t).form)
	require.Empty(t, id.last(t).req.Header.Get("Authorization"))
}

func TestUseRefusesMutualTLSWithoutACertificate(t *testing.T) {
	grant := auth.ClientCredentials{Config: clientcredentials.Config{ClientID: "shop", TokenURL: "https://id.test/token"}, Auth: auth.MutualTLS{}}
	const missing = "oauth2: Client shows no certificate: set one in the TLSClientConfig of its transport (RFC 8705)"
	tests := []struct {
		name   string
		client *http.Client
		want   string
	}{
		{"no client", nil, missing},
		{"no transport", &http.Client{}, missing},
		{"no TLS", &http.Client{Transport: &http.Transport{}}, missing},
		{"no certificate", &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{}}}, missing},
		{"a certificate", &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{Certificates: make([]tls.Certificate, 1)}}}, ""},
		{"one that is asked for", &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &tls.Certificate{}, nil },
		}}}, ""},
		{"who knows", &http.Client{Transport: &issuer{}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := middleware.Use(client(t, &api{}), &auth.OAuth2{Grant: grant, Client: tt.client})
			require.Equal(t, tt.want, text(err))
		})
	}
	grant.Secret = auth.Static("s3cret")
	err := middleware.Use(client(t, &api{}), &auth.OAuth2{Grant: grant, Client: &http.Client{Transport: &issuer{}}})
	require.EqualError(t, err, "oauth2: both Auth and a client's secret are set: use one")
}

// text is an error as it prints, and nothing for none.
func text(err error) string {
	if err == nil {
		return ""
	}
	return fmt.Sprint(err)
}

func TestARateLimitDoesNotTellThePlaceOfTheSecret(t *testing.T) {
	limited := refusing(http.StatusTooManyRequests, "rate_limit_exceeded")
	synctest.Test(t, func(t *testing.T) {
		id := picky(true)
		onlyForm := id.answer
		id.answer = func(n int, form url.Values) *http.Response {
			if n == 1 {
				return limited(n, form)
			}
			return onlyForm(n, form)
		}
		c := client(t, &api{}, id.step())
		_, err := c.R().Get("/")
		require.ErrorContains(t, err, "429 rate_limit_exceeded")
		time.Sleep(time.Minute)
		takes(t, c)
		require.Equal(t, []string{"header", "header", "form"}, ways(id))
	})
}

func TestAWrongSecretDoesNotTellItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		secret, id := "old", &issuer{}
		id.answer = func(n int, form url.Values) *http.Response {
			_, sent, header := id.asks[n-1].req.BasicAuth()
			switch {
			case !header:
				return refusing(400, "invalid_request")(n, form)
			case sent != "new":
				return refusing(401, "invalid_client")(n, form)
			}
			return nil
		}
		step := id.step()
		step.Grant = auth.ClientCredentials{
			Config: clientcredentials.Config{ClientID: "shop", TokenURL: "https://id.test/token"},
			Secret: auth.Func(func(context.Context) (string, error) { return secret, nil }),
		}
		c := client(t, &api{}, step)
		_, err := c.R().Get("/")
		require.ErrorContains(t, err, "401 invalid_client", "and not what the form came to")
		secret = "new"
		time.Sleep(time.Minute)
		takes(t, c)
	})
}

func TestATransientAnswerToTheSecondPlaceIsNoRefusal(t *testing.T) {
	id := &issuer{}
	id.answer = func(n int, form url.Values) *http.Response {
		if n == 1 {
			return refusing(401, "invalid_client")(n, form)
		}
		return refusing(503, "temporarily_unavailable")(n, form)
	}
	_, err := mint(t, id, id.step().Grant)
	failed, ok := errors.AsType[*auth.TokenError](err)
	require.True(t, ok)
	require.Equal(t, 503, failed.StatusCode)
	require.False(t, failed.Final())
}

func TestAPlaceThatNoLongerHoldsIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := picky(true)
		c := client(t, &api{}, id.step())
		takes(t, c)
		id.answer = func(n int, form url.Values) *http.Response {
			if _, _, header := id.asks[n-1].req.BasicAuth(); !header {
				return refusing(401, "invalid_client")(n, form)
			}
			return nil
		}
		time.Sleep(2 * time.Hour)
		_, err := c.R().Get("/")
		require.ErrorContains(t, err, "invalid_client")
		time.Sleep(time.Minute)
		takes(t, c)
	})
}

func TestADeviceEndpointDoesNotTellThePlaceOfTheSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := devices(`,"interval":1`, "")
		begin := id.answer
		id.answer = func(n int, form url.Values) *http.Response {
			if _, _, header := id.asks[n-1].req.BasicAuth(); header && id.asks[n-1].req.URL.Path == "/token" {
				return refusing(401, "invalid_client")(n, form)
			}
			return begin(n, form)
		}
		g := deviceGrant(func(oauth2.DeviceAuthResponse) error { return nil })
		g.Secret = auth.Static("s3cret")
		_, err := (&auth.OAuth2{Grant: g, Client: &http.Client{Transport: id}}).Token(t.Context())
		require.NoError(t, err)
	})
}

func TestAPointerToMutualTLSNeedsACertificateToo(t *testing.T) {
	grant := auth.ClientCredentials{Config: clientcredentials.Config{ClientID: "shop", TokenURL: "https://id.test/token"}, Auth: &auth.MutualTLS{}}
	require.ErrorContains(t, middleware.Use(client(t, &api{}), &auth.OAuth2{Grant: grant}), "Client shows no certificate")
}
