package middleware_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
)

// nothing is a step without a behaviour.
type nothing struct{ name string }

func (n nothing) Name() string          { return n.name }
func (nothing) Layer() middleware.Layer { return middleware.Call }

// almost has a RoundTrip with the wrong signature.
type almost struct{ nothing }

func (almost) RoundTrip(req *http.Request) (*http.Response, error) { return nil, nil }

func retrying() middleware.Middleware { return trail("retry", middleware.Retry) }

func passOn(req *http.Request, next middleware.Next) (*http.Response, error) { return next(req) }

// refused are mistakes that Use refuses.
var refused = map[string]struct {
	client func(*resty.Client)
	steps  []middleware.Middleware
	want   []string // all in the message
}{
	"nil step":             {steps: []middleware.Middleware{middleware.RequestID{}, nil}, want: []string{"step 2 of 2 is nil"}},
	"nil pointer":          {steps: []middleware.Middleware{(*behaves)(nil)}, want: []string{"step 1 of 1 is nil"}},
	"no name":              {steps: []middleware.Middleware{trail(" ", middleware.Call)}, want: []string{"a step needs a name"}},
	"name of two lines":    {steps: []middleware.Middleware{trail("a\nb", middleware.Call)}, want: []string{"a step needs a name, in one line"}},
	"no behaviour":         {steps: []middleware.Middleware{nothing{"idle"}}, want: []string{"idle: ", "nothing has no behaviour", "implement RoundTrip"}},
	"wrong signature":      {steps: []middleware.Middleware{almost{nothing{"almost"}}}, want: []string{"almost: ", "has no behaviour", "with the signatures of package middleware"}},
	"no layer":             {steps: []middleware.Middleware{middleware.Func("a", 0, passOn)}, want: []string{"a: ", "layer(0)", "use one of middleware.Call to middleware.Wire"}},
	"a layer too far":      {steps: []middleware.Middleware{middleware.Func("a", middleware.Wire+1, passOn)}, want: []string{"layer(7)"}},
	"nil function":         {steps: []middleware.Middleware{middleware.Func("a", middleware.Call, nil)}, want: []string{"a: the function is nil"}},
	"nil check":            {steps: []middleware.Middleware{middleware.Check("a", nil)}, want: []string{"a: the function is nil"}},
	"nil decorator":        {steps: []middleware.Middleware{middleware.Wrap("a", middleware.Call, nil)}, want: []string{"a: the decorator is nil"}},
	"off without a name":   {steps: []middleware.Middleware{middleware.Off("")}, want: []string{"give the name"}},
	"off, no such step":    {steps: []middleware.Middleware{middleware.RequestID{}, middleware.Off("retry")}, want: []string{`no step "retry" to switch off`, "only: request-id"}},
	"off before its step":  {steps: []middleware.Middleware{middleware.Off("request-id"), middleware.RequestID{}}, want: []string{`no step "request-id"`}},
	"two write one field":  {steps: []middleware.Middleware{bearer, credential{name: "other", field: "Authorization"}}, want: []string{"writes Authorization, as", `middleware.Off("`}},
	"header against agent": {steps: []middleware.Middleware{middleware.UserAgent("a/1"), middleware.Header{Key: "user-agent", Value: "b"}}, want: []string{"writes User-Agent, as"}},
	"header name":          {steps: []middleware.Middleware{middleware.Header{Key: "X-A\nX-B"}}, want: []string{"no header name may have"}},
	"header value":         {steps: []middleware.Middleware{middleware.Header{Key: "X-A", Value: "a\r\nX-B: c"}}, want: []string{"header:x-a: ", "control character at byte 1"}},
	"negative duration":    {steps: []middleware.Middleware{middleware.Deadline(-5)}, want: []string{"deadline: ", "middleware.NoLimit"}},
	"resty's retry beside a retry step": {
		client: func(c *resty.Client) { c.SetRetryCount(2) },
		steps:  []middleware.Middleware{retrying()},
		want:   []string{"retry: ", "RetryCount 2", "SetRetryCount(0)"},
	},
	"resty's retry beside a deadline": {
		client: func(c *resty.Client) { c.SetRetryCount(1) },
		steps:  []middleware.Middleware{middleware.Deadline(time.Second)},
		want:   []string{"deadline: ", "RetryCount 1", "SetRetryCount(0)"},
	},
	"a RetryCount below zero": {
		client: func(c *resty.Client) { c.SetRetryCount(-1) },
		steps:  []middleware.Middleware{middleware.RequestID{}},
		want:   []string{"RetryCount is -1", "SetRetryCount(0)"},
	},
	"BaseURL without a scheme": {
		client: func(c *resty.Client) { c.SetBaseURL("api.example.com/v1") },
		steps:  []middleware.Middleware{middleware.RequestID{}},
		want:   []string{`BaseURL "api.example.com/v1" has no scheme`, "https://api.example.com/v1"},
	},
	"BaseURL with a port and no scheme": {
		client: func(c *resty.Client) { c.SetBaseURL("localhost:8080") },
		steps:  []middleware.Middleware{middleware.RequestID{}},
		want:   []string{"BaseURL", "https://localhost:8080"},
	},
	"SetAuthToken beside a step that writes Authorization": {
		client: func(c *resty.Client) { c.SetAuthToken("t0ken") },
		steps:  []middleware.Middleware{bearer},
		want:   []string{"test-bearer: ", "Authorization", "SetAuthToken", "remove one of the two"},
	},
	"SetBasicAuth beside it": {
		client: func(c *resty.Client) { c.SetBasicAuth("u", "passw0rd") },
		steps:  []middleware.Middleware{bearer},
		want:   []string{"Authorization", "SetBasicAuth"},
	},
	"SetHeader beside it": {
		client: func(c *resty.Client) { c.SetHeader("authorization", "t0ken") },
		steps:  []middleware.Middleware{bearer},
		want:   []string{"Authorization", "SetHeader"},
	},
	"user and password in the BaseURL beside it": {
		client: func(c *resty.Client) { c.SetBaseURL("https://u:passw0rd@api.example.com") },
		steps:  []middleware.Middleware{bearer},
		want:   []string{"Authorization", "BaseURL"},
	},
	"a token in another field": {
		client: func(c *resty.Client) { c.HeaderAuthorizationKey = "X-Key"; c.SetAuthToken("t0ken") },
		steps:  []middleware.Middleware{credential{name: "key", field: "X-Key"}},
		want:   []string{"key: ", "X-Key", "SetAuthToken"},
	},
	"resty's digest": {
		client: func(c *resty.Client) { c.SetDigestAuth("u", "passw0rd") },
		steps:  []middleware.Middleware{middleware.RequestID{}},
		want:   []string{"SetDigestAuth", "auth.Digest"},
	},
}

