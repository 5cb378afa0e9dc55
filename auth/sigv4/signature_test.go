package sigv4_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/auth/sigv4"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/middleware/middlewaretest"
	"github.com/restykit/restykit/retry"
)

// checks is a server that takes what is signed by the secret, on a real socket.
func checks(t *testing.T) *httptest.Server {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := check(r, string(body), secret); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
		}
	}))
	t.Cleanup(srv.Close)
	return srv
}

func TestWhatANetworkCarriesHasARightSignature(t *testing.T) {
	srv := checks(t)
	for name, send := range map[string]func(*resty.Request) (*resty.Response, error){
		"plain":   func(r *resty.Request) (*resty.Response, error) { return r.Get("/orders") },
		"no path": func(r *resty.Request) (*resty.Response, error) { return r.Get("") },
		"JSON": func(r *resty.Request) (*resty.Response, error) {
			return r.SetBody(map[string]int{"a": 1}).Post("/orders")
		},
		"a form": func(r *resty.Request) (*resty.Response, error) {
			return r.SetFormData(map[string]string{"a b": "c&d"}).Post("/")
		},
		"a file": func(r *resty.Request) (*resty.Response, error) {
			return r.SetFileReader("f", "f", strings.NewReader("x")).Post("/")
		},
		"an empty body":     func(r *resty.Request) (*resty.Response, error) { return r.SetBody("").Put("/") },
		"a path with signs": func(r *resty.Request) (*resty.Response, error) { return r.Get("/a(b)!$&'*+,;=:@/~x_y.z-") },
		"a model of Bedrock": func(r *resty.Request) (*resty.Response, error) {
			return r.SetPathParam("id", "a.b-v2:1").Post("/model/{id}/invoke")
		},
		"a slash in a segment": func(r *resty.Request) (*resty.Response, error) { return r.Get("/a%2Fb") },
		"letters and spaces":   func(r *resty.Request) (*resty.Response, error) { return r.Get("/über den/wolken 100%25") },
		"dots and slashes":     func(r *resty.Request) (*resty.Response, error) { return r.Get("/a/./b/../c//d/") },
		"a query out of order": func(r *resty.Request) (*resty.Response, error) { return r.Get("/?b=2&a=1&b=1&A=3&b") },
		"a query with signs": func(r *resty.Request) (*resty.Response, error) {
			return r.Get("/?a=b+c%20d%2Be/f:g@h*i(j)&ü=ß&k-=1&k=2")
		},
		"a sub-resource": func(r *resty.Request) (*resty.Response, error) { return r.Get("/?acl") },
		"fields of several values": func(r *resty.Request) (*resty.Response, error) {
			r.Header["X-A"] = []string{"  b   c ", "a"}
			return r.Get("/")
		},
		"a field in small letters": func(r *resty.Request) (*resty.Response, error) {
			r.Header["x-b"], r.Header["X-B"] = []string{"1"}, []string{"2"}
			return r.Get("/")
		},
		"a field without values": func(r *resty.Request) (*resty.Response, error) { r.Header["X-C"] = []string{}; return r.Get("/") },
		"a Host in the header": func(r *resty.Request) (*resty.Response, error) {
			r.Header["Host"] = []string{"other"}
			return r.Get("/")
		},
		"cookies": func(r *resty.Request) (*resty.Response, error) {
			return r.SetCookie(&http.Cookie{Name: "a", Value: "b"}).Get("/")
		},
		"fields of the way": func(r *resty.Request) (*resty.Response, error) {
			return r.SetHeader("Te", "trailers").SetHeader("Cache-Control", "no-cache").Get("/")
		},
		"its own date": func(r *resty.Request) (*resty.Response, error) {
			return r.SetHeaderVerbatim("x-amz-date", "19700101T000000Z").Get("/")
		},
		"DELETE": func(r *resty.Request) (*resty.Response, error) { return r.Delete("/orders/7") },
	} {
		for _, service := range []string{"execute-api", "s3"} {
			t.Run(name+" for "+service, func(t *testing.T) {
				c := resty.New().SetBaseURL(srv.URL)
				require.NoError(t, middleware.Use(c, like(func(s *sigv4.Signature) { s.Service = service }), auth.APIKey{Header: "X-Api-Key", Key: auth.Static("k3y")}))
				resp, err := send(c.R())
				require.NoError(t, err)
				require.Equal(t, 200, resp.StatusCode(), resp.String())
			})
		}
	}
}

