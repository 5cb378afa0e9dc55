package auth

import "time"

// Gauges yields "token-age", the seconds since the token was had, and "token-left", those
// until its expiry, where it has one.
func (o *OAuth2) Gauges(yield func(name, origin string, value float64)) {
	had, expiry := o.minter.times()
	if had.IsZero() {
		return
	}
	yield("token-age", "", time.Since(had).Seconds())
	if !expiry.IsZero() {
		yield("token-left", "", time.Until(expiry).Seconds())
	}
}

// times are when the token that is in use was had, and when it expires; zero where there is
// none.
func (m *minter) times() (had, expiry time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.token == nil {
		return time.Time{}, time.Time{}
	}
	return m.had, m.token.Expiry
}
