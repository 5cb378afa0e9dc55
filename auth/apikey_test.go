package auth_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

func TestAPIKeyIsSentWhereTheAPIWantsIt(t *testing.T) {
	const odd = "a b&c=d+e%f/g?h#ü"
	tests := []struct {
		name   string
		step   auth.APIKey
		path   string
		query  string
		header http.Header
	}{
		{"header", auth.APIKey{Header: "X-API-Key", Key: auth.Static("k3y")}, "/", "", http.Header{"X-Api-Key": {"k3y"}}},
		{"header in any case", auth.APIKey{Header: "x-aPI-kEY", Key: auth.Static("k3y")}, "/", "", http.Header{"X-Api-Key": {"k3y"}}},
		{"header, as it is", auth.APIKey{Header: "X-API-Key", Key: auth.Static(odd)}, "/", "", http.Header{"X-Api-Key": {odd}}},
		{"the Authorization of some APIs", auth.APIKey{Header: "Authorization", Key: auth.Static("k3y")}, "/", "", http.Header{"Authorization": {"k3y"}}},
		{"query", auth.APIKey{Query: "api_key", Key: auth.Static("k3y")}, "/", "api_key=k3y", nil},
		{"query, beside others", auth.APIKey{Query: "api_key", Key: auth.Static("k3y")}, "/?b=2&a=1", "b=2&a=1&api_key=k3y", nil},
		{"query, the order and spelling of others stay", auth.APIKey{Query: "api_key", Key: auth.Static("k3y")}, "/?z=%41&y;x&w", "z=%41&y;x&w&api_key=k3y", nil},
		{"query, a name that contains it", auth.APIKey{Query: "key", Key: auth.Static("k3y")}, "/?monkey=1&x=key", "monkey=1&x=key&key=k3y", nil},
		{"query, escaped", auth.APIKey{Query: "api key&", Key: auth.Static(odd)}, "/", "api+key%26=a+b%26c%3Dd%2Be%25f%2Fg%3Fh%23%C3%BC", nil},
		{"the caller's header", auth.APIKey{Header: "X-Caller", Key: auth.Static("k3y")}, "/", "", http.Header{"X-Caller": {"mine"}}},
		{"the caller's header in other letters", auth.APIKey{Header: "X-Verbatim", Key: auth.Static("k3y")}, "/", "", http.Header{"x-verbatim": {"mine"}, "X-Verbatim": nil}},
		{"the caller's parameter", auth.APIKey{Query: "api_key", Key: auth.Static("k3y")}, "/?api_key=mine", "api_key=mine", nil},
		{"the caller's parameter, empty", auth.APIKey{Query: "api_key", Key: auth.Static("k3y")}, "/?api_key", "api_key", nil},
		{"the caller's parameter, spelled otherwise", auth.APIKey{Query: "api_key", Key: auth.Static("k3y")}, "/?api%5Fkey=mine", "api%5Fkey=mine", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rt := &api{}
			resp, err := client(t, rt, tt.step).R().SetHeader("X-Caller", "mine").SetHeaderVerbatim("x-verbatim", "mine").Get(tt.path)
			require.NoError(t, err)
			require.Equal(t, tt.query, rt.last(t).URL.RawQuery)
			for name, values := range tt.header {
				require.Equal(t, values, rt.last(t).Header[name], name)
			}
			require.NotContains(t, resp.RawResponse.Request.URL.String(), "k3y", "what goes back up is without the key")
			require.NotContains(t, resp.RawResponse.Request.Header, "X-Api-Key")
		})
	}
}

func TestSeveralAPIKeysStack(t *testing.T) {
	rt := &api{}
	c := client(t, rt,
		auth.APIKey{Header: "X-App-Key", Key: auth.Static("app")},
		auth.APIKey{Header: "X-Api-Key", Key: auth.Static("old")},
		auth.APIKey{Query: "key", Key: auth.Static("query")},
		auth.APIKey{Query: "sig", Key: auth.Static("signature")},
		auth.Bearer{Token: auth.Static("t0ken")},
		auth.APIKey{Header: "x-api-key", Key: auth.Static("new")},
	)
	_, err := c.R().SetQueryParam("q", "1").Get("/")
	require.NoError(t, err)
	req := rt.last(t)
	require.Equal(t, "app", req.Header.Get("X-App-Key"))
	require.Equal(t, []string{"new"}, req.Header["X-Api-Key"], "the later of a name replaces the earlier")
	require.Equal(t, "Bearer t0ken", req.Header.Get("Authorization"))
	require.Equal(t, "q=1&key=query&sig=signature", req.URL.RawQuery)
	require.Equal(t, strings.TrimSpace(`
auth  bearer             static, only https://api.home.test
auth  api-key:key        query key, static, only https://api.home.test
auth  api-key:sig        query sig, static, only https://api.home.test
auth  api-key:x-api-key  static, only https://api.home.test
auth  api-key:x-app-key  static, only https://api.home.test`), middleware.Of(c).String())
}

