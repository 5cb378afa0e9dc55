package middleware

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// expiring is one of the kit's own contexts, and how the kit ends it.
type expiring struct {
	context.Context
	end     func(error)
	limited func() *TimeoutError
	release func()
	kept    func() (hung int, detach func() bool)
}

// AfterFunc lets package context see the kit's.
func (e expiring) AfterFunc(f func()) (stop func() bool) {
	return e.Context.(interface{ AfterFunc(f func()) func() bool }).AfterFunc(f)
}

// expirings makes each of the kit's contexts, with a deadline in a minute, below a parent.
func expirings() map[string]func(parent context.Context) expiring {
	seen := func(e *expiry) func() (int, func() bool) {
		return func() (int, func() bool) {
			e.mu.Lock()
			defer e.mu.Unlock()
			return len(e.after), e.detach
		}
	}
	limited := &pipeline{limits: limits{deadline: time.Minute}}
	return map[string]func(context.Context) expiring{
		"call": func(parent context.Context) expiring {
			c := &call{}
			c.begin(parent, limited)
			return expiring{Context: c, end: c.end, limited: c.limited, release: c.release, kept: seen(&c.expiry)}
		},
		"attempt": func(parent context.Context) expiring {
			c := &call{}
			c.begin(parent, limited)
			a := &attempt{call: c}
			a.Context = parent
			a.watch.begin(a)
			return expiring{Context: a, end: a.end, limited: a.limited, release: func() { a.watch.stop(); a.release() }, kept: seen(&a.expiry)}
		},
	}
}

// each runs a test on each of the kit's contexts, in a bubble.
func each(t *testing.T, f func(t *testing.T, below func(context.Context) expiring)) {
	t.Helper()
	for name, below := range expirings() {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { f(t, below) }) })
	}
}

var errParent = errors.New("the parent's reason")

func isDone(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return true
	default:
		return false
	}
}

func TestContextOfTheKitsIsOpenUntilItEnds(t *testing.T) {
	each(t, func(t *testing.T, below func(context.Context) expiring) {
		ctx := below(t.Context())
		require.False(t, isDone(ctx))
		require.NoError(t, ctx.Err())
		require.NoError(t, context.Cause(ctx))
		time.Sleep(time.Minute - 1)
		require.False(t, isDone(ctx))
		require.NoError(t, ctx.Err())
		time.Sleep(time.Nanosecond)
		<-ctx.Done()
		require.Equal(t, context.DeadlineExceeded, ctx.Err(), "it is that very value")
		require.ErrorIs(t, context.Cause(ctx), context.DeadlineExceeded)
	})
}

func TestContextOfTheKitsEndsWithItsParent(t *testing.T) {
	each(t, func(t *testing.T, below func(context.Context) expiring) {
		parent, cancel := context.WithCancelCause(t.Context())
		ctx, late := below(parent), below(parent)
		require.False(t, isDone(ctx))
		cancel(errParent)
		<-ctx.Done()
		require.Equal(t, context.Canceled, ctx.Err())
		require.Equal(t, errParent, context.Cause(ctx))
		require.Equal(t, context.Canceled, late.Err(), "without a question for Done before")
		<-late.Done()
		late.release()

		parent, stop := context.WithTimeoutCause(t.Context(), time.Second, errParent)
		defer stop()
		ctx = below(parent)
		<-ctx.Done()
		require.Equal(t, context.DeadlineExceeded, ctx.Err())
		require.Equal(t, errParent, context.Cause(ctx))

		theirs, cancel := context.WithCancelCause(t.Context())
		ctx = below(theirs)
		ctx.Done()
		cancel(&TimeoutError{Limit: limitRead}) // of another call of theirs
		<-ctx.Done()
		require.Equal(t, context.Canceled, ctx.Err())
		require.Nil(t, ctx.limited())
	})
}

func TestContextOfTheKitsHasTheEarlierDeadline(t *testing.T) {
	each(t, func(t *testing.T, below func(context.Context) expiring) {
		for _, parents := range []time.Duration{time.Second, time.Hour} {
			parent, cancel := context.WithTimeout(t.Context(), parents)
			begin, want := time.Now(), min(parents, time.Minute)
			ctx := below(parent)
			until, ok := ctx.Deadline()
			require.True(t, ok)
			require.Equal(t, want, until.Sub(begin))
			<-ctx.Done()
			require.Equal(t, want, time.Since(begin))
			require.Equal(t, context.DeadlineExceeded, ctx.Err())
			cancel()
		}
	})
}

