package middleware_test

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

// sizes serves a body of as many bytes as the path says, under any of the ways in which
// HTTP can send it.
func sizes(t *testing.T) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.URL.Path[1:])
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		var to io.Writer = w
		switch r.URL.RawQuery {
		case "length":
			w.Header().Set("Content-Length", strconv.Itoa(n))
		case "chunked":
			_ = http.NewResponseController(w).Flush()
		case "gzip":
			w.Header().Set("Content-Encoding", "gzip")
			zip := gzip.NewWriter(w)
			defer zip.Close()
			to = zip
		}
		zeros := make([]byte, 64<<10)
		for n > 0 && err == nil {
			_, err = to.Write(zeros[:min(n, len(zeros))])
			n -= len(zeros)
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func maxBodyClient(t *testing.T, url string, steps ...middleware.Middleware) *resty.Client {
	t.Helper()
	base := &http.Transport{}
	t.Cleanup(base.CloseIdleConnections)
	c := resty.New().SetBaseURL(url).SetTransport(base).SetLogger(silence{})
	require.NoError(t, middleware.Use(c, steps...))
	return c
}

func requireTooLarge(t *testing.T, err error, limit int64) {
	t.Helper()
	large, ok := errors.AsType[*middleware.MaxBodyError](err)
	require.Truef(t, ok, "%v", err)
	require.Equal(t, limit, large.Limit)
	theirs, ok := errors.AsType[*http.MaxBytesError](err)
	require.True(t, ok)
	require.Equal(t, limit, theirs.Limit)
	require.True(t, large.Final())
}

// download reads a path in a mode, and tells how many bytes came.
func download(t *testing.T, c *resty.Client, mode, path string, set func(*resty.Request)) (int, error) {
	t.Helper()
	r := c.R()
	if set != nil {
		set(r)
	}
	switch mode {
	case "saved":
		file := filepath.Join(t.TempDir(), "out")
		_, err := r.SetOutput(file).Get(path)
		info, _ := os.Stat(file)
		if info == nil {
			return 0, err
		}
		return int(info.Size()), err
	case "streamed":
		resp, err := r.SetDoNotParseResponse(true).Get(path)
		if err != nil {
			return 0, err
		}
		defer resp.RawBody().Close()
		n, err := io.Copy(io.Discard, resp.RawBody())
		return int(n), err
	}
	resp, err := r.Get(path)
	return len(resp.Body()), err
}

func TestBodyOfExactlyTheLimitPassesAndOneByteMoreDoesNot(t *testing.T) {
	url := sizes(t)
	for _, limit := range []int{1, 1000, 100_000} {
		c := maxBodyClient(t, url, middleware.MaxBody(limit))
		for _, how := range []string{"length", "chunked", "gzip"} {
			for _, mode := range []string{"decoded", "streamed", "saved"} {
				for _, n := range []int{0, limit - 1, limit} {
					got, err := download(t, c, mode, "/"+strconv.Itoa(n)+"?"+how, nil)
					require.NoErrorf(t, err, "%d of %d, %s, %s", n, limit, how, mode)
					require.Equal(t, n, got)
				}
				for _, n := range []int{limit + 1, 2*limit + 100_000} {
					got, err := download(t, c, mode, "/"+strconv.Itoa(n)+"?"+how, nil)
					requireTooLarge(t, err, int64(limit))
					require.LessOrEqualf(t, got, limit, "%d of %d, %s, %s", n, limit, how, mode)
				}
			}
		}
	}
}

func TestLimitOfBodiesIs10MiBUnlessItSaysSo(t *testing.T) {
	c := maxBodyClient(t, sizes(t), middleware.MaxBody(0))
	n, err := download(t, c, "decoded", "/10485760", nil)
	require.NoError(t, err)
	require.Equal(t, 10<<20, n)
	_, err = download(t, c, "decoded", "/10485761", nil)
	requireTooLarge(t, err, 10<<20)
	require.ErrorContains(t, err, "max-body: the response is larger than 10 MiB")
}

func TestLengthThatIsTooLargeFailsAtOnce(t *testing.T) {
	announces := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000000")
		_ = http.NewResponseController(w).Flush()
		mute(w, r)
	}
	for mode, get := range modes(t) {
		t.Run(mode, func(t *testing.T) {
			overBoth(t, announces, func(t *testing.T, w *world) {
				_, err := get(w.client(middleware.MaxBody(1000)).R())
				requireTooLarge(t, err, 1000)
				require.Zero(t, w.past())
			})
		})
	}
}

func TestGoodFileIsNotReplacedByABodyOfWhichTheLengthIsTooLarge(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out")
	require.NoError(t, os.WriteFile(file, []byte("yesterday's"), 0o600))
	_, err := maxBodyClient(t, sizes(t), middleware.MaxBody(10)).R().SetOutput(file).Get("/11?length")
	requireTooLarge(t, err, 10)
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "yesterday's", string(got))
}

func TestLengthOfAnAnswerToHEADIsNoBody(t *testing.T) {
	c := maxBodyClient(t, sizes(t), middleware.MaxBody(10))
	for _, streamed := range []bool{false, true} {
		resp, err := c.R().SetDoNotParseResponse(streamed).Head("/1000?length")
		require.NoError(t, err)
		require.EqualValues(t, 1000, resp.RawResponse.ContentLength)
	}
}

func TestMaxBodyOfTheRequestReplacesTheClients(t *testing.T) {
	c := maxBodyClient(t, sizes(t), middleware.MaxBody(10))
	for ok, step := range map[bool]middleware.Middleware{true: middleware.MaxBody(100), false: middleware.MaxBody(99)} {
		_, err := c.R().SetContext(middleware.With(t.Context(), step)).Get("/100")
		require.Equal(t, ok, err == nil)
	}
	_, err := c.R().SetContext(middleware.With(t.Context(), middleware.Off("max-body"))).Get("/100")
	require.NoError(t, err)
}

func TestMaxBodyPrintsItsSizeAndRefusesNegativeOnes(t *testing.T) {
	for want, step := range map[string]middleware.MaxBody{
		"10 MiB": 0, "1 MiB": 1 << 20, "1536 KiB": 3 << 19, "2 GiB": 2 << 30, "1000 bytes": 1000, "1 bytes": 1,
	} {
		require.Equal(t, want, step.String())
		require.NoError(t, step.Validate())
	}
	err := middleware.Use(resty.New(), middleware.MaxBody(-1))
	require.ErrorContains(t, err, "max-body: the size is -1: give bytes, 0 for 10 MiB, or middleware.Off")
}
