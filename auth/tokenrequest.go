package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/restykit/restykit/internal/redact"
)

// tokenRequest is one request to a token endpoint (RFC 6749 section 3.2). It is not
// x/oauth2's because that one asks twice on any error, and prints the answer.
type tokenRequest struct {
	url, id, secret string
	audience        string // of what proves the client
	inForm          bool
	form            url.Values
	proof, nonce    string // of DPoP, and the nonce in it
}

// maxTokenBody bounds what is read of an answer.
const maxTokenBody = 1 << 20

// send sends the request and reads the answer. Its errors are of the type TokenError.
func (r tokenRequest) send(ctx context.Context, client *http.Client) (tokenAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, mintingOf(ctx).timeout)
	defer cancel()
	begun := time.Now()
	resp, err := r.post(ctx, client)
	if err != nil {
		return tokenAnswer{}, r.failed(nil, r.network(ctx, err))
	}
	defer func() { _ = resp.Body.Close() }()
	dpopOf(ctx).heard(r.url, resp.Header)
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxTokenBody+1))
	if err != nil {
		return tokenAnswer{}, r.failed(resp, r.network(ctx, err))
	}
	answer, err := parseTokenAnswer(resp.Header.Get("Content-Type"), text)
	if err == nil && answer.text("error") == "" && resp.StatusCode >= 200 && resp.StatusCode <= 299 {
		answer.begun, answer.bound = begun, r.proof != ""
		answer.wrong = func(err error) *TokenError { return r.explained(resp, tokenAnswer{}, err) }
		return answer, nil
	}
	return tokenAnswer{}, r.explained(resp, answer, err)
}

// failed is the error of this request.
func (r tokenRequest) failed(resp *http.Response, err error) *TokenError {
	e := &TokenError{Endpoint: redact.String(r.url), Err: err}
	if resp != nil {
		e.StatusCode = resp.StatusCode
	}
	return e
}

// explained files what the server says, without what we said: some servers repeat it.
func (r tokenRequest) explained(resp *http.Response, answer tokenAnswer, err error) *TokenError {
	secrets := r.secrets()
	clean := func(text string) string { return redact.Excerpt(redact.Secrets([]byte(text), secrets), 300) }
	switch {
	case err != nil:
		err = errors.New(clean(err.Error()))
	case answer.text("error") == badProof:
		err = proofClock(resp.Header)
	case r.form.Has("assertion"), r.form.Has("client_assertion"):
		err = clockError(resp.Header, "what it signs is from the future for the server", "what it signs may have expired for the server")
	}
	e := r.failed(resp, err)
	e.Code, e.Description, e.URI = clean(answer.text("error")), clean(answer.text("error_description")), clean(answer.text("error_uri"))
	e.Header = make(http.Header, len(resp.Header))
	for name, values := range resp.Header {
		for _, value := range values {
			e.Header.Add(name, string(redact.Secrets([]byte(value), secrets)))
		}
	}
	return e
}

func (r tokenRequest) post(ctx context.Context, client *http.Client) (*http.Response, error) {
	form := maps.Clone(r.form)
	if (r.inForm || r.secret == "") && r.id != "" {
		form.Set("client_id", r.id)
	}
	if r.inForm && r.secret != "" {
		form.Set("client_secret", r.secret)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if !r.inForm && r.secret != "" {
		req.SetBasicAuth(url.QueryEscape(r.id), url.QueryEscape(r.secret))
	}
	if r.proof != "" {
		req.Header.Set(dpopField, r.proof)
	}
	return client.Do(req)
}

// network is an error of the way there, without the URL that http.Client adds.
func (r tokenRequest) network(ctx context.Context, err error) error {
	if deadline, ok := ctx.Deadline(); ok && errors.Is(err, context.DeadlineExceeded) && !time.Now().Before(deadline) {
		return fmt.Errorf("no answer within the time for a token request: %w", context.DeadlineExceeded)
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	text := err.Error()
	if clean := string(redact.Secrets([]byte(text), r.secrets())); clean != text { // some transports print the request
		return errors.New(clean)
	}
	return err
}

// secrets are what we sent and a server may repeat: all but the fields that are no
// secret by their name.
func (r tokenRequest) secrets() []string {
	pair := url.QueryEscape(r.id) + ":" + url.QueryEscape(r.secret)
	secrets := []string{r.secret, r.proof, base64.StdEncoding.EncodeToString([]byte(pair))}
	fields := []url.Values{r.form}
	if u, err := url.Parse(r.url); err == nil {
		password, _ := u.User.Password()
		secrets, fields = append(secrets, password), append(fields, u.Query())
	}
	for _, values := range fields {
		for name, value := range values {
			switch name {
			case "grant_type", "scope", "client_id", "audience", "resource", "redirect_uri", "client_assertion_type":
			default:
				secrets = append(secrets, value...)
			}
		}
	}
	return secrets
}

// outdated tells whether the server refused the request for the nonce of its proof, and
// named another.
func (r tokenRequest) outdated(err error) bool {
	said, ok := errors.AsType[*TokenError](err)
	if !ok || said.Code != nonceAsked || r.proof == "" {
		return false
	}
	named := readNonce(said.Header)
	return named != "" && named != r.nonce
}
