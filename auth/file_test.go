package auth_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

// age sets a file's time back, as if it had been written a while ago.
func age(t *testing.T, path string, by time.Duration) {
	t.Helper()
	then := time.Now().Add(-by)
	require.NoError(t, os.Chtimes(path, then, then))
}

func requireSecret(t *testing.T, source auth.Source, want string) {
	t.Helper()
	got, err := source.Secret(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestFileDropsOneLineEnd(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"none", "s3cret", "s3cret"},
		{"LF", "s3cret\n", "s3cret"},
		{"CRLF", "s3cret\r\n", "s3cret"},
		{"spaces stay", " s3cret \n", " s3cret "},
		{"UTF-8", "schlüssel\n", "schlüssel"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "secret")
			write(t, path, tt.text)
			requireSecret(t, auth.File(path), tt.want)
		})
	}
	for name, text := range map[string]string{"LF LF": "s3cret\n\n", "CRLF CRLF": "s3cret\r\n\r\n", "CR": "s3cret\r", "CR CRLF": "s3cret\r\r\n", "two lines": "s3c\nret\n"} {
		t.Run(name+" is refused", func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "secret")
			write(t, path, text)
			_, err := auth.File(path).Secret(t.Context())
			require.ErrorContains(t, err, path+": the secret has a control character")
			require.NotContains(t, err.Error(), "s3c")
		})
	}
}

func TestFileIsReadAnewWhenItHasChanged(t *testing.T) {
	swap := func(t *testing.T, path, text string) {
		next := path + ".next"
		write(t, next, text)
		require.NoError(t, os.Rename(next, path))
	}
	tests := []struct {
		name   string
		change func(t *testing.T, path string)
		want   string
	}{
		{"longer", func(t *testing.T, path string) { write(t, path, "second one") }, "second one"},
		{"same length", func(t *testing.T, path string) { write(t, path, "other") }, "other"},
		{"same length and time, another file", func(t *testing.T, path string) {
			before, err := os.Stat(path)
			require.NoError(t, err)
			swap(t, path, "other")
			require.NoError(t, os.Chtimes(path, before.ModTime(), before.ModTime()))
		}, "other"},
		{"longer, same time", func(t *testing.T, path string) {
			before, err := os.Stat(path)
			require.NoError(t, err)
			write(t, path, "second one")
			require.NoError(t, os.Chtimes(path, before.ModTime(), before.ModTime()))
		}, "second one"},
		{"replaced by rename", func(t *testing.T, path string) { swap(t, path, "other") }, "other"},
		{"removed and written", func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			write(t, path, "other")
		}, "other"},
	}
	for _, tt := range tests {
		for _, old := range []time.Duration{0, time.Hour} {
			t.Run(tt.name+", "+old.String()+" old", func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "secret")
				write(t, path, "first")
				age(t, path, old)
				source := auth.File(path)
				requireSecret(t, source, "first")
				requireSecret(t, source, "first")
				tt.change(t, path)
				requireSecret(t, source, tt.want)
				requireSecret(t, source, tt.want)
			})
		}
	}
}

// A file system keeps times in steps of some milliseconds, or of seconds, so what was
// written a moment ago can be written again without a trace.
func TestFileSeesTwoWritesInOneTickOfTheClock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	source := auth.File(path)
	tick := time.Now()
	for _, secret := range []string{"first", "other", "third"} {
		write(t, path, secret)
		require.NoError(t, os.Chtimes(path, tick, tick))
		requireSecret(t, source, secret)
	}
}

func TestFileThatDidNotChangeIsNotReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	write(t, path, "first")
	age(t, path, time.Hour)
	source := auth.File(path)
	requireSecret(t, source, "first")
	then, err := os.Stat(path)
	require.NoError(t, err)
	write(t, path, "other") // and nothing shows it
	require.NoError(t, os.Chtimes(path, then.ModTime(), then.ModTime()))
	requireSecret(t, source, "first")
}

// Kubernetes mounts a secret as a link to a link: it writes a new directory and swaps
// the link ..data by rename.
func TestFileFollowsTheLinksThatKubernetesSwaps(t *testing.T) {
	dir := t.TempDir()
	mount := func(version, secret string) {
		require.NoError(t, os.Mkdir(filepath.Join(dir, version), 0o700))
		write(t, filepath.Join(dir, version, "token"), secret)
		age(t, filepath.Join(dir, version, "token"), time.Hour)
		require.NoError(t, os.Symlink(version, filepath.Join(dir, "..data_tmp")))
		require.NoError(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	}
	mount("..2026_01", "first")
	require.NoError(t, os.Symlink(filepath.Join("..data", "token"), filepath.Join(dir, "token")))
	source := auth.File(filepath.Join(dir, "token"))
	requireSecret(t, source, "first")
	mount("..2026_02", "other")
	requireSecret(t, source, "other")
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "..2026_01")))
	requireSecret(t, source, "other")
}

func TestFileThatGoesAwayIsAnErrorAndComesBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	write(t, path, "first")
	source := auth.File(path)
	requireSecret(t, source, "first")
	require.NoError(t, os.Remove(path))
	_, err := source.Secret(t.Context())
	require.ErrorIs(t, err, os.ErrNotExist)
	write(t, path, "")
	_, err = source.Secret(t.Context())
	require.EqualError(t, err, "the secret's file "+path+" is empty")
	write(t, path, "other")
	requireSecret(t, source, "other")
}

func TestFileIsBoundedToAMebibyte(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	write(t, path, strings.Repeat("x", 1<<20))
	requireSecret(t, auth.File(path), strings.Repeat("x", 1<<20))
	write(t, path, strings.Repeat("x", 1<<20+1))
	_, err := auth.File(path).Secret(t.Context())
	require.EqualError(t, err, path+" is no secret: it is no regular file, or larger than 1 MiB")
	for _, device := range []string{"/dev/zero", os.DevNull} {
		_, err = auth.File(device).Secret(t.Context())
		require.EqualError(t, err, device+" is no secret: it is no regular file, or larger than 1 MiB")
	}
}

func TestFileIsSafeForConcurrentUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	write(t, path, "first")
	source := auth.File(path)
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			if i%10 == 0 {
				next := filepath.Join(filepath.Dir(path), "next"+string(rune('a'+i/10)))
				if os.WriteFile(next, []byte("other"), 0o600) == nil {
					_ = os.Rename(next, path)
				}
			}
			got, err := source.Secret(t.Context())
			if err != nil || (got != "first" && got != "other") {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	wg.Wait()
	requireSecret(t, source, "other")
}
