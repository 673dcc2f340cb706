package qr

import (
	"errors"
	"fmt"
)

// Limits measured with about 9 000 simulated captures of checkout links (docs: libraries, "The QR
// code of a link").
const (
	MinPx     = 3   // device pixels per module: below, phones fail even on a sharp picture
	SafePx    = 4   // below, phones fail when the picture is blurred (dirty glass, shaking hand)
	MediumBox = 600 // device pixels: from here on there is room for level M
)

// ErrTooSmall is what errors.Is finds in a *TooSmallError.
var ErrTooSmall = errors.New("the screen is too small for this QR code")

// TooSmallError says by how much a code does not fit.
type TooSmallError struct {
	Modules int // without the quiet zone
	BoxPx   int // device pixels at hand
	Px      int // device pixels per module that this gives
}

func (e *TooSmallError) Error() string {
	return fmt.Sprintf("the QR code needs %d+%d modules, %d px give %d px each; at least %d",
		e.Modules, 2*Quiet, e.BoxPx, e.Px, MinPx)
}

// Is makes errors.Is(err, ErrTooSmall) true.
func (e *TooSmallError) Is(target error) bool { return target == ErrTooSmall }

// Choice is how a text is best drawn in a box.
type Choice struct {
	Level       Level
	Modules     int // each side, without the quiet zone
	PxPerModule int // whole device pixels
	Warn        string
}

// Draw is the code that Fit has chosen for this text. It is Encode at Level, and asks nothing again
// that Fit has found out.
func (c Choice) Draw(text string) (*Matrix, error) {
	if m := quick(text, (c.Modules-17)/4, c.Level); m != nil {
		return m, nil
	}
	return Encode(text, c.Level)
}

// Fit chooses level and module size for a square area of boxPx device pixels, quiet zone included
// (the shorter side of what the code may use). From 600 px on it is level M, below it is L, because
// a bigger module helps more than more correction: for the same reason M gives way to L when M's
// modules would be under 4 px and L's are bigger. Below 3 px per module the error is a
// *TooSmallError (ErrTooSmall); below 4 px Choice.Warn says so in words. Other errors: ErrEmpty,
// ErrTooLong.
func Fit(text string, boxPx int) (Choice, error) {
	best, err := chooseLevel(text, boxPx)
	if err != nil {
		return Choice{}, err
	}
	if best.PxPerModule < MinPx {
		return Choice{}, &TooSmallError{Modules: best.Modules, BoxPx: boxPx, Px: best.PxPerModule}
	}
	if best.PxPerModule < SafePx {
		best.Warn = fmt.Sprintf(
			"only %d px per module (%d+%d modules in %d px): some phones will need several tries",
			best.PxPerModule, best.Modules, 2*Quiet, boxPx)
	}
	return best, nil
}

// chooseLevel asks for a size only where the answer counts: each costs as much as the drawing.
func chooseLevel(text string, boxPx int) (Choice, error) {
	var medium Choice
	var err error = ErrTooLong
	if boxPx >= MediumBox {
		// A text too long for M may still fit into L, so M's error is no reason to refuse.
		medium, err = choose(text, boxPx, M)
		if err == nil && medium.PxPerModule >= SafePx {
			return medium, nil
		}
	}
	low, lowErr := choose(text, boxPx, L)
	if lowErr == nil && err == nil && medium.PxPerModule == low.PxPerModule {
		return medium, nil
	}
	return low, lowErr
}

func choose(text string, boxPx int, level Level) (Choice, error) {
	n, err := Modules(text, level)
	if err != nil {
		return Choice{}, err
	}
	return Choice{Level: level, Modules: n, PxPerModule: max(boxPx, 0) / (n + 2*Quiet)}, nil
}
