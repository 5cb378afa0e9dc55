package auth_test

import (
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

// takes makes a call and tells how long it took.
func takes(t *testing.T, c *resty.Client) time.Duration {
	t.Helper()
	begun := time.Now()
	if _, err := c.R().Get("/"); err != nil {
		t.Error(err)
	}
	return time.Since(begun)
}

func TestATokenIsKeptUntilALeewayBeforeItsExpiry(t *testing.T) {
	tests := []struct {
		expiresIn   any
		good, renew time.Duration
	}{
		{3600, 3590 * time.Second, 3540 * time.Second}, // leeway 10 s, renewed a minute ahead
		{100, 90 * time.Second, 50 * time.Second},
		{40, 30 * time.Second, 20 * time.Second},
		{20, 15 * time.Second, 10 * time.Second}, // leeway a quarter
		{4, 3 * time.Second, 2 * time.Second},
		{1, 750 * time.Millisecond, 500 * time.Millisecond},
		{`"3600"`, 3590 * time.Second, 3540 * time.Second},
		{2.5, 1875 * time.Millisecond, 1250 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("expires_in %v", tt.expiresIn), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				id, rt := &issuer{}, &api{}
				id.answer = func(n int, _ url.Values) *http.Response { return issued(n, tt.expiresIn) }
				c := client(t, rt, id.step())
				takes(t, c)
				time.Sleep(tt.renew - 1)
				takes(t, c)
				synctest.Wait()
				require.Equal(t, 1, id.count(), "not yet")
				time.Sleep(time.Nanosecond)
				takes(t, c)
				synctest.Wait()
				require.Equal(t, 2, id.count(), "ahead, in the background")
				takes(t, c)
				require.Equal(t, []string{"Bearer AT1", "Bearer AT1", "Bearer AT1", "Bearer AT2"}, rt.authorizations())
			})
			synctest.Test(t, func(t *testing.T) {
				id, rt := &issuer{takes: time.Millisecond}, &api{}
				id.answer = func(n int, _ url.Values) *http.Response { return issued(n, tt.expiresIn) }
				c := client(t, rt, id.step())
				takes(t, c)
				time.Sleep(tt.good - time.Millisecond)
				require.Equal(t, time.Millisecond, takes(t, c), "the old one is no longer good, so the caller waits")
				require.Equal(t, []string{"Bearer AT1", "Bearer AT2"}, rt.authorizations())
			})
			synctest.Test(t, func(t *testing.T) {
				id, rt := &issuer{takes: time.Millisecond}, &api{}
				id.answer = func(n int, _ url.Values) *http.Response { return issued(n, tt.expiresIn) }
				c := client(t, rt, id.step())
				takes(t, c)
				time.Sleep(tt.good - time.Millisecond - 1)
				require.Zero(t, takes(t, c), "the old one is good to the last")
				require.Equal(t, []string{"Bearer AT1", "Bearer AT1"}, rt.authorizations())
				time.Sleep(time.Second)
			})
		})
	}
}

func TestNoCallerWaitsForARenewalAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, rt := &issuer{}, &api{}
		c := client(t, rt, id.step())
		takes(t, c)
		time.Sleep(3550 * time.Second)
		id.takes = 9 * time.Second
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if took := takes(t, c); took != 0 {
					t.Errorf("a caller waited %v", took)
				}
			})
		}
		wg.Wait()
		time.Sleep(8 * time.Second)
		require.Zero(t, takes(t, c))
		require.Equal(t, 2, id.count(), "one renewal, however many callers")
		require.Equal(t, "Bearer AT1", rt.last(t).Header.Get("Authorization"))
		time.Sleep(time.Second)
		synctest.Wait()
		require.Zero(t, takes(t, c))
		require.Equal(t, "Bearer AT2", rt.last(t).Header.Get("Authorization"))
		require.Equal(t, 2, id.count())
	})
}

func TestARenewalThatFailsIsHiddenWhileTheTokenIsGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, rt := &issuer{}, &api{}
		c := client(t, rt, id.step())
		takes(t, c)
		time.Sleep(3540 * time.Second)
		id.answer = refusing(http.StatusServiceUnavailable, "temporarily_unavailable")
		for range 49 {
			require.Zero(t, takes(t, c))
			time.Sleep(time.Second)
		}
		require.Equal(t, 10, id.count(), "tried again after a backoff that doubles")
		time.Sleep(time.Second - 1)
		require.Zero(t, takes(t, c))
		time.Sleep(time.Nanosecond)
		_, err := c.R().Get("/")
		require.ErrorContains(t, err, "temporarily_unavailable", "and now it is not")
		require.Equal(t, 11, id.count(), "the first in need asks at once")
		_, err = c.R().Get("/")
		require.ErrorContains(t, err, "temporarily_unavailable")
		require.Equal(t, 11, id.count())
		id.answer = nil
		time.Sleep(100 * time.Millisecond)
		takes(t, c)
		require.Equal(t, "Bearer AT12", rt.last(t).Header.Get("Authorization"))
	})
}

func TestARenewalThatFailedAheadIsTriedAtOnceByTheFirstInNeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, rt := &issuer{takes: time.Second}, &api{}
		c := client(t, rt, id.step())
		takes(t, c)
		id.answer = refusing(http.StatusServiceUnavailable, "temporarily_unavailable")
		time.Sleep(3588500 * time.Millisecond) // the leeway begins in half a second, the renewal takes one
		require.Zero(t, takes(t, c))
		time.Sleep(600 * time.Millisecond)
		_, err := c.R().Get("/")
		require.ErrorContains(t, err, "temporarily_unavailable", "somebody waited for it after all, so it counts")
		_, err = c.R().Get("/")
		require.Error(t, err)
		require.Equal(t, 2, id.count())
	})
}

