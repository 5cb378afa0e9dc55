package authtest

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// handler is the engine, with what stands before it.
func (p *Provider) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(pathToken, p.serveToken)
	mux.HandleFunc(pathLogin, p.serveLogin)
	mux.HandleFunc(pathDevice, p.serveDevice)
	mux.Handle(pathUserinfo, p.Protect(p.engine.handler))
	mux.HandleFunc(pathOAuthDiscovery, func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = oidc.DiscoveryEndpoint
		p.engine.handler.ServeHTTP(w, r)
	})
	mux.Handle("/", p.engine.handler)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r.WithContext(p.requestContext(r)))
	})
}

// context is one under which the engine knows its name.
func (p *Provider) context(ctx context.Context) context.Context {
	return op.ContextWithIssuer(ctx, p.Issuer)
}

// certificatesKey finds the certificates that a client showed.
type certificatesKey struct{}

func (p *Provider) requestContext(r *http.Request) context.Context {
	ctx := p.context(r.Context())
	if r.TLS != nil {
		ctx = context.WithValue(ctx, certificatesKey{}, r.TLS.PeerCertificates)
	}
	return ctx
}

func certificatesOf(ctx context.Context) []*x509.Certificate {
	certificates, _ := ctx.Value(certificatesKey{}).([]*x509.Certificate)
	return certificates
}

// maxForm bounds a token request.
const maxForm = 1 << 20

// serveToken is the token endpoint: it writes down what it is asked, and fails as told.
func (p *Provider) serveToken(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "the form cannot be read", http.StatusBadRequest)
		return
	}
	entry := p.journal.begin(r)
	f := p.faults.next()
	if !p.wait(r.Context(), f.slow) {
		return
	}
	a := f.instead()
	if a == nil {
		a = p.answer(r.WithContext(context.WithValue(r.Context(), skewKey{}, f.skew)))
	}
	f.spoil(a)
	p.journal.end(entry, a)
	if f.lost && cut(w) {
		return
	}
	a.write(w)
}

// wait tells whether the time passed, and not the caller or the provider went away. A
// bubble of testing/synctest knows the caller only.
func (p *Provider) wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer, closing := time.NewTimer(d), p.closing
	defer timer.Stop()
	if ctx.Value(inProcessKey{}) != nil {
		closing = nil
	}
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-closing:
	}
	return false
}

// cut ends the connection without an answer.
func cut(w http.ResponseWriter) bool {
	if a, ok := w.(*answer); ok { // there is none: see Transport
		a.lost = true
		return true
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// answer is what the engine says, before it is sent.
type answer struct {
	status int
	header http.Header
	body   bytes.Buffer
	minted bool
	lost   bool
}

func newAnswer(status int) *answer { return &answer{status: status, header: http.Header{}} }

// Header is that of the answer.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader keeps the status.
func (a *answer) WriteHeader(status int) { a.status = status }

// Write keeps the body.
func (a *answer) Write(text []byte) (int, error) { return a.body.Write(text) }

func (a *answer) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body.Bytes())
}

// answer is what is said to a token request where nothing is wrong with the provider.
func (p *Provider) answer(r *http.Request) *answer {
	a := newAnswer(http.StatusOK)
	switch {
	case r.Method != http.MethodPost:
		a.status = http.StatusMethodNotAllowed
		a.header.Set("Allow", http.MethodPost)
	case r.PostForm.Get("grant_type") == GrantPassword:
		tokens, err := p.engine.password(r.Context(), r)
		a.json(tokens, err)
	default:
		p.engine.handler.ServeHTTP(a, r)
	}
	// RFC 6749 sections 5.1 and 5.2.
	a.header.Set("Cache-Control", "no-store")
	if a.status == http.StatusUnauthorized && r.Header.Get("Authorization") != "" {
		a.header.Set("WWW-Authenticate", `Basic realm="authtest"`)
	}
	a.minted = a.status == http.StatusOK
	return a
}

// json writes tokens, or the error of RFC 6749 section 5.2.
func (a *answer) json(tokens *oidc.AccessTokenResponse, err error) {
	a.header.Set("Content-Type", "application/json")
	if err == nil {
		_ = json.NewEncoder(a).Encode(tokens) //nolint:gosec // it is what they are for
		return
	}
	a.status = http.StatusBadRequest
	said := oidc.DefaultToServerError(err, err.Error())
	if status, ok := errors.AsType[op.StatusError](err); ok {
		said, a.status = oidc.DefaultToServerError(status.Unwrap(), ""), http.StatusUnauthorized
	}
	_ = json.NewEncoder(a).Encode(said)
}
