//go:build race

package observe_test

// raced tells that the race detector is on, which allocates too.
const raced = true
