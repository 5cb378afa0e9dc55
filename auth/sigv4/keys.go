package sigv4

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/restykit/restykit/auth"
)

var _ aws.CredentialsProvider = Keys{}

// Keys are credentials from the sources of package auth, for programs that do not ask AWS
// for theirs, and for stores that are like S3:
//
//	sigv4.Keys{AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: auth.Env("AWS_SECRET_ACCESS_KEY")}
//
// The sources are asked for each attempt.
type Keys struct {
	AccessKeyID     string // it shows in the printed pipeline
	SecretAccessKey auth.Source
	SessionToken    auth.Source // nil is none
}

// Retrieve reads the sources.
func (k Keys) Retrieve(ctx context.Context) (aws.Credentials, error) {
	out := aws.Credentials{AccessKeyID: k.AccessKeyID, Source: "sigv4.Keys"}
	var err error
	if out.SecretAccessKey, err = read(ctx, "SecretAccessKey", k.SecretAccessKey); err != nil {
		return aws.Credentials{}, err
	}
	if k.SessionToken == nil {
		return out, nil
	}
	if out.SessionToken, err = read(ctx, "SessionToken", k.SessionToken); err != nil {
		return aws.Credentials{}, err
	}
	return out, nil
}

func read(ctx context.Context, field string, s auth.Source) (string, error) {
	value, err := s.Secret(ctx)
	switch {
	case err != nil:
		return "", fmt.Errorf("%s: %w", field, err)
	case value == "":
		return "", final(field + ": the secret is empty")
	case strings.ContainsFunc(value, unicode.IsControl):
		return "", final(field + ": the secret has a control character, such as a line end: strip it, or use auth.File, which does")
	}
	return value, nil
}

// Validate refuses keys that are not there.
func (k Keys) Validate() error {
	var errs []error
	if strings.ContainsFunc(k.AccessKeyID, unicode.IsControl) {
		errs = append(errs, errors.New("AccessKeyID has a control character, such as a line end"))
	}
	if k.AccessKeyID == "" {
		errs = append(errs, errors.New("AccessKeyID is empty"))
	}
	if k.SecretAccessKey == nil {
		errs = append(errs, errors.New("SecretAccessKey is nil: give auth.Env, auth.File, auth.Func or auth.Static"))
	}
	return errors.Join(append(errs, validate("SecretAccessKey", k.SecretAccessKey), validate("SessionToken", k.SessionToken))...)
}

func validate(field string, s auth.Source) error {
	if v, ok := s.(interface{ Validate() error }); ok {
		return prefixed(field, v.Validate())
	}
	return nil
}

// String is the key's id and the secret's source.
func (k Keys) String() string {
	text := k.AccessKeyID + ", secret "
	if s, ok := k.SecretAccessKey.(fmt.Stringer); ok {
		return text + s.String()
	}
	return fmt.Sprintf("%s%T", text, k.SecretAccessKey)
}

// Format prints the keys without the secrets, whatever the verb.
func (k Keys) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, k.String()) }