// "After Err returns a non-nil error, successive calls to Err return the same error."
func TestReasonOfAContextNeverChanges(t *testing.T) {
	each(t, func(t *testing.T, below func(context.Context) expiring) {
		parent, cancel := context.WithCancelCause(t.Context())
		ctx := below(parent)
		cancel(errParent)
		require.Equal(t, context.Canceled, ctx.Err())
		ctx.end(&TimeoutError{Limit: limitRead})
		require.Equal(t, context.Canceled, ctx.Err())
		require.Equal(t, errParent, context.Cause(ctx))
		<-ctx.Done()

		other := below(t.Context())
		other.end(&TimeoutError{Limit: limitRead})
		other.end(context.Canceled)
		other.release()
		require.Equal(t, context.DeadlineExceeded, other.Err())
		<-other.Done()
	})
}

func TestAfterFuncRunsOnceAtTheEndInItsOwnGoroutine(t *testing.T) {
	each(t, func(t *testing.T, below func(context.Context) expiring) {
		ctx := below(t.Context())
		var ran, stopped atomic.Int32
		stop := context.AfterFunc(ctx, func() {
			<-ctx.Done() // what it asks of its context does not lock it out
			ran.Add(1)
		})
		stopOther := context.AfterFunc(ctx, func() { stopped.Add(1) })
		require.True(t, stopOther())
		require.False(t, stopOther())
		ctx.end(&TimeoutError{Limit: limitRead})
		synctest.Wait()
		require.False(t, stop())
		context.AfterFunc(ctx, func() { ran.Add(1) })
		require.False(t, ctx.AfterFunc(func() { ran.Add(1) })(), "nor if it hangs on too late")
		synctest.Wait()
		require.EqualValues(t, 3, ran.Load())
		require.Zero(t, stopped.Load())
		hung, _ := ctx.kept()
		require.Zero(t, hung)
	})
}

func TestReleasedContextHasOnlyItsParentsLimits(t *testing.T) {
	each(t, func(t *testing.T, below func(context.Context) expiring) {
		parent, cancel := context.WithCancelCause(t.Context())
		ctx := below(parent)
		ctx.Done()
		ctx.release()
		ctx.release()
		_, limited := ctx.Deadline()
		require.False(t, limited)
		time.Sleep(time.Hour)
		ctx.end(&TimeoutError{Limit: limitRead})
		require.NoError(t, ctx.Err())
		require.False(t, isDone(ctx))
		derived, stop := context.WithCancel(ctx)
		defer stop()
		ran := false
		context.AfterFunc(ctx, func() { ran = true })
		cancel(errParent)
		<-derived.Done()
		synctest.Wait()
		require.True(t, ran)
		require.Equal(t, context.Canceled, ctx.Err())
		require.Equal(t, errParent, context.Cause(derived))
		_, detach := ctx.kept()
		require.False(t, detach(), "the parent had let go of it before")
	})
}

// Under -race: everything at once.
func TestContextOfTheKitsIsSafeForConcurrentUse(t *testing.T) {
	each(t, func(t *testing.T, below func(context.Context) expiring) {
		for _, finish := range []func(expiring, context.CancelFunc){
			func(e expiring, _ context.CancelFunc) { e.end(&TimeoutError{Limit: limitRead}) },
			func(e expiring, _ context.CancelFunc) { e.release() },
			func(_ expiring, cancel context.CancelFunc) { cancel() },
		} {
			parent, cancel := context.WithCancel(t.Context())
			ctx := below(parent)
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					derived, cancel := context.WithTimeout(ctx, time.Second)
					defer cancel()
					stop := context.AfterFunc(ctx, func() {})
					defer stop()
					_, _, _ = ctx.Err(), context.Cause(ctx), ctx.Value("nothing")
					<-derived.Done()
				})
			}
			all.Go(func() { finish(ctx, cancel) })
			all.Wait()
			ctx.end(context.Canceled)
			cancel()
		}
	})
}
