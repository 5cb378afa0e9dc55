package middleware_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

const goodFile = "the good file of yesterday"

// eachMode runs a test in every mode that resty has for a response's body. get sends a
// GET for it and reads the body; file is what SetOutput writes to.
func eachMode(t *testing.T, f func(t *testing.T, mode string, get func(c *resty.Client, url string) (*resty.Response, string, error), file string)) {
	t.Helper()
	for _, mode := range []string{"decoded", "streamed", "streamed by the client", "saved"} {
		t.Run(mode, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "out")
			require.NoError(t, os.WriteFile(file, []byte(goodFile), 0o600))
			f(t, mode, func(c *resty.Client, url string) (*resty.Response, string, error) {
				r := c.R().SetContext(t.Context())
				switch mode {
				case "streamed":
					r.SetDoNotParseResponse(true)
				case "streamed by the client":
					c.SetDoNotParseResponse(true)
				case "saved":
					r.SetOutput(file)
				}
				resp, err := r.Get(url)
				if err != nil {
					return resp, "", err
				}
				switch mode {
				case "decoded":
					body := resp.String()
					return resp, body, nil
				case "saved":
					data, err := os.ReadFile(file)
					return resp, string(data), err
				}
				data, err := io.ReadAll(resp.RawBody())
				require.NoError(t, resp.RawBody().Close())
				return resp, string(data), err
			}, file)
		})
	}
}

func TestChecksHoldInEveryMode(t *testing.T) {
	errInside := errors.New("error inside")
	for name, tt := range map[string]struct {
		answer *http.Response
		want   func(*testing.T, error)
	}{
		"the status": {reply(500, "it is broken", "Content-Type", "text/plain"), func(t *testing.T, err error) {
			var status *middleware.StatusError
			require.ErrorAs(t, err, &status)
			require.Equal(t, 500, status.StatusCode)
			require.Equal(t, "it is broken", string(status.Body))
			require.Equal(t, 1, status.Attempts)
		}},
		"the content type": {reply(200, "<p>login</p>", "Content-Type", "text/html"), func(t *testing.T, err error) {
			var kind *middleware.ContentTypeError
			require.ErrorAs(t, err, &kind)
			require.Equal(t, "<p>login</p>", string(kind.Body))
		}},
		"a user's own": {reply(200, `{}`, "X-Verdict", "bad"), func(t *testing.T, err error) { require.ErrorIs(t, err, errInside) }},
	} {
		t.Run(name, func(t *testing.T) {
			eachMode(t, func(t *testing.T, _ string, get func(*resty.Client, string) (*resty.Response, string, error), file string) {
				answer := *tt.answer
				body, err := io.ReadAll(tt.answer.Body)
				require.NoError(t, err)
				tt.answer.Body = reply(1, string(body)).Body
				answer.Body = reply(1, string(body)).Body
				wire := newWire(func(int, *http.Request) (*http.Response, error) { return &answer, nil })
				c := resty.New().SetTransport(wire)
				judged := 0
				require.NoError(t, middleware.Use(c, middleware.RequireJSON{}, middleware.RequireStatus{},
					middleware.Check("verdict", func(r *resty.Response) error {
						judged++
						if r.Header().Get("X-Verdict") == "bad" {
							return errInside
						}
						return nil
					})))
				_, _, err = get(c, "http://api.test/")
				tt.want(t, err)
				require.Zero(t, wire.open(), "the body is closed")
				data, err := os.ReadFile(file)
				require.NoError(t, err)
				require.Equal(t, goodFile, string(data), "a good file is never overwritten by an error")
				require.LessOrEqual(t, judged, 1, "a check runs once per call")
			})
		})
	}
}

func TestAGoodAnswerPassesInEveryMode(t *testing.T) {
	eachMode(t, func(t *testing.T, _ string, get func(*resty.Client, string) (*resty.Response, string, error), _ string) {
		wire := newWire(func(int, *http.Request) (*http.Response, error) { return reply(200, `{"a":1}`), nil })
		judged := 0
		c := resty.New().SetTransport(wire)
		require.NoError(t, middleware.Use(c, middleware.RequireJSON{}, middleware.RequireStatus{}, middleware.MaxBody(0), middleware.Timeout{}, middleware.Deadline(0),
			middleware.Check("once", func(*resty.Response) error { judged++; return nil })))
		resp, body, err := get(c, "http://api.test/")
		require.NoError(t, err)
		require.Equal(t, 200, resp.StatusCode())
		require.Equal(t, `{"a":1}`, body)
		require.Equal(t, 1, judged)
		require.Zero(t, wire.open(), "the body is closed")
	})
}