func TestATokenWithoutAnExpiryIsKept(t *testing.T) {
	for name, body := range map[string]string{
		"missing": `{"access_token":"AT"}`, "null": `{"access_token":"AT","expires_in":null}`,
		"empty": `{"access_token":"AT","expires_in":""}`, "a word": `{"access_token":"AT","expires_in":"soon"}`,
		"an object": `{"access_token":"AT","expires_in":{"s":1}}`, "true": `{"access_token":"AT","expires_in":true}`,
		"more than a float": `{"access_token":"AT","expires_in":1e400}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				id := &issuer{answer: func(int, url.Values) *http.Response { return reply(nil, 200, "application/json", body) }}
				c := client(t, &api{}, id.step())
				for range 3 {
					takes(t, c)
					time.Sleep(1000 * time.Hour)
				}
				require.Equal(t, 1, id.count())
			})
		})
	}
}

func TestAHugeLifetimeDoesNotOverflow(t *testing.T) {
	for _, huge := range []string{"1e308", "9223372036854775807", "99999999999999999999999999", `"1e999"`, `"9e18"`, "315360000"} {
		synctest.Test(t, func(t *testing.T) {
			id := &issuer{answer: func(n int, _ url.Values) *http.Response { return issued(n, huge) }}
			c := client(t, &api{}, id.step())
			for range 9 {
				takes(t, c)
				time.Sleep(365 * 24 * time.Hour)
			}
			require.Equal(t, 1, id.count(), huge)
		})
	}
}

func TestATokenWithoutALifetimeIsGoodForOneCall(t *testing.T) {
	for _, zero := range []string{"0", "-1", `"0"`, `"-1"`, "-1e308", `"-1e999"`, "1e-12"} {
		t.Run(zero, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				id := &issuer{answer: func(n int, _ url.Values) *http.Response { return issued(n, zero) }}
				rt := &api{}
				again := middleware.Func("again", middleware.Retry, func(req *http.Request, next middleware.Next) (*http.Response, error) {
					if _, err := next(req); err != nil {
						return nil, err
					}
					return next(req)
				})
				c := client(t, rt, id.step(), again)
				for range 3 {
					takes(t, c)
				}
				require.Equal(t, 3, id.count(), "one for each call")
				require.Equal(t, []string{"Bearer AT1", "Bearer AT1", "Bearer AT2", "Bearer AT2", "Bearer AT3", "Bearer AT3"}, rt.authorizations(), "the same in its attempts")
			})
		})
	}
}

func TestCallersWhoWaitTogetherShareATokenWithoutALifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, rt := &issuer{takes: time.Second}, &api{}
		id.answer = func(n int, _ url.Values) *http.Response { return issued(n, 0) }
		c := client(t, rt, id.step())
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { takes(t, c) })
		}
		wg.Wait()
		require.Equal(t, 1, id.count())
		require.Equal(t, 100, rt.count())
	})
}

func TestAnOAuth2OfTwoClientsHasOneToken(t *testing.T) {
	id, one, two := &issuer{}, &api{}, &api{}
	step := id.step()
	first, second := client(t, one, step), client(t, two, step)
	second.SetBaseURL("https://other.test")
	var wg sync.WaitGroup
	for range 50 {
		for _, c := range []*resty.Client{first, second, first.Clone()} {
			wg.Go(func() {
				if _, err := c.R().Get("/"); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	require.Equal(t, 1, id.count())
	require.Equal(t, "Bearer AT1", one.last(t).Header.Get("Authorization"))
	require.Equal(t, "Bearer AT1", two.last(t).Header.Get("Authorization"))
	require.Equal(t, 150, one.count()+two.count())
}

func TestASavedTokenIsUsedWhileItIsGood(t *testing.T) {
	tests := []struct {
		name  string
		saved oauth2.Token
		wait  time.Duration
		want  []string
	}{
		{"good", oauth2.Token{AccessToken: "saved", Expiry: time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC)}, time.Minute, []string{"Bearer saved", "Bearer saved"}},
		{"good, then not", oauth2.Token{AccessToken: "saved", Expiry: time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC)}, time.Hour, []string{"Bearer saved", "Bearer AT1"}},
		{"over", oauth2.Token{AccessToken: "saved", Expiry: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)}, 0, []string{"Bearer AT1", "Bearer AT1"}},
		{"over now", oauth2.Token{AccessToken: "saved", Expiry: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)}, 0, []string{"Bearer AT1", "Bearer AT1"}},
		{"nobody knows until when", oauth2.Token{AccessToken: "saved"}, 0, []string{"Bearer AT1", "Bearer AT1"}},
		{"none", oauth2.Token{}, 0, []string{"Bearer AT1", "Bearer AT1"}},
		{"of another type", oauth2.Token{AccessToken: "saved", TokenType: "mac", Expiry: time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC)}, 0, []string{"MAC saved", "MAC saved"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // begins at midnight UTC 2000-01-01
				tt.saved.RefreshToken = "R0"
				id, rt := &issuer{}, &api{}
				step := id.step()
				step.Grant = auth.RefreshToken{Config: oauth2.Config{ClientID: "app", Endpoint: oauth2.Endpoint{TokenURL: "https://id.test/token"}}, Token: &tt.saved}
				c := client(t, rt, step)
				takes(t, c)
				time.Sleep(tt.wait)
				takes(t, c)
				require.Equal(t, tt.want, rt.authorizations())
			})
		})
	}
}