// An API behind API Gateway may want a key too, and the signature covers it.
func TestTheSignatureIsBehindAllOtherSteps(t *testing.T) {
	rt := &aws{}
	own := middleware.Func("own", middleware.Auth, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		req = middleware.Mutable(req)
		req.Header.Set("X-Own", "1")
		return next(req)
	})
	c := client(t, rt, step, auth.APIKey{Header: "X-Api-Key", Key: auth.Static("k3y")}, own)
	r := c.R()
	for _, field := range []string{
		"User-Agent", "Expect", "Transfer-Encoding", "X-Amzn-Trace-Id", "Connection", "Keep-Alive", "Te", "Trailer", "Upgrade", "Proxy-Authorization", "Proxy-Connection",
		"Referer", "From", "Via", "Forwarded", "X-Forwarded-For", "Max-Forwards", "Cache-Control", "Pragma", "Traceparent", "Tracestate", "Baggage",
	} {
		r.SetHeader(field, "what may change on the way")
	}
	_, err := r.Get("/")
	require.NoError(t, err)
	require.Contains(t, rt.last(t).Header.Get("Authorization"), "SignedHeaders=host;x-amz-date;x-api-key;x-own, ")
}

func TestADefaultPortIsNotSent(t *testing.T) {
	for base, want := range map[string]string{
		"https://api.home.test:443": "api.home.test", "https://[2001:db8::1]:443": "[2001:db8::1]", "https://[2001:db8::1]": "[2001:db8::1]",
		"https://api.home.test:80": "api.home.test:80", "http://127.0.0.1:80": "127.0.0.1", "http://[::1]:8080": "[::1]:8080",
	} {
		rt := &aws{}
		c := resty.New().SetTransport(rt).SetBaseURL(base)
		require.NoError(t, middleware.Use(c, step))
		_, err := c.R().Get("/")
		require.NoError(t, err)
		sent := rt.last(t)
		require.Equal(t, want, sent.Host)
		sent.RequestURI = "/"
		require.NoError(t, check(sent, "", secret))
	}
}

func TestEachAttemptIsSignedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := &aws{answer: func(req *http.Request) *http.Response { return reply(req, http.StatusServiceUnavailable, "") }}
		resp, err := client(t, rt, step, retry.Policy{Attempts: 3, Wait: 10 * time.Second}).R().SetBody("the body").Put("/")
		require.NoError(t, err)
		require.Equal(t, 503, resp.StatusCode())
		require.Len(t, rt.seen, 3)
		require.Equal(t, []string{"the body", "the body", "the body"}, rt.bodies)
		require.NotEqual(t, rt.dates()[0], rt.dates()[2])
		for _, sent := range rt.seen {
			sent.RequestURI = "/"
			require.NoError(t, check(sent, "the body", secret))
		}
		require.Empty(t, resp.Request.RawRequest.Header.Get("X-Amz-Date"), "the caller's request is as it was")
	})
}

// off answers as AWS does to a clock that is wrong: a server whose own is ahead.
func off(ahead *time.Duration, status int, change func(http.Header)) func(*http.Request) *http.Response {
	return func(req *http.Request) *http.Response {
		now := time.Now().Add(*ahead)
		at, err := time.Parse("20060102T150405Z", req.Header.Get("X-Amz-Date"))
		resp := reply(req, http.StatusOK, "")
		if err != nil || at.Sub(now).Abs() > 5*time.Minute {
			resp = reply(req, status, "<Code>RequestTimeTooSkewed</Code>")
		}
		resp.Header.Set("Date", now.UTC().Format(http.TimeFormat))
		change(resp.Header)
		return resp
	}
}

