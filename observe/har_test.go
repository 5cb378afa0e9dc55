package observe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/middleware/middlewaretest"
	"github.com/restykit/restykit/observe"
	"github.com/restykit/restykit/retry"
)

// archived is what a test reads of an archive.
type archived struct {
	Log struct {
		Version string
		Entries []struct {
			StartedDateTime time.Time
			Time            float64
			Request         struct {
				Method, URL string
				BodySize    int
				QueryString []struct{ Name, Value string }
			}
			Response struct {
				Status      int
				RedirectURL string
				Content     struct {
					Size int
					Text string
				}
			}
			Timings struct{ Blocked, DNS, Connect, Send, Wait, Receive, SSL float64 }
			Call    int    `json:"_call"`
			Attempt int    `json:"_attempt"`
			Error   string `json:"_error"`
		}
	}
}

func readArchive(t *testing.T, file string) archived {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return parseArchive(t, text)
}

func parseArchive(t *testing.T, text []byte) archived {
	t.Helper()
	var a archived
	require.NoError(t, json.Unmarshal(text, &a), "%s", text)
	require.Equal(t, "1.2", a.Log.Version)
	return a
}

func client(t *testing.T, wire http.RoundTripper, steps ...middleware.Middleware) *resty.Client {
	t.Helper()
	c := resty.New().SetBaseURL("https://api.test").SetTransport(wire)
	require.NoError(t, middleware.Use(c, steps...))
	return c
}

func TestHARKeepsTheContract(t *testing.T) {
	middlewaretest.Run(t, func() middleware.Middleware { return &observe.HAR{Writer: io.Discard, Bodies: 10} })
}

func TestEachSendIsAnEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, file := 0, filepath.Join(t.TempDir(), "calls.har")
		c := client(t, fakeWire(func(req *http.Request) (*http.Response, error) {
			n++
			time.Sleep(20 * time.Millisecond)
			switch n {
			case 1:
				return canned(req, 302, "", "Location", "/new?code=sesame"), nil
			case 2:
				return canned(req, 503, "busy"), nil
			case 3:
				return nil, errors.New("broken")
			}
			return canned(req, 200, "hello"), nil
		}), &observe.HAR{File: file}, retry.Policy{Attempts: 4, Methods: []string{"GET"}, RetryIf: func(resp *http.Response, err error) bool { return err != nil || resp.StatusCode == 503 }})
		for range 2 {
			_, err := c.R().Get("/old?q=sesame")
			require.NoError(t, err)
		}
		var got []string
		for _, e := range readArchive(t, file).Log.Entries {
			got = append(got, fmt.Sprint(e.Call, " ", e.Attempt, " ", e.Request.URL, " ", e.Response.Status, " ", e.Response.RedirectURL, " ", e.Time, " ", e.Timings.Wait, " ", e.Timings.DNS, e.Timings.Connect, e.Timings.SSL, e.Timings.Blocked, " ", e.Error))
			require.NotEmpty(t, e.Request.QueryString)
			require.Equal(t, "REDACTED", e.Request.QueryString[0].Value)
		}
		require.Equal(t, []string{
			"1 1 https://api.test/old?q=REDACTED 302 https://api.test/new?code=REDACTED 20 20 -1 -1 -1 -1 ",
			"1 1 https://api.test/new?code=REDACTED 503  20 20 -1 -1 -1 -1 ",
			"1 2 https://api.test/new?code=REDACTED 0  20 20 -1 -1 -1 -1 broken",
			"1 3 https://api.test/new?code=REDACTED 200  20 20 -1 -1 -1 -1 ",
			"2 1 https://api.test/old?q=REDACTED 200  20 20 -1 -1 -1 -1 ",
		}, got)
	})
}