func TestUseRefusesMistakesAndSaysWhatToDo(t *testing.T) {
	for name, tt := range refused {
		t.Run(name, func(t *testing.T) {
			c := resty.New()
			if tt.client != nil {
				tt.client(c)
			}
			err := middleware.Use(c, tt.steps...)
			require.Error(t, err)
			for _, want := range tt.want {
				require.ErrorContains(t, err, want)
			}
			require.NotContains(t, err.Error(), "\n", "a message is one line")
			require.NotContains(t, err.Error(), "t0ken", "a message shows no secret")
			require.NotContains(t, err.Error(), "passw0rd", "a message shows no secret")
			require.Empty(t, middleware.Of(c))
		})
	}
}

func TestUseRefusesANilClient(t *testing.T) {
	require.ErrorContains(t, middleware.Use(nil, middleware.RequestID{}), "resty.New()")
	require.Empty(t, middleware.Of(nil))
}

func TestUseSaysEveryMistakeAtOnce(t *testing.T) {
	own := errors.New("its own mistake")
	c := resty.New().SetBaseURL("api.example.com").SetRetryCount(3).SetAuthToken("t")
	err := middleware.Use(c,
		nil,
		middleware.Header{Key: "bad name", Value: "bad\nvalue"},
		&behaves{name: "invalid", layer: middleware.Call, validate: func() error { return own }},
		&behaves{name: "unfit", layer: middleware.Call, fit: func(middleware.Stack) error { return errors.New("not beside these") }},
		nothing{"idle"},
		bearer,
		credential{name: "rival", field: "Authorization"},
		retrying(),
		middleware.Deadline(0),
		middleware.Off("absent"),
	)
	require.Error(t, err)
	for _, want := range []string{
		"step 1 of 10 is nil",
		`the header name "bad name"`, "control character at byte 3",
		"invalid: its own mistake",
		"unfit: not beside these",
		"idle: ",
		"rival: writes Authorization",
		"BaseURL", "has no scheme",
		"retry: the client retries by itself",
		"deadline: the client retries by itself",
		"test-bearer: the client sets Authorization too",
		`no step "absent"`,
	} {
		require.ErrorContains(t, err, want)
	}
	require.ErrorIs(t, err, own, "causes are kept")
}