func TestAClockThatIsWrongIsSetRightByTheAnswer(t *testing.T) {
	for _, status := range []int{400, 401, 403} {
		for _, ahead := range []time.Duration{time.Hour, -time.Hour, 24 * time.Hour} {
			synctest.Test(t, func(t *testing.T) {
				now := ahead
				rt := &aws{answer: off(&now, status, func(http.Header) {})}
				c := client(t, rt, step)
				resp, err := c.R().SetBody("the body").Post("/")
				require.NoError(t, err)
				require.Equal(t, 200, resp.StatusCode())
				require.Equal(t, []string{"the body", "the body"}, rt.bodies)
				_, err = c.R().SetContext(middleware.With(t.Context(), like(func(s *sigv4.Signature) { s.Region = "eu-west-1" }))).Get("/")
				require.NoError(t, err)
				require.Len(t, rt.seen, 3, "the client knows it from then on, whoever signs")
				now = 0
				resp, err = c.R().Get("/")
				require.NoError(t, err)
				require.Equal(t, 200, resp.StatusCode(), "until the clock is set right")
				require.Len(t, rt.seen, 5)
			})
		}
	}
}

func TestARefusalThatIsNoneOfTheClockIsTheCallers(t *testing.T) {
	hour, minutes := time.Hour, 3*time.Minute
	for name, answer := range map[string]func(*http.Request) *http.Response{
		"no Date":        off(&hour, 403, func(h http.Header) { h.Del("Date") }),
		"a broken Date":  off(&hour, 403, func(h http.Header) { h.Set("Date", "soon") }),
		"a cache":        off(&hour, 403, func(h http.Header) { h.Set("Age", "7") }),
		"another status": off(&hour, 404, func(http.Header) {}),
		"a right clock": func(req *http.Request) *http.Response {
			resp := off(&minutes, 403, func(http.Header) {})(req)
			resp.StatusCode = 403
			return resp
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			rt := &aws{answer: answer}
			resp, err := client(t, rt, step).R().Get("/")
			require.NoError(t, err)
			require.NotEqual(t, 200, resp.StatusCode(), name)
			require.Len(t, rt.seen, 1, name)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		rt := &aws{answer: func(req *http.Request) *http.Response {
			time.Sleep(time.Hour) // as long as a large upload takes
			resp := reply(req, 403, "AccessDenied")
			resp.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
			return resp
		}}
		_, err := client(t, rt, step).R().Put("/")
		require.NoError(t, err)
		require.Len(t, rt.seen, 1, "an answer that comes late")
	})
	synctest.Test(t, func(t *testing.T) {
		rt := &aws{answer: func(req *http.Request) *http.Response {
			resp := reply(req, 403, "AccessDenied")
			resp.Header.Set("Date", time.Now().Add(time.Duration(rand())*time.Hour).UTC().Format(http.TimeFormat))
			return resp
		}}
		resp, err := client(t, rt, step).R().Get("/")
		require.NoError(t, err)
		require.Equal(t, 403, resp.StatusCode())
		require.Len(t, rt.seen, 2, "a server without a clock: one replay")
	})
}

func rand() int64 { return time.Now().UnixNano()%5 + 1 }

func TestABodyThatCannotBeSentAgainIsNot(t *testing.T) {
	hour := time.Hour
	rt := &aws{answer: off(&hour, 403, func(http.Header) {})}
	stream := like(func(s *sigv4.Signature) { s.UnsignedPayload, s.Service = true, "s3" })
	c := &http.Client{Transport: middleware.Stack{stream}.RoundTripper(rt)}
	resp, err := c.Post(home, "text/plain", io.MultiReader(strings.NewReader("once")))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 403, resp.StatusCode)
	require.Equal(t, []string{"once"}, rt.bodies)
	require.Equal(t, "UNSIGNED-PAYLOAD", rt.last(t).Header.Get("X-Amz-Content-Sha256"))
}