func TestTimingsAddUpToTheTime(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 1<<20))
	}))
	defer srv.Close()
	file := filepath.Join(t.TempDir(), "calls.har")
	c := client(t, srv.Client().Transport, &observe.HAR{File: file})
	for range 2 {
		_, err := c.R().SetBody("12345").Post(srv.URL)
		require.NoError(t, err)
	}
	entries := readArchive(t, file).Log.Entries
	first, second := entries[0].Timings, entries[1].Timings
	require.Greater(t, first.SSL, 0.0)
	require.Greater(t, first.Connect, first.SSL, "connect has ssl in it")
	require.InDelta(t, -1, second.Connect, 0, "the connection was there")
	for _, e := range entries {
		p := e.Timings
		require.InDelta(t, e.Time, max(0, p.Blocked)+max(0, p.DNS)+max(0, p.Connect)+p.Send+p.Wait+p.Receive, 0.01)
		require.GreaterOrEqual(t, p.Wait, 0.0)
		require.Greater(t, p.Receive, 0.0)
		require.Equal(t, 5, e.Request.BodySize)
		require.Equal(t, 1<<20, e.Response.Content.Size)
		require.Empty(t, e.Response.Content.Text, "nobody asked for it")
	}
}

func TestAFileIsAnArchiveBehindEachEntry(t *testing.T) {
	file := filepath.Join(t.TempDir(), "calls.har")
	h := &observe.HAR{File: file}
	c := client(t, fakeWire(ok), h)
	for n := range 5 {
		_, err := c.R().Get("/")
		require.NoError(t, err)
		require.Len(t, readArchive(t, file).Log.Entries, n+1)
	}
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
	require.NoError(t, h.Flush())
	require.NoError(t, h.Close())
	require.NoError(t, h.Close(), "once is enough, twice is no harm")
	_, err = c.R().Get("/")
	require.NoError(t, err)
	require.Len(t, readArchive(t, file).Log.Entries, 5, "it is closed")
}

func TestFilesRotateAndTheOldestGo(t *testing.T) {
	const most = 8 << 10
	dir := t.TempDir()
	file := filepath.Join(dir, "calls.har")
	require.NoError(t, os.WriteFile(file, []byte("of another session"), 0o600))
	h := &observe.HAR{File: file, MaxBytes: most, Files: 3}
	c := client(t, fakeWire(ok), h)
	_, err := c.R().Get("/")
	require.NoError(t, err)
	old, err := os.ReadFile(filepath.Join(dir, "calls.1.har"))
	require.NoError(t, err)
	require.Equal(t, "of another session", string(old))
	for range 200 {
		_, err := c.R().Get("/")
		require.NoError(t, err)
	}
	require.NoError(t, h.Close())
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Len(t, names, 3)
	last := 1000
	for _, name := range []string{"calls.har", "calls.1.har", "calls.2.har"} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.LessOrEqual(t, info.Size(), int64(most))
		entries := readArchive(t, filepath.Join(dir, name)).Log.Entries
		require.NotEmpty(t, entries)
		require.Less(t, entries[len(entries)-1].Call, last, "the older, the lower")
		last = entries[0].Call
	}
}

func TestAWriterHasAnArchiveWhenItIsClosedAndCanBeMendedBefore(t *testing.T) {
	var out bytes.Buffer
	h := &observe.HAR{Writer: &out}
	c := client(t, fakeWire(ok), h)
	for range 3 {
		_, err := c.R().Get("/")
		require.NoError(t, err)
	}
	require.Len(t, parseArchive(t, append(bytes.Clone(out.Bytes()), "]}}"...)).Log.Entries, 3)
	torn := out.Bytes()[:out.Len()-10]
	torn = torn[:bytes.LastIndex(torn, []byte(",\n"))]
	require.Len(t, parseArchive(t, append(bytes.Clone(torn), "]}}"...)).Log.Entries, 2)
	require.NoError(t, h.Close())
	require.Len(t, parseArchive(t, out.Bytes()).Log.Entries, 3)
}

func TestAnArchiveWithoutEntriesIsOne(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, (&observe.HAR{Writer: &out}).Close())
	require.Empty(t, parseArchive(t, out.Bytes()).Log.Entries)
}

func TestAWriterThatIsFullSaysSo(t *testing.T) {
	var out bytes.Buffer
	h := &observe.HAR{Writer: &out, MaxBytes: 8 << 10}
	c := client(t, fakeWire(ok), h)
	for range 100 {
		_, err := c.R().Get("/")
		require.NoError(t, err)
	}
	require.ErrorContains(t, h.Close(), "the archive is full: raise MaxBytes (")
	require.LessOrEqual(t, out.Len(), 8<<10)
	require.NotEmpty(t, parseArchive(t, out.Bytes()).Log.Entries)
}

