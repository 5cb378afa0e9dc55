package middleware_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

// tlsServer wants a client certificate, and tells whether it got one.
func tlsServer(t *testing.T) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Trail", r.Header.Get("X-Trail"))
		if len(r.TLS.PeerCertificates) > 0 {
			w.Header().Set("X-Client", "certified")
		}
	}))
	srv.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv
}

// ownClient has a transport that no other test shares.
func ownClient() *resty.Client { return resty.New().SetLogger(silence{}) }

func TestTLSSettingsAfterUseStillWork(t *testing.T) {
	srv := tlsServer(t)
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	file := filepath.Join(t.TempDir(), "root.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600))

	for name, set := range map[string]func(*resty.Client){
		"SetTLSClientConfig": func(c *resty.Client) {
			c.SetTLSClientConfig(&tls.Config{RootCAs: roots, Certificates: srv.TLS.Certificates})
		},
		"SetRootCertificate and SetCertificates": func(c *resty.Client) {
			c.SetRootCertificate(file).SetCertificates(srv.TLS.Certificates...)
		},
	} {
		for kind, extra := range map[string][]middleware.Middleware{"": nil, ", with a Pool": {middleware.Pool{}}} {
			t.Run(name+kind, func(t *testing.T) {
				c := ownClient()
				require.NoError(t, middleware.Use(c, append(extra, trail("a", middleware.Call))...))
				set(c)
				resp, err := c.R().Get(srv.URL)
				require.NoError(t, err)
				require.Equal(t, "a", resp.Header().Get("X-Trail"), "the pipeline has run")
				require.Equal(t, "certified", resp.Header().Get("X-Client"))
			})
		}
	}
	t.Run("none", func(t *testing.T) {
		c := ownClient()
		require.NoError(t, middleware.Use(c, trail("a", middleware.Call)))
		_, err := c.R().Get(srv.URL)
		require.Error(t, err, "the server is not trusted without the settings")
	})
}

func TestSetProxyAfterUseStillWorks(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.URL.String()+" "+r.Header.Get("X-Trail"))
	}))
	t.Cleanup(proxy.Close)
	for name, extra := range map[string][]middleware.Middleware{"alone": nil, "with a Pool": {middleware.Pool{}}} {
		t.Run(name, func(t *testing.T) {
			c := ownClient()
			require.NoError(t, middleware.Use(c, append(extra, trail("a", middleware.Call))...))
			c.SetProxy(proxy.URL)
			resp, err := c.R().Get("http://far.test/x")
			require.NoError(t, err)
			require.Equal(t, "http://far.test/x a", resp.String())
		})
	}
}

func TestSetTransportKeepsThePipeline(t *testing.T) {
	first, second := wireOf(200), wireOf(200)
	c := resty.New().SetTransport(first)
	require.NoError(t, middleware.Use(c, trail("a", middleware.Call)))
	clone := c.Clone()
	require.Equal(t, "a", visited(t, c, first))

	c.SetTransport(second)
	require.Equal(t, "a", visited(t, c, second))
	require.Equal(t, "a", visited(t, clone, second), "clones share the transport")
	require.Len(t, first.requests(), 1)
}

func TestAnHTTPClientWithoutATransportHasTheDefaultOne(t *testing.T) {
	c := resty.NewWithClient(&http.Client{})
	require.NoError(t, middleware.Use(c, trail("a", middleware.Call)))
	c.GetClient().Transport = nil
	resp, err := c.R().Get(httpbinURL(t) + "/headers")
	require.NoError(t, err)
	require.Contains(t, resp.String(), "X-Trail")
}

func TestClosingIdleConnectionsReachesTheBase(t *testing.T) {
	base := &closer{RoundTripper: wireOf(200)}
	c := resty.New().SetTransport(base)
	require.NoError(t, middleware.Use(c, trail("a", middleware.Call)))
	_, err := c.R().Get("http://api.test/")
	require.NoError(t, err)
	c.GetClient().CloseIdleConnections()
	require.EqualValues(t, 1, base.closed.Load())
}

// closer counts CloseIdleConnections.
type closer struct {
	http.RoundTripper
	closed atomic.Int32
}

func (c *closer) CloseIdleConnections() { c.closed.Add(1) }

// TestRestysDigestFailsClosed: SetDigestAuth swaps the client's transport around each
// request, so behind it no pipeline could run.
func TestRestysDigestFailsClosed(t *testing.T) {
	for name, digest := range map[string]func(*resty.Client, *resty.Request){
		"on the client":  func(c *resty.Client, _ *resty.Request) { c.SetDigestAuth("u", "p") },
		"on the request": func(_ *resty.Client, r *resty.Request) { r.SetDigestAuth("u", "p") },
	} {
		for when, warm := range map[string]bool{"before the first request": false, "after the first request": true} {
			t.Run(name+" "+when, func(t *testing.T) {
				wire := wireOf(200)
				c := resty.New().SetTransport(wire)
				require.NoError(t, middleware.Use(c, trail("a", middleware.Call)))
				if warm {
					require.Equal(t, "a", visited(t, c, wire))
				}
				sent := len(wire.requests())
				r := c.R()
				digest(c, r)
				for range 2 {
					_, err := r.Get("http://api.test/")
					require.ErrorContains(t, err, "SetDigestAuth")
					require.ErrorContains(t, err, "auth.Digest")
				}
				require.Len(t, wire.requests(), sent, "nothing was sent without the steps")
			})
		}
	}
}

