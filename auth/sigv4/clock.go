package sigv4

import (
	"net/http"
	"sync/atomic"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// state is what a client keeps between requests.
type state struct {
	signer *v4.Signer // has the keys that it derived for a day
	ahead  atomic.Int64
}

func newState() *state { return &state{signer: v4.NewSigner()} }

// skew is how far the servers' clock is ahead of this machine's.
func (s *state) skew() time.Duration { return time.Duration(s.ahead.Load()) }

// maxSkew is how far a clock may be off: AWS allows 5 min and more.
const maxSkew = 4 * time.Minute

// again tells whether a request was refused that was signed with another time than the
// server's. A cached answer has a Date of its own.
func (x *exchange) again(_ *http.Request, answer *http.Response) bool {
	switch answer.StatusCode {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
	default:
		return false
	}
	date, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil || answer.Header.Get("Age") != "" {
		return false
	}
	ahead := time.Until(date)
	if (ahead - x.skew).Abs() <= maxSkew {
		return false
	}
	x.state.ahead.Store(int64(ahead))
	return true
}
