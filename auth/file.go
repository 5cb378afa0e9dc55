package auth

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode"
)

// File is a secret in a file, such as an orchestrator mounts. It is read again when the
// file has changed; one line end behind the secret is dropped. A file that is missing
// or empty is an error, and so is one with further line ends, but for the Key of a step or
// a grant that signs.
func File(path string) Source { return &file{path: path} }

type file struct {
	path string
	held watched[string]
}

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
	value, err := f.held.get(f.path, f.parse)
	if _, system := errors.AsType[*os.PathError](err); system {
		return "", fmt.Errorf("the secret's file cannot be read: %w", err)
	}
	if errors.Is(err, errNoSecretFile) {
		return "", fmt.Errorf("%s is no secret: %w", f.path, err)
	}
	return value, err
}

func (f *file) parse(_ os.FileInfo, text string) (string, error) {
	value, ended := strings.CutSuffix(text, "\n")
	if ended {
		value = strings.TrimSuffix(value, "\r")
	}
	if value == "" {
		return "", fmt.Errorf("the secret's file %s is empty", f.path)
	}
	return value, nil
}

func (f *file) Validate() error {
	if f.path == "" {
		return errors.New("the path of the secret's file is empty")
	}
	return validateBySecret(f)
}

func (f *file) String() string { return f.path }
