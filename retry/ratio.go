package retry

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"sync"
	"time"

	"github.com/restykit/restykit/internal/perorigin"
)

// Ratio is a [Budget] after the manner of Finagle: retries are a part of the calls of a
// window, and some for each second beside them, so that a client with little to do may
// retry too. It is a pointer and not copied.
type Ratio struct {
	Part      float64       // of the calls; 0 is 0.2
	PerSecond float64       // beside them; 0 is 10
	Window    time.Duration // in which calls count; 0 is 10 s

	mu    sync.Mutex
	spent perorigin.Map[*window]
}

// slices of a window: what is older than the window goes a tenth at a time.
const slicesOfWindow = 10

// window counts calls and retries.
type window struct {
	calls, retries [slicesOfWindow]int
	at             time.Time // when the newest slice began
	newest         int
}

func (r *Ratio) part() float64 {
	if r.Part == 0 {
		return 0.2
	}
	return r.Part
}

func (r *Ratio) perSecond() float64 {
	if r.PerSecond == 0 {
		return 10
	}
	return r.PerSecond
}

func (r *Ratio) span() time.Duration {
	if r.Window == 0 {
		return 10 * time.Second
	}
	return r.Window
}

// Spend takes one retry out of the window's.
func (r *Ratio) Spend(target *url.URL, _ bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.window(target)
	if float64(sum(w.retries[:]))+1 > r.part()*float64(sum(w.calls[:]))+r.perSecond()*r.span().Seconds() {
		return false
	}
	w.retries[w.newest]++
	return true
}

// Refund puts a retry back that was not sent, as the newest.
func (r *Ratio) Refund(target *url.URL, _ bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.window(target)
	for i := range slicesOfWindow {
		if n := &w.retries[(w.newest+slicesOfWindow-i)%slicesOfWindow]; *n > 0 {
			*n--
			return
		}
	}
}

// Report counts a call.
func (r *Ratio) Report(target *url.URL, _ Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.window(target)
	w.calls[w.newest]++
}

// window is the window of an origin as it is now.
func (r *Ratio) window(target *url.URL) *window {
	now, slice := time.Now(), r.span()/slicesOfWindow
	w, ok := r.spent.Get(target)
	if !ok {
		w = &window{at: now}
		r.spent.Put(target, w)
	}
	steps := int(min(now.Sub(w.at)/slice, slicesOfWindow))
	for range steps {
		w.newest = (w.newest + 1) % slicesOfWindow
		w.calls[w.newest], w.retries[w.newest] = 0, 0
	}
	if steps > 0 {
		w.at = now.Add(-(now.Sub(w.at) % slice))
	}
	return w
}

func sum(list []int) int {
	n := 0
	for _, v := range list {
		n += v
	}
	return n
}

// Validate refuses numbers that cannot be meant.
func (r *Ratio) Validate() error {
	var errs []error
	if !(r.Part >= 0 && r.Part <= 10) { // NaN is neither
		errs = append(errs, fmt.Errorf("Part is %v: give a part of the calls, like 0.2, or 0 for that", r.Part))
	}
	if !(r.PerSecond >= 0 && r.PerSecond <= math.MaxInt32) {
		errs = append(errs, fmt.Errorf("PerSecond is %v: give a positive number, or 0 for 10; retry.Unlimited has no bound", r.PerSecond))
	}
	if r.Window < 0 || (r.Window > 0 && r.Window < slicesOfWindow*time.Millisecond) {
		errs = append(errs, fmt.Errorf("Window is %v: give 10ms or more, or 0 for 10s", r.Window))
	}
	return errors.Join(errs...)
}

// String is "20% and 10/s".
func (r *Ratio) String() string {
	return fmt.Sprintf("%v%% and %v/s", r.part()*100, r.perSecond())
}
