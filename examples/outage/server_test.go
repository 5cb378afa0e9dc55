package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// flood is how many requests of three times the capacity get which status, in the two
// seconds after the outage and in the three seconds after that.
func flood(m model) (early, late map[int]int) {
	const capacity = 1000
	s := newServer(m, capacity)
	early, late = map[int]int{}, map[int]int{}
	for i := range 5 * 3 * capacity {
		at := time.Duration(i) * time.Second / (3 * capacity)
		status, _ := s.take(outageTo + at)
		if at < 2*time.Second {
			early[status]++
		} else {
			late[status]++
		}
	}
	return early, late
}

func TestServerThatRefusesServesItsCapacityUnderAnyLoad(t *testing.T) {
	early, late := flood(models()[0])
	require.InDelta(t, 2500, early[200], 2) // with what waits
	require.InDelta(t, 3000, late[200], 2)
	require.InDelta(t, 6000, late[503], 2)
	require.Zero(t, early[0]+late[0])
}

func TestServerThatHangsServesNobodyOnceItsQueueIsFull(t *testing.T) {
	early, late := flood(models()[1])
	require.InDelta(t, 1500, early[200], 2) // until one second of work waits
	require.Zero(t, late[200])
	require.InDelta(t, 3000, late[0], 2)
	require.InDelta(t, 6000, late[503], 2)
}

func TestOutageIsWholeAndEndsWithAnEmptyQueue(t *testing.T) {
	for i, m := range models() {
		s := newServer(m, 10)
		for range 8 {
			s.take(outageFrom - 1)
		}
		status, after := s.take(outageFrom)
		require.Equal(t, []int{503, 0}[i], status)
		require.Equal(t, []time.Duration{0, patience}[i], after)
		status, after = s.take(outageTo)
		require.Equal(t, 200, status)
		require.Equal(t, time.Second/10, after)
	}
}

func TestAnswerComesWhenTheWorkBeforeItIsDone(t *testing.T) {
	s := newServer(models()[0], 10)
	for i := 1; i <= 5; i++ {
		status, after := s.take(0)
		require.Equal(t, 200, status)
		require.Equal(t, time.Duration(i)*time.Second/10, after)
	}
}
