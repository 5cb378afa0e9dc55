// Package pagetest drives the live page of a Recorder in a real Chromium, and opens a HAR
// in its developer tools. It has tests alone.
package pagetest
