package auth

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
)

// File is a secret in a file, such as an orchestrator mounts. It is read again when the
// file has changed; one line end behind the secret is dropped. A file that is missing
// or empty is an error.
func File(path string) Source { return &file{path: path} }

type file struct {
	path string

	mu   sync.Mutex
	seen os.FileInfo
	read func() string // the secret, out of fmt's sight
}

// maxSecret bounds what is taken for a secret: a wrong path should not fill the memory.
const maxSecret = 1 << 20

func (f *file) Secret(context.Context) (string, error) {
	now, err := os.Stat(f.path)
	if err != nil {
		return "", fmt.Errorf("the secret's file cannot be read: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.seen != nil && os.SameFile(f.seen, now) && f.seen.ModTime().Equal(now.ModTime()) && f.seen.Size() == now.Size() {
		return f.read(), nil
	}
	if now.Size() > maxSecret || now.IsDir() {
		return "", fmt.Errorf("%s is no secret: it is a directory, or larger than 1 MiB", f.path)
	}
	text, err := os.ReadFile(f.path)
	if err != nil {
		return "", fmt.Errorf("the secret's file cannot be read: %w", err)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if value == "" {
		return "", fmt.Errorf("the secret's file %s is empty", f.path)
	}
	f.seen, f.read = now, func() string { return value }
	return value, nil
}

func (f *file) Validate() error {
	if f.path == "" {
		return errors.New("the path of the secret's file is empty")
	}
	return validateBySecret(f)
}

func (f *file) String() string { return f.path }
