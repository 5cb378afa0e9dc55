//go:build !race

package observe_test

const raced = false
