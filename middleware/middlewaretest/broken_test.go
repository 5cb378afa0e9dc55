package middlewaretest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/middleware"
	mt "github.com/restykit/restykit/middleware/middlewaretest"
)

type (
	newStep  = func() middleware.Middleware
	tripFunc = func(*http.Request, middleware.Next) (*http.Response, error)
	findings = map[mt.Rule]string // a part of a message, by the rule that says it
)

// broken are steps with one thing wrong each.
var broken = map[string]struct {
	step newStep
	want findings
}{
	// Identity
	"its name changes": {
		func() middleware.Middleware { return &shifty{name: true} },
		findings{mt.Identity: `Name is "shifty-`, mt.Adoption: "the pipeline has 0 steps of its name"},
	},
	"each has another name": {
		func() middleware.Middleware { return trips(fmt.Sprint("step-", made.Add(1)), middleware.Call, passes) },
		findings{mt.Identity: "two steps that newStep made have the names"},
	},
	"its text changes": {
		func() middleware.Middleware { return &shifty{text: true} },
		findings{mt.Identity: "it said name"},
	},
	"its text is two lines": {
		func() middleware.Middleware { return texted{text: "a\nb"} },
		findings{mt.Identity: `String "a\nb" is more than one line`},
	},
	"its layer changes": {
		func() middleware.Middleware { return &shifty{layer: true} },
		findings{mt.Identity: "layer limit"},
	},
	"it is not valid any more": {
		func() middleware.Middleware { return &shifty{valid: true} },
		findings{mt.Identity: "after a call"},
	},

	// Format
	"its String panics": {
		func() middleware.Middleware { return texted{panics: true} },
		findings{mt.Format: `fmt.Sprintf("%v", step) panics in a method of the step's`},
	},

	// Unmodified
	"it sets a header field": {
		at(middleware.Call, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			req.Header.Set("X-Sin", "1")
			return next(req)
		}),
		findings{mt.Unmodified: "in RoundTrip, it changed the header field X-Sin of the request it was given: change the request that middleware.Mutable returns"},
	},
	"it sets a header field and takes it back": {
		at(middleware.Auth, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			req.Header.Set("X-Sin", "1")
			defer req.Header.Del("X-Sin")
			return next(req)
		}),
		findings{mt.Unmodified: "X-Sin"},
	},
	"it removes a header field": {
		at(middleware.Limit, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			req.Header.Del("X-Contract")
			return next(req)
		}),
		findings{mt.Unmodified: "X-Contract"},
	},
	"it writes into a header's value": {
		at(middleware.Auth, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			own := middleware.Mutable(req)
			own.Header["X-Contract"][0] = "sin"
			return next(own)
		}),
		findings{mt.Unmodified: "X-Contract"},
	},
	"it writes into the URL": {
		at(middleware.Auth, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			own := middleware.Mutable(req)
			own.URL.RawQuery = "api_key=k"
			return next(own)
		}),
		findings{mt.Unmodified: "wrote into the URL of the request it was given: copy the URL"},
	},
	"it replaces the URL": {
		at(middleware.Auth, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			req.URL = &url.URL{Scheme: "https", Host: "api.test"}
			return next(req)
		}),
		findings{mt.Unmodified: "replaced the URL"},
	},
	"it changes the method": {
		at(middleware.Call, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			req.Method = http.MethodDelete
			return next(req)
		}),
		findings{mt.Unmodified: "changed the Method of the request it was given from GET to DELETE"},
	},
	"it replaces the body": {
		at(middleware.Call, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			if req.Body != nil {
				req.Body = struct{ io.ReadCloser }{req.Body}
			}
			return next(req)
		}),
		findings{mt.Unmodified: "replaced the Body"},
	},
	"it replaces the context in place": {
		at(middleware.Call, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			*req = *req.WithContext(context.WithValue(req.Context(), texted{}, 1))
			return next(req)
		}),
		findings{mt.Unmodified: "replaced the context"},
	},
	"it sends with a context of its own": {
		at(middleware.Call, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			return next(req.WithContext(context.Background()))
		}),
		findings{mt.Unmodified: "context does not derive from that of the request it was given: use req.Context()"},
	},
	"its Attempt changes the request": {
		func() middleware.Middleware {
			return attempting(func(req *http.Request, next middleware.Next) (*http.Response, error) {
				req.Header.Set("X-Sin", "1")
				return next(req)
			})
		},
		findings{mt.Unmodified: "in Attempt, it changed the header field X-Sin"},
	},

	// BodyClosed
	"it sends another body and leaves the first open": {
		at(middleware.Call, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			if req.Body == nil {
				return next(req)
			}
			data, _ := io.ReadAll(req.Body)
			req = middleware.Mutable(req)
			req.Body = io.NopCloser(strings.NewReader(string(data)))
			return next(req)
		}),
		findings{mt.BodyClosed: "a body of the request was never closed"},
	},
	"it looks at a body of GetBody and leaves it open": {
		at(middleware.Auth, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			if req.GetBody != nil {
				_, _ = req.GetBody()
			}
			return next(req)
		}),
		findings{mt.BodyClosed: "PUT with a body answered by 200"},
	},

	// OneResult
	"a response and an error": {
		at(middleware.Breaker, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			resp, err := next(req)
			if err == nil && resp.StatusCode == http.StatusTooManyRequests {
				err = errors.New("too many")
			}
			return resp, err
		}),
		findings{mt.OneResult: "RoundTrip returned a response and an error (too many)"},
	},
	"neither a response nor an error": {
		at(middleware.Breaker, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			resp, err := next(req)
			if err == nil && resp.StatusCode == http.StatusNotFound {
				_ = resp.Body.Close()
				return nil, nil //nolint:nilnil // the sin
			}
			return resp, err
		}),
		findings{mt.OneResult: "RoundTrip returned neither a response nor an error (GET answered by 404)"},
	},
	"its Attempt returns neither": {
		func() middleware.Middleware {
			return attempting(func(req *http.Request, next middleware.Next) (*http.Response, error) {
				resp, err := next(req)
				if err == nil && resp.StatusCode == http.StatusNotFound {
					_ = resp.Body.Close()
					return nil, nil //nolint:nilnil // the sin
				}
				return resp, err
			})
		},
		findings{mt.OneResult: "Attempt returned neither"},
	},

	// ResponsesClosed
	"it replays and forgets the first response": {
		at(middleware.Auth, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			resp, err := next(req)
			if err == nil && resp.StatusCode == http.StatusUnauthorized && req.Body == nil {
				return next(req)
			}
			return resp, err
		}),
		findings{mt.ResponsesClosed: "a response's body is open when the caller has closed its own: close what is not returned, and close through what wraps a body (GET answered by 401)"},
	},
	"it answers for a response that it forgets": {
		at(middleware.Limit, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			resp, err := next(req)
			if err == nil && resp.StatusCode == http.StatusServiceUnavailable {
				return canned(req), nil
			}
			return resp, err
		}),
		findings{mt.ResponsesClosed: "close what is not returned"},
	},
	"it refuses a response and leaves it open": {
		at(middleware.Wire, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			resp, err := next(req)
			if err == nil && resp.StatusCode == http.StatusForbidden {
				return nil, errors.New("forbidden")
			}
			return resp, err
		}),
		findings{mt.ResponsesClosed: "answered by 403"},
	},
	"it wraps the body and does not close through": {
		at(middleware.Wire, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			resp, err := next(req)
			if err == nil {
				resp.Body = io.NopCloser(resp.Body)
			}
			return resp, err
		}),
		findings{mt.ResponsesClosed: "close through what wraps a body"},
	},

	// Cause
	"it hides the transport's error": {
		at(middleware.Call, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			resp, err := next(req)
			if err != nil && req.Context().Err() == nil {
				return nil, fmt.Errorf("failed: %v", err) //nolint:errorlint // the sin
			}
			return resp, err
		}),
		findings{mt.Cause: "RoundTrip lost the transport's error: errors.Is does not find it in \"failed: middlewaretest: the connection was reset\": wrap it with %w"},
	},
	"it hides the caller's cause": {
		at(middleware.Call, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			resp, err := next(req)
			if err != nil && req.Context().Err() != nil {
				return nil, errors.New("failed")
			}
			return resp, err
		}),
		findings{mt.Cause: `errors.Is does not find the cause with which the caller cancelled in "failed"`},
	},
	"it waits and says nothing of the cancellation": {
		at(middleware.Limit, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			select {
			case <-time.After(time.Minute):
				return next(req)
			case <-req.Context().Done():
				return nil, errors.New("no place")
			}
		}),
		findings{mt.Cause: `errors.Is does not find the cause with which the caller cancelled in "no place"`},
	},

	// Cancellation
	"it sleeps": {
		at(middleware.Limit, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			time.Sleep(time.Second)
			return next(req)
		}),
		findings{mt.Cancellation: "it went on for 950ms when the request's context had ended: wait in a select with req.Context().Done(), and send requests with that context (cancelled while the server is silent)"},
	},
	"it sleeps between attempts": {
		at(middleware.Retry, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			resp, err := next(req)
			for n := 0; n < 3 && err == nil && resp.StatusCode == http.StatusTooManyRequests && req.Body == nil; n++ {
				time.Sleep(time.Second)
				resp, err = next(req)
			}
			return resp, err
		}),
		findings{mt.Cancellation: "cancelled in a long Retry-After"},
	},
	"it sends without the caller's cancellation": {
		at(middleware.Call, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			return next(req.WithContext(context.WithoutCancel(req.Context())))
		}),
		findings{mt.Cancellation: "it still had not returned after"},
	},

	// Concurrency
	"it mixes up requests": {
		func() middleware.Middleware { return &mixes{} },
		findings{mt.Concurrency: "one got the answer to another"},
	},

	// Adoption
	"its Bind returns nil behind another": {
		func() middleware.Middleware { return binder{} },
		findings{mt.Adoption: "Bind returned nil: return the step to run"},
	},
	"its Bind returns another step": {
		func() middleware.Middleware { return binder{to: trips("another", middleware.Call, passes)} },
		findings{mt.Adoption: `Bind returned a step "another" of layer call: keep name and layer`},
	},
	"it fails behind resty alone": {
		func() middleware.Middleware { return &prepares{} },
		findings{mt.Adoption: "through middleware.Use, a request ends with the error no preparing, and through Stack.RoundTripper with a response"},
	},
	"it works once": {
		func() middleware.Middleware { return &once{} },
		findings{mt.Adoption: "a second Use of the same step refuses it", mt.Identity: "after a call"},
	},

	// Sound
	"it waits for ever": {
		at(middleware.Limit, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			if req.Body == nil {
				<-make(chan struct{})
			}
			return next(req)
		}),
		findings{mt.Sound: "it did not return within 1h", mt.Cancellation: "it still had not returned after 59m"},
	},
	"it leaves a goroutine behind": {
		at(middleware.Limit, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			if req.Method == http.MethodPut {
				go func() { <-make(chan struct{}) }()
			}
			return next(req)
		}),
		findings{mt.Sound: "it leaves a goroutine behind that waits for something that never comes"},
	},
	"it panics": {
		at(middleware.Wire, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			resp, err := next(req)
			if err != nil {
				panic("no answer")
			}
			return resp, nil
		}),
		findings{mt.Sound: "it panics: no answer (GET answered by an error of the transport)"},
	},
}

