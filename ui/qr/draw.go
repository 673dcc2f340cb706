package qr

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strconv"
	"strings"
)

// maxPx bounds PNG: the largest code at 32 px per module is a 6000 px square.
const maxPx = 32

// Path is the code as the data of one SVG path, one rectangle per horizontal run of dark modules.
// Its unit is the module and its origin is the corner of the quiet zone, so it belongs into a
// viewBox of "0 0 N N" with N = Size() + 2*Quiet.
func (m *Matrix) Path() string {
	b := make([]byte, 0, m.size*m.size*4)
	for y := range m.size {
		for x := 0; x < m.size; x++ {
			if !m.Dark(x, y) {
				continue
			}
			start := x
			for m.Dark(x, y) {
				x++
			}
			b = append(b, 'M')
			b = strconv.AppendInt(b, int64(start+Quiet), 10)
			b = append(b, ' ')
			b = strconv.AppendInt(b, int64(y+Quiet), 10)
			b = append(b, 'h')
			b = strconv.AppendInt(b, int64(x-start), 10)
			b = append(b, "v1h-"...)
			b = strconv.AppendInt(b, int64(x-start), 10)
			b = append(b, 'z')
		}
	}
	return string(b)
}

// SVG is a complete picture, quiet zone included, without a size of its own: whoever shows it must
// give it a whole number of device pixels per module. crispEdges keeps the edges black and white;
// smoothing costs scans near the limit.
func (m *Matrix) SVG() []byte {
	n := m.size + 2*Quiet
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" `+
		`shape-rendering="crispEdges"><path fill="#fff" d="M0 0h%dv%dH0z"/><path fill="#000" `+
		`d="%s"/></svg>`,
		n, n, n, n, m.Path())
}

// PNG is a one-bit picture, quiet zone included, with px pixels per module (1 to 32). A picture of
// 1 px per module is meant for `image-rendering: pixelated`.
func (m *Matrix) PNG(px int) ([]byte, error) {
	if px < 1 || px > maxPx {
		return nil, fmt.Errorf("qr: %d px per module, want 1 to %d", px, maxPx)
	}
	n := (m.size + 2*Quiet) * px
	img := image.NewPaletted(image.Rect(0, 0, n, n), color.Palette{color.White, color.Black})
	for y := range n {
		for x := range n {
			if m.Dark(x/px-Quiet, y/px-Quiet) {
				img.Pix[y*img.Stride+x] = 1
			}
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		return nil, fmt.Errorf("qr: %w", err)
	}
	return out.Bytes(), nil
}

// Terminal is the code as lines of half blocks, two modules per character cell, quiet zone
// included, each line ended by "\n". Colours come from the fixed part of the 256-colour palette, so
// that it is black on white under any theme.
func (m *Matrix) Terminal() string {
	const blackOnWhite, reset = "\x1b[38;5;16;48;5;231m", "\x1b[0m"
	var b strings.Builder
	for y := -Quiet; y < m.size+Quiet; y += 2 {
		b.WriteString(blackOnWhite)
		for x := -Quiet; x < m.size+Quiet; x++ {
			switch upper, lower := m.Dark(x, y), m.Dark(x, y+1); {
			case upper && lower:
				b.WriteString("█")
			case upper:
				b.WriteString("▀")
			case lower:
				b.WriteString("▄")
			default:
				b.WriteByte(' ')
			}
		}
		b.WriteString(reset + "\n")
	}
	return b.String()
}
