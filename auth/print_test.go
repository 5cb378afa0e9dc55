package auth_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/restykit/restykit/auth"
)

func TestEncodersDoNotFindTheSecretsOfAGrant(t *testing.T) {
	for _, grant := range []any{
		auth.ClientCredentials{Config: clientcredentials.Config{ClientID: "id", ClientSecret: "s3cret"}},
		auth.RefreshToken{Config: oauth2.Config{ClientID: "id", ClientSecret: "s3cret"}, Token: &oauth2.Token{RefreshToken: "s3cret"}},
	} {
		var out bytes.Buffer
		slog.New(slog.NewJSONHandler(&out, nil)).Info("grant", "grant", grant, "in", map[string]any{"g": grant})
		slog.New(slog.NewTextHandler(&out, nil)).Info("grant", "grant", grant)
		require.NoError(t, json.NewEncoder(&out).Encode(grant))
		require.NotContains(t, out.String(), "s3cret")
		require.Contains(t, out.String(), "of id at")
	}
}
