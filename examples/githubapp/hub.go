package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/restykit/restykit/auth"
)

// hub stands in for GitHub. It takes an app's JWT only as GitHub does.
type hub struct {
	*httptest.Server

	service service
	public  *rsa.PublicKey

	mu   sync.Mutex
	live map[string]bool
}

// startHub starts it, with a key for one app.
func startHub() (*hub, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	h := &hub{public: &key.PublicKey, live: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /app/installations/{id}/access_tokens", h.give)
	mux.HandleFunc("GET /installation/repositories", h.known(func(w http.ResponseWriter, _ string) {
		answer(w, http.StatusOK, map[string]any{"total_count": 1, "repositories": []any{map[string]string{"full_name": "acme/shop"}}})
	}))
	mux.HandleFunc("DELETE /installation/token", h.known(func(w http.ResponseWriter, token string) {
		delete(h.live, token)
		w.WriteHeader(http.StatusNoContent)
	}))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusNotFound, "Not Found") })
	h.Server = httptest.NewServer(mux)
	h.service = service{url: h.URL, app: "Iv23liDemo", installation: 987, key: auth.Static(string(text))}
	return h, nil
}

// give gives a token for an installation to its app.
func (h *hub) give(w http.ResponseWriter, r *http.Request) {
	if err := h.checkApp(bearer(r)); err != nil {
		say(w, http.StatusUnauthorized, err.Error())
		return
	}
	if r.PathValue("id") != fmt.Sprint(h.service.installation) {
		say(w, http.StatusNotFound, "Not Found")
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	token := "ghs_" + rand.Text()
	h.live[token] = true
	answer(w, http.StatusCreated, map[string]any{"token": token, "expires_at": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)})
}

// checkApp takes RS256 alone, the issuer that it knows, an iat that has been, and an exp
// within ten minutes.
func (h *hub) checkApp(signed string) error {
	claims := jwt.RegisteredClaims{}
	_, err := jwt.ParseWithClaims(signed, &claims, func(*jwt.Token) (any, error) { return h.public, nil },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer(h.service.app), jwt.WithIssuedAt(), jwt.WithExpirationRequired())
	if err != nil {
		return err
	}
	if claims.IssuedAt == nil || time.Until(claims.ExpiresAt.Time) > 10*time.Minute {
		return fmt.Errorf("'Expiration time' claim ('exp') is too far in the future")
	}
	return nil
}

// known lets those in who have a token that lives.
func (h *hub) known(then func(w http.ResponseWriter, token string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if !h.live[bearer(r)] {
			say(w, http.StatusUnauthorized, "Bad credentials")
			return
		}
		then(w, bearer(r))
	}
}

func bearer(r *http.Request) string {
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
}

func say(w http.ResponseWriter, status int, message string) {
	answer(w, status, map[string]any{"message": message})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
