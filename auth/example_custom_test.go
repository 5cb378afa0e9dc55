package auth_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

// An API that wants a hash of its key and the path. Nothing else in the program has to know
// where the credentials may go, or that they must not be logged.
func ExampleCustom() {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Header.Get("Authorization"))
	}))
	defer srv.Close()
	key := auth.Static("s3cret") // in a program auth.Env
	client := resty.New().SetBaseURL(srv.URL)
	err := middleware.Use(client, auth.Custom{
		Scheme: "acme",
		Sign: func(req *http.Request) error {
			secret, err := key.Secret(req.Context())
			if err != nil {
				return err
			}
			middleware.InfoOf(req.Context()).Hide(secret)
			req.Header.Set("Authorization", fmt.Sprintf("Acme %x", sha256.Sum256([]byte(secret+req.URL.Path))))
			return nil
		},
	})
	fmt.Println(err)
	resp, _ := client.R().Get("/orders")
	fmt.Println(resp)
	// Output:
	// <nil>
	// Acme d2b1fe85340f98eceed9e236a1eb15581d6101b256ac4fe07229887c85fa923e
}

// An API that gives a number with each refusal, and takes it once.
func ExampleCustom_again() {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Acme 42" {
			w.Header().Set("X-Number", "42")
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer srv.Close()
	var number atomic.Value // many requests may sign at once
	number.Store("0")
	client := resty.New().SetBaseURL(srv.URL)
	err := middleware.Use(client, auth.Custom{
		Scheme: "acme",
		Sign: func(req *http.Request) error {
			req.Header.Set("Authorization", "Acme "+number.Load().(string))
			return nil
		},
		Again: func(_ *http.Request, answer *http.Response) bool {
			if answer.StatusCode != http.StatusUnauthorized {
				return false
			}
			number.Store(answer.Header.Get("X-Number"))
			return true
		},
	})
	fmt.Println(err)
	resp, _ := client.R().SetBody("the body, which is sent twice").Post("/orders")
	fmt.Println(resp.Status())
	// Output:
	// <nil>
	// 200 OK
}
