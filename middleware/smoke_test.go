package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

func TestSmoke(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/404":
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(404)
			fmt.Fprint(w, "<html>nope</html>")
		case "/bad":
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"a": <`)
		case "/slow":
			time.Sleep(300 * time.Millisecond)
		case "/post":
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"cl": %d, "te": %q, "ct": %q}`, r.ContentLength, r.TransferEncoding, r.Header.Get("Content-Type"))
		case "/redir":
			http.Redirect(w, r, "/post", 302)
		}
	}))
	defer srv.Close()
	c := resty.New().SetBaseURL(srv.URL)
	require.NoError(t, middleware.Use(c, middleware.RequireJSON{}, middleware.RequireStatus{}, middleware.Timeout{Read: 100 * time.Millisecond}, middleware.Deadline(0), middleware.RequestID{}, middleware.MaxBody(0)))
	fmt.Println(middleware.Of(c))
	_, err := c.R().Get("/404?k=v")
	fmt.Println(err)
	require.ErrorIs(t, err, middleware.ErrNotFound)
	_, err = c.R().SetDoNotParseResponse(true).Get("/404")
	fmt.Println(err)
	require.ErrorIs(t, err, middleware.ErrNotFound)
	var m map[string]any
	_, err = c.R().SetResult(&m).Get("/bad")
	fmt.Println(err)
	_, err = c.R().SetResult(&m).Get("/slow")
	fmt.Println(err)
	te, ok := errors.AsType[*middleware.TimeoutError](err)
	require.True(t, ok)
	require.Equal(t, "read", te.Limit)
	_, err = c.R().SetResult(&m).SetBody(`{"a":1}`).Post("/post")
	require.NoError(t, err)
	fmt.Println(m)
	r, err := c.R().SetResult(&m).Post("/post")
	require.NoError(t, err)
	fmt.Println(m, r.String())
	_, err = c.R().SetResult(&m).Get("/redir")
	require.NoError(t, err)
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("shutdown"))
	_, err = c.R().SetContext(ctx).Get("/redir")
	fmt.Println(err)
	_, err = c.R().Get("http://127.0.0.1:1/")
	fmt.Println(err)
	hc := &http.Client{Transport: middleware.Of(c).RoundTripper(nil)}
	_, err = hc.Get(srv.URL + "/404")
	fmt.Println(err)
	_, err = hc.Get(srv.URL + "/redir")
	require.NoError(t, err)
}
