package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth/authtest"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	m.Run()
}

// runs is what the program prints, but for how alice logs in.
const runs = `The first run: nobody has logged in yet.
LOGIN
   logged in as alice
   token request: GRANT, 200
The second run: the token is in the file.
   logged in as alice
The third run: the access token has ended.
   logged in as alice
   token request: refresh_token, 200
The fourth run: the refresh token has ended too.
LOGIN
   logged in as alice
   token request: refresh_token, 400 invalid_grant
   token request: GRANT, 200
`

func TestOnlyTheFirstRunAsksThePerson(t *testing.T) {
	for _, way := range []struct {
		device       bool
		login, grant string
	}{
		{false, "   the browser opens ISSUER/authorize, and comes back to http://127.0.0.1:PORT/callback (code_challenge_method S256)", authtest.GrantCode},
		{true, "   on any device, open ISSUER/device and enter XXXX-XXXX", authtest.GrantDevice},
	} {
		t.Run(way.grant, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			require.NoError(t, run(t.Context(), &out, options{device: way.device}))
			text := regexp.MustCompile(`enter [A-Z]{4}-[A-Z]{4}\n`).ReplaceAllString(out.String(), "enter XXXX-XXXX\n")
			require.Equal(t, strings.NewReplacer("LOGIN", way.login, "GRANT", way.grant).Replace(runs), text)
		})
	}
}

// lab is a provider with a public client.
func lab(t *testing.T) (*authtest.Provider, options) {
	p := authtest.New(t)
	app := p.Client("app", authtest.RedirectURIs("http://127.0.0.1/callback"))
	return p, options{issuer: p.Issuer, id: app.ID, file: filepath.Join(t.TempDir(), "kept", "tokens.json")}
}

func TestTheTokenIsForItsOwnerAlone(t *testing.T) {
	p, o := lab(t)
	o.open = alicesBrowser(io.Discard, p)
	require.NoError(t, session(t.Context(), io.Discard, o))
	info, err := os.Stat(o.file)
	require.NoError(t, err)
	require.NotZero(t, info.Size())
	if runtime.GOOS != "windows" {
		require.Equal(t, os.FileMode(0o600), info.Mode())
		require.NoError(t, os.Chmod(o.file, 0o644))
		require.ErrorContains(t, session(t.Context(), io.Discard, o), "others may read the tokens in it (mode 0644)")
	}
}

// reader is a terminal, before which alice opens the page that it shows.
type reader struct {
	strings.Builder

	page chan string
}

func (r *reader) Write(text []byte) (int, error) {
	if page := regexp.MustCompile(`http://\S+/authorize\S+`).Find(text); page != nil {
		r.page <- string(page)
	}
	return r.Builder.Write(text)
}

func TestWhereNoBrowserOpensThePageIsPrinted(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there the browser is not looked for in PATH")
	}
	t.Setenv("PATH", "")
	p, o := lab(t)
	out := &reader{page: make(chan string, 1)}
	opened := make(chan error, 1)
	go func() { opened <- p.Login("alice")(<-out.page) }()
	require.NoError(t, run(t.Context(), out, o))
	require.NoError(t, <-opened)
	require.Contains(t, out.String(), "   no browser can be opened here: please open\n   "+p.Issuer+"/authorize?")
	require.Contains(t, out.String(), "\n   logged in as alice\n")
}

func TestAFileThatCannotKeepTheTokenIsTold(t *testing.T) {
	p, o := lab(t)
	o.open = alicesBrowser(io.Discard, p)
	require.NoError(t, os.MkdirAll(o.file+".lock", 0o700), "a directory where the lock would be")
	var out strings.Builder
	require.NoError(t, session(t.Context(), &out, o))
	require.Contains(t, out.String(), "   the token is not kept: token store: ")
	require.Contains(t, out.String(), "   logged in as alice\n")
}

func TestAPersonWhoDeclinesAndAProgramThatEnds(t *testing.T) {
	p, o := lab(t)
	decline := p.Decline()
	o.open = func(_ context.Context, page string) error { return decline(page) }
	require.ErrorContains(t, session(t.Context(), io.Discard, o), "access_denied")

	ctx, interrupt := context.WithCancel(t.Context())
	o.id = "another" // the person is not asked again at once
	p.Client(o.id, authtest.RedirectURIs("http://127.0.0.1/callback"))
	o.open = func(context.Context, string) error {
		interrupt()
		return nil
	}
	require.ErrorIs(t, session(ctx, io.Discard, o), context.Canceled)
}
