package auth

import (
	"fmt"
	"net/http"
	"time"
)

// tolerable is how far two clocks may be apart before it is told.
const tolerable = 30 * time.Second

// clockError tells of a clock that may be why a server refuses what was signed by it: it is
// ahead, or behind, and what that means.
func clockError(answer http.Header, ahead, behind string) error {
	date, err := http.ParseTime(answer.Get("Date"))
	if err != nil {
		return nil //nolint:nilerr // without a date there is nothing to tell
	}
	switch by := time.Since(date).Round(time.Second); {
	case by > tolerable:
		return fmt.Errorf("the clock here is %v ahead of the server's, and %s: set it, as with NTP", by, ahead)
	case by < -tolerable:
		return fmt.Errorf("the clock here is %v behind the server's, and %s: set it, as with NTP", -by, behind)
	}
	return nil
}
