package pagetest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// browser is a Chromium of a test's own.
type browser struct {
	t   *testing.T
	ctx context.Context
}

// open starts one. It fails the test where there is anything in its console.
func open(t *testing.T) *browser {
	t.Helper()
	b := start(t)
	messages := chromedp.Console(b.ctx)
	said := make(chan string)
	go func() {
		var all string
		for m, err := range messages {
			if err != nil {
				break
			}
			all += fmt.Sprintln(m)
		}
		said <- all
	}()
	t.Cleanup(func() {
		_ = chromedp.Cancel(b.ctx)
		require.Empty(t, <-said, "the console is to be silent")
	})
	return b
}

// start starts one.
func start(t *testing.T) *browser {
	t.Helper()
	if _, err := exec.LookPath("chromium"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("there is no chromium")
		}
		t.Skip("there is no chromium: apt-get install chromium")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()))
	ctx, cancel := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), opts...) // the test's ends before its Cleanup
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{t, ctx}
	b.do()
	return b
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	if len(steps) == 0 {
		ctx = b.ctx // the browser lives as long as the first
	}
	require.NoError(b.t, chromedp.Do(ctx, steps...))
}

// eval is the value of an expression in the page.
func eval[T any](b *browser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	require.NoError(b.t, err, expression)
	return v
}

// until waits for an expression to be true.
func (b *browser) until(expression string) {
	b.t.Helper()
	require.Eventually(b.t, func() bool { return eval[bool](b, expression) }, 20*time.Second, 50*time.Millisecond, expression)
}

func look(width, height int64, scheme string) chromedp.Action[chromedp.Void] {
	return chromedp.Steps(
		chromedp.EmulateViewport(width, height),
		func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
			_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
			})
			return chromedp.Void{}, err
		},
	)
}

// serve mounts the page as a service does.
func serve(t *testing.T, w *world) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/debug/http", w.recorder.Handler())
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv.URL + "/debug/http"
}
