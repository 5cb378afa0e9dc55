package auth

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

// watched is what a file holds, read again when the file has changed. Its zero value is
// ready.
type watched[T any] struct {
	mu   sync.Mutex
	seen os.FileInfo
	read func() T // out of fmt's sight
}

const (
	// maxSecret bounds what is taken for a secret: a wrong path should not fill the memory.
	maxSecret = 1 << 20
	// fresh is how long a file may be written again without a trace: file systems keep
	// times in steps of up to two seconds.
	fresh = 2 * time.Second
)

// errNoSecretFile is the error of a device, a directory, or what is too large.
var errNoSecretFile = errors.New("it is no regular file, or larger than 1 MiB")

// get is what the file holds now, as parse reads it. Its errors are those of the file
// system, errNoSecretFile and parse's own.
func (w *watched[T]) get(path string, parse func(now os.FileInfo, text string) (T, error)) (T, error) {
	var none T
	now, err := os.Stat(path) //nolint:gosec // it is the path that the program names
	if err != nil {
		return none, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen != nil && os.SameFile(w.seen, now) && w.seen.ModTime().Equal(now.ModTime()) && w.seen.Size() == now.Size() && w.seen.Mode() == now.Mode() {
		return w.read(), nil
	}
	if !now.Mode().IsRegular() {
		return none, errNoSecretFile
	}
	text, err := readSecret(path)
	if err != nil {
		return none, err
	}
	value, err := parse(now, text)
	if err != nil {
		return none, err
	}
	if w.seen = now; time.Since(now.ModTime()) < fresh {
		w.seen = nil
	}
	w.read = func() T { return value }
	return value, nil
}

func readSecret(path string) (string, error) {
	r, err := os.Open(path) //nolint:gosec // it is the path that the program names
	if err != nil {
		return "", err
	}
	defer func() { _ = r.Close() }()
	text, err := io.ReadAll(io.LimitReader(r, maxSecret+1))
	if err == nil && len(text) > maxSecret {
		err = errNoSecretFile
	}
	return string(text), err
}
