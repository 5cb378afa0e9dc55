package main

import (
	"io"
	"log/slog"
	"time"

	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/observe"
	"github.com/restykit/restykit/retry"
)

// Standard is the stack of every service of the team. It is a function, so that what has
// state, such as the budget of the retries, is made anew for each client.
func Standard(log *slog.Logger) middleware.Stack {
	return middleware.Stack{
		middleware.RequireStatus{},
		middleware.RequireJSON{},
		middleware.MaxBody(0),
		middleware.Timeout{Connect: 2 * time.Second},
		middleware.Deadline(20 * time.Second),
		middleware.UserAgent("shop/1.0"),
		middleware.RequestID{},
		retry.Policy{Attempts: 3, Wait: 20 * time.Millisecond},
		observe.Log{Logger: log},
	}
}

// logger writes what is the same in each run of this program.
func logger(out io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "duration" {
			return slog.Attr{}
		}
		return a
	}}))
}
