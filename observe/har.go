package observe

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/restykit/restykit/middleware"
)

// HAR writes an archive of all sends (HTTP Archive 1.2), which the developer tools of
// browsers open: attempts, redirect hops and replays after a 401 alike, an entry each, when
// its answer's body has ended. The fields _call and _attempt say what belongs together,
// _template is the URL as the caller wrote it, and _error says why there is no answer, or
// not all of it. Timings that are not known are -1. What is not for everybody's eyes is
// taken out by the Redactor.
//
// The archive goes to a File or to a Writer. A file is a whole archive behind each entry,
// also when the program is killed; one that is there already becomes an older one, as the
// file does that would grow beyond MaxBytes: calls.har becomes calls.1.har, and so on. The
// files are for their owner's eyes alone (0600). What goes to a Writer is an archive when
// Close has ended it; after a crash, cut off what stands behind the last whole line and
// append ]}}. Where MaxBytes is reached there, what follows is left out.
//
// Entries are written one behind the other, while the send's goroutine waits. An error of
// the disk fails no call: [HAR.Close] says it.
//
// It is a pointer and not copied, and safe for concurrent use. Two HARs do not share a file.
type HAR struct {
	File   string    // where the archive is, like "calls.har"; its directory has to be there
	Writer io.Writer // where it goes instead
	// MaxBytes bounds a file, or what is written. 0 is 32 MiB.
	MaxBytes int64
	Files    int       // that are kept, with the newest. 0 is 3
	Bodies   int       // bytes that are shown of each body. 0 is none
	Redactor *Redactor // nil shows what nobody can misuse

	calls   atomic.Int64
	archive archive
}

// Name is "har".
func (*HAR) Name() string { return "har" }

// Layer is [middleware.Call].
func (*HAR) Layer() middleware.Layer { return middleware.Call }

// Validate asks for a place to write to, and refuses numbers that cannot be meant.
func (h *HAR) Validate() error {
	var errs []error
	switch {
	case h.File == "" && h.Writer == nil:
		errs = append(errs, errors.New("neither File nor Writer is there: give the archive a place"))
	case h.File != "" && h.Writer != nil:
		errs = append(errs, errors.New("both File and Writer are there: give one of them"))
	case h.File != "":
		dir := filepath.Dir(h.File)
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			errs = append(errs, fmt.Errorf("File is in %s, which is no directory: make it before", dir))
		}
	}
	if h.MaxBytes < 0 || (h.MaxBytes > 0 && h.MaxBytes < leastArchive) {
		errs = append(errs, fmt.Errorf("MaxBytes is %d: give %d or more, or 0 for 32 MiB", h.MaxBytes, leastArchive))
	}
	if h.Files < 0 {
		errs = append(errs, fmt.Errorf("Files is %d: give 1 or more, or 0 for 3", h.Files))
	}
	if h.Bodies < 0 {
		errs = append(errs, fmt.Errorf("Bodies is %d: give a number of bytes, or 0 for none", h.Bodies))
	}
	return errors.Join(errs...)
}

const leastArchive = 4 << 10

// String is "calls.har, 3 files of 32 MiB".
func (h *HAR) String() string {
	size := fmt.Sprintf("%.4g MiB", float64(h.maxBytes())/(1<<20))
	if h.File == "" {
		return "a writer, " + size
	}
	return fmt.Sprintf("%s, %d files of %s", h.File, h.files(), size)
}

func (h *HAR) maxBytes() int64 {
	if h.MaxBytes == 0 {
		return 32 << 20
	}
	return h.MaxBytes
}

func (h *HAR) files() int {
	if h.Files == 0 {
		return 3
	}
	return h.Files
}

// Attempt writes the entry of a send.
func (h *HAR) Attempt(req *http.Request, next middleware.Next) (*http.Response, error) {
	return exchanged(req, next, wants{phases: true, bodies: h.Bodies}, h.write)
}

// harKey finds the number of a call.
type harKey struct{ of *HAR }

func (h *HAR) write(x *exchange) {
	call := x.info.Memo(harKey{h}, func() any { return h.calls.Add(1) }).(int64)
	h.add(newHAREntry(h.Redactor, x, call).line())
}
