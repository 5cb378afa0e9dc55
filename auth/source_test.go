package auth_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

func TestASecretIsSentAsItsSourceKnowsIt(t *testing.T) {
	t.Setenv("RESTYKIT_SECRET", "s3cret")
	file := filepath.Join(t.TempDir(), "secret")
	write(t, file, "s3cret\n")
	sources := map[string]auth.Source{
		"static": auth.Static("s3cret"),
		"env":    auth.Env("RESTYKIT_SECRET"),
		"file":   auth.File(file),
		"func":   auth.Func(func(context.Context) (string, error) { return "s3cret", nil }),
	}
	for name, source := range sources {
		t.Run(name, func(t *testing.T) {
			got, err := source.Secret(t.Context())
			require.NoError(t, err)
			require.Equal(t, "s3cret", got)

			rt := &api{}
			_, err = client(t, rt, auth.Bearer{Token: source}).R().Get("/")
			require.NoError(t, err)
			require.Equal(t, []string{"Bearer s3cret"}, rt.authorizations())
		})
	}
}

func TestUseRefusesASecretThatIsNotThere(t *testing.T) {
	dir := t.TempDir()
	empty, broken, twice := filepath.Join(dir, "empty"), filepath.Join(dir, "broken"), filepath.Join(dir, "twice")
	write(t, empty, "\n")
	write(t, broken, "s3c\nret\n")
	write(t, twice, "s3cret\n\n")
	t.Setenv("RESTYKIT_EMPTY", "")
	t.Setenv("RESTYKIT_LINE", "s3cret\n")
	t.Setenv("RESTYKIT_TWO_LINES", "s3c\r\nret")
	tests := []struct {
		name   string
		source auth.Source
		want   string
	}{
		{"no source", nil, "Token is nil: give auth.Env, auth.File, auth.Func or auth.Static"},
		{"static, empty", auth.Static(""), "Token: the secret is empty"},
		{"static, line end behind", auth.Static("s3cret\n"), "Token: the secret ends in a line end: strip it, or use auth.File, which does"},
		{"static, line end inside", auth.Static("s3c\nret"), "Token: the secret has a control character at byte 3, such as a line end: no header can carry it"},
		{"static, NUL", auth.Static("s3cret\x00"), "Token: the secret has a control character at byte 6, such as a line end: no header can carry it"},
		{"env without a name", auth.Env(""), "Token: the name of the environment variable is empty"},
		{"env, not set", auth.Env("RESTYKIT_NOT_SET"), "Token: the environment variable RESTYKIT_NOT_SET is not set, or empty"},
		{"env, empty", auth.Env("RESTYKIT_EMPTY"), "Token: the environment variable RESTYKIT_EMPTY is not set, or empty"},
		{"env, line end behind", auth.Env("RESTYKIT_LINE"), "Token: the secret ends in a line end: strip it, or use auth.File, which does"},
		{"env, line end inside", auth.Env("RESTYKIT_TWO_LINES"), "Token: the secret has a control character at byte 3, such as a line end: no header can carry it"},
		{"file without a path", auth.File(""), "Token: the path of the secret's file is empty"},
		{"file, empty", auth.File(empty), "Token: the secret's file " + empty + " is empty"},
		{"file, directory", auth.File(dir), "Token: " + dir + " is no secret: it is no regular file, or larger than 1 MiB"},
		{"file, line end inside", auth.File(broken), "Token: " + broken + ": the secret has a control character at byte 3, such as a line end: no header can carry it"},
		{"file, two line ends", auth.File(twice), "Token: " + twice + ": the secret has a control character at byte 6, such as a line end: no header can carry it"},
		{"func, nil", auth.Func(nil), "Token: the function is nil"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := resty.New()
			require.EqualError(t, middleware.Use(c, auth.Bearer{Token: tt.source}), "bearer: "+tt.want)
			require.Empty(t, middleware.Of(c), "an error of Use changes nothing")
		})
	}
}

func TestUseRefusesAFileThatIsNotThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none")
	err := middleware.Use(resty.New(), auth.Bearer{Token: auth.File(path)})
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "bearer: Token: the secret's file cannot be read: ")
	require.ErrorContains(t, err, path)
}

func TestASourceIsAskedForEachAttemptUnderTheRequestsContext(t *testing.T) {
	type key struct{}
	asked := 0
	source := auth.Func(func(ctx context.Context) (string, error) {
		asked++
		return fmt.Sprintf("%v-%d", ctx.Value(key{}), asked), nil
	})
	rt := &api{}
	c := client(t, rt, auth.Bearer{Token: source})
	for range 2 {
		_, err := c.R().SetContext(context.WithValue(t.Context(), key{}, "mine")).Get("/")
		require.NoError(t, err)
	}
	require.Equal(t, []string{"Bearer mine-1", "Bearer mine-2"}, rt.authorizations())
}

func TestASourceThatFailsLaterEndsTheCallAndNothingIsSent(t *testing.T) {
	sealed := errors.New("the vault is sealed")
	t.Setenv("RESTYKIT_SECRET", "s3cret")
	tests := []struct {
		name   string
		source auth.Source
		spoil  func(*testing.T)
		want   string
	}{
		{"func", auth.Func(func(context.Context) (string, error) { return "", sealed }), nil, "the vault is sealed"},
		{"func, empty", auth.Func(func(context.Context) (string, error) { return "", nil }), nil, "the secret is empty"},
		{"func, line end", auth.Func(func(context.Context) (string, error) { return "s3cret\n", nil }), nil, "the secret ends in a line end: strip it"},
		{
			"env", auth.Env("RESTYKIT_SECRET"),
			func(t *testing.T) { t.Setenv("RESTYKIT_SECRET", "") },
			"the environment variable RESTYKIT_SECRET is not set, or empty",
		},
	}
	steps := map[string]func(auth.Source) middleware.Middleware{
		"bearer: Token":          func(s auth.Source) middleware.Middleware { return auth.Bearer{Token: s} },
		"api-key:x-api-key: Key": func(s auth.Source) middleware.Middleware { return auth.APIKey{Header: "X-API-Key", Key: s} },
		"api-key:api_key: Key":   func(s auth.Source) middleware.Middleware { return auth.APIKey{Query: "api_key", Key: s} },
	}
	for _, tt := range tests {
		for prefix, step := range steps {
			t.Run(tt.name+" "+prefix, func(t *testing.T) {
				rt := &api{}
				c := client(t, rt, step(tt.source))
				if tt.spoil != nil {
					tt.spoil(t)
				}
				_, err := c.R().Get("/")
				require.ErrorContains(t, err, prefix+": "+tt.want)
				require.NotContains(t, err.Error(), "s3cret")
				require.Zero(t, rt.count())
			})
		}
	}
	_, err := client(t, &api{}, auth.Bearer{Token: tests[0].source}).R().Get("/")
	require.ErrorIs(t, err, sealed, "the source's own error is found in the call's")
}

// vault is somebody's own source, without Validate and String.
type vault struct{}

func (vault) Secret(context.Context) (string, error) { return "s3cret", nil }

func TestASourceOfOnesOwnNeedsOnlySecret(t *testing.T) {
	rt := &api{}
	c := client(t, rt, auth.Bearer{Token: vault{}})
	_, err := c.R().Get("/")
	require.NoError(t, err)
	require.Equal(t, []string{"Bearer s3cret"}, rt.authorizations())
	require.Equal(t, "auth  bearer  auth_test.vault, only "+home, middleware.Of(c).String())
}
