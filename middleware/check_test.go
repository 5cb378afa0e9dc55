package middleware_test

import (
	"encoding/json"
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

var errInside = errors.New("the answer is an error inside")

// inside is a check for an API that says 200 with an error inside.
func inside(resp *resty.Response) error {
	var said struct{ Error string }
	if err := json.Unmarshal(resp.Body(), &said); err != nil {
		return err
	}
	if said.Error != "" {
		return errInside
	}
	return nil
}

func TestErrorInsideAnAnswerIsTheCallersError(t *testing.T) {
	c := answers(t, says(`{"error":"no credit"}`), middleware.Check("inside", inside))
	resp, err := c.R().SetResult(&map[string]string{}).Get("/")
	require.Equal(t, errInside, err, "as it is")
	require.Equal(t, &map[string]string{"error": "no credit"}, resp.Result(), "and the response stays")
	_, err = answers(t, says(`{"ok":true}`), middleware.Check("inside", inside)).R().Get("/")
	require.NoError(t, err)
}

func TestChecksRunOnceBehindTheKitsInTheOrderWritten(t *testing.T) {
	var ran []string
	check := func(name string, err error) middleware.Middleware {
		return middleware.Check(name, func(*resty.Response) error {
			ran = append(ran, name)
			return err
		})
	}
	for _, c := range []struct {
		answer *http.Response
		steps  middleware.Stack
		ran    []string
		fails  bool
	}{
		{reply(200, "{}"), middleware.Stack{check("b", nil), check("a", nil)}, []string{"b", "a"}, false},
		{reply(200, "{}"), middleware.Stack{check("b", errInside), check("a", nil)}, []string{"b"}, true},
		{reply(404, "{}"), middleware.Stack{check("b", nil), middleware.RequireStatus{}}, nil, true},
		{reply(200, "x", "Content-Type", "text/html"), middleware.Stack{check("b", nil), middleware.RequireJSON{}}, nil, true},
		{reply(503, "{}"), middleware.Stack{check("b", nil), again(3, 0)}, []string{"b"}, false},
	} {
		ran = nil
		client := answers(t, func(*http.Request) *http.Response { return c.answer }, c.steps...)
		_, err := client.R().Get("/")
		require.Equal(t, c.fails, err != nil, "%v", err)
		require.Equal(t, c.ran, ran)
	}
}

// A check of a streamed or saved answer has the head of it, and reads only to fail.
func TestCheckOfAStreamSeesTheHeadAndMayRefuse(t *testing.T) {
	for mode, get := range modes(t) {
		if mode == "decoded" {
			continue
		}
		t.Run(mode, func(t *testing.T) {
			runs := 0
			verdict := middleware.Check("verdict", func(resp *resty.Response) error {
				runs++
				require.Empty(t, resp.Body())
				require.NotNil(t, resp.Request)
				require.Equal(t, "https://api.test/", resp.Request.RawRequest.URL.String())
				if resp.Header().Get("X-Verdict") == "bad" {
					said, err := io.ReadAll(resp.RawResponse.Body)
					require.NoError(t, err)
					return errors.Join(errInside, errors.New(string(said)))
				}
				return nil
			})
			body, err := get(answers(t, says(`{"a":1}`), verdict).R())
			require.NoError(t, err)
			if mode == "streamed" {
				require.JSONEq(t, `{"a":1}`, body, "unread")
			}
			_, err = get(answers(t, func(*http.Request) *http.Response { return reply(200, "why", "X-Verdict", "bad") }, verdict).R())
			require.ErrorIs(t, err, errInside)
			require.ErrorContains(t, err, "why")
			require.Equal(t, 2, runs)
		})
	}
}

func TestRefusedAnswerIsClosedAndNotSaved(t *testing.T) {
	wire := wireOf(200)
	c := resty.New().SetTransport(wire).SetLogger(silence{})
	require.NoError(t, middleware.Use(c, middleware.Check("no", func(*resty.Response) error { return errInside })))
	file := filepath.Join(t.TempDir(), "out")
	_, err := c.R().SetOutput(file).Get("https://api.test/")
	require.ErrorIs(t, err, errInside)
	require.NoFileExists(t, file)
	_, err = os.Stat(filepath.Dir(file))
	require.NoError(t, err)
	_, err = c.R().SetDoNotParseResponse(true).Get("https://api.test/")
	require.ErrorIs(t, err, errInside)
	_, err = c.R().Get("https://api.test/")
	require.ErrorIs(t, err, errInside)
	require.Zero(t, wire.open())
}

func TestCheckOfARequestReplacesItsNamesake(t *testing.T) {
	c := answers(t, says(`{}`), middleware.Check("verdict", func(*resty.Response) error { return errInside }))
	_, err := c.R().SetContext(middleware.With(t.Context(), middleware.Check("verdict", func(*resty.Response) error { return nil }))).Get("/")
	require.NoError(t, err)
	_, err = c.R().SetContext(middleware.With(t.Context(), middleware.Off("verdict"))).Get("/")
	require.NoError(t, err)
	_, err = c.R().Get("/")
	require.ErrorIs(t, err, errInside)
}

func TestCheckWithoutAFunctionOrNameIsRefused(t *testing.T) {
	require.ErrorContains(t, middleware.Use(resty.New(), middleware.Check("verdict", nil)), "verdict: the function is nil")
	require.ErrorContains(t, middleware.Use(resty.New(), middleware.Check(" ", inside)), "a step needs a name")
}