// how a caller gets the body.
var bodyModes = map[string]func(*resty.Request) *resty.Request{
	"decoded":  func(r *resty.Request) *resty.Request { return r.SetResult(&struct{}{}) },
	"streamed": func(r *resty.Request) *resty.Request { return r.SetDoNotParseResponse(true) },
}

// fetch sends a GET and reads what there is, and tells the first error of both.
func fetch(r *resty.Request) error {
	resp, err := r.Get("http://api.test/")
	if err != nil || resp.RawResponse == nil || resp.Body() != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.RawBody())
	_ = resp.RawBody().Close()
	return err
}

func TestAHookThatDropsThePipelineBeforeTheRequestIsBuiltFailsIt(t *testing.T) {
	for name, mode := range bodyModes {
		t.Run(name, func(t *testing.T) {
			wire := wireOf(200)
			c := resty.New().SetTransport(wire)
			require.NoError(t, middleware.Use(c, bearer))
			c.OnBeforeRequest(func(_ *resty.Client, r *resty.Request) error {
				r.SetContext(t.Context())
				return nil
			})
			err := fetch(mode(c.R()))
			require.ErrorContains(t, err, "replaced the request's context")
			require.ErrorContains(t, err, "derive the new context from r.Context()")
			require.Empty(t, wire.requests(), "nothing was sent")
		})
	}
}

func TestAHookThatLeadsARequestIntoAnotherCallFailsIt(t *testing.T) {
	wire := wireOf(200)
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, trail("a", middleware.Call)))
	other, err := c.R().Get("http://api.test/other")
	require.NoError(t, err)
	c.OnBeforeRequest(func(_ *resty.Client, r *resty.Request) error { r.SetContext(other.Request.Context()); return nil })
	_, err = c.R().Get("http://api.test/")
	require.ErrorContains(t, err, "replaced the request's context")
	require.Len(t, wire.requests(), 1)
}

func TestARequestMadeDuringAnotherIsACallOfItsOwn(t *testing.T) {
	wire := wireOf(200)
	c, bare := resty.New().SetTransport(wire), resty.New().SetTransport(wire)
	limited := false
	require.NoError(t, middleware.Use(bare, middleware.RequestID{}, middleware.Func("asks", middleware.Call, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		_, limited = req.Context().Deadline()
		return next(req)
	})))
	asks := func(client *resty.Client) middleware.Middleware {
		return middleware.Check("asks-further", func(r *resty.Response) error {
			if strings.HasSuffix(r.Request.URL, "/outer") {
				_, err := client.R().SetContext(r.Request.Context()).Get("http://api.test/inner")
				return err
			}
			return nil
		})
	}
	require.NoError(t, middleware.Use(c, middleware.RequestID{}, middleware.Deadline(time.Minute), asks(c)))
	_, err := c.R().Get("http://api.test/outer")
	require.NoError(t, err)
	require.NoError(t, middleware.Use(c, asks(bare)))
	_, err = c.R().Get("http://api.test/outer")
	require.NoError(t, err)
	require.True(t, limited, "the outer call's deadline holds for the inner")
	ids := map[string]bool{}
	for _, r := range wire.requests() {
		ids[r.Header.Get("X-Request-Id")] = true
	}
	require.Len(t, ids, 4)
}

func TestAHookThatDropsThePipelineAtTheLastMomentFailsTheRequest(t *testing.T) {
	for kind, drop := range map[string]func(*resty.Client, *http.Request){
		"the context":   func(_ *resty.Client, raw *http.Request) { *raw = *raw.WithContext(t.Context()) },
		"the transport": func(c *resty.Client, _ *http.Request) { c.GetClient().Transport = wireOf(200) },
	} {
		for name, mode := range bodyModes {
			t.Run(kind+", "+name, func(t *testing.T) {
				wire := wireOf(200)
				c := resty.New().SetTransport(wire)
				require.NoError(t, middleware.Use(c, trail("a", middleware.Call)))
				dropping := true
				c.SetPreRequestHook(func(c *resty.Client, raw *http.Request) error {
					if dropping {
						drop(c, raw)
					}
					return nil
				})
				require.ErrorContains(t, fetch(mode(c.R())), "the request was sent without the pipeline")

				dropping = false
				require.NoError(t, fetch(mode(c.R())), "the next request is none the worse")
			})
		}
		t.Run(kind+", saved", func(t *testing.T) {
			wire, file := wireOf(200), filepath.Join(t.TempDir(), "out")
			require.NoError(t, os.WriteFile(file, []byte(goodFile), 0o600))
			c := resty.New().SetTransport(wire)
			require.NoError(t, middleware.Use(c, trail("a", middleware.Call)))
			c.SetPreRequestHook(func(c *resty.Client, raw *http.Request) error { drop(c, raw); return nil })
			_, err := c.R().SetOutput(file).Get("http://api.test/")
			require.ErrorContains(t, err, "the request was sent without the pipeline")
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, goodFile, string(data), "no file is written with an answer that nobody has judged")
			require.Zero(t, wire.open())
		})
	}
}