func TestEveryRuleCatchesTheStepThatBreaksIt(t *testing.T) {
	caught := map[mt.Rule]bool{}
	for name, tt := range broken {
		for rule := range tt.want {
			caught[rule] = true
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, _ := mt.Findings(t, tt.step)
			require.Equal(t, slices.Sorted(maps.Keys(tt.want)), slices.Sorted(maps.Keys(found)), "the rules that are broken: %v", found)
			for rule, want := range tt.want {
				require.Condition(t, func() bool {
					return slices.ContainsFunc(found[rule], func(s string) bool { return strings.Contains(s, want) })
				}, "%s: want %q in %q", rule, want, found[rule])
				for _, message := range found[rule] {
					require.Regexp(t, fmt.Sprintf(`^step "[^"]+" \(.+\) breaks the rule %s: `, rule), message, "it names the culprit and the rule")
				}
				require.LessOrEqual(t, len(found[rule]), 5, "a few messages are enough")
			}
		})
	}
	for _, rule := range []mt.Rule{mt.Identity, mt.Format, mt.Unmodified, mt.BodyClosed, mt.OneResult, mt.ResponsesClosed, mt.Cause, mt.Cancellation, mt.Concurrency, mt.Adoption, mt.Sound} {
		require.True(t, caught[rule], "there is a step that breaks the rule %s", rule)
	}
}

