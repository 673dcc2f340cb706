// Package qr turns text into a QR code: the matrix of modules ([Encode]), and its drawing as SVG,
// PNG or terminal text. [Fit] chooses the error correction level and the size of a module for the
// pixels at hand, and refuses a code that no phone would read.
//
// It draws black on white only, always whole pixels, always with the quiet zone of four modules
// that ISO/IEC 18004 asks for: anything prettier loses scans. It does not look into the text and
// does not decode.
//
// Functions and values are safe for concurrent use; nothing is kept, so nothing has to survive a
// crash.
package qr

import (
	"errors"
	"fmt"

	qrcode "github.com/skip2/go-qrcode"
)

// Quiet is the width of the empty border in modules.
const Quiet = 4

// maxPayload is the capacity of the largest code (version 40, level L, digits only). Longer text is
// refused before the encoder sees it, because the encoder's time grows with the text and not with
// the code.
const maxPayload = 7089

// ErrTooLong is returned for text that no QR code of the level can hold; ErrEmpty for no text at
// all.
var (
	ErrTooLong = errors.New("the text is too long for a QR code")
	ErrEmpty   = errors.New("there is no text to draw")
)

// Level is the share of a code that may be damaged: about 7, 15, 25 and 30 percent.
type Level uint8

// The four levels of ISO/IEC 18004, in rising order.
const (
	L Level = iota
	M
	Q
	H
)

func (l Level) String() string {
	if l > H {
		return "?"
	}
	return "LMQH"[l : l+1]
}

// recovery maps to the library's names, which are shifted: its High is level Q and its Highest is
// level H.
func (l Level) recovery() (qrcode.RecoveryLevel, error) {
	switch l {
	case L:
		return qrcode.Low, nil
	case M:
		return qrcode.Medium, nil
	case Q:
		return qrcode.High, nil
	case H:
		return qrcode.Highest, nil
	}
	return 0, fmt.Errorf("qr: no error correction level %d", l)
}

// Matrix is a drawn code without its quiet zone. It is immutable.
type Matrix struct {
	size int
	dark []bool // row by row
}

// Size is the number of modules on each side, without the quiet zone: 21 to 177.
func (m *Matrix) Size() int { return m.size }

// Dark reports whether the module in column x and row y is black. Everything outside of the code is
// white.
func (m *Matrix) Dark(x, y int) bool {
	return x >= 0 && y >= 0 && x < m.size && y < m.size && m.dark[y*m.size+x]
}

// Bits are the modules, row by row without a gap, the first one in the highest bit of the first
// byte: 1 is dark. The last byte is filled with zeros.
func (m *Matrix) Bits() []byte {
	bits := make([]byte, (len(m.dark)+7)/8)
	for i, dark := range m.dark {
		if dark {
			bits[i/8] |= 0x80 >> (i % 8)
		}
	}
	return bits
}

// Encode draws text at a level, in the smallest version that holds it. Errors: ErrEmpty,
// ErrTooLong.
func Encode(text string, level Level) (*Matrix, error) {
	if v, ok := plainVersion(text, level); ok {
		if m := quick(text, v, level); m != nil {
			return m, nil
		}
	}
	code, err := newCode(text, level)
	if err != nil {
		return nil, err
	}
	if m := quick(text, code.VersionNumber, level); m != nil {
		return m, nil
	}
	return reference(code), nil
}

// Reference is Encode by the encoder that has always been here, which tries every mask. It takes
// fifty times as long; tests hold Encode against it.
func Reference(text string, level Level) (*Matrix, error) {
	code, err := newCode(text, level)
	if err != nil {
		return nil, err
	}
	return reference(code), nil
}

func reference(code *qrcode.QRCode) *Matrix {
	rows := code.Bitmap()
	m := &Matrix{size: len(rows), dark: make([]bool, 0, len(rows)*len(rows))}
	for _, row := range rows {
		m.dark = append(m.dark, row...)
	}
	return m
}

// Modules is the size that Encode would give, at a fraction of the work.
func Modules(text string, level Level) (int, error) {
	if v, ok := plainVersion(text, level); ok {
		return 17 + 4*v, nil
	}
	code, err := newCode(text, level)
	if err != nil {
		return 0, err
	}
	return 17 + 4*code.VersionNumber, nil
}

// newCode chooses the version. Only New is used: the library's constructor for a forced version can
// panic.
func newCode(text string, level Level) (*qrcode.QRCode, error) {
	if text == "" {
		return nil, ErrEmpty
	}
	if len(text) > maxPayload {
		return nil, fmt.Errorf("%w: %d bytes, at most %d digits fit", ErrTooLong, len(text),
			maxPayload)
	}
	recovery, err := level.recovery()
	if err != nil {
		return nil, err
	}
	code, err := qrcode.New(text, recovery)
	if err != nil {
		return nil, fmt.Errorf("%w: %d bytes at level %s", ErrTooLong, len(text), level)
	}
	code.DisableBorder = true
	return code, nil
}
