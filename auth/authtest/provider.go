package authtest

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

// Provider is an OpenID provider on a listener of its own. It is made by [New] or [Start].
type Provider struct {
	// Issuer is its URL, without a slash at the end, like "http://127.0.0.1:8080".
	Issuer string

	server  *httptest.Server
	engine  *engine
	state   *state
	faults  faults
	journal journal

	closing chan struct{}
	close   sync.Once
}

// Option is a property that a provider has from its start.
type Option func(*options)

type options struct {
	tls      bool
	interval time.Duration
	lifetime time.Duration
}

// TLS serves over TLS, with a certificate that the clients of [Provider.HTTPClient] trust,
// and asks clients for theirs, as [Certificate] needs it. Without it the provider speaks
// plain http.
func TLS() Option { return func(o *options) { o.tls = true } }

// DeviceInterval is how long a device must wait between two polls. It is 1 s where the
// option is not given. The answer tells it in whole seconds, so of less than one it says
// nothing, and a client takes that for 5 s (RFC 8628 section 3.2). A poll that comes too
// soon is told slow_down, but needs to wait no longer for that the next time.
func DeviceInterval(d time.Duration) Option { return func(o *options) { o.interval = d } }

const (
	defaultLifetime = time.Hour
	defaultInterval = time.Second
)

// New starts a provider that is closed when the test ends.
func New(t testing.TB, opts ...Option) *Provider {
	t.Helper()
	p, err := Start(opts...)
	if err != nil {
		t.Fatalf("authtest: %v", err)
	}
	t.Cleanup(p.Close)
	return p
}

// Start starts a provider outside of a test. The caller closes it.
func Start(opts ...Option) (*Provider, error) {
	o := options{interval: defaultInterval, lifetime: defaultLifetime}
	for _, opt := range opts {
		opt(&o)
	}
	p := &Provider{closing: make(chan struct{}), state: newState(o)}
	p.server = httptest.NewUnstartedServer(nil)
	scheme := "http://"
	if o.tls {
		scheme = "https://"
	}
	p.Issuer = scheme + p.server.Listener.Addr().String()
	var err error
	if p.engine, err = newEngine(p, o); err != nil {
		_ = p.server.Listener.Close()
		return nil, err
	}
	p.server.Config.Handler = p.handler()
	if o.tls {
		p.server.TLS = &tls.Config{MinVersion: tls.VersionTLS12, ClientAuth: tls.RequestClientCert}
		p.server.StartTLS()
	} else {
		p.server.Start()
	}
	return p, nil
}

// Close ends the provider and all that waits for it. It may be called more than once.
func (p *Provider) Close() {
	p.close.Do(func() {
		close(p.closing)
		p.server.Close() // and so the idle connections of clients
	})
}

// Endpoint is where clients go, as x/oauth2 wants it.
func (p *Provider) Endpoint() oauth2.Endpoint {
	return oauth2.Endpoint{
		AuthURL: p.Issuer + pathAuthorize, TokenURL: p.TokenURL(), DeviceAuthURL: p.Issuer + pathDeviceAuthorization,
	}
}

// TokenURL is the token endpoint.
func (p *Provider) TokenURL() string { return p.Issuer + pathToken }

// HTTPClient is a client that trusts the provider and shows the certificates, if any. It
// has connections of its own, which end with the provider.
func (p *Provider) HTTPClient(certificates ...tls.Certificate) *http.Client {
	t := p.server.Client().Transport.(*http.Transport).Clone()
	if t.TLSClientConfig == nil {
		t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	t.TLSClientConfig.Certificates = certificates
	return &http.Client{Transport: t}
}

// Rotate says whether a refresh token is good once and its answer has the next (RFC 9700
// section 4.14.2). One that is used again ends its successors, and the access tokens of all.
// A provider begins without: a refresh token is good until it is revoked, and no answer to it
// has another.
func (p *Provider) Rotate(on bool) {
	p.state.mu.Lock()
	defer p.state.mu.Unlock()
	p.state.rotate = on
}

// Lifetime is how long the access tokens live that are made from now on. It is an hour
// where this is not called. An answer tells it in whole seconds.
func (p *Provider) Lifetime(d time.Duration) {
	p.state.mu.Lock()
	defer p.state.mu.Unlock()
	p.state.lifetime = d
}

// Revoke ends a token, and tells whether it was there to end. With a refresh token all
// that came of the same login ends, the access tokens too.
func (p *Provider) Revoke(token string) bool {
	if p.state.revokeRefresh(token) {
		return true
	}
	return p.state.revokeAccess(p.engine.id(p.context(context.Background()), token))
}

// RevokeAll ends all access tokens, and tells how many that were. Refresh tokens are as
// good as before.
func (p *Provider) RevokeAll() int { return p.state.revokeAll() }
