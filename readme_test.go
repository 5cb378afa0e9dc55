package restykit_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/observe"
	"github.com/restykit/restykit/retry"
)

// The code of README.md is cut from this file, and the pipeline that it shows is what
// the code prints: TestReadmeTellsTheTruth compares them.

func newClient() (*resty.Client, error) {
	client := resty.New().SetBaseURL("https://api.github.com")

	err := middleware.Use(client,
		auth.Bearer{Token: auth.Env("GITHUB_TOKEN")},
		middleware.RequireStatus{}, // 2xx, or *middleware.StatusError
		middleware.RequireJSON{},   // JSON, or *middleware.ContentTypeError
		middleware.Timeout{Connect: 3 * time.Second, Read: 10 * time.Second},
		middleware.Deadline(30*time.Second), // the whole call, retries included
		retry.Policy{Attempts: 4},
		observe.Log{Logger: slog.Default()},
	)
	return client, err
}

func errorsByType(ctx context.Context, client *resty.Client) string {
	var user struct{ Login string }
	_, err := client.R().SetContext(ctx).SetResult(&user).SetPathParam("name", "octocat").Get("/users/{name}")

	if errors.Is(err, middleware.ErrNotFound) {
		return "no such user"
	}
	if status, ok := errors.AsType[*middleware.StatusError](err); ok {
		return fmt.Sprintf("%d after %d attempts: %s", status.StatusCode, status.Attempts, status.Body)
	}
	if limit, ok := errors.AsType[*middleware.TimeoutError](err); ok {
		return "the limit that fired: " + limit.Limit // connect, read, attempt, deadline
	}
	if _, ok := errors.AsType[*middleware.ConnectError](err); ok {
		return "no connection: nothing was sent"
	}
	return user.Login
}

func perRequest(ctx context.Context, client *resty.Client, usersToken string) {
	// a 404 is an answer here; its body is JSON too
	ctx404 := middleware.With(ctx, middleware.RequireStatus{Codes: []int{200, 404}})
	_, _ = client.R().SetContext(ctx404).Get("/users/nobody")

	// (connect, read) for one request, which may take longer than the others
	slow := middleware.With(ctx, middleware.Timeout{Connect: time.Second, Read: time.Minute}, middleware.Deadline(2*time.Minute))
	_, _ = client.R().SetContext(slow).Get("/reports/7")

	// a download: not JSON, and of any length, as long as it goes on
	file := middleware.With(ctx, middleware.Off("require-json"), middleware.Off("deadline"))
	_, _ = client.R().SetContext(file).SetOutput("logo.png").Get("/logo.png")

	// a stream of events: not JSON, no deadline, and silence between them is fine
	long := middleware.With(ctx, middleware.Off("deadline"), middleware.Off("require-json"),
		middleware.Timeout{Read: middleware.NoLimit})
	_, _ = client.R().SetContext(long).SetDoNotParseResponse(true).Get("/events")

	// another user's token, for this request
	theirs := middleware.With(ctx, auth.Bearer{Token: auth.Static(usersToken)})
	_, _ = client.R().SetContext(theirs).Get("/user")
}

// Standard is what every service of the team starts from.
func Standard(log *slog.Logger) middleware.Stack {
	return middleware.Stack{
		middleware.RequireStatus{},
		middleware.RequireJSON{},
		middleware.Timeout{},
		middleware.Deadline(30 * time.Second),
		retry.Policy{},
		observe.Log{Logger: log},
	}
}

func service(client *resty.Client) error {
	return middleware.Use(client, append(Standard(slog.Default()),
		middleware.Deadline(5*time.Second), // a later step replaces its namesake
		&auth.OAuth2{Grant: auth.ClientCredentials{
			Config: clientcredentials.Config{ClientID: "billing", TokenURL: "https://id.example.com/token"},
			Secret: auth.Env("BILLING_SECRET"),
		}},
	)...)
}

func plainClient() *http.Client {
	return &http.Client{Transport: Standard(slog.Default()).RoundTripper(nil)}
}

func TestReadmeTellsTheTruth(t *testing.T) {
	t.Setenv("GITHUB_TOKEN", "gh-secret")
	t.Setenv("BILLING_SECRET", "b-secret")
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	source, err := os.ReadFile("readme_test.go")
	require.NoError(t, err)

	blocks := fences(string(readme), "go")
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		require.Contains(t, flat(string(source)), flat(block), "README.md has code that no test compiles")
	}

	client, err := newClient()
	require.NoError(t, err)
	require.Equal(t, []string{middleware.Of(client).String()}, fences(string(readme), "text"))
	require.NoError(t, service(resty.New()))

	_ = []any{errorsByType, perRequest, plainClient} // compiled, and that is all: they need the network
}

// fences are the code blocks of a language.
func fences(markdown, language string) []string {
	var out []string
	for {
		_, rest, ok := strings.Cut(markdown, "```"+language+"\n")
		if !ok {
			return out
		}
		block, after, _ := strings.Cut(rest, "```")
		out, markdown = append(out, strings.TrimRight(block, "\n")), after
	}
}

// flat is code without its indentation and empty lines.
func flat(code string) string {
	var lines []string
	for line := range strings.Lines(code) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
