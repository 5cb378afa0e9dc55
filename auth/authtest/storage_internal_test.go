package authtest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Two requests may both have found the refresh token good before either has used it.
func TestOfTwoThatFoundARefreshTokenGoodOneUsesIt(t *testing.T) {
	p := New(t)
	p.Rotate(true)
	saved, err := p.Client("app").Token("alice")
	require.NoError(t, err)
	s := p.engine.storage
	first, err := s.TokenRequestByRefreshToken(t.Context(), saved.RefreshToken)
	require.NoError(t, err)
	second, err := s.TokenRequestByRefreshToken(t.Context(), saved.RefreshToken)
	require.NoError(t, err)
	_, next, _, err := s.CreateAccessAndRefreshTokens(t.Context(), first, saved.RefreshToken)
	require.NoError(t, err)
	_, _, _, err = s.CreateAccessAndRefreshTokens(t.Context(), second, saved.RefreshToken)
	require.ErrorContains(t, err, "invalid_grant")
	_, ok := s.liveRefresh(next)
	require.False(t, ok, "reuse ends the family")
}
