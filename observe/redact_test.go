package observe_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/observe"
)

// verbs are the ways in which an error is printed.
func verbs(err error) string { return fmt.Sprintf("%v %+v %#v %s %q %x", err, err, err, err, err, err) }

func TestRedactShowsNoURLOfAnHTTPClient(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/nowhere" {
			w.Header().Set("Location", "https://u:sesame@a.test/%zz?token=sesame")
		} else {
			w.Header().Set("Location", "/again?token=sesame")
		}
		w.WriteHeader(http.StatusFound)
	}))
	defer srv.Close()
	for _, target := range []string{
		"http://127.0.0.1:1/x?api_key=sesame", "http://127.0.0.1:1/x;jsessionid=sesame#access_token=sesame", "gopher://a.test/?sesame",
		srv.URL + "/loop?api_key=sesame", srv.URL + "/nowhere", "http://u:sesame@a.test:port/",
	} {
		_, err := http.Get(target)
		require.Error(t, err)
		for _, wrapped := range []error{err, fmt.Errorf("load: %w", err), errors.Join(io.ErrUnexpectedEOF, err), fmt.Errorf("a: %w", fmt.Errorf("b: %w, %w", io.EOF, err))} {
			shown := observe.Redact(wrapped)
			require.NotContains(t, verbs(shown), "sesame", target)
			var u, before *url.Error
			require.ErrorAs(t, wrapped, &before)
			require.ErrorAs(t, shown, &u)
			require.Equal(t, before.Op, u.Op)
			require.NotContains(t, verbs(u), "sesame")
			require.NotContains(t, u.URL, "sesame")
		}
	}
}

func TestRedactKeepsWhatAnErrorIs(t *testing.T) {
	inner := &net.OpError{Op: "dial", Err: context.DeadlineExceeded}
	err := fmt.Errorf("load: %w", &url.Error{Op: "Get", URL: "https://a.test/?k=sesame", Err: inner})
	shown := observe.Redact(err)
	require.EqualError(t, shown, `load: Get "https://a.test/?k=REDACTED": dial: context deadline exceeded`)
	require.ErrorIs(t, shown, context.DeadlineExceeded)
	require.NotErrorIs(t, shown, context.Canceled)
	op, ok := errors.AsType[*net.OpError](shown)
	require.True(t, ok)
	require.Same(t, inner, op)
	_, ok = errors.AsType[*net.DNSError](shown)
	require.False(t, ok)
	timeout, ok := errors.AsType[net.Error](shown)
	require.True(t, ok)
	require.True(t, timeout.Timeout())

	direct := observe.Redact(&url.Error{Op: "Get", URL: "https://a.test/?k=sesame", Err: inner})
	_, ok = direct.(net.Error) //nolint:errorlint // that is what is asked
	require.True(t, ok, "who asserts the type still can")
	require.ErrorIs(t, direct, context.DeadlineExceeded)

	require.NoError(t, observe.Redact(nil))
	plain := errors.New("no such host")
	require.Same(t, plain, observe.Redact(plain))
	require.EqualError(t, observe.Redact(errors.New("see https://u:sesame@a.test/ now")), "see https://REDACTED@a.test/ now")
}

func ExampleRedact() {
	_, err := http.Get("http://127.0.0.1:1/users?api_key=s3cret")
	fmt.Println(observe.Redact(err))
	// Output:
	// Get "http://127.0.0.1:1/users?api_key=REDACTED": dial tcp 127.0.0.1:1: connect: connection refused
}
