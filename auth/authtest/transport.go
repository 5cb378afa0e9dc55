package authtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Transport answers without a network: what goes to the provider is answered by it, and
// what goes elsewhere by the handler, in the goroutine of the caller and with its clock. So
// a test in a bubble of testing/synctest can use a provider that was started outside of it,
// and a token's hour passes at once. It knows no certificates. A nil handler refuses what
// goes elsewhere.
func (p *Provider) Transport(elsewhere http.Handler) http.RoundTripper {
	return transport{p, elsewhere}
}

type transport struct {
	provider  *Provider
	elsewhere http.Handler
}

var errLost = errors.New("the connection ended without an answer")

// inProcessKey finds in a context that there is no connection.
type inProcessKey struct{}

// RoundTrip answers.
func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	body := []byte(nil)
	if req.Body != nil {
		var err error
		body, err = io.ReadAll(req.Body)
		_ = req.Body.Close()
		if err != nil {
			return nil, err
		}
	}
	handler := t.elsewhere
	if strings.HasPrefix(req.URL.String(), t.provider.Issuer+"/") {
		handler = t.provider.server.Config.Handler
	}
	if handler == nil {
		return nil, fmt.Errorf("nobody is at %s", req.URL.Host)
	}
	got := req.Clone(context.WithValue(req.Context(), inProcessKey{}, true))
	got.Body, got.Host, got.RequestURI, got.RemoteAddr = io.NopCloser(bytes.NewReader(body)), req.URL.Host, req.URL.RequestURI(), "127.0.0.1:1"
	a := newAnswer(http.StatusOK)
	handler.ServeHTTP(a, got)
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	if a.lost {
		return nil, errLost
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: a.header,
		Body: io.NopCloser(&a.body), ContentLength: int64(a.body.Len()), Request: req,
	}, nil
}
