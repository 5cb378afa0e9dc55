package redact_test

import (
	"encoding/json"
	"html"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/internal/redact"
)

func TestASecretIsTakenOutHoweverItIsSpelled(t *testing.T) {
	for _, secret := range []string{"plain", "a+b/c=", `q"u\o'te`, "<&>", "ümläut", "sp ace", "tab\tin", `"`, `""`, "%41"} {
		inJSON, err := json.Marshal(secret)
		require.NoError(t, err)
		for name, spelled := range map[string]string{
			"as it is": secret, "query": url.QueryEscape(secret), "path": url.PathEscape(secret), "html": html.EscapeString(secret),
			"form": url.Values{"k": {secret}}.Encode()[2:], "JSON": string(inJSON[1 : len(inJSON)-1]),
		} {
			require.Equal(t, "before REDACTED behind", redact.Secrets("before "+spelled+" behind", []string{"", secret}), "%q as %s", secret, name)
		}
	}
}

func TestASecretThatBeginsWithAnotherIsTakenOutWhole(t *testing.T) {
	for _, secrets := range [][]string{{"open", "open-sesame"}, {"open-sesame", "open"}} {
		require.Equal(t, "REDACTED, REDACTED", redact.Secrets("open-sesame, open", secrets))
	}
	require.Equal(t, "nothing", redact.Secrets("nothing", []string{""}))
	require.Equal(t, []string{"bb", "a"}, redact.Spellings([]string{"a", "bb", "a"}))
}
