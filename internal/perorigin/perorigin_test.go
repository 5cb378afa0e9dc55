package perorigin_test

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/internal/perorigin"
)

func at(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	require.NoError(t, err)
	return u
}

func TestAnOriginIsOneHoweverItIsWritten(t *testing.T) {
	var m perorigin.Map[int]
	m.Put(at(t, "https://api.test/a"), 1)
	m.Put(at(t, "https://API.test:443/b?c"), 2)
	require.Equal(t, 1, m.Len())
	n, ok := m.Get(at(t, "https://api.test"))
	require.True(t, ok)
	require.Equal(t, 2, n)
	_, ok = m.Get(at(t, "http://api.test"))
	require.False(t, ok)
	m.Drop(at(t, "http://api.test"))
	m.Drop(at(t, "https://api.test"))
	require.Zero(t, m.Len())
}

func TestWhatIsUsedStays(t *testing.T) {
	var e perorigin.Each[string]
	made := 0
	of := func(url string) *string {
		return e.Of(at(t, url), func(origin string) *string { made++; return &origin })
	}
	used := of("https://used.test/")
	for i := range 2 * perorigin.Most {
		of(fmt.Sprintf("https://%d.test", i))
		require.Same(t, used, of("https://used.test"))
	}
	require.Equal(t, "https://used.test", *used)
	require.Equal(t, 2*perorigin.Most+1, made)
	of("https://0.test")
	require.Equal(t, 2*perorigin.Most+2, made, "forgotten long ago")
}
