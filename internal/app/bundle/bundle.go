// Package bundle writes what a stranger needs in order to help, and nothing that a stranger may not
// have: a .tar.gz of texts in which there is no secret, token, link or frame, no body of a
// notification and no customer's data.
//
// Two walls keep them out. Each text is made of parts that are named one by one, so that what is
// new stays out; then a Scrubber removes the kiosk's own secrets, and whatever has a secret's
// shape, from the finished text. Nothing here changes the kiosk. A crash leaves a file that is no
// archive; it is not used again, because an existing file is never replaced.
package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"time"

	"kiosk-agent/internal/rights"
)

// Member is one file of the archive.
type Member struct {
	Name string
	Make func() ([]byte, error) // what could be made is kept beside the error
}

// Write makes the archive at file, mode 0600. There must be no such file. A member that cannot be
// made says why in its place.
func Write(file string, at time.Time, members []Member, s *Scrubber) (err error) {
	var f *os.File
	if err := rights.As(file, func() (err error) {
		f, err = os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		return err
	}); err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(err, rights.As(file, func() error { return os.Remove(file) }))
		}
	}()
	zipped := gzip.NewWriter(f)
	archive := tar.NewWriter(zipped)
	folder := strings.TrimSuffix(path.Base(file), ".tar.gz")
	for _, m := range members {
		text, err := m.Make()
		if err != nil {
			text = append(text, fmt.Sprintf("\n(it could not be had: %v)\n", err)...)
		}
		text = s.Scrub(text)
		head := &tar.Header{Name: path.Join(folder, m.Name), Mode: 0o600, Size: int64(len(text)),
			ModTime: at, Format: tar.FormatPAX}
		if err := archive.WriteHeader(head); err != nil {
			return err
		}
		if _, err := archive.Write(text); err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), zipped.Close(), f.Sync())
}

// Tail is the end of a log: at most so many lines, and half a MiB.
func Tail(log []byte, lines int) []byte {
	log = log[max(0, len(log)-512<<10):]
	at := len(log)
	for at > 0 && lines >= 0 {
		at = bytes.LastIndexByte(log[:at], '\n')
		lines--
	}
	return log[at+1:]
}
