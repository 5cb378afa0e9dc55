package middleware

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/internal/origin"
)

// settleBase fixes the origin of the call where the client has a BaseURL. The target
// of an SRV record is what the caller asked for. A BaseURL that is wrong is for resty
// to judge, and for seal where a secret depends on it.
func (c *call) settleBase() {
	if baseOf(c.client) == "" || c.request.SRV != nil {
		return
	}
	c.home, c.homeless = c.pipe.homeOf(c.client)
}

// homeOf is the origin of the client's BaseURL, which is parsed again when it changes.
func (p *pipeline) homeOf(c *resty.Client) (origin.Origin, error) {
	if known := p.home.Load(); known != nil && known.base == baseOf(c) {
		return known.home, nil
	}
	u, err := baseURL(c)
	if err != nil {
		return origin.Origin{}, err
	}
	p.home.Store(&home{base: baseOf(c), home: origin.Of(u)})
	return origin.Of(u), nil
}

// home is a BaseURL and its origin.
type home struct {
	base string
	home origin.Origin
}

// baseOf is the text of the client's BaseURL, or of the field that it had before.
func baseOf(c *resty.Client) string {
	if c.BaseURL == "" {
		return c.HostURL // deprecated, and resty still reads it
	}
	return c.BaseURL
}

// baseURL is the client's BaseURL. One that is only a path has no origin: so resty's
// manual names a unix socket, for requests that say their URL themselves.
func baseURL(c *resty.Client) (*url.URL, error) {
	base := baseOf(c)
	if strings.HasPrefix(base, "/") && !strings.HasPrefix(base, "//") {
		return &url.URL{Path: base}, nil
	}
	if scheme := *at[string](c, fields.scheme); scheme != "" && len(base) > 1 && base[:2] == "//" {
		base = scheme + ":" + base
	}
	u, err := origin.Base(base)
	if err != nil {
		return nil, fmt.Errorf("middleware: %w", err)
	}
	return u, nil
}
