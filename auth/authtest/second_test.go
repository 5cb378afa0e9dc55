package authtest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	other "github.com/go-oauth2/oauth2/v4"
	othererrors "github.com/go-oauth2/oauth2/v4/errors"
	"github.com/go-oauth2/oauth2/v4/manage"
	"github.com/go-oauth2/oauth2/v4/models"
	otherserver "github.com/go-oauth2/oauth2/v4/server"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
)

// theirs is a token endpoint by github.com/go-oauth2/oauth2, which shares no code with the
// provider. It rotates refresh tokens. It does not decode the Basic scheme, and asks for no
// secret where a token is refreshed.
type theirs struct {
	url    string
	engine *otherserver.Server
	made   *atomic.Int32
}

func second(t *testing.T) server {
	t.Helper()
	m := manage.NewDefaultManager()
	m.MapTokenStorage(&memory{tokens: map[*models.Token]bool{}})
	m.MapClientStorage(oneClient{})
	config := otherserver.NewConfig()
	config.AllowedGrantTypes = []other.GrantType{other.ClientCredentials, other.PasswordCredentials, other.Refreshing}
	engine := otherserver.NewServer(config, m)
	engine.SetClientInfoHandler(func(r *http.Request) (string, string, error) {
		if id, secret, err := otherserver.ClientBasicHandler(r); err == nil {
			return id, secret, nil
		}
		return otherserver.ClientFormHandler(r)
	})
	engine.SetPasswordAuthorizationHandler(func(_ context.Context, _, user, _ string) (string, error) { return user, nil })
	made := &atomic.Int32{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		counted := &counting{ResponseWriter: w}
		_ = engine.HandleTokenRequest(counted, r)
		if counted.status == http.StatusOK {
			made.Add(1)
		}
	}))
	t.Cleanup(s.Close)
	return theirs{s.URL, engine, made}
}

type counting struct {
	http.ResponseWriter

	status int
}

func (c *counting) WriteHeader(status int) { c.status = status; c.ResponseWriter.WriteHeader(status) }

func (s theirs) config() oauth2.Config {
	return oauth2.Config{ClientID: "app", ClientSecret: "s3cret", Endpoint: oauth2.Endpoint{TokenURL: s.url + "/token"}, Scopes: []string{"read"}}
}

func (s theirs) saved(t *testing.T) *oauth2.Token {
	t.Helper()
	got := post(t, &http.Client{}, s.url+"/token", url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"any"}, "scope": {"read"}}, "app", "s3cret")
	require.Equal(t, 200, got.status, got.body)
	return &oauth2.Token{AccessToken: got.text("access_token"), RefreshToken: got.text("refresh_token"), Expiry: time.Now().Add(time.Hour)}
}

func (s theirs) protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := s.engine.ValidationBearerToken(r); err != nil {
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s theirs) revoke(t *testing.T, access string) {
	t.Helper()
	require.NoError(t, s.engine.Manager.RemoveAccessToken(t.Context(), access))
}

func (s theirs) mints() int  { return int(s.made.Load()) }
func (theirs) rejects() bool { return false }

// oneClient knows one client.
type oneClient struct{}

func (oneClient) GetByID(_ context.Context, id string) (other.ClientInfo, error) {
	if id != "app" {
		return nil, othererrors.ErrInvalidClient
	}
	return &models.Client{ID: id, Secret: "s3cret"}, nil
}

// memory keeps tokens, and gives copies. Access and refresh token of one answer end apart.
type memory struct {
	mu     sync.Mutex
	tokens map[*models.Token]bool
}

func (m *memory) Create(_ context.Context, info other.TokenInfo) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	token := *info.(*models.Token)
	m.tokens[&token] = true
	return nil
}

func (m *memory) find(is func(*models.Token) bool) (*models.Token, bool) {
	for token := range m.tokens {
		if is(token) {
			return token, true
		}
	}
	return nil, false
}

func (m *memory) get(is func(*models.Token) bool) (other.TokenInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if token, ok := m.find(is); ok {
		c := *token
		return &c, nil
	}
	return nil, nil //nolint:nilnil // so their interface has it
}

func (m *memory) change(is func(*models.Token) bool, do func(*models.Token)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if token, ok := m.find(is); ok {
		do(token)
	}
	return nil
}

func access(text string) func(*models.Token) bool {
	return func(t *models.Token) bool { return text != "" && t.Access == text }
}

func refresh(text string) func(*models.Token) bool {
	return func(t *models.Token) bool { return text != "" && t.Refresh == text }
}

func (m *memory) RemoveByAccess(_ context.Context, text string) error {
	return m.change(access(text), func(t *models.Token) { t.Access = "" })
}

func (m *memory) RemoveByRefresh(_ context.Context, text string) error {
	return m.change(refresh(text), func(t *models.Token) { t.Refresh = "" })
}

func (m *memory) GetByAccess(_ context.Context, text string) (other.TokenInfo, error) {
	return m.get(access(text))
}

func (m *memory) GetByRefresh(_ context.Context, text string) (other.TokenInfo, error) {
	return m.get(refresh(text))
}

func (*memory) RemoveByCode(context.Context, string) error { return nil }

func (*memory) GetByCode(context.Context, string) (other.TokenInfo, error) {
	return nil, nil //nolint:nilnil // no codes
}
