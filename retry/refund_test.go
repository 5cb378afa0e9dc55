package retry_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/retry"
)

// ledger is a budget that counts what it is told.
type ledger struct {
	mu              sync.Mutex
	spent, refunded []bool // time-outs
	results         []retry.Result
}

func (l *ledger) Spend(_ *url.URL, timeout bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.spent = append(l.spent, timeout)
	return true
}

func (l *ledger) Refund(_ *url.URL, timeout bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refunded = append(l.refunded, timeout)
}

func (l *ledger) Report(_ *url.URL, r retry.Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.results = append(l.results, r)
}

func (*ledger) String() string { return "a test's" }

// TestARetryThatIsNotSentIsNotPaid: the caller goes while it waits.
func TestARetryThatIsNotSentIsNotPaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, b := range map[string]retry.Budget{"tokens": nil, "ratio": &retry.Ratio{}} {
			s := &script{answers: answers{status(503)}}
			c := clientOf(t, s, retry.Policy{Wait: 2 * time.Second, Jitter: retry.NoJitter, Budget: b})
			for range 200 {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Second/100, cancel)
				_, err := c.R().SetContext(ctx).Get("/")
				require.ErrorIs(t, err, context.Canceled)
			}
			require.Len(t, s.at, 200)
			_, err := c.R().Get("/")
			require.NoError(t, err)
			require.Len(t, s.at, 204, name)
		}
		own := &ledger{}
		s := &script{answers: answers{fails(&middleware.TimeoutError{Limit: "read"}), status(503)}}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := clientOf(t, s, retry.Policy{Wait: 700 * time.Millisecond, Jitter: retry.NoJitter, Budget: own}).R().SetContext(ctx).Get("/")
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, []bool{true, false}, own.spent)
		require.Equal(t, []bool{false}, own.refunded)
	})
}

// TestWhatAStepRefusesIsNotPaid: nothing was sent, and where something was, a retry is paid
// once, when it is sent.
func TestWhatAStepRefusesIsNotPaid(t *testing.T) {
	for name, tt := range map[string]struct {
		does            string // with each attempt: it is sent, or refused
		spent, refunded int
	}{
		"refused each time":       {"rrrr", 0, 0},
		"sent in the end":         {"rrrs", 0, 0},
		"sent, and then refused":  {"srrr", 1, 1},
		"refused between":         {"srrs", 1, 0},
		"sent each time":          {"ssss", 3, 0},
		"refused first and last":  {"rssr", 2, 1},
		"no connection each time": {"cccc", 3, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				own, n := &ledger{}, 0
				s := &script{answers: answers{status(503)}}
				step := middleware.Func("refuses", middleware.Limit, func(req *http.Request, next middleware.Next) (*http.Response, error) {
					n++
					switch tt.does[n-1] {
					case 'r':
						return nil, &retry.LimitError{}
					case 'c':
						return nil, &middleware.ConnectError{Phase: "dial", Err: syscall.ECONNREFUSED}
					}
					return next(req)
				})
				_, _ = clientOf(t, s, retry.Policy{Budget: own}, step).R().Get("/")
				require.Equal(t, 4, n)
				require.Len(t, own.spent, tt.spent)
				require.Len(t, own.refunded, tt.refunded)
				require.Equal(t, []retry.Result{{Retried: tt.spent > tt.refunded}}, own.results, "a retry is one that is sent")
			})
		})
	}
}

// TestACallerThatGoesWhileTheBodyIsReadIsNotPaidFor, nor is RetryIf asked about that.
func TestACallerThatGoesWhileTheBodyIsReadIsNotPaidFor(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	defer server.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	own, asked := &ledger{}, 0
	body := middleware.Func("goes", middleware.Wire, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		resp, err := next(req)
		cancel(gone)
		return resp, err
	})
	c := clientOf(t, nil, body, retry.Policy{Budget: own, RetryIf: func(_ *http.Response, err error) bool { asked++; return err != nil }})
	_, err := c.SetTransport(&http.Transport{}).R().SetContext(ctx).Get(server.URL)
	require.ErrorIs(t, err, gone)
	require.Zero(t, asked)
	require.Empty(t, own.spent)
}

func TestABudgetTakesBack(t *testing.T) {
	a := parsed(t, "https://a.test")
	tokens := &retry.Tokens{}
	require.Equal(t, 100, spends(tokens, a, false))
	tokens.Refund(a, true)
	require.Equal(t, 2, spends(tokens, a, false))
	tokens.Refund(parsed(t, "https://b.test"), false)
	require.Equal(t, 100, spends(tokens, parsed(t, "https://b.test"), false), "no bucket runs over")

	synctest.Test(t, func(t *testing.T) {
		ratio := &retry.Ratio{}
		require.Equal(t, 100, spends(ratio, a, false))
		time.Sleep(2 * time.Second)
		ratio.Refund(a, false)
		require.Equal(t, 1, spends(ratio, a, false))
		ratio.Refund(parsed(t, "https://b.test"), false)
		require.Equal(t, 100, spends(ratio, parsed(t, "https://b.test"), false))
	})
}

// TestAHedgeThatIsRefusedIsNotPaid: there is no place for it.
func TestAHedgeThatIsRefusedIsNotPaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own := &ledger{}
		tr := lanes(lane{takes: slow, status: 200})
		_, err := hedged(t, tr, &retry.Hedge{After: time.Second}, &retry.Limit{Concurrent: 1, MaxWait: time.Second}, retry.Policy{Budget: own}).R().Get("/")
		require.NoError(t, err)
		require.EqualValues(t, 1, tr.n.Load())
		require.Len(t, own.spent, 1)
		require.Len(t, own.refunded, 1)
		tr.quiet(t)
	})
}
