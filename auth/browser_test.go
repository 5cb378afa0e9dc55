package auth_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
)

// opener puts a program in the place of the system's browser.
func opener(t *testing.T, script string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the opener of Linux is a program that can be replaced")
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "xdg-open"), []byte("#!/bin/sh\n"+script+"\n"), 0o700))
	t.Setenv("PATH", dir)
}

func TestABrowserThatStaysInTheForegroundIsNotWaitedFor(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page")
	opener(t, `echo noise; echo "$1" >`+page+`; exec /bin/sleep 30`)
	s := newLoginServer(t)
	g := s.grant()
	g.Open = nil
	done := make(chan struct{})
	go func() { // the person, who finds the page there
		defer close(done)
		for {
			text, _ := os.ReadFile(page)
			if strings.HasSuffix(string(text), "\n") {
				_, _ = browse(t.Context(), strings.TrimSpace(string(text)))
				return
			}
		}
	}()
	begun := time.Now()
	token, err := (&auth.OAuth2{Grant: g}).Token(t.Context())
	require.NoError(t, err)
	require.Equal(t, "AT1", token.AccessToken)
	require.Less(t, time.Since(begun), 10*time.Second)
	<-done
}

func TestABrowserThatCannotBeOpenedIsToldAtOnce(t *testing.T) {
	opener(t, "exit 3")
	s := newLoginServer(t)
	g := s.grant()
	g.Open = nil
	_, err := (&auth.OAuth2{Grant: g}).Token(t.Context())
	require.ErrorContains(t, err, "oauth2: no browser can be opened: xdg-open: exit status 3: set Open to a function that shows the URL, or use DeviceAuthorization")
	t.Setenv("PATH", t.TempDir())
	require.EqualError(t, auth.OpenBrowser(t.Context(), "https://id.test/"), "no browser can be opened: there is no program to open it with")
}

func TestOnlyPagesOfTheWebAreOpened(t *testing.T) {
	opener(t, "exit 0")
	require.NoError(t, auth.OpenBrowser(t.Context(), "https://id.test/authorize?a=b"))
	for _, page := range []string{"file:///etc/passwd", "javascript:alert(1)", "ms-msdt://x", "/etc/passwd", "", "--help", "https:///x"} {
		require.EqualError(t, auth.OpenBrowser(t.Context(), page), "the page is no http(s) URL", page)
	}
}
