package middleware

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A timer that runs on keeps its call in memory until it fires.
func TestFinishedCallLeavesNoTimer(t *testing.T) {
	base := Next(func(req *http.Request) (*http.Response, error) {
		if req.URL.Path == "/fails" {
			return nil, io.ErrUnexpectedEOF
		}
		resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, ContentLength: -1, Request: req}
		resp.Body = io.NopCloser(strings.NewReader("body"))
		return resp, nil
	})
	for path, end := range map[string]func(*http.Response) error{
		"/read":   func(resp *http.Response) error { _, err := io.ReadAll(resp.Body); return err },
		"/closed": func(resp *http.Response) error { return resp.Body.Close() },
		"/fails":  nil,
	} {
		t.Run(path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var a *attempt
				waits := Func("waits", Call, func(req *http.Request, next Next) (*http.Response, error) {
					select {
					case <-req.Context().Done():
					case <-time.After(time.Second):
					}
					return next(req)
				})
				looks := Func("looks", Wire, func(req *http.Request, next Next) (*http.Response, error) {
					a = attemptOf(req.Context())
					return next(req)
				})
				hc := &http.Client{Transport: Stack{Timeout{}, Deadline(0), waits, looks}.RoundTripper(base)}
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://server.test"+path, http.NoBody)
				require.NoError(t, err)
				resp, err := hc.Do(req)
				if end == nil {
					require.ErrorIs(t, err, io.ErrUnexpectedEOF)
				} else {
					require.NoError(t, err)
					require.NoError(t, end(resp))
				}
				require.NotNil(t, a.watch.timer)
				require.False(t, a.watch.timer.Stop(), "the attempt's was stopped before")
				require.NotNil(t, a.call.timer)
				require.False(t, a.call.timer.Stop(), "and the call's")
			})
		})
	}
}
