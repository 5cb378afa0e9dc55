package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"

	"github.com/go-resty/resty/v2"
)

// billing is the client as its service made it, long before there was a stack.
func billing(url string, log io.Writer) *resty.Client {
	return resty.New().
		SetBaseURL(url).
		SetRetryCount(3).
		SetHeader("X-Team", "billing").
		OnBeforeRequest(func(_ *resty.Client, r *resty.Request) error {
			r.SetQueryParam("tenant", "acme")
			return nil
		}).
		OnAfterResponse(func(_ *resty.Client, r *resty.Response) error {
			_, err := fmt.Fprintf(log, "the own hook saw %d\n", r.StatusCode())
			return err
		})
}

// trust is what the service asks of TLS.
func trust(roots *x509.CertPool) *tls.Config {
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}