func TestAKeyDoesNotSilentlyReplaceOneThatGoesElsewhere(t *testing.T) {
	header, query := auth.APIKey{Header: "Key", Key: auth.Static("s3cret-1")}, auth.APIKey{Query: "key", Key: auth.Static("s3cret-2")}
	const want = "api-key:key: the key in the query parameter key would replace the one in the header field Key, which has the same name: " +
		`switch that off before with middleware.Off("api-key:key"), or send one of them with a step of your own`
	const reverse = "api-key:key: the key in the header field Key would replace the one in the query parameter key, which has the same name"
	c := client(t, &api{})
	require.EqualError(t, middleware.Use(c, header, query), want)
	require.ErrorContains(t, middleware.Use(c, query, header), reverse)
	require.ErrorContains(t, middleware.Use(c, header, query, header), reverse)
	require.ErrorContains(t, middleware.Use(c, header, query, query), "api-key:key: the key in the query parameter key would replace")
	require.Empty(t, middleware.Of(c))

	require.NoError(t, middleware.Use(c, header))
	require.EqualError(t, middleware.Use(c, query), want)
	_, err := c.R().SetContext(middleware.With(t.Context(), query)).Get("/")
	require.ErrorContains(t, err, want)
	_, err = (&http.Client{Transport: middleware.Stack{header, query}.RoundTripper(&api{})}).Get(home)
	require.ErrorContains(t, err, want)

	rt := &api{}
	c = client(t, rt, query, auth.APIKey{Query: "Key", Key: auth.Static("s3cret-3")}, auth.APIKey{Query: "key", Key: auth.Static("s3cret-4")})
	require.NoError(t, middleware.Use(c, middleware.Off("api-key:key"), header))
	_, err = c.R().Get("/")
	require.NoError(t, err)
	require.Equal(t, []string{"Key=s3cret-3", "s3cret-1"}, []string{rt.last(t).URL.RawQuery, rt.last(t).Header.Get("Key")})
	_, err = c.R().SetContext(middleware.With(t.Context(), middleware.Off("api-key:key"), query)).Get("/")
	require.NoError(t, err)
	require.Equal(t, []string{"Key=s3cret-3&key=s3cret-2", ""}, []string{rt.last(t).URL.RawQuery, rt.last(t).Header.Get("Key")})
}

func TestUseRefusesAnAPIKeyThatCannotBeSent(t *testing.T) {
	key := auth.Static("s3cret")
	tests := []struct {
		name string
		step auth.APIKey
		want string
	}{
		{"no place", auth.APIKey{Key: key}, "neither Header nor Query says where the key goes"},
		{"two places", auth.APIKey{Header: "X-Api-Key", Query: "api_key", Key: key}, "both Header and Query are set: use one, or two steps"},
		{"no key", auth.APIKey{Header: "X-Api-Key"}, "Key is nil: give auth.Env"},
		{"empty key", auth.APIKey{Query: "api_key", Key: auth.Static("")}, "Key: the secret is empty"},
		{"line end in the key", auth.APIKey{Header: "X-Api-Key", Key: auth.Static("s3cret\r\nX: y")}, "Key: the secret has a control character at byte 6"},
		{"line end in the name", auth.APIKey{Header: "X-Api-Key\r\nX", Key: key}, "has a character that no header name may have"},
		{"space in the name", auth.APIKey{Header: "X Api Key", Key: key}, "has a character that no header name may have"},
		{"colon in the name", auth.APIKey{Header: "X-Api-Key:", Key: key}, "has a character that no header name may have"},
		{"Host", auth.APIKey{Header: "host", Key: key}, "net/http does not take Host from the header"},
		{"Content-Length", auth.APIKey{Header: "Content-length", Key: key}, "net/http does not take Content-Length from the header"},
		{"Transfer-Encoding", auth.APIKey{Header: "transfer-encoding", Key: key}, "net/http does not take Transfer-Encoding from the header"},
		{"Trailer", auth.APIKey{Header: "Trailer", Key: key}, "net/http does not take Trailer from the header"},
		{"line end in the parameter", auth.APIKey{Query: "api\nkey", Key: key}, "a step needs a name, in one line"},
		{"no origin", auth.APIKey{Query: "api_key", Key: key, Origins: []string{""}}, `Origins: "" is no origin`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := middleware.Use(resty.New(), tt.step)
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "s3cret")
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestAPIKeyIsAddedOnceWhateverIsSentAgain(t *testing.T) {
	hops := 0
	rt := &api{answer: func(req *http.Request) (*http.Response, error) {
		hops++
		if hops < 3 {
			resp := reply(req, http.StatusFound, "text/plain", "")
			resp.Header.Set("Location", "/next?page=2")
			return resp, nil
		}
		return reply(req, http.StatusOK, "text/plain", ""), nil
	}}
	again := middleware.Func("again", middleware.Retry, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		resp, err := next(req)
		if err != nil {
			return nil, err
		}
		_ = resp.Body.Close()
		return next(req)
	})
	c := client(t, rt, auth.APIKey{Query: "api_key", Key: auth.Static("k3y")}, auth.APIKey{Header: "X-Api-Key", Key: auth.Static("k3y")}, again)
	_, err := c.R().SetContext(context.Background()).Get("/first?page=1")
	require.NoError(t, err)
	require.GreaterOrEqual(t, rt.count(), 4)
	for _, req := range rt.seen {
		require.Equal(t, []string{"k3y"}, req.URL.Query()["api_key"], req.URL)
		require.Equal(t, []string{"k3y"}, req.Header["X-Api-Key"], req.URL)
		require.NotContains(t, req.Referer(), "k3y")
	}
}