// short is a writer that breaks once, in the middle of a write.
type short struct {
	bytes.Buffer

	at int
}

func (s *short) Write(p []byte) (int, error) {
	if s.at > 0 && s.Len()+len(p) > s.at {
		n, _ := s.Buffer.Write(p[:s.at-s.Len()])
		s.at = 0
		return n, errors.New("no space left")
	}
	return s.Buffer.Write(p)
}

func TestAWriterThatBreaksFailsNoCallAndCanBeMended(t *testing.T) {
	out := &short{at: 2000}
	h := &observe.HAR{Writer: out}
	c := client(t, fakeWire(ok), h)
	for range 10 {
		_, err := c.R().Get("/")
		require.NoError(t, err)
	}
	require.ErrorContains(t, h.Close(), "no space left (")
	require.Equal(t, 2000, out.Len(), "nothing is written behind what is torn")
	text := out.Bytes()
	require.NotEmpty(t, parseArchive(t, append(text[:bytes.LastIndex(text, []byte(",\n"))], "]}}"...)).Log.Entries)
}

func TestTheTimeOfAServerThatSaysNothingIsAWait(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() }))
	defer srv.Close()
	file := filepath.Join(t.TempDir(), "calls.har")
	c := client(t, http.DefaultTransport, &observe.HAR{File: file}, middleware.Timeout{Read: 50 * time.Millisecond})
	_, err := c.R().Get(srv.URL)
	require.Error(t, err)
	e := readArchive(t, file).Log.Entries[0]
	require.Greater(t, e.Timings.Wait, 40.0)
	require.Contains(t, e.Error, "50ms")
}

func TestTheTimeOfAHostThatTakesNoConnectionIsThatOfConnecting(t *testing.T) {
	over := make(chan struct{})
	defer close(over)
	dialer := &net.Dialer{ControlContext: func(context.Context, string, string, syscall.RawConn) error {
		<-over
		return errors.New("over")
	}}
	file := filepath.Join(t.TempDir(), "calls.har")
	c := client(t, &http.Transport{DialContext: dialer.DialContext}, &observe.HAR{File: file}, middleware.Timeout{Connect: 50 * time.Millisecond})
	_, err := c.R().Get("http://127.0.0.1:1/")
	require.Error(t, err)
	require.Greater(t, readArchive(t, file).Log.Entries[0].Timings.Connect, 40.0)
}

func TestADirectoryThatGoesAwayFailsNoCall(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	require.NoError(t, os.Mkdir(dir, 0o700))
	h := &observe.HAR{File: filepath.Join(dir, "calls.har")}
	c := client(t, fakeWire(ok), h)
	require.NoError(t, os.Remove(dir))
	for range 2 {
		_, err := c.R().Get("/")
		require.NoError(t, err)
	}
	require.ErrorContains(t, h.Close(), "(2 entries are lost)")
}

func TestHARRefusesWhatCannotBeMeant(t *testing.T) {
	for want, h := range map[string]*observe.HAR{
		"neither File nor Writer":     {},
		"both File and Writer":        {File: "x.har", Writer: io.Discard},
		"no directory: make it":       {File: "not/there/x.har"},
		"MaxBytes is 7: give 4096":    {Writer: io.Discard, MaxBytes: 7},
		"Files is -1: give 1 or more": {Writer: io.Discard, Files: -1},
		"Bodies is -1":                {Writer: io.Discard, Bodies: -1},
	} {
		require.ErrorContains(t, h.Validate(), want)
	}
	require.NoError(t, (&observe.HAR{File: "x.har"}).Validate())
	require.Equal(t, "x.har, 3 files of 32 MiB", (&observe.HAR{File: "x.har"}).String())
}

func TestManyCallsAtOnceAreEntriesOfTheirOwn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "calls.har")
	h := &observe.HAR{File: file, Bodies: 100}
	c := client(t, fakeWire(ok), h)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 25 {
				_, _ = c.R().SetBody("hello").Post("/")
			}
		})
	}
	all.Wait()
	require.NoError(t, h.Close())
	seen := map[int]bool{}
	for _, e := range readArchive(t, file).Log.Entries {
		seen[e.Call] = true
	}
	require.Len(t, seen, 200)
}
