package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// recordOf is a run of a minute, with 100 calls in each second; lost is of the seconds from
// the end of the outage.
func recordOf(lost ...int) record {
	r := newRecord(time.Minute)
	for i := range r.until {
		r.seconds[i].calls = 100
	}
	for i, n := range lost {
		r.seconds[40+i].lost = n
	}
	return r
}

func TestRecoveredIsWhenNoSecondLosesMoreThanOneInAHundredAgain(t *testing.T) {
	relapse := make([]int, 20)
	relapse[19] = 2
	for _, tc := range []struct {
		lost []int
		want string
	}{
		{nil, "0s"},
		{[]int{1, 1, 0, 1}, "0s"},
		{[]int{2}, "1s"},
		{[]int{100, 50, 2, 1}, "3s"},
		{[]int{0, 0, 0, 100}, "4s"},
		{relapse, "never"},
	} {
		require.Equal(t, tc.want, result{record: recordOf(tc.lost...)}.recovery(), tc.lost)
	}
}

func TestLostCallCountsWhereItBeganAndAGoodOneWhereItEnds(t *testing.T) {
	r := newRecord(time.Minute)
	r.end(time.Second, 3*time.Second, false)
	r.end(time.Second, 4*time.Second, true)
	require.Equal(t, second{lost: 1}, *r.at(time.Second))
	require.Equal(t, second{good: 1}, *r.at(4 * time.Second))
	require.Equal(t, second{lost: 1, good: 1}, r.all())
}
