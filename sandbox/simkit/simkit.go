// Package simkit is what the simulated gateways have in common and no protocol asks for: the book
// that survives a kill ([Book]), the queue of what is due ([Queue]), the scripted faults that are
// in force ([Faults]), and the look of the pages.
//
// It knows no gateway and no field of a protocol. Book, Queue and Faults are guarded by the
// gateway's own lock. Only what the book keeps survives a crash.
package simkit

import (
	"bytes"
	_ "embed" // the style sheet
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Style is the style sheet of the pages.
//
//go:embed page.css
var Style []byte

// Book is a file of JSON objects, one to a line. A line is on the disk before anybody is told of
// what it says. The zero Book keeps nothing. It is for one goroutine at a time.
type Book struct {
	path string
	err  error
}

// OpenBook makes the book at path if there is none, and otherwise hands each of its lines to
// replay. Half a line at its end is taken off: a crash came while it was written, and nobody was
// told.
func OpenBook(path string, replay func(line []byte) error) (Book, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return Book{}, err
	}
	defer f.Close()
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return Book{}, err
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return Book{}, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return Book{}, err
	}
	whole := bytes.LastIndexByte(text, '\n') + 1
	if whole < len(text) {
		if err := errors.Join(f.Truncate(int64(whole)), f.Sync()); err != nil {
			return Book{}, err
		}
	}
	number := 0
	for line := range bytes.Lines(text[:whole]) {
		number++
		if err := replay(line); err != nil {
			return Book{}, fmt.Errorf("line %d: %w", number, err)
		}
	}
	return Book{path: path}, nil
}

// Keep writes v as one line and waits until it is on the disk. After a failure half a line may be
// there, so that nothing more goes behind it: the error stays.
func (b *Book) Keep(v any) error {
	if b.path == "" || b.err != nil {
		return b.err
	}
	text, err := json.Marshal(v)
	if err == nil {
		err = b.append(append(text, '\n'))
	}
	if err != nil {
		b.err = fmt.Errorf("the sandbox's book takes no entries: %w", err)
	}
	return b.err
}

// Err is why the book takes nothing any more; nil while it does.
func (b *Book) Err() error { return b.err }

func (b *Book) append(text []byte) error {
	f, err := os.OpenFile(b.path, os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// ReadObject reads exactly one JSON object of known fields: what somebody posts to the sandbox's
// own endpoints.
func ReadObject(from io.Reader, into any) error {
	body, err := io.ReadAll(from)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if dec.More() {
		return errors.New("something stands behind the JSON object")
	}
	return nil
}

// CRC16 is CRC-16/CCITT-FALSE, the checksum at the end of an EMVCo QR code, whatever the wallet.
func CRC16(text string) uint16 {
	crc := uint16(0xffff)
	for _, b := range []byte(text) {
		crc ^= uint16(b) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}
