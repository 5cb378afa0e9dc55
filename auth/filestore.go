package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gofrs/flock"
)

// FileStore is a [TokenStore] in a file of this machine, for programs that a person
// calls again and again, and for processes beside each other. It is a JSON object with a
// member for each key, is made with the mode 0600 (and its directory with 0700), replaced
// as a whole by an atomic rename, and guarded by an advisory lock on a file beside it
// with ".lock" in its name. A file that others may read is refused. A link is followed.
//
// It is for a file system of this machine: locks of network file systems may not hold.
type FileStore struct{ Path string }

// lockPause is how long to wait between two tries for the lock.
const lockPause = 5 * time.Millisecond

// Load is what is kept under a key, or nil.
func (s FileStore) Load(_ context.Context, key string) ([]byte, error) {
	kept, err := readStore(s.Path)
	return kept[key], err
}

// Swap puts value in the place of old.
func (s FileStore) Swap(ctx context.Context, key string, old, value []byte) (swapped bool, err error) {
	path, err := s.place()
	if err != nil {
		return false, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return false, err
	}
	lock := flock.New(path+".lock", flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, lockPause); err != nil {
		return false, fmt.Errorf("%s.lock: %w", path, err)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	kept, err := readStore(path)
	if err != nil || !bytes.Equal(kept[key], old) {
		return false, err
	}
	kept[key] = value
	return true, writeStore(path, kept)
}

// place is the file itself, where the path is a link to it, also to one that is not there.
func (s FileStore) place() (string, error) {
	path := s.Path
	for range maxLinks {
		target, err := os.Readlink(path)
		if err != nil {
			return path, nil //nolint:nilerr // it is no link
		}
		if !filepath.IsAbs(target) {
			dir, err := filepath.EvalSymlinks(filepath.Dir(path))
			if err != nil {
				return "", err
			}
			target = filepath.Join(dir, target)
		}
		path = target
	}
	return "", fmt.Errorf("%s: too many links", s.Path)
}

const maxLinks = 16

// readStore reads the whole file. It needs no lock: a rename puts whole files there.
func readStore(path string) (map[string]json.RawMessage, error) {
	kept := map[string]json.RawMessage{}
	f, err := os.Open(path) //nolint:gosec // the path is the owner of the program's to choose
	if errors.Is(err, fs.ErrNotExist) {
		return kept, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if mode := info.Mode(); runtime.GOOS != "windows" && mode.Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s: others may read the tokens in it (mode %04o): chmod 600 it, and log in anew", path, mode.Perm())
	}
	text, err := io.ReadAll(io.LimitReader(f, maxStore+1))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &kept); err != nil || kept == nil || len(text) > maxStore {
		return nil, fmt.Errorf("%s: it is no token store: it should be a JSON object; delete it, or give another Path", path)
	}
	return kept, nil
}

// maxStore bounds what is taken for a token store.
const maxStore = 16 << 20

func writeStore(path string, kept map[string]json.RawMessage) error {
	text, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // it has the mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// Validate refuses a path that is not there, and a file that is no token store.
func (s FileStore) Validate() error {
	if s.Path == "" {
		return errors.New("Path is empty")
	}
	_, err := readStore(s.Path)
	return err
}

// String is the path.
func (s FileStore) String() string { return s.Path }
