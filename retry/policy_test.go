package retry_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/retry"
)

// script answers each send with the next of its answers, and the last for ever.
type script struct {
	answers []func() (*http.Response, error)
	bodies  []string
	at      []time.Time
}

func (s *script) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		_ = req.Body.Close()
	}
	s.bodies, s.at = append(s.bodies, string(body)), append(s.at, time.Now())
	return s.answers[min(len(s.bodies), len(s.answers))-1]()
}

func status(code int, fields ...string) func() (*http.Response, error) {
	return func() (*http.Response, error) {
		h := http.Header{}
		for i := 0; i < len(fields); i += 2 {
			h.Set(fields[i], fields[i+1])
		}
		return &http.Response{StatusCode: code, Header: h, Body: io.NopCloser(strings.NewReader("x"))}, nil
	}
}

func fails(err error) func() (*http.Response, error) {
	return func() (*http.Response, error) { return nil, err }
}

func clientOf(t *testing.T, s *script, steps ...middleware.Middleware) *resty.Client {
	t.Helper()
	client := resty.New().SetBaseURL("https://api.example.com").SetTransport(s)
	require.NoError(t, middleware.Use(client, steps...))
	return client
}

func TestWhatIsSafeAndMayHelpIsSentAgain(t *testing.T) {
	reset := &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}
	for _, tt := range []struct {
		name, method string
		header       string
		first        func() (*http.Response, error)
		sends        int
	}{
		{"GET 503", "GET", "", status(503), 2},
		{"GET 429", "GET", "", status(429), 2},
		{"PUT 500", "PUT", "", status(500), 2},
		{"DELETE 502", "DELETE", "", status(502), 2},
		{"POST 503", "POST", "", status(503), 1},
		{"PATCH reset", "PATCH", "", fails(reset), 1},
		{"POST 503 with a key", "POST", "Idempotency-Key", status(503), 2},
		{"GET 404", "GET", "", status(404), 1},
		{"GET 501", "GET", "", status(501), 1},
		{"GET reset", "GET", "", fails(reset), 2},
		{"GET cut", "GET", "", fails(io.ErrUnexpectedEOF), 2},
		{"GET unknown host", "GET", "", fails(&net.DNSError{Err: "no such host", IsNotFound: true}), 1},
		{"GET name server failing", "GET", "", fails(&net.DNSError{Err: "server misbehaving", IsTemporary: true}), 2},
		{"GET certificate", "GET", "", fails(fmt.Errorf("tls: %w", x509.UnknownAuthorityError{})), 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: []func() (*http.Response, error){tt.first, status(200)}}
				r := clientOf(t, s, retry.Policy{}).R().SetBody("hello")
				if tt.header != "" {
					r.SetHeader(tt.header, "k")
				}
				_, _ = r.Execute(tt.method, "/")
				require.Len(t, s.bodies, tt.sends)
				for _, body := range s.bodies {
					if tt.method != "GET" {
						require.Equal(t, "hello", body, "the body is whole in each attempt")
					}
				}
			})
		})
	}
}

func TestRetryAfterIsWaitedToTheLetter(t *testing.T) {
	for name, tt := range map[string]struct {
		fields []string
		wait   time.Duration
	}{
		"seconds":                   {[]string{"Retry-After", "7"}, 7 * time.Second},
		"date, by the server clock": {[]string{"Retry-After", "Wed, 21 Oct 2015 07:28:09 GMT", "Date", "Wed, 21 Oct 2015 07:28:00 GMT"}, 9 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: []func() (*http.Response, error){status(503, tt.fields...), status(200)}}
				_, err := clientOf(t, s, retry.Policy{}).R().Get("/")
				require.NoError(t, err)
				require.Equal(t, tt.wait, s.at[1].Sub(s.at[0]))
			})
		})
	}
}

func TestGarbageInRetryAfterIsNoRetryAfter(t *testing.T) {
	for _, text := range []string{"", "soon", "-5", "1.5", "Wed, 21 Oct 1915 07:28:00 GMT"} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{answers: []func() (*http.Response, error){status(503, "Retry-After", text), status(200)}}
			_, err := clientOf(t, s, retry.Policy{}).R().Get("/")
			require.NoError(t, err)
			require.LessOrEqual(t, s.at[1].Sub(s.at[0]), 100*time.Millisecond)
		})
	}
}

