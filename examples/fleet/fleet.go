package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// process is one of the fleet: for each line that it is sent it makes a call, and answers
// with a line.
type process struct {
	*exec.Cmd

	orders  io.WriteCloser
	answers *bufio.Reader
}

// fleet is this program, started more than once.
type fleet []*process

const processes = 2

func (w *world) startFleet(ctx context.Context) (fleet, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var f fleet
	for range processes {
		cmd := exec.CommandContext(ctx, self) //nolint:gosec // this program
		cmd.Env = append(os.Environ(), w.environment()...)
		cmd.Stderr = os.Stderr
		orders, err1 := cmd.StdinPipe()
		answers, err2 := cmd.StdoutPipe()
		if err := errors.Join(err1, err2, cmd.Start()); err != nil {
			f.stop()
			return nil, err
		}
		f = append(f, &process{cmd, orders, bufio.NewReader(answers)})
	}
	return f, nil
}

// call has all make a call at once.
func (f fleet) call() ([]string, error) {
	for i, p := range f {
		if _, err := fmt.Fprintln(p.orders, "call"); err != nil {
			return nil, fmt.Errorf("process %d: %w", i+1, err)
		}
	}
	var answers []string
	for i, p := range f {
		answer, err := p.answers.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("process %d: %w", i+1, err)
		}
		answers = append(answers, strings.TrimSuffix(answer, "\n"))
	}
	return answers, nil
}

// stop lets all end, who do so where there is nothing more to read.
func (f fleet) stop() {
	for _, p := range f {
		_ = p.orders.Close()
	}
	for _, p := range f {
		_ = p.Wait()
	}
}