func TestTheHashIsSentToThoseWhoWantIt(t *testing.T) {
	hash := hexHash("the body")
	for _, tt := range []struct {
		service, set, want string
		unsigned           bool
	}{
		{"execute-api", "", "", false},
		{"s3", "", hash, false},
		{"s3express", "", hash, false},
		{"s3-outposts", "", hash, false},
		{"s3-object-lambda", "", hash, false},
		{"aoss", "", hash, false},
		{"s3tables", "", "", false},
		{"s3", "", "UNSIGNED-PAYLOAD", true},
		{"vpc-lattice-svcs", "", "UNSIGNED-PAYLOAD", true},
		{"s3", "UNSIGNED-PAYLOAD", "UNSIGNED-PAYLOAD", false},
		{"execute-api", hash, hash, false},
		{"s3", "mine", "mine", true},
	} {
		rt := &aws{}
		r := client(t, rt, like(func(s *sigv4.Signature) { s.Service, s.UnsignedPayload = tt.service, tt.unsigned })).R()
		if tt.set != "" {
			r.Header["x-amz-content-sha256"] = []string{tt.set}
		}
		_, err := r.SetBody("the body").Put("/")
		require.NoError(t, err)
		sent := rt.last(t)
		if lower := sent.Header[strings.ToLower("X-Amz-Content-Sha256")]; lower != nil { // as the caller wrote it
			sent.Header["X-Amz-Content-Sha256"] = lower
		}
		require.Equal(t, tt.want, sent.Header.Get("X-Amz-Content-Sha256"), tt.service)
		require.Equal(t, tt.want != "", strings.Contains(sent.Header.Get("Authorization"), ";x-amz-content-sha256;"))
	}
}

// reads counts how much of a body is held at once: none, since it is made as it is read.
type reads struct{ left, largest int }

func (r *reads) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), r.left)
	r.largest, r.left = max(r.largest, n), r.left-n
	return n, nil
}

func TestABodyIsHashedPieceByPiece(t *testing.T) {
	const size = 64 << 20
	var opened []*reads
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, home, nil)
	require.NoError(t, err)
	req.GetBody = func() (io.ReadCloser, error) {
		r := &reads{left: size}
		opened = append(opened, r)
		return io.NopCloser(r), nil
	}
	req.Body, _ = req.GetBody()
	req.ContentLength = size
	sent := 0
	base := middleware.Next(func(req *http.Request) (*http.Response, error) {
		n, err := io.Copy(io.Discard, req.Body)
		sent = int(n)
		return reply(req, 200, ""), err
	})
	resp, err := middleware.Stack{step}.RoundTripper(base).RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, size, sent)
	require.GreaterOrEqual(t, len(opened), 2)
	for _, r := range opened {
		require.LessOrEqual(t, r.largest, 1<<20)
	}
}

func TestNoSignatureForAnotherOrigin(t *testing.T) {
	session := keys
	session.SessionToken = auth.Static("s3cret-session")
	with := like(func(s *sigv4.Signature) { s.Credentials, s.Origins = session, []string{"https://files.home.test"} })
	for _, target := range []string{"https://evil.test/", "https://sub.api.home.test/", "https://api.home.test:8443/", "http://api.home.test/"} {
		rt := &aws{answer: func(req *http.Request) *http.Response {
			resp := reply(req, 200, "")
			if req.URL.Path == "/go" {
				resp = reply(req, http.StatusTemporaryRedirect, "")
				resp.Header.Set("Location", target)
			}
			return resp
		}}
		_, err := client(t, rt, with).R().SetBody("the body").Post("/go")
		require.NoError(t, err)
		require.Len(t, rt.seen, 2)
		require.Equal(t, "s3cret-session", rt.seen[0].Header.Get("X-Amz-Security-Token"))
		for name := range rt.seen[1].Header {
			require.NotContains(t, []string{"Authorization", "X-Amz-Security-Token", "X-Amz-Date"}, name, target)
		}
		_, err = client(t, rt, with).R().Get(target)
		require.NoError(t, err)
		require.Empty(t, rt.last(t).Header.Get("Authorization"))
	}
	rt := &aws{}
	_, err := client(t, rt, with).R().Get("https://files.home.test/")
	require.NoError(t, err)
	require.NotEmpty(t, rt.last(t).Header.Get("Authorization"), "a listed origin")
}

