// Package sigv4 signs requests by AWS Signature Version 4, with the signer of
// [github.com/aws/aws-sdk-go-v2]: for what runs behind Amazon API Gateway, for Lambda
// function URLs, OpenSearch and Bedrock, and for S3 and the stores that are like it.
//
//	cfg, err := config.LoadDefaultConfig(ctx) // of aws-sdk-go-v2/config
//	...
//	err = middleware.Use(client, sigv4.Signature{Region: "eu-central-1", Service: "execute-api", Credentials: cfg.Credentials})
//
// The rules of package auth hold. It is a module of its own, so that nobody downloads the
// SDK who does not use it, and needs no client of a service.
package sigv4

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

// Signature signs requests by AWS Signature Version 4, in the header. Each attempt is
// signed anew, behind all other steps of the Auth layer, with the time of its own.
//
// All fields are signed but those that a proxy may change: User-Agent, Cache-Control,
// Referer and the like, those of one hop, and those of traces. Path and query are sent as
// they are signed, with all but letters, digits, "-", ".", "_" and "~" percent-encoded,
// and the parameters sorted; a query that cannot be read in one way only is an error.
//
// The body is hashed piece by piece, and read again to be sent: it has to be one that can
// be read twice, from bytes or with GetBody, unless UnsignedPayload is set. The hash is
// sent (X-Amz-Content-Sha256) to the services that want it: s3, s3express,
// s3-object-lambda, s3-outposts and aoss. One that the caller has set stays, whatever the
// service, is taken for the body's, and saves the reading.
//
// Where the answer is a 400, 401 or 403 and its Date is more than 4 min away from this
// machine's time, it is that clock that is wrong: the request is signed by the server's and
// sent once more, and so are later ones of that client, until another answer says otherwise.
//
// An Authorization that the caller has set wins, and a URL that is signed already
// (X-Amz-Signature) is sent as it is. Neither URLs nor streams of signed chunks are signed
// here, and no Signature Version 4A.
type Signature struct {
	Region  string // such as "eu-central-1"; "auto" where a store like S3 says so
	Service string // as it is signed: execute-api, lambda, es, aoss, bedrock, s3
	// Credentials are asked for each attempt. Those of aws-sdk-go-v2/config are cached;
	// others are put into aws.NewCredentialsCache. For keys of your own see [Keys].
	Credentials aws.CredentialsProvider
	// UnsignedPayload leaves the body out of the signature, for bodies that cannot be read
	// twice and services that allow it, such as S3. TLS alone protects it then, so it does
	// not go together with InsecureHTTP.
	UnsignedPayload bool
	Origins         []string // where else a signed request may go, like "https://b.s3.eu-central-1.amazonaws.com"
	// InsecureHTTP lets it go over plain http to or through other machines.
	InsecureHTTP bool

	state *state // of the client
}

const (
	name          = "sigv4"
	authorization = "Authorization"
)

// Name is "sigv4".
func (Signature) Name() string { return name }

// Layer is [middleware.Auth].
func (Signature) Layer() middleware.Layer { return middleware.Auth }

// Writes is "Authorization".
func (Signature) Writes() string { return authorization }

// Trusts is Origins.
func (s Signature) Trusts() []string { return s.Origins }

// Bind keeps the clock of the client, and the keys that were derived.
func (s Signature) Bind(old middleware.Middleware) middleware.Middleware {
	if before, ok := old.(Signature); ok && before.state != nil {
		s.state = before.state
	} else {
		s.state = newState()
	}
	return s
}

// RoundTrip sends the request with its signature, where it may go.
func (s Signature) RoundTrip(req *http.Request, next middleware.Next) (*http.Response, error) {
	if req.URL.Query().Has("X-Amz-Signature") {
		return next(req)
	}
	if s.state == nil {
		s.state = newState()
	}
	x := &exchange{Signature: s}
	return auth.Custom{
		Scheme: name, Sign: x.sign, Again: x.again, Origins: s.Origins, InsecureHTTP: s.InsecureHTTP,
	}.RoundTrip(req, next)
}

// Validate refuses what cannot be signed. The credentials are not asked for; those of [Keys]
// are.
func (s Signature) Validate() error {
	errs := []error{
		checkScope("Region", s.Region), checkScope("Service", s.Service),
		auth.Custom{Scheme: name, Sign: (&exchange{}).sign, Origins: s.Origins}.Validate(),
	}
	if s.UnsignedPayload && s.InsecureHTTP {
		errs = append(errs, errUnprotected)
	}
	switch v := reflect.ValueOf(s.Credentials); {
	case s.Credentials == nil, v.Kind() == reflect.Pointer && v.IsNil():
		errs = append(errs, errors.New("Credentials is nil: give those of an aws.Config, or sigv4.Keys"))
	case aws.IsCredentialsProvider(s.Credentials, aws.AnonymousCredentials{}):
		errs = append(errs, errors.New("Credentials are anonymous and sign nothing: leave this step out"))
	}
	if v, ok := s.Credentials.(interface{ Validate() error }); ok {
		errs = append(errs, prefixed("Credentials", v.Validate()))
	}
	return errors.Join(errs...)
}

// prefixed names the field before each of the errors that were joined.
func prefixed(field string, err error) error {
	if err == nil {
		return nil
	}
	list, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return fmt.Errorf("%s: %w", field, err)
	}
	var errs []error
	for _, e := range list.Unwrap() {
		errs = append(errs, prefixed(field, e))
	}
	return errors.Join(errs...)
}

const errUnprotected = final("UnsignedPayload and InsecureHTTP leave the body without protection: keep one of them")

// checkScope refuses what would be another part of the scope that is signed.
func checkScope(field, value string) error {
	if value == "" {
		return fmt.Errorf("%s is empty: see the documentation of the service for what is signed", field)
	}
	if strings.ContainsFunc(value, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.", r)
	}) {
		return fmt.Errorf("%s %q has a character that is no letter, digit, -, _ or dot", field, value)
	}
	return nil
}

// String is the service, the region, and whose credentials it signs with.
func (s Signature) String() string {
	whose := fmt.Sprintf("%T", s.Credentials)
	if k, ok := s.Credentials.(Keys); ok {
		whose = k.String()
	}
	text := s.Service + " in " + s.Region + ", " + whose
	if s.UnsignedPayload {
		text += ", bodies unsigned"
	}
	return text
}

// Format prints the step without its secrets, whatever the verb.
func (s Signature) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "%s(%s)", name, s.String()) }

// Some providers hold their secret in a field, which encoders find.

// MarshalText is String.
func (s Signature) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue is String.
func (s Signature) LogValue() slog.Value { return slog.StringValue(s.String()) }

// final is an error that no second attempt mends.
type final string

func (e final) Error() string { return string(e) }

// Final is true.
func (final) Final() bool { return true }
