package sigv4_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/auth/sigv4"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/observe"
)

// open is a provider that holds its secrets in fields, as that of the SDK for static ones.
type open struct{ Value sdk.Credentials }

func (o open) Retrieve(_ context.Context) (sdk.Credentials, error) { return o.Value, nil }

func requireSilent(t *testing.T, secrets []string, what, text string) {
	t.Helper()
	for _, s := range secrets {
		quoted, err := json.Marshal(s)
		require.NoError(t, err)
		for _, spelled := range []string{s, url.QueryEscape(s), html.EscapeString(s), strings.Trim(string(quoted), `"`), fmt.Sprintf("%x", s)} {
			require.NotContains(t, text, spelled, what)
		}
	}
	require.NotContains(t, text, "s3cret", what)
}

func printed(v any) string {
	var b strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		fmt.Fprintf(&b, verb+"\n", v)
	}
	text, _ := json.Marshal(v)
	b.Write(text)
	slog.New(slog.NewTextHandler(&b, nil)).Info("", "v", v)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("", "v", v)
	return b.String()
}

func TestNoSecretShowsWhateverBecomesOfACall(t *testing.T) {
	const session = `s3cret/session+"`
	withToken := keys
	withToken.SessionToken = auth.Static(session)
	for name, provider := range map[string]sdk.CredentialsProvider{
		"keys": withToken, "a provider with fields": open{sdk.Credentials{AccessKeyID: "AKID", SecretAccessKey: secret, SessionToken: session}},
	} {
		for _, status := range []int{200, 400, 403, 500} {
			t.Run(fmt.Sprint(name, " ", status), func(t *testing.T) {
				step := like(func(s *sigv4.Signature) { s.Credentials = provider })
				rt := &aws{answer: func(req *http.Request) *http.Response {
					sent := req.Header.Get("Authorization")
					resp := reply(req, status, fmt.Sprintf("%s %s %s %s %s %q", sent, signatureOf(sent), req.Header.Get("X-Amz-Security-Token"), secret, url.QueryEscape(secret), secret))
					resp.Header.Set("X-Echo", sent+req.Header.Get("X-Amz-Security-Token"))
					return resp
				}}
				var lines bytes.Buffer
				log := slog.New(slog.NewJSONHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
				c := client(t, rt, step, middleware.RequireStatus{}, observe.Log{Logger: log})
				resp, err := c.R().Get("/users/7")
				secrets := []string{secret, session, signatureOf(rt.last(t).Header.Get("Authorization"))}
				if status != 200 {
					var failed *middleware.StatusError
					require.ErrorAs(t, err, &failed)
					require.NotEmpty(t, failed.Body)
					requireSilent(t, secrets, "the error", fmt.Sprintf("%v %+v %s %v", err, err, failed.Body, failed.Header))
				}
				requireSilent(t, secrets, "the log", lines.String())
				requireSilent(t, secrets, "the caller's request", fmt.Sprint(resp.Request.RawRequest.Header, resp.RawResponse.Request.Header)+resp.Request.GenerateCurlCommand())
				requireSilent(t, secrets, "the step", printed(step)+printed(middleware.Stack{step})+printed(struct{ S sigv4.Signature }{step}))
				requireSilent(t, secrets, "the client", printed(middleware.Of(c)))
			})
		}
	}
	requireSilent(t, []string{secret, session}, "the keys", printed(withToken))
	require.Equal(t, "AKID, secret static", fmt.Sprintf("%#v", withToken))
	require.Equal(t, "sigv4(execute-api in eu-central-1, AKID, secret static)", fmt.Sprintf("%#v", step))
	require.Equal(t, "execute-api in eu-central-1, sigv4_test.open, bodies unsigned", like(func(s *sigv4.Signature) {
		s.Credentials, s.UnsignedPayload = open{}, true
	}).String())
}
