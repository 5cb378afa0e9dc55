// Package auth proves who a client is: [Basic], [Bearer], [APIKey] and [OAuth2], as
// steps of a pipeline.
//
//	err := middleware.Use(client, auth.Bearer{Token: auth.Env("GITHUB_TOKEN")})
//
// The same rules hold for all of them:
//
//   - A secret goes to its origin only (scheme, host and port): that of the client's
//     BaseURL at the time of the request, or else of the URL that the caller asked for.
//     Not to the target of a redirect elsewhere, a subdomain, another port, or an
//     absolute URL elsewhere. The field Origins lists further ones. Without a BaseURL, and
//     under RoundTripper, the secret goes wherever the caller points the client.
//   - It goes over TLS, or to this machine; over plain http elsewhere only with the
//     field InsecureHTTP. So it is where a request to this machine goes through a proxy on
//     another one. Of a proxy the kit knows where the transport is an [*http.Transport];
//     any other kind, or a dialer of your own, may lead anywhere.
//   - On such a stack, a request to any other origin carries only Accept*, Content-*,
//     User-Agent, Range, If-* and the request id, and a Referer cut to its origin,
//     whoever set the rest.
//   - An Authorization that the caller set on the request wins. One set on the client
//     beside a step that writes it is refused by [middleware.Use].
//   - A secret comes from a [Source] and never shows: not in an error, a log, the
//     printed pipeline, fmt output of the step, resty's debug log or curl line.
//   - Credentials are written anew for each attempt, below all that logs requests.
package auth
