// Command fleet starts itself twice, and has the two processes share one OAuth2 token in
// Redis: one of them asks for a token, and the other finds it. Then Redis goes down, each
// asks for itself, and no call fails. Without a store each process of a fleet asks for a
// token of its own: a thousand at once after each deployment, and where the provider rotates
// refresh tokens they log each other out.
//
//	go -C examples/fleet run .
//	go -C examples/fleet run . -redis redis://localhost:6379
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
)

func main() {
	url := flag.String("redis", "", "the `URL` of a Redis; without it, one inside this program, which can be stopped")
	flag.Parse()
	slog.SetDefault(slog.New(slog.DiscardHandler)) // the stand-in for a provider logs there what it refuses
	if err := start(context.Background(), os.Stdout, *url); err != nil {
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
}

// start is the program: one of the two processes, or else what starts them.
func start(ctx context.Context, out io.Writer, url string) error {
	if os.Getenv(envAPI) != "" {
		return serve(ctx, os.Stdin, out)
	}
	return run(ctx, out, url)
}

func run(ctx context.Context, out io.Writer, url string) error {
	w, err := newWorld(url)
	if err != nil {
		return err
	}
	defer w.close()
	fleet, err := w.startFleet(ctx)
	if err != nil {
		return err
	}
	defer fleet.stop()

	for _, step := range []struct {
		what   string
		before func()
		stops  bool // it takes a Redis that may be stopped
	}{
		{"Two processes call an API at once. Neither has a token.", func() {}, false},
		{"They call again.", func() {}, false},
		{"The provider revokes the token, and they call again.", w.revoke, false},
		{"Redis goes down, the token is revoked, and they call again.", func() { w.redis.Close(); w.revoke() }, true},
	} {
		if step.stops && w.redis == nil {
			fmt.Fprintln(out, "Redis is yours, and is not stopped.")
			break
		}
		fmt.Fprintln(out, step.what)
		step.before()
		made := w.provider.Mints()
		answers, err := fleet.call()
		if err != nil {
			return err
		}
		for i, answer := range answers {
			fmt.Fprintf(out, "   process %d got %s\n", i+1, answer)
		}
		fmt.Fprintf(out, "   tokens made: %d\n", w.provider.Mints()-made)
	}
	return nil
}
