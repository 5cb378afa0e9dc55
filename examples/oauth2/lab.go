package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/auth/authtest"
)

// lab is an OpenID provider with switches, and an API that takes its tokens.
type lab struct {
	service

	provider *authtest.Provider
	api      *httptest.Server
	revoke   atomic.Bool // as the next request comes in, all tokens end
}

func startLab() (*lab, error) {
	p, err := authtest.Start()
	if err != nil {
		return nil, err
	}
	l := &lab{provider: p}
	app := p.Client("shop", authtest.Secret("s3cret"))
	l.service = service{issuer: p.Issuer, id: app.ID, secret: auth.Static(app.Secret), lab: l}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /stock", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = io.Copy(w, r.Body)
	})
	known := p.Protect(mux)
	l.api = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if l.revoke.CompareAndSwap(true, false) {
			p.RevokeAll()
		}
		known.ServeHTTP(w, r)
	}))
	return l, nil
}

func (l *lab) close() {
	l.api.Close()
	l.provider.Close()
}

// names writes names in the place of the two URLs, whose ports differ from run to run.
func (l *lab) names(out io.Writer) io.Writer {
	return writer(func(text []byte) (int, error) {
		_, err := strings.NewReplacer(l.issuer, "ISSUER", l.api.URL, "API").WriteString(out, string(text))
		return len(text), err
	})
}

type writer func([]byte) (int, error)

func (w writer) Write(text []byte) (int, error) { return w(text) }
