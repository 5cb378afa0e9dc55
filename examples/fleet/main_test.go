package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"
)

// TestMain lets the test be a process of the fleet, as the program is.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	if os.Getenv(envAPI) == "" {
		os.Exit(m.Run())
	}
	if err := start(context.Background(), os.Stdout, ""); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

const shared = `Two processes call an API at once. Neither has a token.
   process 1 got 200 OK
   process 2 got 200 OK
   tokens made: 1
They call again.
   process 1 got 200 OK
   process 2 got 200 OK
   tokens made: 0
The provider revokes the token, and they call again.
   process 1 got 200 OK
   process 2 got 200 OK
   tokens made: 1
`

func TestTwoProcessesMakeOneTokenAndWithoutRedisOneEach(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out, ""))
	require.Equal(t, shared+`Redis goes down, the token is revoked, and they call again.
   process 1 got 200 OK, with a token of its own: Redis does not answer
   process 2 got 200 OK, with a token of its own: Redis does not answer
   tokens made: 2
`, out.String())
}

func TestARedisOfSomebodysIsNotStoppedAndEndsClean(t *testing.T) {
	mini := miniredis.RunT(t)
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out, "redis://"+mini.Addr()))
	require.Equal(t, shared+"Redis is yours, and is not stopped.\n", out.String())
	require.Len(t, mini.Keys(), 1)
	require.NotZero(t, mini.TTL(mini.Keys()[0]), "nothing stays there for ever")
}

func TestARedisThatIsNotThereFailsNoCall(t *testing.T) {
	mini := miniredis.RunT(t)
	url := "redis://" + mini.Addr()
	mini.Close()
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out, url))
	require.True(t, strings.HasPrefix(out.String(), `Two processes call an API at once. Neither has a token.
   process 1 got 200 OK, with a token of its own: Redis does not answer
   process 2 got 200 OK, with a token of its own: Redis does not answer
   tokens made: 2
`), out.String())
}

func TestAURLThatIsNoneIsSaid(t *testing.T) {
	require.ErrorContains(t, run(t.Context(), &strings.Builder{}, "localhost:6379"), "-redis: ")
}

func TestAProcessThatDiesIsNamed(t *testing.T) {
	w, err := newWorld("")
	require.NoError(t, err)
	defer w.close()
	f, err := w.startFleet(t.Context())
	require.NoError(t, err)
	defer f.stop()
	_, err = f.call()
	require.NoError(t, err)
	require.NoError(t, f[1].Process.Kill())
	_, _ = f[1].Process.Wait()
	_, err = f.call()
	require.ErrorContains(t, err, "process 2: ")
}
