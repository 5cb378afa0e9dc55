package observe

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
)

// archive is where a [HAR] writes.
type archive struct {
	mu     sync.Mutex
	file   *os.File
	size   int64 // without the end
	begun  bool  // with an entry
	closed bool
	lost   int   // entries
	err    error // the first
}

const (
	harEnd  = "\n]}}\n"
	harNext = ",\n"
)

// harBegin is what stands before the entries.
func harBegin() string {
	return fmt.Sprintf("{\"log\":{\"version\":\"1.2\",\"creator\":{\"name\":\"restykit\",\"version\":%q},\"pages\":[],\"entries\":[\n", kitVersion())
}

// kitVersion is the version of the kit that the program was built with.
func kitVersion() string {
	const kit = "github.com/restykit/restykit"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == kit {
				return m.Version
			}
		}
	}
	return "(devel)"
}

// add writes an entry, or notes why not.
func (h *HAR) add(entry []byte) {
	a := &h.archive
	a.mu.Lock()
	defer a.mu.Unlock()
	write := h.toFile
	if h.Writer != nil {
		write = h.toWriter
	}
	err := errClosed
	if !a.closed {
		err = write(entry)
	}
	if err != nil {
		a.lost++
		if a.err == nil && !errors.Is(err, errClosed) {
			a.err = err
		}
	}
}

var (
	errClosed = errors.New("har: the archive is closed")
	errFull   = errors.New("har: the archive is full: raise MaxBytes")
)

// toFile puts an entry, and the end behind it, in the place of the end.
func (h *HAR) toFile(entry []byte) error {
	a := &h.archive
	more := int64(len(harNext) + len(entry) + len(harEnd))
	if int64(len(harBegin()))+more > h.maxBytes() {
		return errFull
	}
	if a.file != nil && a.size+more > h.maxBytes() {
		file := a.file
		if a.file = nil; file.Close() != nil {
			return fmt.Errorf("har: %s: it was not closed", h.File)
		}
	}
	if a.file == nil {
		if err := h.open(); err != nil {
			return err
		}
	}
	text := string(entry) + harEnd
	if a.begun {
		text = harNext + text
	}
	if _, err := a.file.WriteAt([]byte(text), a.size); err != nil {
		_ = a.file.Truncate(a.size) // the disk may be full: what was there is whole again
		_, _ = a.file.WriteAt([]byte(harEnd), a.size)
		return fmt.Errorf("har: %w", err)
	}
	a.begun = true
	a.size += int64(len(text) - len(harEnd))
	return nil
}

// open begins a file, and makes room for it.
func (h *HAR) open() error {
	a := &h.archive
	err := os.Remove(h.numbered(h.files() - 1))
	for n := h.files() - 2; n >= 0 && (err == nil || errors.Is(err, fs.ErrNotExist)); n-- {
		err = os.Rename(h.numbered(n), h.numbered(n+1))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("har: %w", err)
	}
	file, err := os.OpenFile(h.File, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("har: %w", err)
	}
	begin := harBegin()
	a.file, a.size, a.begun = file, int64(len(begin)), false
	if _, err = file.WriteAt([]byte(begin+harEnd), 0); err != nil {
		return fmt.Errorf("har: %w", err)
	}
	return nil
}

// numbered is the name of an older file: calls.1.har.
func (h *HAR) numbered(n int) string {
	if n == 0 {
		return h.File
	}
	ext := filepath.Ext(h.File)
	return fmt.Sprintf("%s.%d%s", strings.TrimSuffix(h.File, ext), n, ext)
}

func (h *HAR) toWriter(entry []byte) error {
	a := &h.archive
	text := harNext + string(entry)
	if !a.begun {
		text = harBegin() + string(entry)
	}
	if a.size+int64(len(text)+len(harEnd)) > h.maxBytes() {
		return errFull
	}
	n, err := h.Writer.Write([]byte(text))
	if a.size += int64(n); err != nil {
		a.closed = n > 0 // in the middle of an entry
		return fmt.Errorf("har: %w", err)
	}
	a.begun = true
	return nil
}

// Flush hands on what the system, or the Writer by a method Flush() error, still holds back.
func (h *HAR) Flush() error {
	a := &h.archive
	a.mu.Lock()
	defer a.mu.Unlock()
	if f, ok := h.Writer.(interface{ Flush() error }); ok {
		return f.Flush()
	}
	if a.file != nil {
		return a.file.Sync()
	}
	return nil
}

// Close ends the archive. It tells the first error that there was in writing, and how many
// entries are lost. The Writer is not closed. What is sent later is not in the archive.
func (h *HAR) Close() error {
	a := &h.archive
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed && a.err == nil {
		return nil
	}
	err := a.err
	if h.Writer != nil && !a.closed {
		err = errors.Join(err, h.endWriter())
	}
	if a.file != nil {
		err = errors.Join(err, a.file.Close())
		a.file = nil
	}
	a.closed = true
	if err != nil && a.lost > 0 {
		err = fmt.Errorf("%w (%d entries are lost)", err, a.lost)
	}
	return err
}

func (h *HAR) endWriter() error {
	text := harEnd
	if !h.archive.begun {
		text = harBegin() + harEnd
	}
	_, err := h.Writer.Write([]byte(text))
	return err
}
