package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/internal/httpbintest"
	"github.com/restykit/restykit/middleware"
)

// answers are the features that judge what comes back, or does not.
func answers() []feature {
	return []feature{
		{"Status codes", "GET /status/404", func(c *resty.Client) result {
			resp, err := c.R().Get("/status/404")
			status, ok := errors.AsType[*middleware.StatusError](err)
			return result{saw: said(resp), got: kind(err), ok: ok && status.StatusCode == http.StatusNotFound && errors.Is(err, middleware.ErrNotFound)}
		}},
		{"... 404 is an answer", "GET /status/404", func(c *resty.Client) result {
			ctx := middleware.With(context.Background(), middleware.RequireStatus{Codes: []int{200, 404}})
			resp, err := c.R().SetContext(ctx).Get("/status/404")
			return result{saw: said(resp), got: outcome(resp, err), ok: err == nil && resp.StatusCode() == http.StatusNotFound}
		}},
		{"JSON content type", "GET /html", func(c *resty.Client) result {
			resp, err := c.R().Get("/html")
			_, ok := errors.AsType[*middleware.ContentTypeError](err)
			return result{saw: said(resp), got: kind(err), ok: ok}
		}},
		{"... on the way out", `POST /post {"n":1}`, func(c *resty.Client) result {
			var echo httpbintest.Echo
			resp, err := c.R().SetResult(&echo).SetBody(`{"n":1}`).Post("/post")
			sent := echo.Headers.Get("Content-Type")
			return result{saw: seen("Content-Type: ", sent), got: outcome(resp, err), ok: err == nil && sent == "application/json"}
		}},
		{"Timeouts", "GET /delay/2, Read: 200ms", func(c *resty.Client) result {
			ctx := middleware.With(context.Background(), middleware.Timeout{Read: 200 * time.Millisecond})
			begun := time.Now()
			_, err := c.R().SetContext(ctx).Get("/delay/2")
			waited := time.Since(begun)
			late, ok := errors.AsType[*middleware.TimeoutError](err)
			return result{
				saw: fmt.Sprintf("a caller who left after %.1fs", waited.Seconds()), got: kind(err),
				ok: ok && late.Limit == "read" && waited < 2*time.Second,
			}
		}},
	}
}

// said is the beginning of the server's answer, which the caller has beside the error.
func said(resp *resty.Response) string {
	if resp == nil || resp.RawResponse == nil {
		return ""
	}
	return fmt.Sprintf("and said %d, %s", resp.StatusCode(), essence(resp.Header().Get("Content-Type")))
}

func essence(contentType string) string {
	kind, _, _ := strings.Cut(contentType, ";")
	return kind
}

// kind is an error by its type, as the caller tells it apart.
func kind(err error) string {
	if status, ok := errors.AsType[*middleware.StatusError](err); ok {
		return fmt.Sprintf("*StatusError: %d", status.StatusCode)
	}
	if media, ok := errors.AsType[*middleware.ContentTypeError](err); ok {
		return "*ContentTypeError: " + essence(media.ContentType)
	}
	if late, ok := errors.AsType[*middleware.TimeoutError](err); ok {
		return fmt.Sprintf("*TimeoutError: %s %v", late.Limit, late.Value)
	}
	return fmt.Sprint(err)
}
