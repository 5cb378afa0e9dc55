package middleware

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDerivedContextsEndWithTheKits(t *testing.T) {
	type key struct{}
	each(t, func(t *testing.T, below func(context.Context) expiring) {
		ctx := below(context.WithValue(t.Context(), key{}, "value"))
		direct, cancel := context.WithCancel(ctx)
		valued, cancelValued := context.WithCancelCause(context.WithValue(direct, key{}, "other"))
		timed, cancelTimed := context.WithTimeout(ctx, time.Hour)
		free := context.WithoutCancel(ctx)
		until, _ := timed.Deadline()
		require.Equal(t, time.Minute, time.Until(until))
		ctx.end(&TimeoutError{Limit: limitRead})
		for _, derived := range []context.Context{direct, valued, timed} {
			<-derived.Done()
			require.Equal(t, context.DeadlineExceeded, derived.Err())
			require.Equal(t, context.DeadlineExceeded, context.Cause(derived))
		}
		require.NoError(t, free.Err())
		require.Nil(t, free.Done())
		require.Equal(t, "value", free.Value(key{}))
		require.Equal(t, "other", valued.Value(key{}))
		require.Equal(t, callOf(ctx), callOf(free))
		require.Equal(t, callOf(ctx), callOf(valued))
		cancel()
		cancelValued(nil)
		cancelTimed()
	})
}

func TestDerivedContextThatEndsFirstIsForgotten(t *testing.T) {
	each(t, func(t *testing.T, below func(context.Context) expiring) {
		ctx := below(t.Context())
		for range 10 {
			derived, cancel := context.WithCancelCause(ctx)
			cancel(errParent)
			require.Equal(t, errParent, context.Cause(derived))
		}
		require.NoError(t, ctx.Err())
		hung, _ := ctx.kept()
		require.Zero(t, hung)
		ctx.end(context.Canceled)
	})
}
