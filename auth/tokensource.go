package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"golang.org/x/oauth2"

	"github.com/restykit/restykit/internal/redact"
)

// FromTokenSource adopts a token source of the ecosystem as a [Grant]: those of Google's
// and other clouds' libraries, or your own. The step keeps the token and renews it as any
// other; the source is asked when a new one is needed.
//
// A source that keeps its token, as [oauth2.ReuseTokenSource] does, returns the same one
// while it believes in it: then a 401 is not cured by a replay, and the caller has the
// 401. A source knows no context: one that does not return in time is left behind, and
// asked again, for which it must be safe for concurrent use, as x/oauth2 demands. It uses
// a client of its own, not OAuth2.Client.
func FromTokenSource(source oauth2.TokenSource) Grant { return tokenSource{source} }

type tokenSource struct{ source oauth2.TokenSource }

// Mint asks the source.
func (g tokenSource) Mint(ctx context.Context, _ *http.Client, _ *oauth2.Token) (*oauth2.Token, error) {
	type result struct {
		token *oauth2.Token
		err   error
	}
	done := make(chan result, 1)
	go func() {
		r := result{err: errNoReturn}
		defer func() { done <- r }()
		r.token, r.err = g.source.Token()
	}()
	select {
	case r := <-done:
		return r.token, tokenSourceError(r.err)
	case <-ctx.Done():
		return nil, fmt.Errorf("the token source did not return in time: %w", context.Cause(ctx))
	}
}

// tokenSourceError is the error of a source without the answer of the token endpoint,
// which x/oauth2 prints whole.
func tokenSourceError(err error) error {
	said, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		return err
	}
	e := &TokenError{Endpoint: "token source", Code: line(said.ErrorCode)} // what else it says may repeat the request
	if said.Response != nil {
		e.StatusCode, e.Header = said.Response.StatusCode, said.Response.Header.Clone()
	}
	return e
}

func line(text string) string { return redact.Excerpt([]byte(text), 300) }

// Validate refuses a source that is nil.
func (g tokenSource) Validate() error {
	if g.source == nil {
		return errors.New("the token source is nil")
	}
	return nil
}

// String is the type of the source.
func (g tokenSource) String() string { return fmt.Sprintf("%T", g.source) }

// Format prints the grant without the source's fields, whatever the verb.
func (g tokenSource) Format(f fmt.State, _ rune) { formatGrant(f, g) }
