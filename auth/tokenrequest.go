package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/restykit/restykit/internal/redact"
)

// tokenRequest is one request to a token endpoint (RFC 6749 section 3.2). It is not
// x/oauth2's because that one asks twice on any error, and prints the answer.
type tokenRequest struct {
	url, id, secret string
	inForm          bool
	form            url.Values
}

// maxTokenBody bounds what is read of an answer.
const maxTokenBody = 1 << 20

func (r tokenRequest) send(ctx context.Context, client *http.Client) (*oauth2.Token, error) {
	begun := time.Now()
	body := &TokenError{Endpoint: redact.String(r.url)}
	resp, err := r.post(ctx, client)
	if err != nil {
		body.Err = r.network(ctx, err)
		return nil, body
	}
	defer func() { _ = resp.Body.Close() }()
	body.StatusCode, body.Header = resp.StatusCode, resp.Header
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxTokenBody))
	if err != nil {
		body.Err = r.network(ctx, err)
		return nil, body
	}
	answer, err := parseTokenAnswer(resp.Header.Get("Content-Type"), text)
	if err == nil && answer.code == "" && resp.StatusCode >= 200 && resp.StatusCode <= 299 {
		var token *oauth2.Token
		if token, err = answer.token(begun); err == nil {
			return token, nil
		}
	}
	body.Code, body.Description, body.URI = answer.code, r.clean(answer.description), r.clean(answer.uri)
	body.Err = err
	return nil, body
}

func (r tokenRequest) post(ctx context.Context, client *http.Client) (*http.Response, error) {
	if r.inForm || r.secret == "" {
		r.form.Set("client_id", r.id)
		if r.secret != "" {
			r.form.Set("client_secret", r.secret)
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, strings.NewReader(r.form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if !r.inForm && r.secret != "" {
		req.SetBasicAuth(url.QueryEscape(r.id), url.QueryEscape(r.secret))
	}
	return client.Do(req)
}

// network is an error of the way there, without the URL that http.Client adds.
func (r tokenRequest) network(ctx context.Context, err error) error {
	if deadline, ok := ctx.Deadline(); ok && errors.Is(err, context.DeadlineExceeded) && !time.Now().Before(deadline) {
		return fmt.Errorf("no answer within the time for a token request: %w", context.DeadlineExceeded)
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// clean takes what we sent out of what the server says.
func (r tokenRequest) clean(text string) string {
	secrets := []string{r.secret}
	for _, name := range []string{"refresh_token", "client_secret", "password", "assertion", "client_assertion", "code", "code_verifier", "device_code", "subject_token", "actor_token"} {
		secrets = append(secrets, r.form[name]...)
	}
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, redact.Mark)
		}
	}
	return redact.Excerpt([]byte(text), 300)
}
