package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode"
)

// File is a secret in a file, such as an orchestrator mounts. It is read again when the
// file has changed; one line end behind the secret is dropped. A file that is missing
// or empty is an error, and so is one with further line ends, but for the Key of a step or
// a grant that signs.
func File(path string) Source { return &file{path: path} }

type file struct {
	path string

	mu   sync.Mutex
	seen os.FileInfo
	read func() string // the secret, out of fmt's sight
}

const (
	// maxSecret bounds what is taken for a secret: a wrong path should not fill the memory.
	maxSecret = 1 << 20
	// fresh is how long a file may be written again without a trace: file systems keep
	// times in steps of up to two seconds.
	fresh = 2 * time.Second
)

func (f *file) Secret(context.Context) (string, error) {
	value, err := f.text()
	if err != nil {
		return "", err
	}
	if i := strings.IndexFunc(value, unicode.IsControl); i >= 0 {
		return "", fmt.Errorf("%s: %w", f.path, errControl(i))
	}
	return value, nil
}

// text is what the file says, line ends and all, as a key in PEM has them.
func (f *file) text() (string, error) {
	now, err := os.Stat(f.path)
	if err != nil {
		return "", fmt.Errorf("the secret's file cannot be read: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.seen != nil && os.SameFile(f.seen, now) && f.seen.ModTime().Equal(now.ModTime()) && f.seen.Size() == now.Size() {
		return f.read(), nil
	}
	if !now.Mode().IsRegular() {
		return "", f.wrong()
	}
	value, err := f.load()
	if err != nil {
		return "", err
	}
	if f.seen = now; time.Since(now.ModTime()) < fresh {
		f.seen = nil
	}
	f.read = func() string { return value }
	return value, nil
}

func (f *file) load() (string, error) {
	r, err := os.Open(f.path)
	if err != nil {
		return "", fmt.Errorf("the secret's file cannot be read: %w", err)
	}
	defer func() { _ = r.Close() }()
	text, err := io.ReadAll(io.LimitReader(r, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("the secret's file cannot be read: %w", err)
	}
	if len(text) > maxSecret {
		return "", f.wrong()
	}
	value, ended := strings.CutSuffix(string(text), "\n")
	if ended {
		value = strings.TrimSuffix(value, "\r")
	}
	if value == "" {
		return "", fmt.Errorf("the secret's file %s is empty", f.path)
	}
	return value, nil
}

func (f *file) wrong() error {
	return fmt.Errorf("%s is no secret: it is no regular file, or larger than 1 MiB", f.path)
}

func (f *file) Validate() error {
	if f.path == "" {
		return errors.New("the path of the secret's file is empty")
	}
	return validateBySecret(f)
}

func (f *file) String() string { return f.path }