func TestAStepThatCannotBeUsedIsSaidToBe(t *testing.T) {
	for name, tt := range map[string]struct {
		step newStep
		want string
	}{
		"nil":         {func() middleware.Middleware { return nil }, "newStep returned nil"},
		"nil pointer": {func() middleware.Middleware { return (*mixes)(nil) }, "newStep returned nil"},
		"invalid":     {func() middleware.Middleware { return middleware.Deadline(-5) }, "middleware.Use refuses the step as newStep makes it"},
	} {
		t.Run(name, func(t *testing.T) {
			_, unusable := mt.Findings(t, tt.step)
			require.Contains(t, unusable, tt.want)
		})
	}
}

// TestRunFailsUnderTheNameOfTheRule runs this very test once more, as a process of its
// own, in which it fails.
func TestRunFailsUnderTheNameOfTheRule(t *testing.T) {
	const env = "MIDDLEWARETEST_SINNER"
	if name := os.Getenv(env); name != "" {
		mt.Run(t, broken[name].step, mt.Without(mt.Format, "for the test"))
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), env+"=it hides the transport's error")
	out, err := cmd.CombinedOutput()
	require.Error(t, err, "%s", out)
	require.Contains(t, string(out), "--- FAIL: "+t.Name()+"/cause ")
	require.Contains(t, string(out), `step "sinner" (middleware.funcStep) breaks the rule cause: RoundTrip lost the transport's error`)
	require.Contains(t, string(out), "--- PASS: "+t.Name()+"/cancellation ")
	require.Contains(t, string(out), "--- SKIP: "+t.Name()+"/format ")
}

