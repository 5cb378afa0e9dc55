package middleware_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

// accepts asks for gzip as a caller may; then net/http does not unzip, and resty does.
func accepts(r *resty.Request) { r.SetHeader("Accept-Encoding", "gzip") }

func TestDecompressedBytesAreCountedWhereRestyUnzips(t *testing.T) {
	c := maxBodyClient(t, sizes(t), middleware.MaxBody(100_000))
	n, err := download(t, c, "decoded", "/100000?gzip", accepts)
	require.NoError(t, err)
	require.Equal(t, 100_000, n)
	_, err = download(t, c, "decoded", "/100001?gzip", accepts)
	requireTooLarge(t, err, 100_000)
}

// What is streamed or saved is as it came, where the caller asked for gzip.
func TestCompressedBytesAreCountedWhereTheCallerUnzips(t *testing.T) {
	c := maxBodyClient(t, sizes(t), middleware.MaxBody(100_000))
	for _, mode := range []string{"streamed", "saved"} {
		n, err := download(t, c, mode, "/1000000?gzip", accepts)
		require.NoError(t, err)
		require.Less(t, n, 10_000)
		_, err = download(t, c, mode, "/1000000?gzip", nil)
		requireTooLarge(t, err, 100_000)
	}
}

// bomb serves n zeros, zipped.
func bomb(t *testing.T, n int) string {
	t.Helper()
	var zipped bytes.Buffer
	zip, err := gzip.NewWriterLevel(&zipped, gzip.BestSpeed)
	require.NoError(t, err)
	zeros := make([]byte, 1<<20)
	for ; n > 0; n -= len(zeros) {
		_, err = zip.Write(zeros)
		require.NoError(t, err)
	}
	require.NoError(t, zip.Close())
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(zipped.Bytes())
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestBombOf200MiBIsRefusedInBoundedMemory(t *testing.T) {
	url := bomb(t, 200<<20)
	for _, mode := range []string{"decoded", "streamed", "saved"} {
		for name, set := range map[string]func(*resty.Request){"unzipped by net/http": nil, "unzipped by resty": accepts} {
			if set != nil && mode != "decoded" {
				continue
			}
			t.Run(mode+" "+name, func(t *testing.T) {
				c := maxBodyClient(t, url, middleware.MaxBody(1<<20))
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				_, err := download(t, c, mode, "/", set)
				runtime.ReadMemStats(&after)
				requireTooLarge(t, err, 1<<20)
				require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20))
			})
		}
	}
}

func TestBrokenGzipIsAnErrorAndNotAShorterBody(t *testing.T) {
	var zipped bytes.Buffer
	zip := gzip.NewWriter(&zipped)
	_, err := zip.Write(bytes.Repeat([]byte("0123456789"), 1000))
	require.NoError(t, err)
	require.NoError(t, zip.Close())
	for name, body := range map[string][]byte{
		"cut off": zipped.Bytes()[:zipped.Len()/2], "no gzip": []byte("<html>not zipped</html>"),
		"wrong sum": append(bytes.Clone(zipped.Bytes()[:zipped.Len()-8]), "12345678"...),
	} {
		t.Run(name, func(t *testing.T) {
			c := answers(t, func(*http.Request) *http.Response { return reply(200, string(body), "Content-Encoding", "gzip") }, middleware.MaxBody(0))
			_, err := c.R().Get("/")
			require.Error(t, err)
			_, large := errors.AsType[*middleware.MaxBodyError](err)
			require.False(t, large)
		})
	}
	c := answers(t, func(*http.Request) *http.Response { return reply(200, "brotli", "Content-Encoding", "br") }, middleware.MaxBody(0))
	resp, err := c.R().Get("/")
	require.NoError(t, err)
	require.Equal(t, "brotli", resp.String(), "other encodings are the caller's business")
	require.Equal(t, "br", resp.Header().Get("Content-Encoding"))
}