// problem is what an API says of an error.
type problem struct {
	Reason string `json:"reason"`
}

func TestTheCallerOfADecodedCallKeepsTheResponseBesideTheError(t *testing.T) {
	c := resty.New().SetTransport(newWire(func(int, *http.Request) (*http.Response, error) {
		return reply(422, `{"reason":"too short"}`, "X-Trace", "7"), nil
	}))
	require.NoError(t, middleware.Use(c, middleware.RequireStatus{}))
	resp, err := c.R().SetError(&problem{}).Get("http://api.test/")
	var status *middleware.StatusError
	require.ErrorAs(t, err, &status)
	require.Equal(t, 422, resp.StatusCode())
	require.Equal(t, "7", resp.Header().Get("X-Trace"))
	require.Equal(t, &problem{Reason: "too short"}, resp.Error())
	require.JSONEq(t, `{"reason":"too short"}`, resp.String())
}

func TestChecksSeeTheAnswerAndNotItsRedirects(t *testing.T) {
	url := httpbinURL(t)
	eachMode(t, func(t *testing.T, _ string, get func(*resty.Client, string) (*resty.Response, string, error), _ string) {
		c := resty.New()
		require.NoError(t, middleware.Use(c, middleware.RequireStatus{}, middleware.RequireJSON{}))
		resp, body, err := get(c, url+"/redirect/3")
		require.NoError(t, err)
		require.Equal(t, "/get", resp.RawResponse.Request.URL.Path)
		require.Contains(t, body, `"url"`)

		_, _, err = get(c, url+"/redirect-to?url=/status/404")
		require.ErrorIs(t, err, middleware.ErrNotFound)
	})
}

// TestARedirectThatThePolicyStopsOn: in streamed calls nothing can tell such a 3xx from
// one that is followed.
func TestARedirectThatThePolicyStopsOn(t *testing.T) {
	eachMode(t, func(t *testing.T, mode string, get func(*resty.Client, string) (*resty.Response, string, error), file string) {
		wire := newWire(func(int, *http.Request) (*http.Response, error) {
			return reply(302, "moved", "Location", "http://api.test/elsewhere"), nil
		})
		c := resty.New().SetTransport(wire).SetRedirectPolicy(resty.RedirectPolicyFunc(func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}))
		judged := 0
		require.NoError(t, middleware.Use(c, middleware.Check("judge", func(*resty.Response) error { judged++; return nil })))
		_, _, err := get(c, "http://api.test/")
		require.NoError(t, err)
		require.LessOrEqual(t, judged, 1)
		require.NoError(t, os.WriteFile(file, []byte(goodFile), 0o600))

		require.NoError(t, middleware.Use(c, middleware.RequireStatus{}))
		_, body, err := get(c, "http://api.test/")
		require.Zero(t, wire.open())
		if mode == "decoded" || mode == "saved" {
			var status *middleware.StatusError
			require.ErrorAs(t, err, &status)
			require.Equal(t, 302, status.StatusCode)
			require.Equal(t, "moved", string(status.Body))
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, goodFile, string(data))
			return
		}
		require.NoError(t, err, "returned unchecked, as documented")
		require.Equal(t, "moved", body)
	})
}

func TestARedirectStatusWithoutALocationIsChecked(t *testing.T) {
	eachMode(t, func(t *testing.T, _ string, get func(*resty.Client, string) (*resty.Response, string, error), _ string) {
		c := resty.New().SetTransport(wireOf(304))
		require.NoError(t, middleware.Use(c, middleware.RequireStatus{}))
		_, _, err := get(c, "http://api.test/")
		var status *middleware.StatusError
		require.ErrorAs(t, err, &status)
	})
}

