package authtest

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// User makes a user known who has a password, for the password grant. [Provider.Login] and
// [Provider.Approve] take any name.
func (p *Provider) User(name, password string) {
	p.state.mu.Lock()
	defer p.state.mu.Unlock()
	p.state.users[name] = password
}

// Login is a browser in which the user logs in and agrees to all: it opens an authorization
// request, and follows it to the redirect URI of the client, which is to answer 2xx. It is
// also for the verification_uri_complete of a device.
//
// The request needs a scope, whichever; a refresh token comes of offline_access, and an
// ID token in any case.
func (p *Provider) Login(user string) func(authURL string) error { return p.browser("user", user) }

// Decline is a browser in which the user says no: the client is told access_denied.
func (p *Provider) Decline() func(authURL string) error { return p.browser("decline", "yes") }

// Authorize is [Provider.Login] up to the redirect URI of the client, which is not opened:
// it is returned, with the code or the error in its query.
func (p *Provider) Authorize(user, authURL string) (string, error) {
	return p.browse(authURL, "user", user)
}

// Approve is what a user does with the code that a device shows.
func (p *Provider) Approve(userCode, user string) error { return p.decide(userCode, user, true) }

// Deny is what a user does who does not know the device.
func (p *Provider) Deny(userCode string) error { return p.decide(userCode, "", false) }

func (p *Provider) decide(userCode, user string, yes bool) error {
	if !p.state.decide(userCode, user, yes) {
		return fmt.Errorf("no device waits for the user code %q", userCode)
	}
	return nil
}

func (p *Provider) browser(name, value string) func(string) error {
	return func(authURL string) error {
		target, err := p.browse(authURL, name, value)
		if err != nil || target == "" {
			return err
		}
		_, err = p.open(target)
		return err
	}
}

// maxHops is how many pages of the provider a browser opens in a row.
const maxHops = 5

// browse opens pages of the provider, and returns the first link that leads elsewhere, or ""
// where none does.
func (p *Provider) browse(page, name, value string) (string, error) {
	for range maxHops {
		u, err := url.Parse(page)
		if err != nil {
			return "", fmt.Errorf("no URL to open: %w", err)
		}
		if !strings.HasPrefix(page, p.Issuer+"/") {
			return page, nil
		}
		if u.Path == pathLogin || u.Path == pathDevice {
			q := u.Query()
			q.Set(name, value)
			u.RawQuery = q.Encode()
		}
		next, err := p.open(u.String())
		if err != nil || next == "" {
			return "", err
		}
		page = next
	}
	return "", errors.New("the provider sends the browser in circles")
}

// open is where a page redirects to, or "" where it is a page to look at.
func (p *Provider) open(page string) (string, error) {
	client := &http.Client{Transport: p.Transport(nil)}
	if !strings.HasPrefix(page, p.Issuer+"/") {
		client = p.HTTPClient()
		defer client.CloseIdleConnections()
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Get(page) //nolint:noctx // as long as the provider takes
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxForm))
	if err != nil {
		return "", err
	}
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode <= 399:
		next, err := resp.Location()
		if err != nil {
			return "", err
		}
		return next.String(), nil
	case resp.StatusCode >= 200 && resp.StatusCode <= 299:
		return "", nil
	}
	return "", fmt.Errorf("%s answers %d: %s", resp.Request.URL.Host+resp.Request.URL.Path, resp.StatusCode, strings.TrimSpace(string(text)))
}

// serveLogin is the page on which a user logs in: a query is all it takes.
func (p *Provider) serveLogin(w http.ResponseWriter, r *http.Request) {
	id, user := r.FormValue("id"), r.FormValue("user")
	switch {
	case r.FormValue("decline") != "":
		asked, err := p.engine.storage.AuthRequestByID(r.Context(), id)
		if err != nil {
			http.Error(w, "no such login", http.StatusNotFound)
			return
		}
		_ = p.engine.storage.DeleteAuthRequest(r.Context(), id)
		back, err := url.Parse(asked.GetRedirectURI())
		if err != nil {
			http.Error(w, "no such redirect URI", http.StatusBadRequest)
			return
		}
		q := back.Query()
		q.Set("error", "access_denied")
		if state := asked.GetState(); state != "" {
			q.Set("state", state)
		}
		back.RawQuery = q.Encode()
		http.Redirect(w, r, back.String(), http.StatusFound)
	case user == "":
		http.Error(w, "say who you are: add user= to the query", http.StatusUnauthorized)
	case !p.state.grant(id, user):
		http.Error(w, "no such login, or done before", http.StatusNotFound)
	default:
		http.Redirect(w, r, p.engine.AuthCallbackURL()(r.Context(), id), http.StatusFound)
	}
}

// serveDevice is the page on which a user types the code that a device shows.
func (p *Provider) serveDevice(w http.ResponseWriter, r *http.Request) {
	user, yes := r.FormValue("user"), r.FormValue("decline") == ""
	switch {
	case yes && user == "":
		http.Error(w, "say who you are: add user= to the query", http.StatusUnauthorized)
	case !p.state.decide(r.FormValue("user_code"), user, yes):
		http.Error(w, "no device waits for that code", http.StatusNotFound)
	}
}
