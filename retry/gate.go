package retry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"github.com/restykit/restykit/internal/ratelimit"
	"github.com/restykit/restykit/middleware"
)

// gate is the limit of one origin.
type gate struct {
	numbers limitNumbers
	origin  string
	slots   *semaphore.Weighted // nil is no bound
	rate    *rate.Limiter
	inside  atomic.Int64 // those who have entered, and not left

	mu    sync.Mutex
	pace  *rate.Limiter // what the server's quota allows
	most  int64         // the most that was left of it, since the reset before
	empty bool          // nothing is left
	reset time.Time     // when it is full again
}

func (n limitNumbers) gate(from string) *gate {
	g := &gate{numbers: n, origin: from, rate: rate.NewLimiter(rate.Limit(n.rate), n.burst), pace: rate.NewLimiter(rate.Inf, 1)}
	if n.slots > 0 {
		g.slots = semaphore.NewWeighted(n.slots)
	}
	return g
}

// enter waits for a turn. Whoever is in leaves once.
func (g *gate) enter(ctx context.Context, most time.Duration) error {
	begun := time.Now()
	if err := g.takeSlot(ctx, most); err != nil {
		return err
	}
	if err := g.takeTurn(ctx, most, begun); err != nil {
		g.release()
		return err
	}
	g.inside.Add(1)
	return nil
}

func (g *gate) leave() {
	g.inside.Add(-1)
	g.release()
}

func (g *gate) release() {
	if g.slots != nil {
		g.slots.Release(1)
	}
}

func (g *gate) takeSlot(ctx context.Context, most time.Duration) error {
	if g.slots == nil || g.slots.TryAcquire(1) {
		return nil
	}
	begun := time.Now()
	waiting, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	if g.slots.Acquire(waiting, 1) == nil {
		return nil
	}
	full := &LimitError{Origin: g.origin, why: fmt.Sprintf("%d requests are under way, and none has ended in %v", g.numbers.slots, most)}
	if err := ctx.Err(); err != nil {
		if !errors.Is(err, context.DeadlineExceeded) {
			return context.Cause(ctx)
		}
		full.why = fmt.Sprintf("%d requests are under way, and none has ended in %v: nothing was sent", g.numbers.slots, time.Since(begun).Round(time.Millisecond))
		full.ended = context.Cause(ctx)
	}
	return full
}

// takeTurn waits for the rates.
func (g *gate) takeTurn(ctx context.Context, most time.Duration, begun time.Time) error {
	t, err := g.reserve(ctx, most, begun)
	if err != nil || t.wait == 0 {
		return err
	}
	if err := sleep(ctx, t.wait); err != nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		t.giveBack(time.Now())
		return err
	}
	return nil
}

// turn is a place in the order of both rates.
type turn struct {
	wait         time.Duration
	own, learned *rate.Reservation
}

// giveBack lets others have it, as far as none of them has counted on it.
func (t turn) giveBack(now time.Time) {
	t.own.CancelAt(now)
	if t.learned != nil {
		t.learned.CancelAt(now)
	}
}

// reserve takes the next turn, if that is soon enough. The lock lets nobody count on one that
// is given back at once.
func (g *gate) reserve(ctx context.Context, most time.Duration, begun time.Time) (turn, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	t := turn{own: g.rate.ReserveN(now, 1)}
	var quota time.Duration
	quota, t.learned = g.quota(now)
	t.wait = max(t.own.DelayFrom(now), quota)
	if why := tooLong(ctx, now.Add(t.wait), most, begun); why != "" && t.wait > 0 {
		t.giveBack(now)
		return t, &LimitError{Origin: g.origin, Wait: t.wait, why: fmt.Sprintf("the next turn is in %v, %s", t.wait.Round(time.Millisecond), why)}
	}
	return t, nil
}

// tooLong says why a turn is too far off, or nothing.
func tooLong(ctx context.Context, turn time.Time, most time.Duration, begun time.Time) string {
	if end, ok := ctx.Deadline(); ok && !turn.Before(end) {
		return "after the deadline"
	}
	if turn.Sub(begun) > most {
		return fmt.Sprintf("and %v is the most that is waited", most)
	}
	return ""
}

// quota is the wait for a turn by the server's quota, and what is reserved of that.
func (g *gate) quota(now time.Time) (time.Duration, *rate.Reservation) {
	switch {
	case !now.Before(g.reset):
		g.empty = false
		g.pace.SetLimitAt(now, rate.Inf)
	case g.empty:
		return g.reset.Sub(now), nil
	}
	r := g.pace.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	return wait, r
}

// scarce is the part of a quota from which on the rest is spread, and the last one always.
const scarce = 10

// maxReset bounds what a server may say of its quota: a wrong clock stops nobody for ever.
const maxReset = 24 * time.Hour

// learn heeds what an answer tells of the server's quota.
func (g *gate) learn(h http.Header) {
	quota, ok := ratelimit.Left(h)
	if !ok || quota.Reset > maxReset {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if !now.Before(g.reset) {
		g.most = 0
	}
	g.most, g.empty, g.reset = max(g.most, quota.Left), quota.Left == 0, now.Add(quota.Reset)
	all := g.most
	if quota.Limit > 0 {
		all = quota.Limit
	}
	pace := rate.Inf
	if quota.Left > 0 && quota.Left <= max(1, all/scarce) {
		pace = rate.Limit(float64(quota.Left) / quota.Reset.Seconds())
	}
	g.pace.SetLimitAt(now, pace)
}

// guest is the body of an answer whose attempt is under way until the end.
type guest struct {
	io.ReadCloser

	once  sync.Once
	leave func()
}

// guests are the bodies of a call whose place is taken.
type guests struct {
	mu   sync.Mutex
	here []*guest
}

type guestsKey struct{}

func guestsOf(info *middleware.Info) *guests {
	return info.Memo(guestsKey{}, func() any { return &guests{} }).(*guests)
}

func (g *guests) add(b *guest) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.here = append(g.here, b)
}

// leave gives the places of all back.
func (g *guests) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, b := range g.here {
		b.once.Do(b.leave)
	}
	g.here = nil
}

// Read leaves at the end.
func (b *guest) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.once.Do(b.leave)
	}
	return n, err
}

// Close leaves.
func (b *guest) Close() error {
	err := b.ReadCloser.Close()
	b.once.Do(b.leave)
	return err
}
