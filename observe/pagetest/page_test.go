package pagetest_test

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

const openCall = `document.querySelector("section.calls > details.call[open]")`

func TestThePageShowsAFailingCallAndUpdatesItself(t *testing.T) {
	w := newWorld(t)
	w.run(t.Context(), 20)
	b := open(t)
	b.do(look(1280, 900, "light"), chromedp.Navigate(serve(t, w)))
	require.Contains(t, eval[string](b, `document.querySelector("tbody").innerText`), "/products/{id}")
	require.NotContains(t, eval[string](b, `document.body.innerText`), "/orders/503")

	w.fail(t.Context())
	b.until(`[...document.querySelectorAll("section.calls > details.call")].some(d => d.innerText.includes("/orders/503"))`)
	b.do(chromedp.Click(chromedp.CSS("section.calls > details.call > summary")))
	b.until(openCall + ` !== null`)
	rows := eval[string](b, openCall+`.querySelector(".waterfall").innerText`)
	for _, want := range []string{"attempt 1", "attempt 4", "503", "retry, wait"} {
		require.Contains(t, rows, want)
	}
	require.Equal(t, 4, eval[int](b, openCall+`.querySelectorAll(".row rect.wait").length`), "each attempt waits for its answer")
	require.Equal(t, 3, eval[int](b, openCall+`.querySelectorAll(".row rect.backoff").length`), "and the retry between them")
	require.True(t, eval[bool](b, `[...`+openCall+`.querySelectorAll(".row rect")].every(r => r.getBoundingClientRect().width > 0)`))

	opened := eval[string](b, openCall+`.id`)
	w.fail(t.Context())
	b.until(`document.querySelectorAll("section.calls > details.call").length >= 2 && document.querySelector("section.calls > details.call").id !== "` + opened + `"`)
	require.Equal(t, opened, eval[string](b, openCall+`.id`), "what is open stays open")
}

func TestThePageCanBePaused(t *testing.T) {
	w := newWorld(t)
	w.run(t.Context(), 5)
	b := open(t)
	calls := `document.querySelector(".tile small").textContent`
	b.do(chromedp.Navigate(serve(t, w)), chromedp.Click(chromedp.CSS("#pause")))
	b.until(`document.querySelector(".live.paused") !== null`)
	before := eval[string](b, calls)
	w.run(t.Context(), 5)
	require.Never(t, func() bool { return eval[string](b, calls) != before }, 4*time.Second, 500*time.Millisecond)
	b.do(chromedp.Click(chromedp.CSS("#pause")))
	b.until(calls + ` !== "` + before + `"`)
}

func TestThePageRefreshesItselfWithoutJavaScript(t *testing.T) {
	w := newWorld(t)
	w.run(t.Context(), 5)
	b := open(t)
	b.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return chromedp.Void{}, err
	}, chromedp.Navigate(serve(t, w)))
	text := func() string {
		s, _ := chromedp.Run(b.ctx, chromedp.TextContent(chromedp.CSS("section.calls"))) // it may be loading
		return s
	}
	require.Contains(t, text(), "Last failures")
	require.NotContains(t, text(), "/orders/503")
	w.fail(t.Context())
	require.Eventually(t, func() bool { return strings.Contains(text(), "/orders/503") }, 20*time.Second, 200*time.Millisecond)
}

func TestNothingIsWiderThanThePage(t *testing.T) {
	w := newWorld(t)
	w.run(t.Context(), 20)
	w.fail(t.Context())
	long := strings.Repeat("x", 300)
	_, _ = w.shop.R().SetContext(t.Context()).Get("/" + long)
	_, _ = w.shop.R().SetContext(t.Context()).Get("https://" + long[:60] + "." + long[:60] + "." + long[:60] + ".test:1/")
	b := open(t)
	url := serve(t, w)
	for _, width := range []int64{320, 390, 760, 800, 1100, 1440} {
		b.do(look(width, 900, "light"), chromedp.Navigate(url+"?pause=1"))
		over := eval[int](b, `document.querySelectorAll("details").forEach(d => d.open = true), document.documentElement.scrollWidth - document.documentElement.clientWidth`)
		require.Zero(t, over, "at %d", width)
	}
}

// TestPictures takes the pictures of docs/, where PICTURES names a directory.
func TestPictures(t *testing.T) {
	dir := os.Getenv("PICTURES")
	if dir == "" {
		t.Skip("PICTURES names no directory")
	}
	w := newWorld(t)
	run := func() {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() { w.run(t.Context(), 60) })
		}
		all.Wait()
	}
	w.run(t.Context(), 40)
	load, err := time.ParseDuration(os.Getenv("PICTURES_LOAD"))
	require.NoError(t, err, "PICTURES_LOAD is how long there are calls before")
	for begun := time.Now(); time.Since(begun) < load; time.Sleep(time.Duration(rand.IntN(6000)) * time.Millisecond) {
		run()
	}
	w.fail(t.Context())
	w.mailGoesDown(t.Context())
	run()
	w.slow(t.Context())
	w.fail(t.Context())
	b := open(t)
	url := serve(t, w)
	for _, p := range []struct {
		name, scheme  string
		width, height int64
	}{{"live-page-light", "light", 1280, 1250}, {"live-page-dark", "dark", 1280, 1250}, {"live-page-phone", "light", 390, 1500}} {
		b.do(look(p.width, p.height, p.scheme), chromedp.Navigate(url+"?pause=1"))
		_ = eval[bool](b, `document.querySelectorAll("section.calls > details.call").forEach((d, i) => { d.open = i === 0; }), true`)
		picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, p.name+".png"), picture, 0o644))
	}
	runtime.KeepAlive(w)
}
