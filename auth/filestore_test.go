package auth_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/restykit/restykit/auth"
)

func TestAFileKeepsTokensForTheNextProgram(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config", "tokens.json")
	store := auth.FileStore{Path: path}
	require.NoError(t, store.Validate(), "a file that is not there yet")
	id := newRotator()
	step := func() *auth.OAuth2 { return id.refreshing(&oauth2.Token{RefreshToken: "R0"}) }
	for range 3 {
		requireNone(t, all(fleet(t, 3, store, newResource(), step)))
	}
	require.Equal(t, 1, id.count(), "nine programs, one mint")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	dir, err := os.Stat(filepath.Dir(path))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), dir.Mode().Perm())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(text), `"refresh_token":"R1"`)
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	require.NoError(t, err)
	require.Equal(t, []string{path, path + ".lock"}, left, "no temporary file is left")
}

func TestAFileThatIsNoTokenStoreIsRefusedAndStaysAsItIs(t *testing.T) {
	tests := []struct {
		name string
		make func(t *testing.T, path string)
		want string // behind the path
	}{
		{"garbage", func(t *testing.T, path string) { write(t, path, "garbage") }, ": it is no token store: it should be a JSON object; delete it, or give another Path"},
		{"empty", func(t *testing.T, path string) { write(t, path, "") }, ": it is no token store: it should be a JSON object; delete it, or give another Path"},
		{"null", func(t *testing.T, path string) { write(t, path, "null") }, ": it is no token store: it should be a JSON object; delete it, or give another Path"},
		{"a list", func(t *testing.T, path string) { write(t, path, "[1]") }, ": it is no token store: it should be a JSON object; delete it, or give another Path"},
		{"open to others", func(t *testing.T, path string) {
			write(t, path, "{}")
			require.NoError(t, os.Chmod(path, 0o640))
		}, ": others may read the tokens in it (mode 0640): chmod 600 it, and log in anew"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "tokens.json")
			tt.make(t, path)
			before, err := os.ReadFile(path)
			require.NoError(t, err)
			store := auth.FileStore{Path: path}
			require.EqualError(t, store.Validate(), path+tt.want)
			_, err = store.Load(t.Context(), "k")
			require.EqualError(t, err, path+tt.want)
			swapped, err := store.Swap(t.Context(), "k", nil, []byte(`{}`))
			require.EqualError(t, err, path+tt.want)
			require.False(t, swapped)
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, before, after)
		})
	}
	require.Error(t, auth.FileStore{Path: t.TempDir()}.Validate(), "a directory")
}

func TestALinkToATokenFileIsFollowed(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "real.json"), filepath.Join(dir, "link.json")
	write(t, path, "{}")
	require.NoError(t, os.Symlink(path, link))
	swapped, err := auth.FileStore{Path: link}.Swap(t.Context(), "k", nil, []byte(`{"a":1}`))
	require.NoError(t, err)
	require.True(t, swapped)
	value, err := auth.FileStore{Path: path}.Load(t.Context(), "k")
	require.NoError(t, err)
	require.JSONEq(t, `{"a":1}`, string(value))
	dangling, target := filepath.Join(dir, "dangling.json"), filepath.Join(dir, "new.json")
	require.NoError(t, os.Symlink("new.json", dangling))
	_, err = auth.FileStore{Path: dangling}.Swap(t.Context(), "k", nil, []byte(`1`))
	require.NoError(t, err)
	require.FileExists(t, target)
	info, err := os.Lstat(link)
	require.NoError(t, err)
	require.NotZero(t, info.Mode()&os.ModeSymlink, "it is still a link")
}

// Each of several processes counts up many times. None may lose a count, and a reader
// sees whole files at any time.
func TestProcessesBesideEachOtherLoseNothing(t *testing.T) {
	const processes, counts = 4, 25
	if path := os.Getenv("RESTYKIT_COUNT_IN"); path != "" {
		for range counts {
			countUp(t, auth.FileStore{Path: path})
		}
		return
	}
	path := filepath.Join(t.TempDir(), "tokens.json")
	var wg sync.WaitGroup
	for range processes {
		wg.Go(func() {
			cmd := exec.Command(os.Args[0], "-test.run=^TestProcessesBesideEachOtherLoseNothing$")
			cmd.Env = append(os.Environ(), "RESTYKIT_COUNT_IN="+path)
			if text, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, text)
			}
		})
	}
	wg.Wait()
	value, err := auth.FileStore{Path: path}.Load(t.Context(), "n")
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(processes*counts), string(value))
}

func countUp(t *testing.T, store auth.TokenStore) {
	for {
		old, err := store.Load(t.Context(), "n")
		require.NoError(t, err)
		n := 0
		if old != nil {
			require.NoError(t, json.Unmarshal(old, &n))
		}
		swapped, err := store.Swap(t.Context(), "n", old, []byte(strconv.Itoa(n+1)))
		require.NoError(t, err)
		if swapped {
			return
		}
		runtime.Gosched()
	}
}

func TestALockThatIsHeldIsNotWaitedForForever(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	store := auth.FileStore{Path: path}
	_, err := store.Swap(t.Context(), "k", nil, []byte("1"))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = store.Swap(ctx, "k", []byte("1"), []byte("2"))
	require.ErrorIs(t, err, context.Canceled)
}

func TestAFileStoreThatCannotBeWrittenFailsNoCall(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	require.NoError(t, os.Mkdir(path+".lock", 0o700)) // no lock can be had
	id, rt := &issuer{}, newResource()
	requireNone(t, all(fleet(t, 1, auth.FileStore{Path: path}, rt, id.step)))
	require.Equal(t, 1, id.count())
}
