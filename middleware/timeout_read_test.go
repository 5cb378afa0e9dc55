package middleware_test

import (
	"bytes"
	"io"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

// modes are the three ways in which a caller may take a body. Each reads all of it.
func modes(t *testing.T) map[string]func(*resty.Request) (string, error) {
	t.Helper()
	return map[string]func(*resty.Request) (string, error){
		"decoded": func(r *resty.Request) (string, error) {
			resp, err := r.Get("/")
			return string(resp.Body()), err
		},
		"saved": func(r *resty.Request) (string, error) {
			_, err := r.SetOutput(filepath.Join(t.TempDir(), "body")).Get("/")
			return "", err
		},
		"streamed": func(r *resty.Request) (string, error) {
			resp, err := r.SetDoNotParseResponse(true).Get("/")
			if err != nil {
				return "", err
			}
			defer resp.RawBody().Close()
			body, err := io.ReadAll(resp.RawBody())
			return string(body), err
		},
	}
}

func TestServerThatIsSilentBeforeItsHeadersIsLeftAfterRead(t *testing.T) {
	for limit, step := range map[time.Duration]middleware.Timeout{7 * time.Second: {Read: 7 * time.Second}, 10 * time.Second: {}} {
		overBoth(t, mute, func(t *testing.T, w *world) {
			_, err := w.client(step).R().Get("/")
			requireLimit(t, err, "read", limit)
			require.Equal(t, limit, w.past())
		})
	}
}

func TestServerThatStallsInTheBodyIsLeftAfterRead(t *testing.T) {
	stalls := func(rw http.ResponseWriter, r *http.Request) {
		drip(2, 4*time.Second)(rw, r)
		mute(rw, r)
	}
	for mode, get := range modes(t) {
		t.Run(mode, func(t *testing.T) {
			overBoth(t, stalls, func(t *testing.T, w *world) {
				_, err := get(w.client(middleware.Timeout{Read: 7 * time.Second}).R())
				requireLimit(t, err, "read", 7*time.Second)
				require.Equal(t, 4*time.Second+7*time.Second, w.past(), "the last sign of life came after 4s")
			})
		})
	}
}

func TestHealthySlowDownloadOfAnyLengthPasses(t *testing.T) {
	for mode, get := range modes(t) {
		t.Run(mode, func(t *testing.T) {
			overBoth(t, drip(5, 6*time.Second), func(t *testing.T, w *world) {
				body, err := get(w.client(middleware.Timeout{Read: 7 * time.Second}).R())
				require.NoError(t, err)
				if mode != "saved" {
					require.Equal(t, "drop drop drop drop drop ", body)
				}
				require.Equal(t, 30*time.Second, w.past())
			})
		})
	}
}

// reads reads an upload in pieces of 32 KiB, with a pause before each.
func reads(r *http.Request, pieces int, pause time.Duration) {
	for range pieces {
		time.Sleep(pause)
		_, _ = io.CopyN(io.Discard, r.Body, 32<<10)
	}
}

// upload sends 8 MiB on a connection that has been used before: HTTP/2 knows then that
// the server takes large frames, and asks for half a megabyte at once.
func upload(t *testing.T, w *world) (took time.Duration, err error) {
	t.Helper()
	c := w.client(middleware.Timeout{Read: 7 * time.Second})
	_, err = c.R().Get("/")
	require.NoError(t, err)
	require.Zero(t, w.past())
	_, err = c.R().SetBody(make([]byte, 8<<20)).Post("/")
	return w.past(), err
}

func TestServerThatStopsReadingALargeUploadIsLeftAfterRead(t *testing.T) {
	stops := func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			reads(r, 2, 3*time.Second)
			<-r.Context().Done()
		}
	}
	overBoth(t, stops, func(t *testing.T, w *world) {
		took, err := upload(t, w)
		requireLimit(t, err, "read", 7*time.Second)
		require.Equal(t, 6*time.Second+7*time.Second, took, "the server read for the last time after 6s")
	})
}

func TestHealthySlowUploadPasses(t *testing.T) {
	slow := func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			reads(r, 20, 3*time.Second)
			_, _ = io.Copy(io.Discard, r.Body) // what the buffers of HTTP/2 hold
		}
	}
	overBoth(t, slow, func(t *testing.T, w *world) {
		took, err := upload(t, w)
		require.NoError(t, err)
		require.Equal(t, 60*time.Second, took)
	})
}

// The body that a caller writes slowly is not the server's silence.
func TestSlowReaderOfTheCallersIsNoSilenceOfTheServers(t *testing.T) {
	echo := func(rw http.ResponseWriter, r *http.Request) { _, _ = io.Copy(rw, r.Body) }
	overBoth(t, echo, func(t *testing.T, w *world) {
		r, body := io.Pipe()
		go func() {
			for range 3 {
				time.Sleep(time.Minute)
				_, _ = io.WriteString(body, "late ")
			}
			_ = body.Close()
		}()
		hc := &http.Client{Transport: middleware.Stack{middleware.Timeout{}}.RoundTripper(w.base)}
		resp, err := hc.Post(w.url, "text/plain", r)
		require.NoError(t, err)
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, "late late late ", string(got))
		require.Equal(t, 3*time.Minute, w.past())
	})
}

func TestTimeBetweenTwoReadsOfTheCallersIsNoSilence(t *testing.T) {
	long := func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write(bytes.Repeat([]byte("x"), 1<<20)) }
	overBoth(t, long, func(t *testing.T, w *world) {
		resp, err := w.client(middleware.Timeout{}).R().SetDoNotParseResponse(true).Get("/")
		require.NoError(t, err)
		defer resp.RawBody().Close()
		total := int64(0)
		for range 4 {
			time.Sleep(time.Hour)
			n, err := io.CopyN(io.Discard, resp.RawBody(), 256<<10)
			require.NoError(t, err)
			total += n
		}
		require.EqualValues(t, 1<<20, total)
		rest, err := io.ReadAll(resp.RawBody())
		require.NoError(t, err)
		require.Empty(t, rest)
	})
}

// An answer may come before the request is all sent. What the transport then still
// sends must not start the clock of a caller who does not read.
func TestUploadThatEndsAfterTheAnswerBeganStartsNoClock(t *testing.T) {
	early := func(rw http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(rw).EnableFullDuplex()
		_ = http.NewResponseController(rw).Flush()
		_, _ = io.Copy(rw, r.Body)
	}
	overBoth(t, early, func(t *testing.T, w *world) {
		r, body := io.Pipe()
		hc := &http.Client{Transport: middleware.Stack{middleware.Timeout{}}.RoundTripper(w.base)}
		resp, err := hc.Post(w.url, "text/plain", r)
		require.NoError(t, err)
		defer resp.Body.Close()
		_, _ = io.WriteString(body, "hello")
		_ = body.Close()
		time.Sleep(time.Hour)
		got, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, "hello", string(got))
	})
}

func TestAnInterimAnswerEndsASilence(t *testing.T) {
	busy := func(rw http.ResponseWriter, _ *http.Request) {
		for range 4 {
			time.Sleep(5 * time.Second)
			rw.WriteHeader(http.StatusProcessing)
		}
		time.Sleep(5 * time.Second)
		_, _ = io.WriteString(rw, "done")
	}
	overBoth(t, busy, func(t *testing.T, w *world) {
		resp, err := w.client(middleware.Timeout{Read: 7 * time.Second}).R().Get("/")
		require.NoError(t, err)
		require.Equal(t, "done", resp.String())
		require.Equal(t, 25*time.Second, w.past())
	})
}