func TestNoSignatureOverPlainHTTP(t *testing.T) {
	rt := &aws{}
	c := resty.New().SetTransport(rt).SetBaseURL("http://api.home.test").SetLogger(silence{})
	require.NoError(t, middleware.Use(c, step))
	_, err := c.R().Get("/")
	var refused *auth.InsecureError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, auth.InsecureError{Step: "sigv4", Origin: "http://api.home.test"}, *refused)
	require.Empty(t, rt.seen)
	insecure := like(func(s *sigv4.Signature) { s.InsecureHTTP = true })
	require.NoError(t, middleware.Use(c, insecure))
	_, err = c.R().Get("/")
	require.NoError(t, err)
	_, err = c.R().SetHeader("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD").Get("/")
	require.ErrorContains(t, err, "sigv4: UnsignedPayload and InsecureHTTP leave the body without protection: keep one of them")
	require.Len(t, rt.seen, 1)
}

func TestTheCallersOwnAuthorizationAndSignedURLsStay(t *testing.T) {
	rt := &aws{}
	c := client(t, rt, step)
	_, err := c.R().SetHeader("authorization", "mine").Get("/")
	require.NoError(t, err)
	require.Equal(t, "mine", rt.last(t).Header.Get("Authorization"))
	require.Empty(t, rt.last(t).Header.Get("X-Amz-Date"))
	_, err = c.R().Get("/f?X-Amz-Signature=abc&X-Amz-Algorithm=AWS4-HMAC-SHA256")
	require.NoError(t, err)
	require.Equal(t, "X-Amz-Signature=abc&X-Amz-Algorithm=AWS4-HMAC-SHA256", rt.last(t).URL.RawQuery)
	require.Empty(t, rt.last(t).Header.Get("Authorization"))
	require.ErrorContains(t, middleware.Use(c, auth.Bearer{Token: auth.Static("t")}), "bearer: writes Authorization, as sigv4 does")
}

func TestWhatCannotBeSignedIsNotSent(t *testing.T) {
	broken := errors.New("no metadata service")
	giving := func(c sdk.Credentials, err error) sigv4.Signature {
		return like(func(s *sigv4.Signature) {
			s.Credentials = sdk.CredentialsProviderFunc(func(context.Context) (sdk.Credentials, error) { return c, err })
		})
	}
	empty := keys
	empty.SecretAccessKey = auth.Func(func(context.Context) (string, error) { return "", nil })
	ended := keys
	ended.SessionToken = auth.Func(func(context.Context) (string, error) { return "s3cret\n", nil })
	for _, tt := range []struct {
		name string
		step sigv4.Signature
		body io.Reader
		url  string
		want string
	}{
		{"no credentials", giving(sdk.Credentials{}, broken), nil, home, "sigv4: Credentials: no metadata service"},
		{"no keys", giving(sdk.Credentials{AccessKeyID: "AKID"}, nil), nil, home, "sigv4: Credentials: the provider gave no keys: see where it looks for them"},
		{"an empty secret", like(func(s *sigv4.Signature) { s.Credentials = empty }), nil, home, "sigv4: Credentials: SecretAccessKey: the secret is empty"},
		{"a token with a line end", like(func(s *sigv4.Signature) { s.Credentials = ended }), nil, home, "sigv4: Credentials: SessionToken: the secret has a control character"},
		{"a body of one reading", step, io.MultiReader(strings.NewReader("once")), home, "sigv4: the body can be read only once, and a signature reads it before it is sent"},
		{"a semicolon in the query", step, nil, home + "/?a=1;b=2", "sigv4: the query has a semicolon"},
		{"a percent sign in the query", step, nil, home + "/?a=100%", "sigv4: the query has a semicolon or a % that is no percent-encoding"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rt := &aws{}
			resp, err := (&http.Client{Transport: middleware.Stack{tt.step}.RoundTripper(rt)}).Post(tt.url, "text/plain", tt.body)
			if err == nil {
				require.NoError(t, resp.Body.Close())
			}
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "s3cret")
			require.Empty(t, rt.seen)
		})
	}
	_, err := client(t, &aws{}, giving(sdk.Credentials{}, broken)).R().Get("/")
	require.ErrorIs(t, err, broken)
}

