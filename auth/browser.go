package auth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"runtime"
	"time"
)

// OpenBrowser opens a page in the system's browser: what an [AuthorizationCode] without
// Open does. It tells where that cannot be, and does not wait for the browser, which
// outlives ctx. A page that is not of http or https is refused: a system has programs for
// other schemes, too. Nothing that a browser prints is shown.
//
// It is our own because the libraries for it wait for the browser, or let it write on the
// program's output.
func OpenBrowser(_ context.Context, page string) error {
	u, err := url.Parse(page)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return errors.New("the page is no http(s) URL")
	}
	failed := errors.New("there is no program to open it with")
	for _, opener := range openers() {
		path, err := exec.LookPath(opener[0])
		if err != nil {
			continue
		}
		if err = start(path, append(opener[1:], u.String())); err == nil {
			return nil
		}
		failed = fmt.Errorf("%s: %w", opener[0], err)
	}
	return fmt.Errorf("no browser can be opened: %w", failed)
}

// openers are the programs that may open a page, the likeliest first.
func openers() [][]string {
	switch runtime.GOOS {
	case "windows":
		return [][]string{{"rundll32", "url.dll,FileProtocolHandler"}}
	case "darwin":
		return [][]string{{"open"}}
	}
	return [][]string{{"xdg-open"}, {"wslview"}, {"x-www-browser"}, {"www-browser"}}
}

// openerTime is how long an opener may take to fail.
const openerTime = 2 * time.Second

func start(path string, args []string) error {
	cmd := exec.Command(path, args...) //nolint:noctx,gosec // the browser outlives the login, and the page is a URL
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-time.After(openerTime):
		return nil // it is a browser in the foreground
	}
}