func TestUseChangesNothingOnError(t *testing.T) {
	wire := wireOf(200)
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, trail("first", middleware.Call)))
	before, hooks := middleware.Of(c).String(), len(c.RetryHooks)

	require.Error(t, middleware.Use(c, trail("second", middleware.Call), middleware.Off("first"), nil))

	require.Equal(t, before, middleware.Of(c).String())
	require.Len(t, c.RetryHooks, hooks)
	_, err := c.R().Get("http://api.test/")
	require.NoError(t, err)
	require.Equal(t, "first", trailOf(wire.requests()[0]))
}

func TestUseOnAnUntouchedClientChangesNothingOnError(t *testing.T) {
	wire := wireOf(200)
	c := resty.New().SetTransport(wire)
	require.Error(t, middleware.Use(c, trail("a", middleware.Call), nil))

	require.Empty(t, c.RetryHooks)
	_, err := c.R().Get("http://api.test/")
	require.NoError(t, err)
	require.Same(t, wire, c.GetClient().Transport, "the transport is the user's own")
}

func TestAMistakeMadeAfterUseFailsTheRequest(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*resty.Client)
		want   string
	}{
		"RetryCount beside a retry step": {func(c *resty.Client) { c.SetRetryCount(2) }, "retry: the client retries by itself (RetryCount 2)"},
		"RetryCount beside a deadline":   {func(c *resty.Client) { c.SetRetryCount(2) }, "deadline: the client retries by itself (RetryCount 2)"},
		"SetAuthToken":                   {func(c *resty.Client) { c.SetAuthToken("t0ken") }, "test-bearer: the client sets Authorization too (SetAuthToken)"},
		"SetBasicAuth":                   {func(c *resty.Client) { c.SetBasicAuth("u", "t0ken") }, "test-bearer: the client sets Authorization too (SetBasicAuth)"},
		"BaseURL without a scheme":       {func(c *resty.Client) { c.SetBaseURL("api.test") }, `BaseURL "api.test" has no scheme`},
		"RetryHooks replaced":            {func(c *resty.Client) { c.RetryHooks = nil }, "client.RetryHooks was replaced"},
	} {
		t.Run(name, func(t *testing.T) {
			wire := wireOf(200)
			c := resty.New().SetBaseURL("http://api.test").SetTransport(wire).SetLogger(silence{})
			require.NoError(t, middleware.Use(c, retrying(), middleware.Deadline(0), bearer))
			tt.change(c)
			_, err := c.R().Get("/")
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "t0ken")
			require.Empty(t, wire.requests(), "nothing was sent")
		})
	}
}

func TestUseAgainRepairsAClientWhoseRetryHooksWereReplaced(t *testing.T) {
	wire, judged := wireOf(200), 0
	c := resty.New().SetTransport(wire)
	count := middleware.Check("count", func(*resty.Response) error { judged++; return nil })
	require.NoError(t, middleware.Use(c, count, trail("a", middleware.Call)))
	c.RetryHooks = nil
	require.NoError(t, middleware.Use(c, count, trail("a", middleware.Call)))

	_, err := c.R().Get("http://api.test/")
	require.NoError(t, err)
	require.Equal(t, 1, judged, "no hook is there twice")
	require.Equal(t, "a", trailOf(wire.requests()[0]))
}