func TestABodyIsClosedWhereTheFileCannotBeWritten(t *testing.T) {
	wire := wireOf(200)
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, middleware.RequireStatus{}))
	blocked := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(blocked, nil, 0o600))
	_, err := c.R().SetOutput(filepath.Join(blocked, "below", "a-file")).Get("http://api.test/")
	require.Error(t, err)
	require.Zero(t, wire.open())
}

func TestACheckThatReadsAStreamReadsItOnlyToFail(t *testing.T) {
	wire := newWire(func(int, *http.Request) (*http.Response, error) { return reply(200, "bad news"), nil })
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, middleware.Check("reads", func(r *resty.Response) error {
		data, err := io.ReadAll(r.RawResponse.Body)
		if err != nil {
			return err
		}
		return errors.New(string(data))
	})))
	_, err := c.R().SetDoNotParseResponse(true).Get("http://api.test/")
	require.ErrorContains(t, err, "bad news")
	require.Zero(t, wire.open())
}

func TestInfoTellsWhetherTheCallerStreams(t *testing.T) {
	eachMode(t, func(t *testing.T, mode string, get func(*resty.Client, string) (*resty.Response, string, error), _ string) {
		streams := false
		c := resty.New().SetTransport(wireOf(200))
		require.NoError(t, middleware.Use(c, middleware.Func("asks", middleware.Call, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			streams = middleware.InfoOf(req.Context()).Streams()
			return next(req)
		})))
		_, _, err := get(c, "http://api.test/")
		require.NoError(t, err)
		require.Equal(t, mode != "decoded", streams)
	})
}

// lastWord is a step that is told how calls end.
type lastWord struct {
	got []string
}

func (*lastWord) Name() string            { return "last-word" }
func (*lastWord) Layer() middleware.Layer { return middleware.Call }

func (e *lastWord) Done(info *middleware.Info, resp *resty.Response, err error) {
	switch {
	case resp == nil || resp.RawResponse == nil:
		e.got = append(e.got, info.Template()+" none")
	default:
		e.got = append(e.got, info.Template()+" "+resp.Status())
	}
	if err != nil {
		e.got = append(e.got, err.Error())
	}
}

func TestDoneSeesWhatTheCallerGetsOncePerCall(t *testing.T) {
	eachMode(t, func(t *testing.T, mode string, get func(*resty.Client, string) (*resty.Response, string, error), _ string) {
		boom := errors.New("boom")
		wire := newWire(func(_ int, req *http.Request) (*http.Response, error) {
			switch req.URL.Path {
			case "/500":
				return reply(500, ""), nil
			case "/err":
				return nil, boom
			case "/moved":
				return reply(302, "", "Location", "/"), nil
			}
			return reply(200, `{}`), nil
		})
		e := &lastWord{}
		c := resty.New().SetBaseURL("http://api.test").SetTransport(wire)
		c.OnAfterResponse(func(*resty.Client, *resty.Response) error { return nil })
		require.NoError(t, middleware.Use(c, e, middleware.RequireStatus{}))

		_, _, err := get(c, "/moved")
		require.NoError(t, err)
		require.Equal(t, []string{"/moved OK"}, e.got)

		e.got = nil
		_, _, err = get(c, "/500")
		require.Error(t, err)
		require.Len(t, e.got, 2)
		require.Contains(t, e.got[1], "500")
		if mode == "decoded" {
			require.Equal(t, "/500 Internal Server Error", e.got[0])
		}

		e.got = nil
		_, _, err = get(c, "/err")
		require.ErrorIs(t, err, boom)
		require.Equal(t, "/err none", e.got[0])

		e.got = nil
		c.OnBeforeRequest(func(*resty.Client, *resty.Request) error { return boom })
		_, _, err = get(c, "/")
		require.ErrorIs(t, err, boom)
		require.Equal(t, []string{"/ none", "boom"}, e.got)
	})
}

func TestDoneIsToldOfAPanic(t *testing.T) {
	e := &lastWord{}
	c := resty.New().SetTransport(newWire(func(int, *http.Request) (*http.Response, error) { panic("boom") }))
	require.NoError(t, middleware.Use(c, e))
	require.Panics(t, func() { _, _ = c.R().Get("http://api.test/") })
	require.Equal(t, []string{"http://api.test/ none", "panic boom"}, e.got)
}
