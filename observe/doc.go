// Package observe shows what happens in a client's calls, without a secret.
//
// Most users add one step:
//
//	err := middleware.Use(client, observe.Log{Logger: slog.Default()})
//
// There are steps for
//
//   - a line for each call and each send: [Log]
//   - spans and measurements on the API of OpenTelemetry: [Trace] and [Metrics]
//   - the command that repeats a call that failed: [Curl]
//   - an archive that the developer tools of browsers open: [HAR]
//   - the last calls and what they came to, in memory, and as a page: [Recorder]
//
// A call is what the caller asked for, and a send each request on the way to its answer:
// attempts, redirect hops, and the replay after a 401. What these steps show of a request
// or its answer a [Redactor] has seen; [Redact] does the same for the errors of an
// http.Client.
package observe