func TestARetryThatIsGivenUpKeepsTheAnswerAndSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []func() (*http.Response, error){status(503, "Retry-After", "40")}}
		client := clientOf(t, s, retry.Policy{}, middleware.Deadline(30*time.Second), middleware.RequireStatus{})
		begun := time.Now()
		resp, err := client.R().Get("/")
		require.Zero(t, time.Since(begun), "it does not sleep into the deadline")
		require.Equal(t, 503, resp.StatusCode())
		require.ErrorIs(t, err, middleware.ErrServer)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "retry given up: a wait of 40s does not fit before the deadline")

		s.answers[0] = status(429, "Retry-After", "99999999999999999999")
		_, err = client.R().Get("/")
		require.ErrorIs(t, err, middleware.ErrRateLimited)

		s.answers[0] = status(429, "Retry-After", "3600")
		_, err = client.R().Get("/")
		delay, ok := errors.AsType[*retry.DelayError](err)
		require.True(t, ok, "%v", err)
		require.Equal(t, &retry.DelayError{Asked: time.Hour, Max: time.Minute}, delay)
	})
}

func TestAnOutageIsNotMadeWorse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []func() (*http.Response, error){status(503)}}
		client := clientOf(t, s, retry.Policy{}, middleware.RequireStatus{})
		var err error
		for range 1000 {
			_, err = client.R().Get("/")
		}
		require.LessOrEqual(t, len(s.bodies), 1100)
		require.ErrorIs(t, err, retry.ErrBudget)

		// a policy for one request has the client's budget
		ctx := middleware.With(t.Context(), retry.Policy{Attempts: 2})
		_, err = client.R().SetContext(ctx).Get("/")
		require.ErrorIs(t, err, retry.ErrBudget)

		// health earns it back
		s.answers[0] = status(200)
		for range 10 {
			_, _ = client.R().Get("/")
		}
		s.answers[0], s.bodies = status(503), nil
		_, _ = client.R().Get("/")
		require.Greater(t, len(s.bodies), 1)
	})
}

func TestAttemptsWaitsAndUnlimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []func() (*http.Response, error){status(503)}}
		client := clientOf(t, s, retry.Policy{Attempts: 6, Wait: time.Second, MaxWait: 4 * time.Second, Budget: retry.Unlimited})
		for range 50 {
			s.at, s.bodies = nil, nil
			resp, err := client.R().Get("/")
			require.NoError(t, err)
			require.Equal(t, 503, resp.StatusCode())
			require.Len(t, s.at, 6)
			for i, most := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 4 * time.Second, 4 * time.Second} {
				require.LessOrEqual(t, s.at[i+1].Sub(s.at[i]), most)
			}
		}
	})
}

func TestTheCallersCancellationEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []func() (*http.Response, error){status(503, "Retry-After", "50")}}
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(errors.New("shutting down")) })
		begun := time.Now()
		_, err := clientOf(t, s, retry.Policy{}, middleware.RequireStatus{}).R().SetContext(ctx).Get("/")
		require.Equal(t, time.Second, time.Since(begun))
		require.ErrorContains(t, err, "shutting down")
		require.Len(t, s.bodies, 1)
	})
}

func TestBadPoliciesAreRefused(t *testing.T) {
	for _, tt := range []struct {
		policy retry.Policy
		says   string
	}{
		{retry.Policy{Attempts: -1}, "Attempts is -1"},
		{retry.Policy{Wait: -1}, "Wait is -1ns"},
		{retry.Policy{MaxWait: -1}, "MaxWait is -1ns"},
		{retry.Policy{Wait: 2, MaxWait: 1}, "MaxWait (1ns) is below Wait (2ns)"},
	} {
		require.ErrorContains(t, middleware.Use(resty.New(), tt.policy), tt.says)
	}
}