func TestAHookThatSetsATransportBeforeTheRequestIsBuiltKeepsThePipeline(t *testing.T) {
	wire := wireOf(200)
	c := resty.New()
	require.NoError(t, middleware.Use(c, trail("a", middleware.Call)))
	c.OnBeforeRequest(func(c *resty.Client, _ *resty.Request) error { c.SetTransport(wire); return nil })
	for range 3 {
		require.Equal(t, "a", visited(t, c, wire))
	}
}

func TestAHookMayDeriveAContext(t *testing.T) {
	type key struct{}
	wire := wireOf(200)
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, trail("a", middleware.Call)))
	c.OnBeforeRequest(func(_ *resty.Client, r *resty.Request) error {
		r.SetContext(context.WithValue(r.Context(), key{}, 1))
		return nil
	})
	c.SetPreRequestHook(func(_ *resty.Client, raw *http.Request) error {
		*raw = *raw.WithContext(context.WithValue(raw.Context(), key{}, 2))
		return nil
	})
	for name, mode := range bodyModes {
		require.NoError(t, fetch(mode(c.R().EnableTrace())), name)
	}
	for _, r := range wire.requests() {
		require.Equal(t, "a", trailOf(r))
	}
}

func TestAStepThatDropsTheContextFailsTheRequest(t *testing.T) {
	for _, layer := range []middleware.Layer{middleware.Call, middleware.Retry, middleware.Breaker, middleware.Limit, middleware.Auth, middleware.Wire} {
		t.Run(layer.String(), func(t *testing.T) {
			wire := wireOf(200)
			c := resty.New().SetTransport(wire)
			forgets := middleware.Func("forgets", layer, func(req *http.Request, next middleware.Next) (*http.Response, error) {
				return next(req.WithContext(t.Context()))
			})
			require.NoError(t, middleware.Use(c, forgets, credential{name: "z-last", field: "X-Key", secret: "k"}))
			_, err := c.R().SetBody("x").Post("http://api.test/")
			require.ErrorContains(t, err, "a step replaced the request's context")
			require.Empty(t, wire.requests(), "nothing was sent")
		})
	}
}

func TestARequestThatIsSentTwiceIsTwoCalls(t *testing.T) {
	wire := wireOf(200)
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, middleware.RequestID{}))
	for name, r := range map[string]*resty.Request{"plain": c.R(), "traced": c.R().EnableTrace()} {
		before := len(wire.requests())
		for range 3 {
			_, err := r.Get("http://api.test/")
			require.NoError(t, err)
			r.Header.Del("X-Request-Id")
		}
		ids := map[string]bool{}
		for _, sent := range wire.requests()[before:] {
			ids[sent.Header.Get("X-Request-Id")] = true
		}
		require.Len(t, ids, 3, name)
	}
}

func TestARequestInspectedAsCurlIsNotSent(t *testing.T) {
	wire := wireOf(200)
	c := resty.New().SetTransport(wire).SetLogger(silence{})
	require.NoError(t, middleware.Use(c, trail("a", middleware.Call), bearer))
	r := c.R().SetDebug(true).EnableGenerateCurlOnDebug().SetHeader("X-Mine", "1")
	r.Method, r.URL = http.MethodGet, "http://api.test/"
	curl := r.GenerateCurlCommand()
	require.NotContains(t, curl, "sesame", "what steps add is not resty's to print")
	require.Empty(t, wire.requests())

	_, err := r.Get("http://api.test/")
	require.NoError(t, err)
	require.Equal(t, "a", trailOf(wire.requests()[0]))
}

func TestTheClockOfARequestDoesNotRunBeforeItIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := resty.New().SetTransport(wireOf(200)).SetLogger(silence{})
		require.NoError(t, middleware.Use(c, middleware.Deadline(time.Second)))
		r := c.R().SetDebug(true).EnableGenerateCurlOnDebug()
		r.Method, r.URL = http.MethodGet, "http://api.test/"
		_ = r.GenerateCurlCommand()
		time.Sleep(time.Minute)
		_, err := r.Get("http://api.test/")
		require.NoError(t, err)
	})
}