func TestRestysOwnRetryAloneWorks(t *testing.T) {
	wire := wireOf(500, 500, 200)
	c := resty.New().SetTransport(wire).SetRetryCount(3).SetRetryWaitTime(1).SetRetryMaxWaitTime(1).
		AddRetryCondition(func(r *resty.Response, err error) bool { return err != nil })
	calls := 0
	require.NoError(t, middleware.Use(c, middleware.RequireStatus{}, middleware.Timeout{}, trail("a", middleware.Auth),
		middleware.Func("count", middleware.Call, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			calls = middleware.InfoOf(req.Context()).Memo("calls", func() any { return calls + 1 }).(int)
			return next(req)
		})))

	resp, err := c.SetLogger(silence{}).R().Get("http://api.test/")
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode())
	require.Len(t, wire.requests(), 3)
	require.Equal(t, 1, calls, "the three are one call")
	for _, r := range wire.requests() {
		require.Equal(t, "a", trailOf(r), "every attempt of resty's has the pipeline")
	}
}

func TestALaterStepOfANameReplacesTheEarlier(t *testing.T) {
	wire := wireOf(404)
	c := resty.New().SetTransport(wire)
	require.NoError(t, middleware.Use(c, middleware.RequireStatus{}, middleware.RequireStatus{Codes: []int{404}}))
	_, err := c.R().Get("http://api.test/")
	require.NoError(t, err, "the later one of one Use")

	require.NoError(t, middleware.Use(c, middleware.RequireStatus{Codes: []int{200}}))
	_, err = c.R().Get("http://api.test/")
	require.ErrorIs(t, err, middleware.ErrNotFound, "the later Use")

	require.NoError(t, middleware.Use(c, middleware.Off("require-status")))
	_, err = c.R().Get("http://api.test/")
	require.NoError(t, err, "switched off")
	require.Empty(t, middleware.Of(c))
}

func TestAStepThatIsBoundKeepsItsStateOverALaterUse(t *testing.T) {
	var olds []middleware.Middleware
	step := func() *behaves {
		s := &behaves{name: "stateful", layer: middleware.Call}
		s.bind = func(old middleware.Middleware) middleware.Middleware { olds = append(olds, old); return s }
		return s
	}
	c := resty.New()
	first, second := step(), step()
	require.NoError(t, middleware.Use(c, first))
	require.NoError(t, middleware.Use(c, middleware.RequestID{}))
	require.NoError(t, middleware.Use(c, second))
	require.Equal(t, []middleware.Middleware{nil, first}, olds, "bound once to nothing, once to what it replaces")

	require.NoError(t, middleware.Use(c, middleware.Of(c)...))
	require.Len(t, olds, 2, "a step that stays is not bound anew")
}

func TestUseLeavesTheHooksOfUsersAlone(t *testing.T) {
	var order []string
	hook := func(s string) { order = append(order, s) }
	c := resty.New().SetTransport(wireOf(200))
	c.OnBeforeRequest(func(*resty.Client, *resty.Request) error { hook("before 1"); return nil })
	c.OnAfterResponse(func(*resty.Client, *resty.Response) error { hook("after 1"); return nil })
	require.NoError(t, middleware.Use(c, middleware.RequireStatus{}))
	c.OnBeforeRequest(func(*resty.Client, *resty.Request) error { hook("before 2"); return nil })
	c.SetPreRequestHook(func(*resty.Client, *http.Request) error { hook("pre"); return nil })
	c.OnAfterResponse(func(*resty.Client, *resty.Response) error { hook("after 2"); return nil })
	c.OnSuccess(func(*resty.Client, *resty.Response) { hook("success") })

	_, err := c.R().SetContext(context.Background()).Get("http://api.test/")
	require.NoError(t, err)
	require.Equal(t, []string{"before 1", "before 2", "pre", "after 1", "after 2", "success"}, order)
}

func TestAnAtSignInABaseURLIsNoPassword(t *testing.T) {
	c := resty.New().SetBaseURL("https://api.test/@team")
	require.NoError(t, middleware.Use(c, bearer))
}
