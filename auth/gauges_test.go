package auth_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestATokenTellsItsAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := &issuer{}
		step := id.step()
		gauges := func() map[string]float64 {
			out := map[string]float64{}
			step.Gauges(func(name, _ string, value float64) { out[name] = value })
			return out
		}
		require.Empty(t, gauges())
		_, err := step.Token(t.Context())
		require.NoError(t, err)
		time.Sleep(time.Minute)
		require.Equal(t, map[string]float64{"token-age": 60, "token-left": 3540}, gauges())
	})
}