func TestARuleCanBeLeftOut(t *testing.T) {
	found, _ := mt.Findings(t, broken["it sleeps"].step, mt.Without(mt.Cancellation, "it is short"))
	require.Empty(t, found)
}

func TestAnAnswerAndARequestOfTheAuthorsAreTried(t *testing.T) {
	step := at(middleware.Auth, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		resp, err := next(req)
		if err == nil && resp.StatusCode == http.StatusTeapot && req.URL.Host == "tea.test" {
			_ = resp.Body.Close()
			return nil, nil //nolint:nilnil // the sin
		}
		return resp, err
	})
	teapot := mt.Answer("a teapot", func(int) *http.Response {
		return &http.Response{StatusCode: http.StatusTeapot, Body: io.NopCloser(strings.NewReader("short and stout"))}
	})
	tea := mt.Request(func() *http.Request {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://tea.test/", nil)
		require.NoError(t, err)
		return req
	})
	found, _ := mt.Findings(t, step, teapot)
	require.Empty(t, found)
	found, _ = mt.Findings(t, step, teapot, tea)
	require.Len(t, found, 1)
	require.Contains(t, found[mt.OneResult][0], "GET answered by a teapot")
}

func TestStepsBesideTheOneUnderTest(t *testing.T) {
	var ran atomic.Int32
	company := mt.Beside(func() middleware.Stack {
		return middleware.Stack{trips("company", middleware.Retry, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			ran.Add(1)
			return next(req)
		})}
	})
	found, unusable := mt.Findings(t, func() middleware.Middleware { return needs{} }, company)
	require.Empty(t, found)
	require.Empty(t, unusable)
	require.Positive(t, ran.Load())
	_, unusable = mt.Findings(t, func() middleware.Middleware { return needs{} })
	require.Contains(t, unusable, "it needs company")
}
