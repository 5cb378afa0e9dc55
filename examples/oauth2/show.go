package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/auth/authtest"
	"github.com/restykit/restykit/middleware"
)

// callers are as many as there are at once.
const callers = 100

// show is what becomes of calls while the provider goes through its day.
func (l *lab) show(ctx context.Context, out io.Writer, server *auth.Server) error {
	client, asked, err := l.client(server)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%v\n\n2. %d calls at once, and there is no token yet.\n", middleware.Of(client), callers)
	fmt.Fprintf(out, "   %s; token requests: %d\n", crowd(func() string { return stock(ctx, client) }), asked.n.Load())

	fmt.Fprintln(out, "3. The provider revokes the token while a request with it is on its way.")
	before := asked.n.Load()
	l.revoke.Store(true)
	resp, err := client.R().SetContext(middleware.With(ctx, tell(out))).SetBody(map[string]int{"order": 42}).Post("/orders")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "   the caller got %s, and the API the whole body, %s; token requests: %d\n", resp.Status(), resp, asked.n.Load()-before)

	fmt.Fprintf(out, "4. The token endpoint is down, and wants a minute. %d calls of a new client want a token.\n", callers)
	if client, asked, err = l.client(server); err != nil {
		return err
	}
	l.provider.Fault(callers, authtest.RetryAfter(http.StatusServiceUnavailable, time.Minute))
	fmt.Fprintf(out, "   %s; token requests: %d\n", crowd(func() string { return stock(ctx, client) }), asked.n.Load())
	_, err = client.R().SetContext(ctx).Get("/stock")
	fmt.Fprintf(out, "   and the next call: %v\n   which nobody was asked for; token requests: %d\n", err, asked.n.Load())
	return nil
}

// client is one of the API.
func (l *lab) client(server *auth.Server) (*resty.Client, *counter, error) {
	asked := &counter{}
	client := resty.New().SetBaseURL(l.api.URL)
	return client, asked, middleware.Use(client, l.step(server, asked), middleware.RequireStatus{})
}

// stock calls the API, and is what the caller got.
func stock(ctx context.Context, client *resty.Client) string {
	resp, err := client.R().SetContext(ctx).Get("/stock")
	if said, ok := errors.AsType[*auth.TokenError](err); ok {
		return fmt.Sprintf("%T: StatusCode %d, Retry-After %s", said, said.StatusCode, said.Header.Get("Retry-After"))
	}
	if err != nil {
		return err.Error()
	}
	return resp.Status()
}

// crowd has all callers do the same at once, and counts what they came to.
func crowd(call func() string) string {
	var mu sync.Mutex
	var wg sync.WaitGroup
	count := map[string]int{}
	for range callers {
		wg.Go(func() {
			got := call()
			mu.Lock()
			defer mu.Unlock()
			count[got]++
		})
	}
	wg.Wait()
	var all []string
	for _, got := range slices.Sorted(maps.Keys(count)) {
		all = append(all, fmt.Sprintf("%d x %s", count[got], got))
	}
	return strings.Join(all, ", ")
}

// tell prints each request as it goes out, below all other steps. The tokens have numbers.
func tell(out io.Writer) middleware.Middleware {
	var tokens []string
	return middleware.Func("tell", middleware.Wire, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		token := req.Header.Get("Authorization")
		if !slices.Contains(tokens, token) {
			tokens = append(tokens, token)
		}
		resp, err := next(req)
		if err == nil {
			fmt.Fprintf(out, "   %s %s with token %d: %s\n", req.Method, req.URL.Path, slices.Index(tokens, token)+1, resp.Status)
		}
		return resp, err
	})
}
