package restykit_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/observe"
)

// SetAuthToken, SetHeader and SetTransport while requests run are data races. Bare resty
// is not shown: the race detector would end the test.
func TestClientIsNeverChangedAfterItsFirstRequestAndSecretsComeFromASource(t *testing.T) {
	t.Parallel()
	var turn atomic.Int64
	var mu sync.Mutex
	seen := map[string]bool{}
	url := handling(t, func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen[r.Header.Get("Authorization")] = true
	})
	c := clientOn(t, url, append(seven()[1:], middleware.RequestID{}, middleware.UserAgent("shop/1.0"),
		auth.Bearer{Token: auth.Func(func(context.Context) (string, error) { return fmt.Sprint(turn.Load()), nil })},
		middleware.Off("require-json"))...)
	_, err := c.R().Get("/")
	require.NoError(t, err)
	before := fmt.Sprintf("%+v %p %v %p", c.Header, c.GetClient().Transport, len(c.RetryHooks), c.GetClient())
	var all sync.WaitGroup
	for n := range 20 {
		all.Go(func() {
			turn.Store(int64(n % 5)) // the secret rotates while requests run
			ctx := middleware.With(t.Context(), middleware.RequireStatus{Codes: []int{200}})
			if _, err := c.R().SetContext(ctx).Get("/"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.Equal(t, before, fmt.Sprintf("%+v %p %v %p", c.Header, c.GetClient().Transport, len(c.RetryHooks), c.GetClient()))
	require.Empty(t, c.Token)
	turn.Store(99)
	_, err = c.R().Get("/")
	require.NoError(t, err)
	require.True(t, seen["Bearer 99"])
}

// resty's debug log, its curl line and the URL of an error show all secrets, and so does
// the error of x/oauth2 where the server repeats the request.
func TestSecretsAreAddedBelowRestyWhichCannotPrintThemAndOwnOutputIsRedacted(t *testing.T) {
	t.Parallel()
	url := serving(t, 500, "application/json", `{"you": "sent secret"}`)
	show := func(t *testing.T, c *resty.Client) string {
		t.Helper()
		var log bytes.Buffer
		c.SetLogger(writerLogger{&log}).SetDebug(true).EnableGenerateCurlOnDebug()
		resp, err := c.R().Get("/")
		shown := log.String() + fmt.Sprint(err, resp.Request.GenerateCurlCommand())
		_, err = c.SetBaseURL(nobody()).R().Get("/")
		require.Error(t, err)
		return strings.ReplaceAll(shown+err.Error(), `sent secret`, "") // resty's log of the server's own words
	}
	t.Run("bare resty", func(t *testing.T) {
		shown := show(t, bare(url).SetAuthToken("secret").SetHeader("X-API-Key", "secret").SetQueryParam("api_key", "secret"))
		for _, place := range []string{"Bearer secret", "X-Api-Key: secret", "-H 'X-Api-Key: secret'", `/?api_key=secret": dial`} {
			require.Contains(t, shown, place)
		}
	})
	for kind, step := range credentials() {
		t.Run("with a stack, "+kind, func(t *testing.T) {
			var log bytes.Buffer
			handler := slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})
			c := clientOn(t, url, step, middleware.RequireStatus{}, observe.Log{Logger: slog.New(handler)})
			shown := show(t, c) + log.String() + middleware.Of(c).String() + fmt.Sprintf("%+v %#v", step, step)
			require.NotContains(t, shown, "secret")
			require.Contains(t, shown, "500 Internal Server Error", "the output is there")
			require.Contains(t, shown, "http send")
		})
	}
	t.Run("with a stack, a query of the caller's", func(t *testing.T) {
		var log bytes.Buffer
		c := clientOn(t, url, middleware.RequireStatus{}, observe.Log{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		_, err := c.R().SetQueryParam("api_key", "hidden").Get("/")
		_, refused := c.SetBaseURL(nobody()).R().SetQueryParam("api_key", "hidden").Get("/")
		require.NotContains(t, err.Error()+refused.Error()+log.String(), "hidden")
		require.Contains(t, refused.Error(), "api_key=REDACTED")
	})
	t.Run("with a stack, a token endpoint that repeats the request", func(t *testing.T) {
		id := handling(t, func(w http.ResponseWriter, r *http.Request) {
			_, secret, _ := r.BasicAuth()
			w.WriteHeader(400)
			fmt.Fprintf(w, `{"error": "invalid_client", "error_description": "no client has %s"}`, secret)
		})
		config := clientcredentials.Config{ClientID: "shop", ClientSecret: "hidden", TokenURL: id}
		_, err := clientOn(t, url, &auth.OAuth2{Grant: auth.ClientCredentials{Config: config}}).R().Get("/")
		require.ErrorContains(t, err, "400 invalid_client: no client has REDACTED")
	})
}

// secure is a server over TLS that answers with the User-Agent, and counts.
type secure struct {
	*httptest.Server
	trusting *tls.Config
	reached  atomic.Int32
}

func newSecure(t *testing.T) *secure {
	t.Helper()
	s := &secure{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.reached.Add(1)
		_, _ = io.WriteString(w, r.Header.Get("User-Agent"))
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	s.trusting = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return s
}

// A wrapped transport makes resty's setters for TLS and proxy do nothing but log, and
// SetTransport drops the wrapper without a word.
func TestSettersForTLSProxyAndTransportWorkAfterUse(t *testing.T) {
	t.Parallel()
	srv, agent := newSecure(t), middleware.UserAgent("shop/1.0")
	t.Run("bare resty", func(t *testing.T) {
		var runs int
		wrapper := middleware.Next(func(r *http.Request) (*http.Response, error) {
			runs++
			return http.DefaultTransport.RoundTrip(r)
		})
		c := bare(srv.URL).SetTransport(wrapper).SetTLSClientConfig(srv.trusting)
		_, err := c.R().Get("/")
		require.ErrorContains(t, err, "certificate", "the setter did nothing")
		c.SetTransport(&http.Transport{TLSClientConfig: srv.trusting})
		_, err = c.R().Get("/")
		require.NoError(t, err)
		require.Equal(t, 1, runs, "the wrapper is gone")
	})
	t.Run("with a stack, TLS", func(t *testing.T) {
		_, body, err := decoded(t, clientOn(t, srv.URL, agent).SetTLSClientConfig(srv.trusting).R(), "GET", "/")
		require.NoError(t, err)
		require.Equal(t, "shop/1.0", body)
	})
	t.Run("with a stack, a proxy", func(t *testing.T) {
		proxy := newElsewhere(t)
		_, err := clientOn(t, "http://api.example.com", agent).SetProxy(proxy.URL).R().Get("/through")
		require.NoError(t, err)
		require.Equal(t, "http://api.example.com/through", proxy.only(t).URL.String())
		require.Equal(t, "shop/1.0", proxy.only(t).Header.Get("User-Agent"))
	})
	t.Run("with a stack, another transport at any time", func(t *testing.T) {
		c := clientOn(t, srv.URL, agent).SetTLSClientConfig(srv.trusting)
		for range 2 {
			_, body, err := decoded(t, c.R(), "GET", "/")
			require.NoError(t, err)
			require.Equal(t, "shop/1.0", body)
			c.SetTransport(&http.Transport{TLSClientConfig: srv.trusting})
		}
	})
}

// SetDigestAuth, hooks and lists that are replaced can take a wrapper away: then a request
// would go out without what the wrapper adds.
func TestPipelineThatIsLostFailsClosed(t *testing.T) {
	t.Parallel()
	srv, agent := newSecure(t), middleware.UserAgent("shop/1.0")
	unreached := func(t *testing.T, c *resty.Client, why string) {
		t.Helper()
		before := srv.reached.Load()
		_, err := c.R().Get("/")
		require.ErrorContains(t, err, why)
		require.Equal(t, before, srv.reached.Load(), "nothing was sent")
	}
	t.Run("with a stack, digest", func(t *testing.T) {
		c := clientOn(t, srv.URL, agent).SetTLSClientConfig(srv.trusting)
		c.SetDigestAuth("ada", "secret")
		unreached(t, c, "auth.Digest")
		require.ErrorContains(t, middleware.Use(bare("").SetDigestAuth("ada", "secret"), agent), "auth.Digest")
	})
	t.Run("with a stack, a hook that drops the context", func(t *testing.T) {
		c := clientOn(t, srv.URL, agent).SetTLSClientConfig(srv.trusting)
		c.OnBeforeRequest(func(_ *resty.Client, r *resty.Request) error { r.SetContext(context.Background()); return nil })
		unreached(t, c, "derive the new context from r.Context()")
	})
	t.Run("with a stack, a list of hooks that was replaced", func(t *testing.T) {
		c := clientOn(t, srv.URL, agent).SetTLSClientConfig(srv.trusting)
		c.RetryHooks = nil
		unreached(t, c, "middleware.Use again")
	})
	t.Run("with a stack, a last hook that takes the transport away", func(t *testing.T) {
		inEachMode(t, func(t *testing.T, do send) {
			c := clientOn(t, srv.URL, agent)
			c.SetPreRequestHook(func(c *resty.Client, _ *http.Request) error {
				c.SetTransport(&http.Transport{TLSClientConfig: srv.trusting})
				return nil
			})
			_, _, err := do(t, c.R(), "GET", "/")
			require.Error(t, err)
			require.ErrorContains(t, err, "sent without the pipeline")
		})
	})
}
