package auth_test

import (
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/restykit/restykit/auth"
)

// rotator is a token endpoint that gives a new refresh token with each token, and takes
// only the newest.
type rotator struct {
	issuer
	newest string
}

func newRotator() *rotator {
	r := &rotator{newest: "R0"}
	r.answer = func(n int, form url.Values) *http.Response {
		if form.Get("refresh_token") != r.newest {
			return refusing(http.StatusBadRequest, "invalid_grant")(n, form)
		}
		r.newest = fmt.Sprintf("R%d", n)
		return reply(nil, http.StatusOK, "application/json", fmt.Sprintf(`{"access_token":"AT%d","expires_in":"100","refresh_token":%q}`, n, r.newest))
	}
	return r
}

// refreshing is a step that begins with a saved refresh token.
func (i *issuer) refreshing(saved *oauth2.Token) *auth.OAuth2 {
	return &auth.OAuth2{
		Grant: auth.RefreshToken{
			Config: oauth2.Config{ClientID: "app", Endpoint: oauth2.Endpoint{TokenURL: "https://id.test/token"}},
			Token:  saved,
		},
		Client: &http.Client{Transport: i},
	}
}

func TestTheNewestRefreshTokenIsKeptAndTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, rt := newRotator(), &api{}
		saved := &oauth2.Token{RefreshToken: "R0"}
		step := id.refreshing(saved)
		var told []string
		step.OnToken = func(token *oauth2.Token) {
			require.NotContains(t, rt.authorizations(), "Bearer "+token.AccessToken, "told before it is used")
			require.Equal(t, 100*time.Second, time.Until(token.Expiry))
			told = append(told, token.AccessToken+" "+token.RefreshToken)
			token.AccessToken, token.RefreshToken = "spoilt", "spoilt" // it is a copy
		}
		c := client(t, rt, step)
		for range 5 {
			takes(t, c)
			time.Sleep(time.Hour)
		}
		require.Equal(t, []string{"AT1 R1", "AT2 R2", "AT3 R3", "AT4 R4", "AT5 R5"}, told)
		require.Equal(t, []string{"Bearer AT1", "Bearer AT2", "Bearer AT3", "Bearer AT4", "Bearer AT5"}, rt.authorizations())
		require.Equal(t, "R0", saved.RefreshToken, "the caller's is not touched")
	})
}

func TestARotatedRefreshTokenOutlivesFailuresAndRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, rt := newRotator(), newResource()
		rotate := id.answer
		c := client(t, rt, id.refreshing(&oauth2.Token{RefreshToken: "R0"}))
		takes(t, c)
		time.Sleep(time.Hour)
		id.answer = refusing(http.StatusServiceUnavailable, "")
		_, err := c.R().Get("/")
		require.Error(t, err)
		id.answer = rotate
		time.Sleep(time.Hour)
		takes(t, c)
		rt.revoke("AT3")
		takes(t, c)
		require.Equal(t, []string{"R0", "R1", "R1", "R3"}, refreshTokens(id))
		require.Equal(t, "Bearer AT4", rt.last(t).Header.Get("Authorization"))
	})
}

func refreshTokens(r *rotator) []string {
	out := make([]string, 0, len(r.asks))
	for _, a := range r.asks {
		out = append(out, a.form.Get("refresh_token"))
	}
	return out
}

func TestAServerThatDoesNotRotateKeepsItsRefreshToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := &issuer{}
		step := id.refreshing(&oauth2.Token{RefreshToken: "R0"})
		var told []string
		step.OnToken = func(token *oauth2.Token) { told = append(told, token.RefreshToken) }
		c := client(t, &api{}, step)
		for range 3 {
			takes(t, c)
			time.Sleep(2 * time.Hour)
		}
		require.Equal(t, []string{"R0", "R0", "R0"}, told, "and what is told can be saved as it is")
		for _, a := range id.asks {
			require.Equal(t, "R0", a.form.Get("refresh_token"))
		}
	})
}

func TestOnTokenIsToldOneAtATimeAndCallersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, rt := newRotator(), newResource()
		step := id.refreshing(&oauth2.Token{RefreshToken: "R0"})
		saving := sync.Mutex{}
		var told []string
		step.OnToken = func(token *oauth2.Token) {
			require.True(t, saving.TryLock(), "one at a time")
			defer saving.Unlock()
			time.Sleep(time.Second)
			told = append(told, token.RefreshToken)
		}
		c := client(t, rt, step)
		for i := range 3 {
			begun := time.Now()
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() {
					if took := takes(t, c); took != time.Second {
						t.Error(took)
					}
				})
			}
			wg.Wait()
			require.Equal(t, time.Second, time.Since(begun))
			require.Len(t, told, i+1)
			rt.revoke(fmt.Sprintf("AT%d", i+1))
		}
		require.Equal(t, []string{"R1", "R2", "R3"}, told)
	})
}
