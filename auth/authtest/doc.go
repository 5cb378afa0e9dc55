// Package authtest starts an OpenID provider in the process, for the tests of programs that
// use OAuth 2.0:
//
//	p := authtest.New(t)
//	app := p.Client("app", authtest.Secret("s3cret"))
//	api := httptest.NewServer(p.Protect(handler))
//
// The provider is that of github.com/zitadel/oidc/v3, on a listener of this machine, with
// its state in memory. It knows the grants client credentials, refresh token, authorization
// code with PKCE (RFC 7636), password, device (RFC 8628), JWT bearer (RFC 7523) and token
// exchange (RFC 8693); it knows a client by its secret in the header or the form, by a JWT
// signed with its key or its secret (RFC 7523), or by its certificate (RFC 8705). It has
// discovery, introspection (RFC 7662), revocation (RFC 7009) and userinfo.
//
// It is strict where servers may be: a public client must send a code challenge, a code, an
// assertion and a device code are good once, a code used twice ends the tokens that came of
// it, and a device that polls too soon is told to slow down.
//
// It differs from a real one by its switches. [Provider.Fault] makes the token endpoint fail
// or say odd things, [Provider.Revoke] ends a token, [Provider.Rotate] rotates refresh
// tokens, and [Provider.Requests] tells what the token endpoint was asked, secrets included.
// People are played by [Provider.Login] and [Provider.Approve].
//
// It is for tests: its secrets are in memory and in plain sight, and anyone who reaches the
// listener can log in. It has no implicit flow, no request objects, no PAR, no DPoP, no
// certificate-bound tokens and no registration of clients over HTTP; introspection takes no
// certificate. The engine tells slog's default logger its routes, and what it refuses.
//
// All of it is safe for concurrent use.
package authtest
