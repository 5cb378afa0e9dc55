package auth

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode"
)

// Source is where a secret comes from. It is asked for each attempt, or for each token
// where it is the Secret of a [Grant], and must be safe for concurrent use. A source that
// has a Validate method is asked by [middleware.Use], so that a missing secret is an
// error there and not a 401 later; one that has a String method shows in the printed
// pipeline with what it returns.
type Source interface {
	Secret(context.Context) (string, error)
}

// Static is a secret that is known now. Prefer [Env] or [File]: a literal in a program
// ends up in its repository.
func Static(secret string) Source {
	return static{func() string { return secret }}
}

// static holds the secret in a function, where fmt and reflection do not find it.
type static struct{ secret func() string }

func (s static) Secret(context.Context) (string, error) { return s.secret(), nil }
func (s static) Validate() error                        { return checkSecret(s.secret()) }
func (static) String() string                           { return "static" }

// Env is a secret in an environment variable, read for each attempt. A variable that is
// not set, or empty, is an error.
func Env(name string) Source { return env(name) }

type env string

func (e env) Secret(context.Context) (string, error) {
	value := os.Getenv(string(e))
	if value == "" {
		return "", fmt.Errorf("the environment variable %s is not set, or empty", string(e))
	}
	return value, nil
}

func (e env) Validate() error {
	if e == "" {
		return errors.New("the name of the environment variable is empty")
	}
	return validateBySecret(e)
}

func (e env) String() string { return string(e) }

// Func is a secret that a function knows: a vault, a key ring. It is called for each
// attempt under the request's context, so it caches what is slow; its error ends the
// attempt.
func Func(f func(context.Context) (string, error)) Source { return funcSource{f} }

type funcSource struct {
	f func(context.Context) (string, error)
}

func (s funcSource) Secret(ctx context.Context) (string, error) { return s.f(ctx) }
func (funcSource) String() string                               { return "func" }

func (s funcSource) Validate() error {
	if s.f == nil {
		return errors.New("the function is nil")
	}
	return nil
}

// secret reads a source, and refuses what no header can carry.
func secret(ctx context.Context, s Source) (string, error) {
	value, err := s.Secret(ctx)
	if err != nil {
		return "", err
	}
	return value, checkSecret(value)
}

// checkSecret says what is wrong with a secret, and never the secret.
func checkSecret(value string) error {
	switch i := strings.IndexFunc(value, unicode.IsControl); {
	case i >= 0 && i == len(strings.TrimRight(value, "\r\n")):
		return errors.New("the secret ends in a line end: strip it, or use auth.File, which does")
	case i >= 0:
		return errControl(i)
	}
	return nil
}

func errControl(at int) error {
	return fmt.Errorf("the secret has a control character at byte %d, such as a line end: no header can carry it", at)
}

// validateSource asks a source whether it is ready.
func validateSource(field string, s Source) error {
	if s == nil {
		return fmt.Errorf("%s is nil: give auth.Env, auth.File, auth.Func or auth.Static", field)
	}
	if v, ok := s.(interface{ Validate() error }); ok {
		if err := v.Validate(); err != nil {
			return fmt.Errorf("%s: %w", field, err)
		}
	}
	return nil
}

func validateBySecret(s Source) error {
	_, err := secret(context.Background(), s)
	return err
}

// sourceName is a source as the printed pipeline shows it.
func sourceName(s Source) string {
	if n, ok := s.(fmt.Stringer); ok {
		return n.String()
	}
	if s == nil {
		return "none"
	}
	return fmt.Sprintf("%T", s)
}
