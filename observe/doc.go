// Package observe shows what happens in a client's calls, without a secret.
//
// Most users add one step:
//
//	err := middleware.Use(client, observe.Log{Logger: slog.Default()})
package observe
