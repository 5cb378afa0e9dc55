package middleware_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

func TestProblemHasTheMembersOfRFC9457(t *testing.T) {
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	for name, c := range map[string]struct {
		kind, body string
		want       *middleware.Problem
		says       string
	}{
		"the example of section 3": {
			"application/problem+json", `{
				"type": "https://example.com/probs/out-of-credit", "title": "You do not have enough credit.",
				"detail": "Your current balance is 30, but that costs 50.", "instance": "/account/12345/msgs/abc",
				"balance": 30, "accounts": ["/account/12345", "/account/67890"], "status": 403}`,
			&middleware.Problem{
				Type: "https://example.com/probs/out-of-credit", Title: "You do not have enough credit.", Status: 403,
				Detail: "Your current balance is 30, but that costs 50.", Instance: "/account/12345/msgs/abc",
				Extensions: map[string]json.RawMessage{"balance": raw(`30`), "accounts": raw(`["/account/12345", "/account/67890"]`)},
			},
			"Your current balance is 30, but that costs 50. (https://example.com/probs/out-of-credit)",
		},
		"an empty object":          {"application/problem+json", `{}`, &middleware.Problem{Type: "about:blank"}, ""},
		"with a charset":           {"Application/Problem+JSON ; charset=utf-8", `{"title":"T"}`, &middleware.Problem{Type: "about:blank", Title: "T"}, "T"},
		"title for want of detail": {"application/problem+json", `{"title":"T","type":"urn:x"}`, &middleware.Problem{Type: "urn:x", Title: "T"}, "T (urn:x)"},
		"only a type":              {"application/problem+json", `{"type":"urn:x"}`, &middleware.Problem{Type: "urn:x"}, "(urn:x)"},
		"members of wrong types are ignored": {
			"application/problem+json", `{"type":7,"title":["x"],"status":"403","detail":{"a":1},"instance":false,"more":null}`,
			&middleware.Problem{Type: "about:blank", Extensions: map[string]json.RawMessage{"more": raw(`null`)}}, "",
		},
		"one wrong member spoils no other": {
			"application/problem+json", `{"title":"T","status":4.5,"detail":"D"}`, &middleware.Problem{Type: "about:blank", Title: "T", Detail: "D"}, "D",
		},
		"null members": {"application/problem+json", `{"type":null,"title":null,"status":null}`, &middleware.Problem{Type: "about:blank"}, ""},
		"names are case-sensitive": {
			"application/problem+json", `{"Title":"T"}`,
			&middleware.Problem{Type: "about:blank", Extensions: map[string]json.RawMessage{"Title": raw(`"T"`)}}, "",
		},
		"plain JSON is none":  {"application/json", `{"title":"T"}`, nil, ""},
		"problem+xml is none": {"application/problem+xml", `<problem/>`, nil, ""},
		"broken JSON":         {"application/problem+json", `{"title":"T"`, nil, ""},
		"an array":            {"application/problem+json", `[{"title":"T"}]`, nil, ""},
		"null":                {"application/problem+json", `null`, nil, ""},
		"nothing":             {"application/problem+json", ``, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for mode, get := range modes(t) {
				client := answers(t, func(*http.Request) *http.Response { return reply(http.StatusForbidden, c.body, "Content-Type", c.kind) }, middleware.RequireStatus{})
				_, err := get(client.R())
				got := statusError(t, err)
				require.Equal(t, c.want, got.Problem, mode)
				require.Equal(t, c.body, string(got.Body))
				if c.want != nil {
					require.Equal(t, c.says, c.want.String())
					require.True(t, strings.HasSuffix(got.Error(), "403 Forbidden: "+c.says) || c.says == "", got.Error())
				}
			}
		})
	}
}

// A problem may be longer than the excerpt that the error keeps.
func TestProblemIsReadBeyondTheExcerpt(t *testing.T) {
	for mode, get := range modes(t) {
		client := answers(t, func(*http.Request) *http.Response {
			return reply(http.StatusForbidden, `{"fill":"`+strings.Repeat(".", 20<<10)+`","title":"T"}`, "Content-Type", "application/problem+json")
		}, middleware.RequireStatus{})
		_, err := get(client.R())
		got := statusError(t, err)
		require.Equal(t, "T", got.Problem.Title, mode)
		require.Len(t, got.Body, 4<<10)
	}
}

func TestProblemIsOneBoundedLineWithoutSecrets(t *testing.T) {
	p := middleware.Problem{Type: "https://user:pw@x.test/p?key=sesame", Detail: "a\nb\x1b" + strings.Repeat(".", 1000)}
	require.Less(t, len(p.String()), 320)
	require.NotContains(t, p.String(), "\n")
	p.Detail = ""
	require.Equal(t, "(https://REDACTED@x.test/p?key=REDACTED)", p.String())
}
