// Package middleware stacks steps onto a resty client:
//
//	client := resty.New().SetBaseURL("https://api.github.com")
//	err := middleware.Use(client,
//		auth.Bearer{Token: auth.Env("GITHUB_TOKEN")},
//		middleware.RequireStatus{},
//		middleware.RequireJSON{},
//		middleware.Timeout{Connect: 3 * time.Second, Read: 10 * time.Second},
//		middleware.Deadline(30*time.Second),
//		retry.Policy{},
//	)
//
// Nothing else about the client changes. The order of writing does not matter: a step
// runs at its [Layer], and [Of] prints the pipeline as it runs. One request runs with
// other steps by [With], and a plain http.Client has the same pipeline by
// [Stack.RoundTripper].
//
// The steps of this package are [RequireStatus], [RequireJSON], [Check], [Timeout],
// [Deadline], [MaxBody], [Pool], [Header], [UserAgent] and [RequestID]. Those of a topic
// are in the packages auth, retry and observe. A step of one's own is a [Func], a [Wrap]
// around a decorator of the ecosystem, or a type with one or more of the behaviours
// [RoundTripper], [Attempter], [Preparer], [Checker], [Finisher] and [Observer]; package
// middlewaretest tests it.
//
// # Errors
//
// The caller tells errors apart by type, through the *url.Error that http.Client makes,
// with [errors.AsType]: [*StatusError], [*ContentTypeError], [*DecodeError],
// [*TimeoutError], [*ConnectError], [*MaxBodyError], and those of the other packages. An
// error of the caller's own context is never one of them. No error holds a secret of a
// step, userinfo, or a value of a query.
//
// # How it sits on resty
//
// Use registers hooks, and nothing else until the first request: setters for TLS, proxy
// and transport work behind it. The first request puts the pipeline in front of the
// client's transport. Requests of sibling clients that share the http.Client, and of
// strangers that use it directly, pass by it; only a stranger's request that is in flight
// at that very moment races with it. From then on resty's setters for TLS and proxy, and
// client.Transport, no longer find an *http.Transport, on any client that shares the
// http.Client: resty logs an error. SetTransport works between requests. A client's settings for retries (SetRetryCount) do not
// go with a step that retries or with a [Deadline], and SetDigestAuth does not go with
// any stack; both are errors that say so.
package middleware
