package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
)

func TestARevokedTokenIsReplacedInMidFlight(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(&out, service{}))
	text := out.String()
	const call = "  GET /installation/repositories with token %d: 200 OK\n  the caller got 200 OK\n"
	const signing = `  the app's JWT, header: {"alg":"RS256","typ":"JWT"}` + "\n" + `  the app's JWT, claims: {"exp":N,"iat":N,"iss":"Iv23liDemo","jti":"X"}` + "\n" +
		"  POST /app/installations/987/access_tokens with the app's JWT: 201 Created\n"
	text = regexp.MustCompile(`"(exp|iat)":\d{10}`).ReplaceAllString(text, `"$1":N`)
	text = regexp.MustCompile(`"jti":"\w+"`).ReplaceAllString(text, `"jti":"X"`)
	for _, part := range []string{
		"auth  oauth2          GitHub app Iv23liDemo, installation 987 at http://127.0.0.1:",
		"a call: the app signs, and GitHub gives a token\n" + signing + fmt.Sprintf(call, 1),
		"another call: the token is kept\n" + fmt.Sprintf(call, 1),
		"the token is revoked, which the client does not know\n  DELETE /installation/token with token 1: 204 No Content\n  the caller got 204 No Content\n",
		"a call: 401, a new token, and the request once more\n  GET /installation/repositories with token 1: 401 Unauthorized\n" + signing + fmt.Sprintf(call, 2),
		"what GitHub refuses is an error\n  GET /nowhere with token 2: 404 Not Found\n  the caller got status: GET URL/nowhere: 404 Not Found",
	} {
		require.Contains(t, text, part)
	}
	require.NotRegexp(t, `ghs_`, text, "no token shows")
	require.NotRegexp(t, `eyJ`, text, "and no JWT that could be used")
}

func TestTheStandInRefusesAnotherKey(t *testing.T) {
	mine, err := startHub()
	require.NoError(t, err)
	defer mine.Close()
	other, err := startHub()
	require.NoError(t, err)
	defer other.Close()
	s := mine.service
	s.key = other.service.key
	var out strings.Builder
	err = run(&out, s)
	var failed *auth.TokenError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, 401, failed.StatusCode)
}

func TestFlagsThatAreMissingAreNamed(t *testing.T) {
	err := run(&strings.Builder{}, service{url: "https://api.github.com", key: auth.File("")})
	for _, want := range []string{"AppID is empty", "InstallationID is 0", "the path of the secret's file is empty"} {
		require.ErrorContains(t, err, want)
	}
}