func TestUseRefusesASignatureThatCannotBeMade(t *testing.T) {
	require.NoError(t, middleware.Use(resty.New(), step))
	unset := "RESTYKIT_UNSET"
	require.NoError(t, os.Unsetenv(unset))
	for want, change := range map[string]func(*sigv4.Signature){
		"Region is empty: see the documentation":                                               func(s *sigv4.Signature) { s.Region = "" },
		`Region "eu central" has a character that is no letter`:                                func(s *sigv4.Signature) { s.Region = "eu central" },
		"Service is empty: see the documentation":                                              func(s *sigv4.Signature) { s.Service = "" },
		`Service "s3/aws4" has a character that is no letter`:                                  func(s *sigv4.Signature) { s.Service = "s3/aws4" },
		"Credentials is nil: give those of an aws.Config, or sigv4.Keys":                       func(s *sigv4.Signature) { s.Credentials = nil },
		"Credentials are anonymous and sign nothing: leave this step out":                      func(s *sigv4.Signature) { s.Credentials = sdk.AnonymousCredentials{} },
		"UnsignedPayload and InsecureHTTP leave the body without protection: keep one of them": func(s *sigv4.Signature) { s.UnsignedPayload, s.InsecureHTTP = true, true },
		`Origins: "x" is no origin`:                                                            func(s *sigv4.Signature) { s.Origins = []string{"x"} },
		"Credentials: AccessKeyID is empty":                                                    func(s *sigv4.Signature) { s.Credentials = sigv4.Keys{SecretAccessKey: auth.Static("s")} },
		"Credentials: AccessKeyID is empty; sigv4: Credentials: SecretAccessKey is nil":        func(s *sigv4.Signature) { s.Credentials = sigv4.Keys{} },
		"Credentials: SecretAccessKey: the environment variable RESTYKIT_UNSET is not set, or empty": func(s *sigv4.Signature) {
			s.Credentials = sigv4.Keys{AccessKeyID: "A", SecretAccessKey: auth.Env(unset)}
		},
	} {
		err := middleware.Use(resty.New(), like(change))
		require.ErrorContains(t, err, "sigv4: "+want)
		require.NotContains(t, err.Error(), "\n")
	}
}

func TestManyRequestsAreSignedAtOnce(t *testing.T) {
	srv := checks(t)
	c := resty.New().SetBaseURL(srv.URL)
	require.NoError(t, middleware.Use(c, middleware.RequireStatus{}, step))
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := c.R().SetQueryParam("q", url.QueryEscape("a b")).SetBody("x").Post("/"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestSignatureKeepsTheContract(t *testing.T) {
	for name, step := range map[string]sigv4.Signature{
		"execute-api": step, "s3": like(func(s *sigv4.Signature) { s.Service = "s3" }), "unsigned": like(func(s *sigv4.Signature) { s.UnsignedPayload = true }),
	} {
		t.Run(name, func(t *testing.T) {
			middlewaretest.Run(t, func() middleware.Middleware { return step }, middlewaretest.Answer("a clock that is wrong", func(n int) *http.Response {
				status := http.StatusOK
				if n%3 == 1 {
					status = http.StatusForbidden
				}
				date := time.Now().Add(time.Duration(n) * time.Hour).UTC().Format(http.TimeFormat)
				return &http.Response{StatusCode: status, Header: http.Header{"Date": {date}}, Body: io.NopCloser(strings.NewReader("RequestTimeTooSkewed"))}
			}))
		})
	}
}
