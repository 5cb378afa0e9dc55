// Package auth proves who a client is, by a step of a pipeline:
//
//	err := middleware.Use(client, auth.Bearer{Token: auth.Env("GITHUB_TOKEN")})
//
// There are steps for
//
//   - what is known: [Basic], [Digest], [Netrc], [Bearer] and [APIKey]
//   - what a server issues: [OAuth2] with a [Grant], such as [ClientCredentials],
//     [AuthorizationCode] or [GitHubApp], and a [TokenStore] where a token is shared
//   - what the client signs: [JWT], [HMAC], [Signature] and [OAuth1], tokens that are bound
//     to a key ([DPoP]), and in the module auth/sigv4 the signatures of AWS
//   - anything else, under the same rules: [Custom]
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
//   - Credentials are written anew for each attempt, below all that logs requests. What
//     signs comes last in its layer: it covers what the other steps have written. A body
//     that is signed must be one that can be read twice, from bytes or with GetBody.
//   - Where a server refuses what may have gone stale, a token or a nonce, the request is
//     sent once more with another, and not a third time.
//
// To test a program that uses these, the module auth/authtest starts a real OpenID
// provider in the process.
package auth
