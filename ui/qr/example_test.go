package qr_test

import (
	"errors"
	"fmt"

	"kiosk-agent/ui/qr"
)

// A link is measured for the pixels that a display has for it, then drawn.
func Example() {
	const link = "https://gateway.example/pay/01JABCDEFGHJKMNPQRSTVWXYZ0"
	choice, err := qr.Fit(link, 800)
	if err != nil {
		panic(err)
	}
	fmt.Println("level", choice.Level, "with", choice.PxPerModule, "px per module")
	m, err := qr.Encode(link, choice.Level)
	if err != nil {
		panic(err)
	}
	fmt.Println(m.Size(), "modules, and", 2*qr.Quiet, "of quiet zone")
	// Output:
	// level M with 19 px per module
	// 33 modules, and 8 of quiet zone
}

// A code that no phone would read is refused, with what is missing.
func ExampleFit() {
	_, err := qr.Fit("https://gateway.example/pay/01JABCDEFGHJKMNPQRSTVWXYZ0", 100)
	fmt.Println(errors.Is(err, qr.ErrTooSmall))
	fmt.Println(err)
	// Output:
	// true
	// the QR code needs 29+8 modules, 100 px give 2 px each; at least 3
}
