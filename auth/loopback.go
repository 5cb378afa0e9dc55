package auth

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/restykit/restykit/internal/origin"
)

// door is where a browser brings the answer to an authorization request: a port of this
// machine (RFC 8252 section 7.3).
type door struct {
	url      *url.URL
	state    string
	server   *http.Server
	answers  chan url.Values
	stranger chan struct{} // an answer with another state came
}

// redirectTo is the URL to listen on.
func redirectTo(configured string) (*url.URL, error) {
	if configured == "" {
		configured = "http://127.0.0.1:0/callback"
	}
	u, err := url.Parse(configured)
	switch {
	case err != nil:
		return nil, errors.New("Config.RedirectURL is no URL")
	case u.Scheme != "http" || !origin.Of(u).Loopback():
		return nil, fmt.Errorf("Config.RedirectURL %q is not on this machine: leave it empty, or give one of http://127.0.0.1", u.Redacted())
	}
	return u, nil
}

func openDoor(ctx context.Context, configured string) (*door, error) {
	u, err := redirectTo(configured)
	if err != nil {
		return nil, err
	}
	port := u.Port()
	if port == "" {
		port = "0"
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return nil, fmt.Errorf("the answer of the browser cannot be waited for: %w", err)
	}
	_, port, _ = net.SplitHostPort(listener.Addr().String())
	u.Host = net.JoinHostPort(strings.ToLower(u.Hostname()), port) // as browsers send it
	d := &door{url: u, state: rand.Text(), answers: make(chan url.Values, 1), stranger: make(chan struct{}, 1)}
	d.server = &http.Server{Handler: d, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = d.server.Serve(listener) }()
	return d, nil
}

func (d *door) redirectURL() string { return d.url.String() }

// ServeHTTP takes the first answer that has our state. Anybody on this machine, and any
// page in the browser, may knock: what has another state is turned away, and ends nothing.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	query := r.URL.Query()
	switch {
	case r.Host != d.url.Host || r.URL.Path != cmp.Or(d.url.Path, "/") || r.Method != http.MethodGet:
		http.Error(w, "There is nothing here.", http.StatusNotFound)
		return
	case subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(d.state)) == 0:
		offer(d.stranger, struct{}{})
		http.Error(w, "This answer belongs to another login. Begin anew in the program.", http.StatusBadRequest)
		return
	}
	text := "The program has your answer. Close this window, and go back to it."
	if query.Get("error") != "" {
		text = "You are not logged in. The program says why."
	}
	_, _ = fmt.Fprintln(w, text)
	offer(d.answers, query)
}

// offer sends where there is room.
func offer[T any](to chan T, v T) {
	select {
	case to <- v:
	default:
	}
}

// wait is for the answer, and ends where the person cannot be brought to the page.
func (d *door) wait(ctx context.Context, failed <-chan error) (url.Values, error) {
	select {
	case answer := <-d.answers:
		return answer, nil
	case err := <-failed:
		return nil, err
	case <-ctx.Done():
	}
	err := context.Cause(ctx)
	select {
	case <-d.stranger:
		return nil, fmt.Errorf("%w; an answer with another state came, and was not taken", err)
	default:
		return nil, err
	}
}

// close lets the browser have its page, and leaves the port.
func (d *door) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if d.server.Shutdown(ctx) != nil {
		_ = d.server.Close()
	}
}
